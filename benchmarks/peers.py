"""The official implementation beside ours, on the same weights."""

import tempfile
from collections.abc import Callable
from typing import Any

from movinet.errors import VerificationError
from movinet.presets import Preset

NUM_CLASSES = 600
TOLERANCE = 1e-4
STOCHASTIC_DEPTH = 0.2
"""Share of branches dropped in training, as in the official recipes."""


def build_ours(preset: Preset, **choices: Any) -> Any:
    """Builds our classifier of a variant, with the regularisation of training."""
    import movinet

    arguments = {**preset.backbone_arguments(), "stochastic_depth_drop_rate": STOCHASTIC_DEPTH}
    backbone = movinet.Movinet(**{**arguments, **choices})
    return movinet.MovinetClassifier(backbone, **_head(preset))


def build_official(preset: Preset, output_states: bool = False, **choices: Any) -> Any:
    """Builds the official classifier of a variant, with the regularisation of training."""
    from official.projects.movinet.modeling import movinet as official_movinet
    from official.projects.movinet.modeling import movinet_model

    arguments = {**preset.backbone_arguments(), "stochastic_depth_drop_rate": STOCHASTIC_DEPTH}
    backbone = official_movinet.Movinet(**{**arguments, **choices})
    head = {**_head(preset), "output_states": output_states}
    return movinet_model.MovinetClassifier(backbone, **head)


def _head(preset: Preset) -> dict[str, Any]:
    return {
        "num_classes": NUM_CLASSES,
        "activation": preset.classifier_activation,
        "dropout_rate": preset.dropout_rate,
    }


def randomise(model: Any) -> None:
    """Gives every scale and shift a random value; kernels are random from the start.

    ReZero starts at zero and would hide all that a branch computes.
    """
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(1)
    for variable in model.variables:
        if len(variable.shape) < 2:
            around_one = not variable.shape or "gamma" in variable.name or "varia" in variable.name
            low, high = (0.6, 1.4) if around_one else (-0.2, 0.2)
            variable.assign(generator.uniform(variable.shape, low, high, variable.dtype))


def share_weights(ours: Any, official: Any) -> None:
    """Copies our weights through a checkpoint, as users of both would."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=ours).write(f"{folder}/weights")
        status = tf.train.Checkpoint(model=official).read(path)
        status.assert_existing_objects_matched().expect_partial()


def official_like(ours: Any, preset: Preset, **choices: Any) -> Any:
    """Returns the official classifier with our weights."""
    official = build_official(preset, **choices)
    share_weights(ours, official)
    return official


def random_clip(*shape: int, seed: int = 1) -> Any:
    """Returns uniform noise in [0, 1]."""
    import tensorflow as tf

    return tf.random.stateless_uniform(shape, seed=(seed, 0))


def inference(model: Any) -> Callable[[Any], Any]:
    """Returns the forward pass as a plain graph.

    On a CPU tf_keras compiles the official grouped convolutions by XLA, since they exist no other
    way.
    """
    import tensorflow as tf

    return tf.function(lambda clip: model({"image": clip}))


def check_agreement(name: str, logits: Any, expected: Any) -> None:
    """Raises VerificationError if logits differ from the official ones."""
    import numpy as np

    logits, expected = np.asarray(logits, np.float64), np.asarray(expected, np.float64)
    difference = np.abs(logits - expected).max() / np.abs(expected).max()
    if not difference <= TOLERANCE:
        raise VerificationError(
            f"The outputs of {name} differ from the official ones by {difference:.1e} of the "
            f"largest logit, more than {TOLERANCE:.0e}."
        )

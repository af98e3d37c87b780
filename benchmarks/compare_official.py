r"""Ours beside the official implementation on this CPU, in one run and on the same weights.

Prints clip inference and the training step of base and 3d_2plus1d networks, and what building and
tracing the largest one costs. Outputs are checked for equality before anything is timed.

    python3 benchmarks/compare_official.py

Both run as plain graphs; on a CPU tf_keras compiles the official grouped convolutions by XLA, since
they exist no other way. Medians of --repeats runs; the official ones are long and run
--peer_repeats times.
"""

import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import app, flags

_MODEL_ID = flags.DEFINE_string("model_id", "a0", "Network to time (default a0).")
_LARGE_ID = flags.DEFINE_string("large_model_id", "a5", "Network to build and trace (default a5).")
_PIXELS = flags.DEFINE_integer("image_size", 172, "Height and width in pixels (default 172).")
_FRAMES = flags.DEFINE_integer("frames", 8, "Frames a clip (default 8).")
_BATCH = flags.DEFINE_integer("batch_size", 4, "Clips a training step (default 4).")
_REPEATS = flags.DEFINE_integer("repeats", 9, "Timed runs of ours (default 9).")
_PEER_REPEATS = flags.DEFINE_integer("peer_repeats", 3, "Timed runs of the peer (default 3).")

NUM_CLASSES = 600
LAYOUTS: dict[str, dict[str, Any]] = {
    "base 3d": {},
    "stream 3d_2plus1d": {
        "causal": True,
        "conv_type": "3d_2plus1d",
        "se_type": "2plus3d",
        "activation": "hard_swish",
        "gating_activation": "hard_sigmoid",
    },
}
TOLERANCE = 1e-4


def build_ours(model_id: str, **choices: Any) -> Any:
    """Builds our classifier."""
    import movinet

    backbone = movinet.Movinet(model_id, stochastic_depth_drop_rate=0.2, **choices)
    return movinet.MovinetClassifier(backbone, NUM_CLASSES)


def build_official(model_id: str, **choices: Any) -> Any:
    """Builds the official classifier."""
    from official.projects.movinet.modeling import movinet as official_movinet
    from official.projects.movinet.modeling import movinet_model

    backbone = official_movinet.Movinet(model_id, stochastic_depth_drop_rate=0.2, **choices)
    return movinet_model.MovinetClassifier(backbone, NUM_CLASSES)


def inference(model: Any) -> Callable[[Any], Any]:
    """Returns the compiled forward pass."""
    import tensorflow as tf

    return tf.function(lambda clip: model({"image": clip}))


def training_step(model: Any) -> Callable[[Any, Any], Any]:
    """Returns a compiled step of gradient descent on the cross entropy."""
    import tensorflow as tf
    import tf_keras

    @tf.function
    def step(clips: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model({"image": clips}, training=True)
            losses = tf_keras.losses.sparse_categorical_crossentropy(labels, logits, True)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(1e-4 * gradient)
        return loss

    return step


def _open_branches(model: Any) -> None:
    """Gives ReZero random scales: a fresh network's branches are all zero."""
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(1)
    for variable in model.trainable_variables:
        if len(variable.shape) == 0:
            variable.assign(generator.uniform([], 0.5, 1.0))


def _row(work: str, peer: float, ours: float) -> None:
    print(
        f"| {work} | {1e3 * peer:,.0f} ms | {1e3 * ours:,.1f} ms | {peer / ours:.1f} |", flush=True
    )


def compare_layout(name: str, choices: dict[str, Any]) -> None:
    """Prints inference and training of one layout."""
    import tensorflow as tf
    from peers import share_weights
    from timing import median_seconds, seconds

    ours, official = (build(_MODEL_ID.value, **choices) for build in (build_ours, build_official))
    _open_branches(ours)
    share_weights(ours, official)
    shape = [_FRAMES.value, _PIXELS.value, _PIXELS.value, 3]
    clip = tf.random.uniform([1, *shape], seed=1)
    run_ours, run_official = inference(ours), inference(official)
    expected, logits = run_official(clip), run_ours(clip)
    difference = float(tf.reduce_max(tf.abs(expected - logits)) / tf.reduce_max(tf.abs(expected)))
    if not difference < TOLERANCE:
        raise RuntimeError(f"{name}: outputs differ by {difference:.2g} of the largest logit.")
    _row(
        f"{name}, one {_FRAMES.value}-frame clip",
        median_seconds(lambda: run_official(clip).numpy(), _PEER_REPEATS.value),
        median_seconds(lambda: run_ours(clip).numpy(), _REPEATS.value),
    )
    clips = tf.random.uniform([_BATCH.value, *shape], seed=2)
    labels = tf.range(_BATCH.value)
    step_ours, step_official = training_step(ours), training_step(official)
    first_official, _ = seconds(lambda: step_official(clips, labels).numpy())
    first_ours, _ = seconds(lambda: step_ours(clips, labels).numpy())
    _row(f"{name}, first training step (trace)", first_official, first_ours)
    _row(
        f"{name}, training step, {_BATCH.value} x {_FRAMES.value} frames",
        median_seconds(lambda: step_official(clips, labels).numpy(), _PEER_REPEATS.value, 0),
        median_seconds(lambda: step_ours(clips, labels).numpy(), _REPEATS.value),
    )


def compare_large() -> None:
    """Prints what building the largest network and tracing its training step cost."""
    import tensorflow as tf
    from timing import seconds

    model_id = _LARGE_ID.value
    build_time, ours = seconds(lambda: build_ours(model_id))
    peer_build_time, official = seconds(lambda: build_official(model_id))
    _row(f"{model_id} base, build", peer_build_time, build_time)
    clips = tf.TensorSpec([_BATCH.value, _FRAMES.value, 320, 320, 3])
    labels = tf.TensorSpec([_BATCH.value], tf.int32)
    trace_time, _ = seconds(lambda: training_step(ours).get_concrete_function(clips, labels))
    peer_trace_time, _ = seconds(
        lambda: training_step(official).get_concrete_function(clips, labels)
    )
    _row(f"{model_id} base, trace of the training step", peer_trace_time, trace_time)


def main(_: list[str]) -> None:
    """Prints the table."""
    print(f"MoViNet-{_MODEL_ID.value.upper()}, {_PIXELS.value} pixels, {os.cpu_count()} cores\n")
    print("| work | official | ours | official / ours |\n|---|---|---|---|", flush=True)
    for name, choices in LAYOUTS.items():
        compare_layout(name, choices)
    compare_large()


if __name__ == "__main__":
    app.run(main)

"""Where the model of an export comes from: a training run, a published variant, or flags.

Each function returns a `Source`: a model with its weights, and what belongs to it besides.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from movinet.backbone import Movinet
from movinet.checkpoints import layouts, loading
from movinet.classifier import MovinetClassifier
from movinet.errors import InputError
from movinet.export import run_folder
from movinet.model_info import ModelInfo, Preprocessing
from movinet.presets import ENSEMBLES, PRESETS, Preset

StrPath: TypeAlias = str | os.PathLike[str]
_DEFAULT_SIZE = 224
_KINETICS_CLASSES = 600


@dataclasses.dataclass(frozen=True)
class Source:
    """A model with its weights, and what belongs to it besides them."""

    model: MovinetClassifier
    info: ModelInfo


def from_model_dir(
    path: StrPath, checkpoint: StrPath = "", labels: Sequence[str] | None = None
) -> Source:
    """Reads a training run: one of ours, or one of the official trainer.

    Where the run kept a moving average of its weights, the average is taken, as in its validation:
    the best weights are averages already, a training state (`ckpt-*`) holds them beside.

    Args:
      path: folder with params.yaml and checkpoints; movinet.json and labels.txt are used if there.
      checkpoint: 'best', 'latest', a path, or '' for the best if there is one, else the latest.
      labels: class names in index order, in the place of those of the run.

    Raises: InputError naming the file and the field or the weights that do not fit.
    """
    run = run_folder.read(os.fspath(path))
    model = _build(f"{path}/{run_folder.PARAMS_NAME}", run.backbone, run.classifier)
    found = run.find_checkpoint(os.fspath(checkpoint))
    loading.load(model, found)
    # The official trainer writes its best weights while the average is in their place, and what it
    # then calls the average are the weights.
    averaged = 0 if run.is_best(found) else loading.load_averages(model, found)
    source = f"{found}, moving average" if averaged else found
    names = tuple(labels) if labels else run.info.labels
    return Source(model, dataclasses.replace(run.info, source=source, labels=names))


def from_preset(
    name: str,
    checkpoint_path: StrPath = "",
    num_classes: int | None = 600,
    labels: Sequence[str] | None = None,
    *,
    allow_random: bool = False,
) -> Source:
    """Builds a published variant, such as `a0_stream`, with the weights of a checkpoint.

    The checkpoint of a stream may be in the layout 3d_2plus1d or 2plus1d; the model is in the same.

    Args:
      checkpoint_path: a checkpoint, or a folder of which the latest is taken.
      num_classes: number of logits; None for that of the checkpoint.
      labels: class names in index order, if they are known.
      allow_random: whether the weights may be random if there is no checkpoint.

    Raises: InputError for an unknown variant, or a checkpoint that is missing or does not fit.
    """
    if name in ENSEMBLES:
        members = " and ".join(member.name for member in ENSEMBLES[name].members)
        raise InputError(
            f"{name} is an ensemble of {members}, with weights of each: make its folder with "
            "tools/make_ensemble.py, and name that (--model_dir)."
        )
    if name not in PRESETS:
        raise InputError(f"No variant {name!r}; choose one of {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    arguments = preset.backbone_arguments()
    found = _find(checkpoint_path, allow_random)
    if found and preset.causal:
        layout = layouts.detect(found)
        if layout in layouts.SPLIT_TYPES:
            arguments["conv_type"] = layout
    if num_classes is None:
        num_classes = layouts.count_classes(found) if found else _KINETICS_CLASSES
    head = {"num_classes": num_classes, "activation": preset.classifier_activation}
    model = _build(name, arguments, head)
    if found:
        loading.load(model, found)
    return Source(model, describe(model, found, labels or ()))


def from_flags(
    model_id: str = "a0",
    causal: bool = False,
    conv_type: str = "3d",
    se_type: str = "3d",
    activation: str = "swish",
    classifier_activation: str = "swish",
    gating_activation: str = "sigmoid",
    use_positional_encoding: bool = False,
    num_classes: int = 600,
    checkpoint_path: StrPath = "",
    assert_checkpoint_objects_matched: bool = True,
    labels: Sequence[str] = (),
    *,
    allow_random: bool = False,
) -> Source:
    """Builds the model that the official export's flags describe, with a checkpoint's weights.

    How to feed it video is taken from the published variant of the same model_id, if there is one.

    Args:
      checkpoint_path: a checkpoint, or a folder of which the latest is taken.
      assert_checkpoint_objects_matched: whether the checkpoint must hold all weights of the model.
      labels: class names in index order, if they are known.
      allow_random: whether the weights may be random if there is no checkpoint.

    Raises: InputError for an unknown choice, or a checkpoint that is missing or does not fit.
    """
    arguments = {
        "model_id": model_id,
        "causal": causal,
        "conv_type": conv_type,
        "se_type": se_type,
        "activation": activation,
        "gating_activation": gating_activation,
        "use_positional_encoding": use_positional_encoding,
    }
    head = {"num_classes": num_classes, "activation": classifier_activation}
    found = _find(checkpoint_path, allow_random)
    model = _build("the flags", arguments, head)
    if found:
        loading.load(model, found, complete=assert_checkpoint_objects_matched)
    return Source(model, describe(model, found, labels))


def describe(
    model: MovinetClassifier, checkpoint: str = "", labels: Sequence[str] = ()
) -> ModelInfo:
    """Returns what can be said of a model by itself; it is fed as the published variant of the same
    architecture, if there is one.
    """
    model_id, causal = model.backbone.model_id, model.backbone.layer_config.causal
    architecture = model_id if isinstance(model_id, str) else "movinet"
    kind = run_folder.variant(causal)
    # An architecture that others pad otherwise, such as a0_pytorch, is fed as the published one.
    published = PRESETS.get(f"{architecture.partition('_')[0]}_{kind}")
    return ModelInfo(
        name=f"{architecture}_{kind}",
        num_classes=model.num_classes,
        preprocessing=preprocessing_of(published),
        labels=tuple(labels),
        causal=causal,
        source=checkpoint,
    )


def _find(checkpoint_path: StrPath, allow_random: bool) -> str:
    """The checkpoint to read, '' for random weights if they are allowed."""
    if checkpoint_path:
        return loading.find(os.fspath(checkpoint_path))
    if not allow_random:
        raise InputError(
            "No checkpoint is given, and a model with random weights knows nothing: name one, or "
            "allow random weights to try the graph."
        )
    return ""


def _build(what: str, backbone: dict[str, Any], classifier: dict[str, Any]) -> MovinetClassifier:
    """A new model. Raises InputError naming `what` describes none."""
    try:
        return MovinetClassifier(Movinet(**backbone), **classifier)
    except ValueError as error:
        raise InputError(f"{what}: {error}") from error


def preprocessing_of(preset: Preset | None) -> Preprocessing:
    """Returns how a published variant is fed; in frames of 224 pixels if there is none."""
    if preset is None:
        return Preprocessing(_DEFAULT_SIZE, _DEFAULT_SIZE, _DEFAULT_SIZE)
    return Preprocessing(
        height=preset.image_size,
        width=preset.image_size,
        short_side=preset.min_image_size,
        fps=preset.fps,
        temporal_stride=preset.temporal_stride,
        num_frames=preset.num_frames,
    )

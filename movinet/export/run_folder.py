"""What the folder of a training run says of its model: one of ours, or of the official trainer."""

import dataclasses
import math
import os
from typing import Any

from movinet import model_info, yaml_files
from movinet.checkpoints import loading
from movinet.data.pipeline import normalisation, sampling_names
from movinet.data.sources.source import read_labels
from movinet.errors import InputError
from movinet.model_info import ModelInfo, Preprocessing
from movinet.yaml_files import Settings

PARAMS_NAME = "params.yaml"
BEST_FOLDER = "best"

_BACKBONE = "task.model.backbone.movinet"
_VALIDATION = "task.validation_data"
# The fields of the backbone that decide what the network computes, and their official defaults.
_CHOICES: dict[str, Any] = {
    "causal": False,
    "use_positional_encoding": False,
    "conv_type": "3d",
    "se_type": "3d",
    "activation": "swish",
    "gating_activation": "sigmoid",
    "average_pooling_type": "3d",
}
# Fields that an exported network does not depend on.
_IRRELEVANT = ("stochastic_depth_drop_rate", "use_external_states", "output_states")
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    dict: "a group of settings",
    list: "a list",
}


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A training run.

    Attributes:
      path: its folder.
      backbone, classifier: keyword arguments of `Movinet` and `MovinetClassifier`.
      info: what belongs to the model besides its weights; its `source` is still open.
      best: folder of the best weights.
    """

    path: str
    backbone: dict[str, Any]
    classifier: dict[str, Any]
    info: ModelInfo
    best: str

    def find_checkpoint(self, checkpoint: str = "") -> str:
        """Returns the path of 'best', 'latest', a path, or '' for the best if there is one.

        Raises: InputError if there is none.
        """
        has_best = os.path.isdir(self.best)
        if checkpoint == "best" and not has_best:
            raise InputError(
                f"There is no folder {self.best}; train with validation, or take the "
                "latest checkpoint."
            )
        if checkpoint == "best" or (not checkpoint and has_best):
            return loading.find(self.best)
        return loading.find(self.path if checkpoint in ("", "latest") else checkpoint)

    def is_best(self, checkpoint: str) -> bool:
        """Whether a checkpoint lies in the folder of the best weights."""
        return os.path.realpath(os.path.dirname(checkpoint)) == os.path.realpath(self.best)


def read(path: str) -> RunFolder:
    """Reads params.yaml of a training run, and movinet.json and labels.txt if they are there.

    Raises: InputError naming the file and the field that is missing or wrong.
    """
    if not os.path.isfile(os.path.join(path, PARAMS_NAME)):
        raise InputError(
            f"There is no {PARAMS_NAME} in {path}: name the folder of a training run (--model_dir "
            "of train.py)."
        )
    params = _Params(yaml_files.load(os.path.join(path, PARAMS_NAME)))
    unknown = params.get(_BACKBONE, dict).keys() - {"model_id", *_CHOICES, *_IRRELEVANT}
    if unknown:
        raise params.error(
            f"{_BACKBONE}.{min(unknown)}", "no such setting is known, so the network is not"
        )
    backbone = {"model_id": params.get(f"{_BACKBONE}.model_id", str)}
    for name, default in _CHOICES.items():
        backbone[name] = params.get(f"{_BACKBONE}.{name}", type(default), default)
    for name, number in (("norm_momentum", 0.99), ("norm_epsilon", 1e-3)):
        backbone[name] = params.get(f"task.model.norm_activation.{name}", float, number)
    classifier = {
        "num_classes": params.positive("task.train_data.num_classes"),
        "activation": params.get("task.model.activation", str, "swish"),
    }
    info = ModelInfo(
        name=f"{backbone['model_id']}_{variant(backbone['causal'])}",
        num_classes=classifier["num_classes"],
        preprocessing=_preprocessing(params),
        causal=backbone["causal"],
        multilabel=params.get(f"{_VALIDATION}.is_multilabel", bool, False),
    )
    best = params.get("trainer.best_checkpoint_export_subdir", str, "") or BEST_FOLDER
    return RunFolder(path, backbone, classifier, _described(path, info), os.path.join(path, best))


def find_dataset(path: str | os.PathLike[str]) -> str:
    """Returns the dataset folder that a training run validated on; '' if there is none here.

    Raises: InputError if params.yaml cannot be read.
    """
    params = _Params(yaml_files.load(os.path.join(path, PARAMS_NAME)))
    dataset = params.get(_VALIDATION, dict).get("input_path")
    return dataset if isinstance(dataset, str) and os.path.isdir(dataset) else ""


def variant(causal: bool) -> str:
    """Returns the second half of the name of a published variant."""
    return "stream" if causal else "base"


def _preprocessing(params: "_Params") -> Preprocessing:
    shape = params.get(f"{_VALIDATION}.feature_shape", list)
    if len(shape) != 4 or not all(type(size) is int and size > 0 for size in shape):
        raise params.error(
            f"{_VALIDATION}.feature_shape", "expected frames, height, width and channels"
        )
    num_frames, height, width, _ = shape
    fps = params.get(f"{_VALIDATION}.target_fps", float, 0.0)
    if not (math.isfinite(fps) and fps >= 0):
        raise params.error(f"{_VALIDATION}.target_fps", f"expected a number from 0, got {fps}")
    return Preprocessing(
        height=height,
        width=width,
        short_side=params.positive(f"{_VALIDATION}.min_image_size"),
        fps=fps,
        temporal_stride=params.positive(f"{_VALIDATION}.temporal_stride", 1),
        num_frames=num_frames,
        sampling=params.get(f"{_VALIDATION}.sampling", str, sampling_names.CLIP),
        normalisation=_normalisation(params),
    )


def _normalisation(params: "_Params") -> normalisation.Normalisation:
    centred = params.get(f"{_VALIDATION}.zero_centering_image", bool, False)
    mean = params.get(f"{_VALIDATION}.image_mean", list, [])
    std = params.get(f"{_VALIDATION}.image_std", list, [])
    try:
        return normalisation.choose(centred, mean or None, std or None)
    except InputError as error:
        raise params.error(f"{_VALIDATION}.image_mean", str(error).rstrip(".")) from error


def _described(path: str, info: ModelInfo) -> ModelInfo:
    """Completes what params.yaml says by what training wrote beside it."""
    described, listed = (
        os.path.join(path, name) for name in (model_info.INFO_NAME, model_info.LABELS_NAME)
    )
    labels: tuple[str, ...] = ()
    where = listed
    if os.path.isfile(described):
        found, where = model_info.read(described), described
        if found.num_classes != info.num_classes:
            raise InputError(
                f"{described} says that there are {found.num_classes} classes, {PARAMS_NAME} "
                f"beside it {info.num_classes}; remove the file that is not of this run."
            )
        info = dataclasses.replace(info, preprocessing=found.preprocessing)
        labels = found.labels
    if not labels and os.path.isfile(listed):
        labels, where = tuple(read_labels(listed)), listed
    try:
        return dataclasses.replace(info, labels=labels)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


class _Params:
    """Reads single fields of params.yaml, naming the file, the line and the field if wrong."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def error(self, name: str, problem: str) -> InputError:
        return InputError(f"{self._settings.place(tuple(name.split('.')))}: {problem}.")

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        """Returns the value of the dotted `name`, or the default if it is not there."""
        value: Any = self._settings.values
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and default is not None:
            return default
        if value is None:
            raise self.error(name, "is missing; the file does not describe the run of a MoViNet")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.error(name, f"expected {_KINDS[kind]}, got {value!r:.60}")
        return value

    def positive(self, name: str, default: int | None = None) -> int:
        value = self.get(name, int, default)
        if value < 1:
            raise self.error(name, f"expected a number from 1, got {value}")
        return value

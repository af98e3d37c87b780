"""What belongs to a trained model besides its weights: its labels, and how to feed it video.

Travels with every export, so that whoever runs a model prepares frames as its training did. Loads
no TensorFlow.
"""

import dataclasses
import json
import math
import os
import pathlib
import typing
from typing import Any

from movinet.data.pipeline import sampling_names
from movinet.data.pipeline.normalisation import PLAIN, Normalisation
from movinet.errors import InputError

FORMAT = "movinet-model/2"
INFO_NAME = "movinet.json"
LABELS_NAME = "labels.txt"
MAX_BYTES = 1_000_000
_LARGEST = 1 << 53  # Whole numbers up to this are floats too, without rounding.


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From a video file to the input of a model.

    Attributes:
      height, width: of the frames that the model sees, in pixels.
      short_side: pixels that the shorter side is resized to before the centre crop.
      stored_short_side: pixels that training data was reduced to before that; 0 if unknown.
      fps: frames per second by the frame times; 0 to take every `temporal_stride`-th frame.
      temporal_stride: frames of the video from one to the next, where fps is 0.
      num_frames: of the clip that the model was evaluated with; a model that streams takes any.
      sampling: `clip` for frames at that rate or stride, `segments` for `num_frames` frames spread
        over the whole video.
      normalisation: of the values of pixels.
    """

    height: int
    width: int
    short_side: int
    stored_short_side: int = 0
    fps: float = 0.0
    temporal_stride: int = 1
    num_frames: int = 1
    sampling: str = sampling_names.CLIP
    normalisation: Normalisation = PLAIN

    def __post_init__(self) -> None:
        for name in ("height", "width", "short_side", "temporal_stride", "num_frames"):
            if getattr(self, name) < 1:
                raise InputError(f"preprocessing.{name} is {getattr(self, name)}: at least 1.")
        if self.stored_short_side < 0:
            raise InputError("preprocessing.stored_short_side must not be negative.")
        if not (math.isfinite(self.fps) and self.fps >= 0):
            raise InputError(f"preprocessing.fps is {self.fps}: a number, not negative.")
        sampling_names.check(self.sampling)
        if self.sampling == sampling_names.SEGMENTS and self.fps:
            raise InputError(
                f"preprocessing.fps is {self.fps}: 0 with segments, which are as long as a video "
                "makes them."
            )


@dataclasses.dataclass(frozen=True)
class State:
    """One state of an exported model, in the order of its signature."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What belongs to a model besides its weights.

    Attributes:
      name: of the variant, such as `a0_stream`.
      num_classes: number of logits.
      preprocessing: from a video to the model's input.
      labels: class names in index order; empty if unknown.
      causal: whether the model streams.
      multilabel: whether scores are sigmoids of their own instead of one softmax.
      precision: of the weights and activations of an export, such as `float32`.
      state_layout: `5d`, as the official models have them, `4d`, or `` for none.
      states: of an export that streams.
      source: the checkpoint that the weights are from.
    """

    name: str
    num_classes: int
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    causal: bool = False
    multilabel: bool = False
    precision: str = "float32"
    state_layout: str = ""
    states: tuple[State, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.num_classes < 1:
            raise InputError(f"num_classes is {self.num_classes}: at least 1.")
        if self.labels and len(self.labels) != self.num_classes:
            raise InputError(f"There are {len(self.labels)} labels for {self.num_classes} classes.")

    def label(self, index: int) -> str:
        """Returns the name of a class, or its index in words if there are no names."""
        return self.labels[index] if self.labels else f"class {index}"

    def to_json(self) -> str:
        """Returns the content of movinet.json."""
        fields = dataclasses.asdict(self)
        return json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n"


def read(path: str | os.PathLike[str]) -> ModelInfo:
    """Reads movinet.json. Raises InputError naming the file and the field that is wrong."""
    path = pathlib.Path(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}.") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> ModelInfo:
    """Reads the content of movinet.json; `where` names it in errors. Raises InputError."""
    if len(text) > MAX_BYTES:
        raise InputError(f"{where} is larger than {MAX_BYTES:,} bytes; that describes no model.")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error}).") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where} does not describe a model: its format is not {FORMAT!r}.")
    del content["format"]
    try:
        return _convert(ModelInfo, content, "the file")
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _convert(annotation: Any, value: Any, name: str) -> Any:
    """Returns `value` as the annotation of a field wants it, after JSON has made lists of tuples.

    Raises: InputError naming the field.
    """
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        if not isinstance(value, dict):
            raise InputError(f"{name} is not a group of fields.")
        hints = typing.get_type_hints(annotation)
        if unknown := sorted(value.keys() - hints.keys()):
            raise InputError(f"{name} has the unknown field {unknown[0]!r}.")
        required = {
            field.name
            for field in dataclasses.fields(annotation)
            if field.default is dataclasses.MISSING
        }
        if missing := sorted(required - value.keys()):
            raise InputError(f"{name} lacks the field {missing[0]!r}.")
        return annotation(**{key: _convert(hints[key], item, key) for key, item in value.items()})
    if typing.get_origin(annotation) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{name} is not a list.")
        kind = typing.get_args(annotation)[0]
        return tuple(_convert(kind, item, f"{name}[{index}]") for index, item in enumerate(value))
    if annotation is float and type(value) is int and abs(value) < _LARGEST:
        value = float(value)
    if type(value) is not annotation:
        raise InputError(f"{name} is {value!r:.60}, which is not of type {annotation.__name__}.")
    return value

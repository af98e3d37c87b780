"""A `.tflite` file as a model: our export, the Model Garden's, or any other with that signature.

The signature has the input `image`, float32 [1, T, H, W, 3] or [T, H, W, 3] (T = 1 if there are
states), and the output `logits` [1, K]. Every other input is a state and has an output of the same
name, whose value is fed back as it is; what states mean is not looked at.
"""

import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from movinet.errors import InputError
from movinet.streaming.model_files import read_attached_info
from movinet.streaming.video_model import IMAGE, LOGITS, States, check_info, inferred_info

_SIGNATURE = "serving_default"


class _Tensor(NamedTuple):
    """An input or output; scale is 0 where values are not quantised, -1 a size that is open."""

    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> "_Tensor":
        scale, zero_point = details["quantization"]
        shape = tuple(int(size) for size in details["shape_signature"])
        return cls(shape, np.dtype(details["dtype"]), float(scale), int(zero_point))

    def zeros(self) -> np.ndarray:
        """Returns what stands for zero, an open size being 1."""
        shape = tuple(max(size, 1) for size in self.shape)
        return np.full(shape, self.zero_point if self.scale else 0, self.dtype)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Returns floats as this tensor holds them, rounded to its steps and clipped to its range.

        Returns them in its type alone if it is not quantised.
        """
        if not self.scale:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.round(values / self.scale) + self.zero_point
        return np.clip(steps, limits.min, limits.max).astype(self.dtype)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Returns what this tensor holds as float32."""
        floats = values.astype(np.float32)
        return (floats - self.zero_point) * np.float32(self.scale) if self.scale else floats


class LiteRtModel:
    """Runs a `.tflite` file. Implements `VideoModel`.

    What belongs to the model besides its weights comes from the archive at the end of the file,
    else from `FILE.json` beside it, else from the signature.

    Args:
      path: of the file.
      num_threads: of the interpreter.

    Raises: InputError if the file is missing, is no such model, or does not fit its description.
    """

    def __init__(self, path: str | os.PathLike[str], *, num_threads: int = 1) -> None:
        path = pathlib.Path(path)
        self._runner = _signature_runner(path, num_threads)
        self._inputs = _tensors(self._runner.get_input_details())
        self._outputs = _tensors(self._runner.get_output_details())
        self._logits = _check_signature(path, self._inputs, self._outputs)
        shape = self._inputs[IMAGE].shape
        self._has_frame_axis = len(shape) == 5
        num_frames = shape[1] if self._has_frame_axis else shape[0]
        self._num_frames = num_frames if num_frames > 0 else None
        num_classes = self._outputs[self._logits].shape[-1]
        attached = read_attached_info(path)
        if attached is not None:
            self.info, where = attached
            check_info(self.info, where, num_classes=num_classes, image_size=self.image_size)
        else:
            self.info = inferred_info(
                path.stem,
                num_classes,
                self.image_size,
                causal=self.streams,
                num_frames=self.num_frames,
            )

    @property
    def streams(self) -> bool:
        """Whether the signature has states."""
        return len(self._inputs) > 1

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of the frames."""
        height, width = self._inputs[IMAGE].shape[-3:-1]
        return height, width

    @property
    def num_frames(self) -> int | None:
        """Frames that one run takes; None for any number."""
        return self._num_frames

    def initial_states(self) -> States:
        """Returns zeros; where states are quantised, the values that stand for them."""
        return {name: tensor.zeros() for name, tensor in self._inputs.items() if name != IMAGE}

    def run(self, clip: np.ndarray, states: Mapping[str, np.ndarray]) -> tuple[np.ndarray, States]:
        """Returns float32 logits [K] of a float32 clip [1, T, H, W, 3], and the new states."""
        image = self._inputs[IMAGE].encode(clip if self._has_frame_axis else clip[0])
        outputs = self._runner(**{IMAGE: image}, **states)
        logits = self._outputs[self._logits].decode(outputs.pop(self._logits)).reshape(-1)
        return logits, {name: self._as_input(name, value) for name, value in outputs.items()}

    def _as_input(self, name: str, value: np.ndarray) -> np.ndarray:
        """Returns an output state with the steps in which the input is quantised."""
        source, target = self._outputs[name], self._inputs[name]
        return value if source[2:] == target[2:] else target.encode(source.decode(value))


def _signature_runner(path: pathlib.Path, num_threads: int) -> Any:
    """Opens the file. Raises InputError if that is not possible or there is no signature."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise InputError(
            f"ai-edge-litert, which runs .tflite files, cannot be imported ({error}): pip install "
            '"movinet[streaming]".'
        ) from error
    if not path.is_file():
        raise InputError(f"The model {path} does not exist or is not a file.")
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
        signatures = interpreter.get_signature_list()
        interpreter.allocate_tensors()  # Fails now, not at the first frame, if an op is unknown.
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path} is not a TensorFlow Lite model that can be run here ({reason})."
        ) from error
    if not signatures:
        raise InputError(f"{path} has no signature: convert it from a SavedModel.")
    if _SIGNATURE not in signatures and len(signatures) > 1:
        raise InputError(
            f"{path} has the signatures {', '.join(sorted(signatures))} but no {_SIGNATURE!r}."
        )
    name = _SIGNATURE if _SIGNATURE in signatures else next(iter(signatures))
    return interpreter.get_signature_runner(name)


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, _Tensor]:
    return {name: _Tensor.of(detail) for name, detail in details.items()}


def _check_signature(
    path: pathlib.Path, inputs: Mapping[str, _Tensor], outputs: Mapping[str, _Tensor]
) -> str:
    """Returns the name of the logits. Raises InputError if this is no signature of a classifier."""
    if IMAGE not in inputs:
        raise InputError(f"{path} has no input {IMAGE!r}, only {', '.join(sorted(inputs))}.")
    image = inputs[IMAGE]
    one_clip = len(image.shape) == 5 or len(inputs) > 1
    if (
        len(image.shape) not in (4, 5)
        or image.shape[-1] != 3
        or (one_clip and image.shape[0] not in (1, -1))
    ):
        raise InputError(
            f"The input {IMAGE!r} of {path} has the shape {list(image.shape)} instead of "
            "[1, frames, height, width, 3], or [frames, height, width, 3] (one frame if the model "
            "has states)."
        )
    if min(image.shape[-3:-1]) < 1:
        raise InputError(f"{path} takes frames of any size: export it for one size.")
    if not image.scale and not np.issubdtype(image.dtype, np.floating):
        raise InputError(
            f"The input {IMAGE!r} of {path} is {image.dtype} without a scale: export it with a "
            "float or quantised input."
        )
    logits = next(iter(outputs)) if len(outputs) == 1 else LOGITS
    if logits not in outputs:
        raise InputError(f"{path} has no output {LOGITS!r}, only {', '.join(sorted(outputs))}.")
    shape = outputs[logits].shape
    if not shape or shape[-1] < 1 or any(size not in (1, -1) for size in shape[:-1]):
        raise InputError(f"The logits of {path} have the shape {list(shape)}, not [1, classes].")
    _check_states(
        path,
        {name: tensor for name, tensor in inputs.items() if name != IMAGE},
        {name: tensor for name, tensor in outputs.items() if name != logits},
    )
    return logits


def _check_states(
    path: pathlib.Path, inputs: Mapping[str, _Tensor], outputs: Mapping[str, _Tensor]
) -> None:
    """Raises InputError for a state that does not come out as it goes in."""
    if unanswered := sorted(inputs.keys() - outputs.keys()):
        raise InputError(f"{path} takes the state {unanswered[0]!r}, but does not return it.")
    if unasked := sorted(outputs.keys() - inputs.keys()):
        raise InputError(f"{path} returns the state {unasked[0]!r}, but does not take it.")
    for name, tensor in inputs.items():
        returned = outputs[name]
        if returned.dtype != tensor.dtype or (
            returned.shape != tensor.shape and -1 not in (*returned.shape, *tensor.shape)
        ):
            raise InputError(
                f"{path} takes the state {name!r} as {tensor.dtype} {list(tensor.shape)}, but "
                f"returns it as {returned.dtype} {list(returned.shape)}."
            )

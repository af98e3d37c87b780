"""Models that need TensorFlow: SavedModels, and classifiers built in this process.

The one module of `movinet.streaming` that loads TensorFlow; nothing imports it before it is needed.
"""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from movinet.errors import InputError
from movinet.model_info import ModelInfo
from movinet.streaming.model_files import read_folder_info
from movinet.streaming.video_model import IMAGE, LOGITS, States, check_info, inferred_info


class KerasModel:
    """Runs a `movinet.MovinetClassifier` or `movinet.Ensemble`. Implements `VideoModel`.

    Args:
      model: with its weights.
      info: what belongs to it besides them.
    """

    def __init__(self, model: Any, info: ModelInfo) -> None:
        self.info = info
        self._model = model
        self._stream = model.stream() if info.causal else None
        self._call = tf.function(model, reduce_retracing=True)

    @property
    def streams(self) -> bool:
        """Whether the model is causal."""
        return self._stream is not None

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of the frames."""
        return self.info.preprocessing.height, self.info.preprocessing.width

    @property
    def num_frames(self) -> int | None:
        """None: it takes any number of frames."""
        return None

    def initial_states(self) -> States:
        """Returns the states at the start of a video."""
        if self._stream is None:
            return {}
        states = self._stream.init_states([1, 1, *self.image_size, 3])
        return {name: value.numpy() for name, value in states.items()}

    def run(self, clip: np.ndarray, states: Mapping[str, np.ndarray]) -> tuple[np.ndarray, States]:
        """Returns float32 logits [K] of a float32 clip [1, T, H, W, 3], and the new states."""
        clip = tf.constant(clip)
        if self._stream is None:
            return self._call(clip).numpy()[0], {}
        inputs = {name: tf.constant(value) for name, value in states.items()}
        logits, new_states = self._stream({**inputs, IMAGE: clip})
        return logits.numpy()[0], {name: value.numpy() for name, value in new_states.items()}


class SavedModel:
    """Runs the folder of a SavedModel. Implements `VideoModel`.

    It has the signatures `call` and `init_states`, or one with `image` and states, or, if it does
    not stream, one with a single input and a single output of any name: what the Model Garden
    exports, and what we do.

    Args:
      path: of the folder.
      image_size: pixels of the frames' sides, if the signature leaves them open and no
        `movinet.json` tells them.

    Raises: InputError if the folder holds no such model, or does not fit its description.
    """

    def __init__(self, path: str | os.PathLike[str], *, image_size: int | None = None) -> None:
        path = pathlib.Path(path)
        # The whole object is kept: it owns the variables that the signatures use.
        self._loaded = _load(path)
        signatures = self._loaded.signatures
        self._init_states = signatures.get("init_states")
        self._call = _find_signature(path, signatures)
        specs = self._call.structured_input_signature[1]
        self._image = IMAGE if IMAGE in specs else next(iter(specs))
        if self._image != IMAGE and len(specs) > 1:
            raise InputError(f"{path} has no input {IMAGE!r}, only {', '.join(sorted(specs))}.")
        self._state_specs = {name: spec for name, spec in specs.items() if name != self._image}
        outputs = self._call.structured_outputs
        self._logits = next(iter(outputs)) if len(outputs) == 1 else LOGITS
        if self._logits not in outputs:
            raise InputError(f"{path} has no output {LOGITS!r}, only {', '.join(sorted(outputs))}.")
        if unmatched := sorted(outputs.keys() - {self._logits} ^ self._state_specs.keys()):
            raise InputError(f"{path} has the state {unmatched[0]!r} at one end alone.")
        _, self._num_frames, height, width, _ = _clip_shape(path, specs[self._image].shape)
        num_classes = outputs[self._logits].shape[-1]
        attached = read_folder_info(path)
        if attached is not None:
            self.info, where = attached
            settings = self.info.preprocessing
            size = height or settings.height, width or settings.width
            check_info(
                self.info,
                where,
                num_classes=num_classes or self.info.num_classes,
                image_size=size,
            )
        else:
            size = _chosen_size(path, (height, width), image_size)
            self.info = inferred_info(
                path.resolve().name,
                num_classes,
                size,
                causal=self.streams,
                num_frames=self._num_frames,
            )

    @property
    def streams(self) -> bool:
        """Whether the signature has states."""
        return bool(self._state_specs)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of the frames."""
        return self.info.preprocessing.height, self.info.preprocessing.width

    @property
    def num_frames(self) -> int | None:
        """Frames that one run takes; None for any number."""
        return self._num_frames

    def initial_states(self) -> States:
        """Returns what the signature `init_states` says, or zeros."""
        if self._init_states is not None and self.streams:
            (argument,) = self._init_states.structured_input_signature[1]
            shape = tf.constant([1, 1, *self.image_size, 3], tf.int32)
            states = self._init_states(**{argument: shape})
            return {name: value.numpy() for name, value in states.items()}
        return {
            name: np.zeros([size or 1 for size in spec.shape], spec.dtype.as_numpy_dtype)
            for name, spec in self._state_specs.items()
        }

    def run(self, clip: np.ndarray, states: Mapping[str, np.ndarray]) -> tuple[np.ndarray, States]:
        """Returns float32 logits [K] of a float32 clip [1, T, H, W, 3], and the new states."""
        inputs = {name: tf.constant(value) for name, value in states.items()}
        outputs = dict(self._call(**{self._image: tf.constant(clip)}, **inputs))
        logits = outputs.pop(self._logits).numpy().reshape(-1).astype(np.float32)
        return logits, {name: value.numpy() for name, value in outputs.items()}


def _load(path: pathlib.Path) -> Any:
    try:
        return tf.saved_model.load(str(path))
    except (OSError, ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} is not a SavedModel that can be loaded ({reason}).") from error


def _find_signature(path: pathlib.Path, signatures: Mapping[str, Any]) -> Any:
    """Returns the signature that classifies. Raises InputError if there is none."""
    for name in ("call", "serving_default"):
        if name in signatures:
            return signatures[name]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    names = ", ".join(sorted(signatures)) or "none"
    raise InputError(f"{path} has no signature 'call' or 'serving_default' (it has: {names}).")


def _clip_shape(path: pathlib.Path, shape: tf.TensorShape) -> list[int | None]:
    """Returns [1, T, H, W, 3] with None for what is open. Raises InputError for anything else."""
    sizes = shape.as_list() if shape.rank == 5 else []
    if not sizes or sizes[0] not in (None, 1) or sizes[4] not in (None, 3):
        raise InputError(
            f"The input of {path} has the shape {shape} instead of [1, frames, height, width, 3]."
        )
    return sizes


def _chosen_size(
    path: pathlib.Path, size: tuple[int | None, int | None], image_size: int | None
) -> tuple[int, int]:
    """Returns the size of the frames. Raises InputError if nothing tells it, or it contradicts."""
    height, width = (side or image_size for side in size)
    if height is None or width is None:
        raise InputError(f"{path} takes frames of any size: say of which (--image_size).")
    if image_size and (height, width) != (image_size, image_size):
        raise InputError(f"{path} takes frames of {height}x{width}, not of the size {image_size}.")
    return height, width

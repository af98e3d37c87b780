"""Classifying a stream of frames, one by one."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from movinet.errors import InputError
from movinet.model_info import ModelInfo
from movinet.streaming.loading import load_model
from movinet.streaming.prediction import Prediction, probabilities
from movinet.streaming.preprocessing import FramePreparer
from movinet.streaming.video_model import States, VideoModel, adjusted_info

# Interpolation in floats may leave the range by rounding alone.
_ROUNDING = 1e-3


class StreamClassifier:
    """Reads a video frame by frame and says after each what it has seen so far.

    A frame costs the same however long the video is. Instances with a path share nothing; instances
    given one model share its memory, have states of their own, and must not run at the same time.

    Args:
      model: a file or folder that `load_model` reads, or a model.
      num_threads: of a `.tflite` model.
      labels: class names in index order, over those that the model brings.

    Raises: InputError if there is no such model, or it has no states.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | VideoModel,
        *,
        num_threads: int = 1,
        labels: Sequence[str] | None = None,
    ) -> None:
        if isinstance(model, str | os.PathLike):
            model = load_model(model, num_threads=num_threads)
        if not model.streams:
            raise InputError(
                f"The model {model.info.name!r} has no states and cannot stream: it classifies "
                "whole clips, which movinet.streaming.classify_video and predict.py do."
            )
        if model.num_frames not in (None, 1):
            raise InputError(
                f"The model {model.info.name!r} takes {model.num_frames} frames at a time: export "
                "it for one frame."
            )
        self._model = model
        self._info = adjusted_info(model.info, labels=labels)
        self._preparer = FramePreparer(model.info.preprocessing)
        self.reset()

    @property
    def info(self) -> ModelInfo:
        """What belongs to the model besides its weights: labels, frame rate, size of its input."""
        return self._info

    @property
    def frames(self) -> int:
        """Frames read since the start of the video."""
        return self._frames

    def reset(self) -> None:
        """Begins a new video."""
        self._states = self._model.initial_states()
        self._frames = 0

    def push(self, frame: np.ndarray, time: float | None = None) -> Prediction:
        """Reads the next frame. Frames should come at `info.preprocessing.fps` a second.

        A model trained on segments has no such rate (0): it expects `num_frames` frames, evenly
        spread over a video.

        Args:
          frame: uint8 RGB [H, W, 3] of any size, or floats [height, width, 3] that are prepared:
            of the model's size, in the `limits` of `info.preprocessing.normalisation`.
          time: of the frame, in seconds, to be handed on.

        Raises: InputError for any other frame; the stream is then as it was before.
        """
        clip = self._prepare(np.asarray(frame))[np.newaxis, np.newaxis]
        logits, self._states = self._model.run(clip, self._states)
        self._frames += 1
        scores = probabilities(logits, multilabel=self._info.multilabel)
        return Prediction(scores, self._info, self._frames - 1, time)

    @property
    def states(self) -> States:
        """Copies of what the model remembers of the video; set them to take it up again."""
        return {name: value.copy() for name, value in self._states.items()}

    @states.setter
    def states(self, states: Mapping[str, np.ndarray]) -> None:
        """Raises InputError for states of another model; the stream is then as it was before."""
        expected = self._model.initial_states()
        if missing := sorted(expected.keys() - states.keys()):
            raise InputError(f"These are states of another model: {missing[0]!r} is missing.")
        if unknown := sorted(states.keys() - expected.keys()):
            raise InputError(f"These are states of another model: {unknown[0]!r} is unknown.")
        copies: States = {}
        for name, initial in expected.items():
            value = np.array(states[name])
            if value.shape != initial.shape or value.dtype != initial.dtype:
                raise InputError(
                    f"These are states of another model: {name!r} is {value.dtype} "
                    f"{list(value.shape)} instead of {initial.dtype} {list(initial.shape)}."
                )
            copies[name] = value
        self._states = copies

    def _prepare(self, frame: np.ndarray) -> np.ndarray:
        """Returns float32 [height, width, 3]. Raises InputError."""
        if not np.issubdtype(frame.dtype, np.floating):
            if frame.dtype != np.uint8:
                raise InputError(
                    f"A frame holds uint8 values from 0 to 255, or floats, not {frame.dtype}."
                )
            return self._preparer.prepare(frame)
        settings = self._info.preprocessing
        wanted = settings.height, settings.width, 3
        if frame.shape != wanted:
            raise InputError(
                f"A frame of floats has the model's size {list(wanted)}, not {list(frame.shape)}: "
                "give uint8 frames, which are resized."
            )
        lowest, highest = float(frame.min()), float(frame.max())
        if not np.isfinite(lowest + highest):
            raise InputError("The frame holds values that are not numbers.")
        least, most = settings.normalisation.limits
        if lowest < least - _ROUNDING or highest > most + _ROUNDING:
            raise InputError(
                f"A frame of floats is in [{least:.3g}, {most:.3g}], not in [{lowest:g}, "
                f"{highest:g}]: {settings.normalisation.describe()}, or give uint8."
            )
        return frame.astype(np.float32)

"""What every model that can be run on video offers, whatever file it comes from."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from movinet.data.pipeline.sampling_names import CLIP
from movinet.errors import InputError
from movinet.model_info import ModelInfo, Preprocessing

IMAGE = "image"
LOGITS = "logits"
DEFAULT_FPS = 5.0
"""Frames a second of the published A0 to A2, for models that do not say theirs."""

States: TypeAlias = dict[str, np.ndarray]


class VideoModel(Protocol):
    """A classifier of video.

    Attributes:
      info: what belongs to the model besides its weights.
    """

    info: ModelInfo

    @property
    def streams(self) -> bool:
        """Whether states carry a video from one run to the next."""
        ...

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of the frames that `run` takes."""
        ...

    @property
    def num_frames(self) -> int | None:
        """Frames T that one run takes; None for any number."""
        ...

    def initial_states(self) -> States:
        """Returns new states for the start of a video; none if the model does not stream."""
        ...

    def run(self, clip: np.ndarray, states: Mapping[str, np.ndarray]) -> tuple[np.ndarray, States]:
        """Returns float32 logits [K] of a float32 clip [1, T, H, W, 3], and the new states."""
        ...


def inferred_info(
    name: str,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    causal: bool,
    num_frames: int | None,
) -> ModelInfo:
    """Describes a model that comes with nothing but its signature.

    The shorter side of a frame is resized to that of the model's input, so that nothing but the
    ends of the longer side is cut off.
    """
    height, width = image_size
    preprocessing = Preprocessing(
        height, width, short_side=min(height, width), fps=DEFAULT_FPS, num_frames=num_frames or 1
    )
    return ModelInfo(name, num_classes, preprocessing, causal=causal)


def adjusted_info(
    info: ModelInfo,
    *,
    labels: Sequence[str] | None = None,
    fps: float | None = None,
    short_side: int | None = None,
) -> ModelInfo:
    """Returns `info` with what the user knows better; a frame rate takes the place of segments.

    Raises: InputError for what does not fit.
    """
    preprocessing = info.preprocessing
    if fps is not None:
        preprocessing = dataclasses.replace(preprocessing, fps=fps, sampling=CLIP)
    if short_side is not None:
        preprocessing = dataclasses.replace(preprocessing, short_side=short_side)
    chosen = info.labels if labels is None else tuple(labels)
    return dataclasses.replace(info, labels=chosen, preprocessing=preprocessing)


def check_info(
    info: ModelInfo, where: str, *, num_classes: int, image_size: tuple[int, int]
) -> None:
    """Raises InputError if a description does not fit the model that it came with."""
    if info.num_classes != num_classes:
        raise InputError(
            f"{where} describes {info.num_classes} classes, but the model has {num_classes}."
        )
    described = info.preprocessing.height, info.preprocessing.width
    if described != image_size:
        raise InputError(
            f"{where} describes frames of {described[0]}x{described[1]} pixels (height x width), "
            f"but the model takes {image_size[0]}x{image_size[1]}."
        )

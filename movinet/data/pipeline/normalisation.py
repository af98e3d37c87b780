"""From the bytes of pixels to the values that a network takes."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from movinet.errors import InputError

Channels: TypeAlias = tuple[float, ...]
_WHITE = 255


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """(value - mean) / std of every channel, black being 0 and white 1.

    By default values stay in [0, 1].

    Attributes:
        mean, std: of red, green and blue.

    Raises:
        InputError: one of them is not three numbers on that scale.
    """

    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for name, channels in (("mean", self.mean), ("standard deviation", self.std)):
            are_numbers = all(isinstance(value, int | float) for value in channels)
            if len(channels) != 3 or not are_numbers or not all(0 <= v <= 1 for v in channels):
                raise InputError(
                    f"The {name} of the pixels is {list(channels)}: give three numbers from 0 to "
                    "1, for red, green and blue (divide those for bytes by 255)."
                )
        if min(self.std) == 0:
            raise InputError(
                f"The standard deviation of the pixels is {list(self.std)}: all three must be "
                "above 0."
            )

    def apply(self, values: Any) -> Any:
        """Floats from 0 to 255 as a network takes them.

        Args:
            values: float32 [..., W, 3], a numpy array or a tensor.
        """
        if any(self.mean):
            values = values - _spread(self.mean, values.shape)
        return values / _spread(self.std, values.shape)

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value that a pixel can have in any channel."""
        channels = list(zip(self.mean, self.std, strict=True))
        return (
            min((0 - mean) / std for mean, std in channels),
            max((1 - mean) / std for mean, std in channels),
        )

    def describe(self) -> str:
        """What is done to a byte, in words."""
        division = f"divide by {_in_words(self.std)}"
        return f"subtract {_in_words(self.mean)} and {division}" if any(self.mean) else division


PLAIN = Normalisation()
"""Values in [0, 1], as the published models take them."""

CENTRED = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Values in [-1, 1]: what the Model Garden calls zero_centering_image."""


def choose(
    zero_centering_image: bool,
    image_mean: Sequence[float] | None,
    image_std: Sequence[float] | None,
) -> Normalisation:
    """What these settings of a dataset stand for; None where they are not given.

    Raises:
        InputError: they contradict each other, or cannot be used.
    """
    if image_mean is None and image_std is None:
        return CENTRED if zero_centering_image else PLAIN
    if image_mean is None or image_std is None:
        raise InputError("image_mean and image_std belong together: give both, or neither.")
    if zero_centering_image:
        raise InputError(
            "zero_centering_image is an image_mean and an image_std of [0.5, 0.5, 0.5]: set it to "
            "false, or leave those two out."
        )
    return Normalisation(tuple(image_mean), tuple(image_std))


def _spread(channels: Channels, shape: Sequence[int]) -> float | np.ndarray:
    """On the scale of bytes: one number if the channels agree, else a row of pixels [W, 3], because
    arithmetic along an axis of three is slow.
    """
    if len(set(channels)) == 1:
        return channels[0] * _WHITE
    row = np.tile(np.multiply(channels, _WHITE), (shape[-2], 1))
    return row.astype(np.float32)


def _in_words(channels: Channels) -> str:
    levels = [f"{value * _WHITE:g}" for value in channels]
    return levels[0] if len(set(levels)) == 1 else f"[{', '.join(levels)}]"

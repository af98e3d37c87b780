"""Whether two forms of one network compute the same: a model and its export, or two layouts."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from movinet.errors import VerificationError
from movinet.layers.base import States

# From `{**states, 'image': clip}`, without states at the start of a video, to logits and states.
Network: TypeAlias = Callable[[Mapping[str, tf.Tensor]], tuple[tf.Tensor, States]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """The largest difference of two networks' logits, and the largest logit it is a part of."""

    largest: float
    scale: float

    @property
    def relative(self) -> float:
        """The difference as a part of the largest logit; as it is if that is zero."""
        return self.largest / (self.scale or 1.0)

    def check(self, tolerance: float) -> None:
        """Raises VerificationError if the relative difference is above, or not a number."""
        if not self.relative <= tolerance:
            raise VerificationError(
                f"The largest difference of the logits is {self.relative:.1e} of the largest "
                f"logit, more than the tolerance of {tolerance:.1e}; nothing was written."
            )


def random_video(shape: Sequence[int], seed: int = 0) -> tf.Tensor:
    """Returns uniform noise in [0, 1] of shape [B, T, H, W, 3]."""
    return tf.constant(np.random.default_rng(seed).random(tuple(shape), np.float32))


def compare(
    expected: Network, actual: Network, video: tf.Tensor, cuts: Sequence[Sequence[int]]
) -> Difference:
    """Runs both networks on a video in pieces; each carries states of its own.

    Args:
      video: [B, T, H, W, 3].
      cuts: lengths of the pieces in frames, for each run through the video.
    """
    largest = scale = 0.0
    for lengths in cuts:
        states: list[States] = [{}, {}]
        for clip in tf.split(video, lengths, axis=1):
            logits = []
            for index, network in enumerate((expected, actual)):
                output, states[index] = network({**states[index], "image": clip})
                logits.append(np.asarray(output, np.float64))
            # np.max hands on a NaN, unlike max.
            largest = float(np.max([largest, np.abs(logits[0] - logits[1]).max()]))
            scale = float(np.max([scale, np.abs(logits[0]).max()]))
    return Difference(largest, scale)

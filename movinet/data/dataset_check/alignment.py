"""How much later one video begins than another, told by the hashes of their frames."""

import dataclasses
import math

import numpy as np

from movinet.data.dataset_check.perceptual_hash import INTERVAL, NO_PICTURE, distance

MOST_BITS = 22.0
"""Mean distance up to which two aligned videos are worth a look at their pictures."""

_SHARED = 0.5  # Part of the shorter video that the other must cover.
_ALL_BITS = 64


@dataclasses.dataclass(frozen=True)
class Alignment:
    """shift: microseconds of the first video at which the second begins (negative: it begins
    earlier); bits: mean distance of the hashes from then on.
    """

    shift: int
    bits: float


def align(first: np.ndarray, second: np.ndarray, most_bits: float = MOST_BITS) -> Alignment | None:
    """Returns how two videos, as hashes uint64 [T] every `INTERVAL`, lie best on one another.

    None if they never agree, on average, to `most_bits` over at least half of the shorter one.
    """
    seen = (first != NO_PICTURE)[:, None] & (second != NO_PICTURE)[None]
    shifts = np.arange(len(first))[:, None] - np.arange(len(second))[None]
    diagonal = (shifts + len(second) - 1)[seen]
    frames = np.bincount(diagonal, minlength=1)
    bits = np.bincount(diagonal, distance(first[:, None], second[None])[seen], minlength=1)
    shorter = min(np.count_nonzero(first), np.count_nonzero(second))
    enough = frames >= max(1, math.ceil(_SHARED * shorter))
    mean = np.where(enough, bits / np.maximum(frames, 1), _ALL_BITS)
    best = int(np.argmin(mean))
    if mean[best] > most_bits:
        return None
    return Alignment((best - (len(second) - 1)) * INTERVAL, float(mean[best]))

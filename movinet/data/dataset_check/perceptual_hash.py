"""Frames as 64 bits that survive another size, codec or bitrate, and hardly a small cut.

The bits are the signs of the lowest frequencies of a small grey picture, as in Zauner's pHash
("Implementation and Benchmarking of Perceptual Image Hash Functions", 2010), with two changes: the
64 lowest frequencies instead of a square of them, which are those that a cut moves least; and a
margin, so that frequencies that are not there are 0 and not the sign of noise.
"""

import numpy as np

from movinet.data.dataset_check.pictures import SIDE

INTERVAL = 250_000
"""Microseconds between two frames that are hashed."""

NO_PICTURE = np.uint64(0)
"""The hash of a frame on which there is next to nothing to see."""

_BITS = 64
_LEAST_CONTRAST = 4.0  # Levels of 255, standard deviation over the small picture.
_MARGIN = 4.0  # Noise of compression, in units of the coefficients: 32 times its level.


def _cosines() -> np.ndarray:
    """Returns the orthonormal discrete cosine transform [frequency, pixel]."""
    pixel, frequency = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    matrix = np.sqrt(2 / SIDE) * np.cos(np.pi * (pixel + 0.5) * frequency / SIDE)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


_COSINES = _cosines()
_LOWEST = sorted(
    ((row, column) for row in range(SIDE) for column in range(SIDE)),
    key=lambda place: (sum(place), place),
)[1 : _BITS + 1]
_ROWS, _COLUMNS = np.array(_LOWEST).T


def hash_picture(picture: np.ndarray) -> np.uint64:
    """Returns the hash of a small grey picture [32, 32]."""
    if picture.std() < _LEAST_CONTRAST:
        return NO_PICTURE
    coefficients = (_COSINES @ picture @ _COSINES.T)[_ROWS, _COLUMNS]
    bits = coefficients > np.median(coefficients) + _MARGIN
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)


def distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns in how many of the 64 bits hashes differ."""
    return np.bitwise_count(first ^ second)

"""Small grey pictures: what is left of a frame when only its composition matters."""

import functools

import numpy as np

SIDE = 32
"""Pixels of a small picture, both ways, whatever the shape of its frame."""

WHOLE = (0.0, 1.0)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601


def to_grey(frame: np.ndarray) -> np.ndarray:
    """Returns the lightness [H, W], 0 to 255, of a frame uint8 [H, W, 3] RGB."""
    return frame @ _LUMA


def shrink(
    pictures: np.ndarray,
    rows: tuple[float, float] = WHOLE,
    columns: tuple[float, float] = WHOLE,
) -> np.ndarray:
    """Averages the window `rows` x `columns` of grey pictures [..., H, W] down to [..., 32, 32].

    A window is given by its edges as fractions of height and width.
    """
    height, width = pictures.shape[-2:]
    return averaging_matrix(height, *rows) @ pictures @ averaging_matrix(width, *columns).T


@functools.lru_cache(maxsize=1024)
def averaging_matrix(size: int, start: float = 0.0, stop: float = 1.0) -> np.ndarray:
    """Returns the weights [32, size] by which a part of `size` pixels is averaged to 32."""
    edges = np.linspace(start * size, stop * size, SIDE + 1)
    pixels = np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(covered, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

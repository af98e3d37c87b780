"""Padding and output sizes as pure functions."""

from typing import overload

from movinet.layers.base import Dimension, Size


def temporal_padding(kernel_frames: int, causal: bool, buffered: bool = False) -> tuple[int, int]:
    """Returns the frames of zeros (before, after) a clip that keep its length.

    Causal: all of them before, so that no frame sees a later one. Buffered: none, since a stream
    buffer has put frames there already.
    """
    total = kernel_frames - 1
    if buffered:
        return 0, 0
    return (total, 0) if causal else (total // 2, total - total // 2)


@overload
def strided_size(size: Dimension, stride: int) -> Dimension: ...


@overload
def strided_size(size: None, stride: int) -> None: ...


def strided_size(size: Size, stride: int) -> Size:
    """Returns the output size of a `SAME` op: size / stride, rounded up; None stays None."""
    return None if size is None else -(-size // stride)

"""Padding and output sizes as pure functions."""

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:  # Costs are counted by these functions without TensorFlow.
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


def beside(pixels: int) -> list[list[int]]:
    """Returns the paddings of frames [N, H, W, C] by pixels on each side."""
    return [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]]


@overload
def strided_size(
    size: "Dimension", stride: int, window: int = 1, padding: int | None = None
) -> "Dimension": ...


@overload
def strided_size(size: None, stride: int, window: int = 1, padding: int | None = None) -> None: ...


def strided_size(size: "Size", stride: int, window: int = 1, padding: int | None = None) -> "Size":
    """Returns the number of windows along a height or width; None stays None.

    Args:
      window: pixels that an output sees.
      padding: pixels of zeros on each side. None for `SAME`: size / stride, rounded up.

    Raises: ValueError if the size is known to be too small for a single window.
    """
    if size is None:
        return None
    if padding is None:
        return -(-size // stride)
    outside = window - 2 * padding
    if isinstance(size, int) and size < outside:
        raise ValueError(
            f"{size} pixels with {padding} of padding on each side are too few for a window of "
            f"{window}: the frames must be larger."
        )
    room = size - outside + stride
    # The larger of it and 0, for tensors too: exported streams are asked for states of no pixels.
    return (room + abs(room)) // (2 * stride)

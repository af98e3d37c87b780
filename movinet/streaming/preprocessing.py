"""From a frame of any size to what a model takes, in numpy alone.

Computes what `movinet.data.pipeline.cropping` does with TensorFlow: a bilinear resize of the
shorter side without antialiasing, rounded down to bytes, then the centre crop, or black borders
where the frame is smaller. Only pixels inside the crop are ever computed.
"""

import dataclasses

import numpy as np

from movinet.errors import InputError
from movinet.model_info import Preprocessing


@dataclasses.dataclass(frozen=True)
class _Axis:
    """Along one axis: where the crop's pixels lie in the output, and what each is a mix of.

    Attributes:
      first, last: pixels first to last - 1 of the output; the others are black.
      lower, upper: pixels of the frame on both sides of each.
      weight: of the upper one.
    """

    first: int
    last: int
    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, size: int, resized: int, target: int) -> "_Axis":
        """Resizes `size` pixels to `resized`, then takes the `target` in the centre."""
        first = max((target - resized) // 2, 0)
        offset = max((resized - target) // 2, 0)
        length = min(resized, target)
        # Half-pixel centres in float32, step by step as TensorFlow computes them.
        scale = np.float32(size) / np.float32(resized)
        outputs = np.arange(offset, offset + length, dtype=np.float32)
        centres = (outputs + np.float32(0.5)) * scale - np.float32(0.5)
        floor = np.floor(centres)
        lower = np.maximum(floor.astype(np.intp), 0)
        upper = np.minimum(np.ceil(centres).astype(np.intp), size - 1)
        return cls(first, first + length, lower, upper, centres - floor)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """All that depends on the size of a frame alone.

    Attributes:
      size: height and width of the frame.
      window: where the crop's pixels go in the output.
      corners: for each of them [h, w] the four pixels around it, counted along the rows.
      weight_down, weight_right: of the lower [h, 1] and of the right [w * 3] ones.
      is_crop: whether nothing is resized.
    """

    size: tuple[int, int]
    window: tuple[slice, slice]
    corners: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    weight_down: np.ndarray
    weight_right: np.ndarray
    is_crop: bool

    @classmethod
    def of(cls, size: tuple[int, int], settings: Preprocessing) -> "_Plan":
        height, width = size
        short_side = settings.short_side
        resized = (
            max(short_side, height * short_side // width),
            max(short_side, width * short_side // height),
        )
        down = _Axis.of(height, resized[0], settings.height)
        right = _Axis.of(width, resized[1], settings.width)
        corners = tuple(
            row[:, np.newaxis] * width + column
            for row in (down.lower, down.upper)
            for column in (right.lower, right.upper)
        )
        return cls(
            size=size,
            window=(slice(down.first, down.last), slice(right.first, right.last)),
            corners=(corners[0], corners[1], corners[2], corners[3]),
            weight_down=down.weight[:, np.newaxis],
            weight_right=np.repeat(right.weight, 3),
            is_crop=resized == size,
        )


class FramePreparer:
    """Prepares frames for a model; fast where frames of one size follow each other.

    Args: settings: the size of the output, the shorter side before the crop, the values of pixels.
    """

    def __init__(self, settings: Preprocessing) -> None:
        self.settings = settings
        self._plan: _Plan | None = None

    def crop(self, frame: np.ndarray) -> np.ndarray:
        """Resizes and crops.

        Args:     frame: uint8 RGB [H, W, 3].
        Returns:  uint8 [height, width, 3] of the model.
        Raises:   InputError for another rank, another number of channels, another type, no pixels.
        """
        frame = np.asarray(frame)
        if frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise InputError(f"A frame is RGB [height, width, 3], not of shape {frame.shape}.")
        if frame.dtype != np.uint8:
            raise InputError(f"A frame to be resized holds uint8 values, not {frame.dtype}.")
        size = frame.shape[0], frame.shape[1]
        if self._plan is None or self._plan.size != size:
            self._plan = _Plan.of(size, self.settings)
        plan = self._plan
        output = np.zeros((self.settings.height, self.settings.width, 3), np.uint8)
        pixels = np.ascontiguousarray(frame).reshape(-1, 3)
        window = output[plan.window]
        window[:] = pixels.take(plan.corners[0], axis=0) if plan.is_crop else _mix(pixels, plan)
        return output

    def normalise(self, frames: np.ndarray) -> np.ndarray:
        """Returns uint8 frames [..., W, 3] as the float32 values that the model takes."""
        return self.settings.normalisation.apply(np.asarray(frames, np.float32))

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """Returns float32 [height, width, 3] of a frame uint8 RGB [H, W, 3]; see `crop`."""
        return self.normalise(self.crop(frame))


def _mix(pixels: np.ndarray, plan: _Plan) -> np.ndarray:
    """Interpolates along the rows, then down the columns: uint8 [N, 3] -> [h, w, 3]."""
    # Channels are folded into the columns: numpy is slow along an axis of three.
    above_left, above_right, below_left, below_right = (
        pixels.take(corner, axis=0).reshape(len(corner), -1).astype(np.float32)
        for corner in plan.corners
    )
    above = _between(above_left, above_right, plan.weight_right)
    below = _between(below_left, below_right, plan.weight_right)
    mixed = _between(above, below, plan.weight_down)
    return mixed.astype(np.uint8).reshape(*plan.corners[0].shape, 3)  # [h, w * 3] -> [h, w, 3]


def _between(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Returns first + (second - first) * weight, in the place of `second`."""
    second -= first
    second *= weight
    second += first
    return second

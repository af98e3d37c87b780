"""The operations of AutoAugment and RandAugment on whole clips uint8 [T, H, W, 3], made for speed.

What they compute is defined by the Model Garden (`official/vision/ops/augment.py`), mirrored edges
included. Where sums round in another order a few values differ by 1 of 255;
`benchmarks/augmentation.py` prints how many, and the times. What pays on a CPU:

- `tf.where` on pixels and broadcasts along the 3 channels are slow, so neither is used. Conditions
  are multiplied with, broadcasts run along rows, a matrix product mixes colours.
- A movement is computed once, for a picture of pixel numbers, by which all frames are gathered.
- A table is looked up for two neighbouring values at a time.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_GREY = 128
_LUMA = (0.2989, 0.587, 0.114)
# Eight bits to floats and back as TensorFlow does it: divided by 255, times 255.5, cut off.
_ROUND_TRIP = 255.5 / 255
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def invert(clip: tf.Tensor) -> tf.Tensor:
    """The negative."""
    return tf.bitwise.invert(clip)


def posterize(clip: tf.Tensor, bits: int) -> tf.Tensor:
    """Keeps the highest bits of each value, at least one."""
    return tf.bitwise.bitwise_and(clip, tf.constant(256 - 2 ** (8 - max(bits, 1)), tf.uint8))


def solarize(clip: tf.Tensor, threshold: int) -> tf.Tensor:
    """Inverts values from the threshold up; 256 counts as 0, as it does in eight bits."""
    return tf.bitwise.bitwise_xor(clip, tf.cast(clip >= threshold % 256, tf.uint8) * 255)


def solarize_add(clip: tf.Tensor, addition: int) -> tf.Tensor:
    """Adds up to 127 to values below 128."""
    return clip + tf.cast(clip < 128, tf.uint8) * addition


def brightness(clip: tf.Tensor, factor: float) -> tf.Tensor:
    """Multiplies all values."""
    return _to_uint8(tf.cast(clip, tf.float32) * factor)


def contrast(clip: tf.Tensor, factor: float) -> tf.Tensor:
    """Multiplies the distance of each value from the mean of its channel in its frame."""
    rows = _rows(clip, tf.float32)
    # [T, H, W * 3] -> [T, W * 3] -> [T, 3] -> [T, 1, W * 3]
    means = tf.reduce_mean(tf.reshape(tf.reduce_mean(rows, 1), [-1, clip.shape[2], 3]), 1)
    offsets = tf.tile(means * ((1 - factor) * _ROUND_TRIP), [1, clip.shape[2]])
    return _restore(_to_uint8(rows * (factor * _ROUND_TRIP) + offsets[:, tf.newaxis]), clip)


def grayscale(clip: tf.Tensor) -> tf.Tensor:
    """Luma in all three channels."""
    return color(clip, 0.0)


def color(clip: tf.Tensor, factor: float) -> tf.Tensor:
    """Moves each pixel away from (above 1) or towards (below 1) its luma."""
    pixels = tf.reshape(tf.cast(clip, tf.float32), [-1, 3])
    to_grey = np.outer(_LUMA, np.ones(3)) * _ROUND_TRIP
    grey = tf.floor(tf.matmul(pixels, tf.constant(to_grey, tf.float32)))
    return _restore(_to_uint8(grey + factor * (pixels - grey)), clip)


def sharpness(clip: tf.Tensor, factor: float) -> tf.Tensor:
    """Moves each pixel, but those at the edges, away from or towards a mean of its neighbours."""
    frames = tf.cast(clip, tf.float32)
    kernel = tf.constant(np.tile(_SMOOTH[:, :, None, None], (1, 1, 3, 1)))
    smooth = tf.floor(tf.nn.depthwise_conv2d(frames, kernel, [1, 1, 1, 1], "VALID"))
    inner = _to_uint8(smooth + factor * (frames[:, 1:-1, 1:-1] - smooth))
    return _surround(inner, clip, (1, 1), (clip.shape[1] - 1, clip.shape[2] - 1))


def autocontrast(clip: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to 0..255."""
    low, high = (
        tf.cast(reduce(clip, [0, 1, 2]), tf.float32) for reduce in (tf.reduce_min, tf.reduce_max)
    )
    scale = tf.where(high > low, 255 / (high - low), 1)
    offset = tf.where(high > low, -low * scale, 0)
    scale, offset = (tf.tile(values, [clip.shape[2]]) for values in (scale, offset))
    return _restore(_to_uint8(_rows(clip, tf.float32) * scale + offset), clip)


def equalize(clip: tf.Tensor) -> tf.Tensor:
    """Makes all values of each channel about equally frequent."""
    counts = _count(clip)
    lower = tf.cumsum(counts, axis=1, exclusive=True)  # how many values are lower
    step = tf.reduce_max(tf.where(counts > 0, lower, 0), 1, keepdims=True) // 255
    table = tf.minimum((lower + step // 2) // tf.maximum(step, 1), 255)
    return _look_up(clip, tf.where(step > 0, table, tf.range(256)))


def translate_x(clip: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Moves to the left by pixels."""
    return _move(clip, [1.0, 0.0, pixels, 0.0, 1.0, 0.0])


def translate_y(clip: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Moves up by pixels."""
    return _move(clip, [1.0, 0.0, 0.0, 0.0, 1.0, pixels])


def shear_x(clip: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Moves each row to the left by its number times the slope."""
    return _move(clip, [1.0, slope, 0.0, 0.0, 1.0, 0.0])


def shear_y(clip: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Moves each column up by its number times the slope."""
    return _move(clip, [1.0, 0.0, 0.0, slope, 1.0, 0.0])


def rotate(clip: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turns about the centre."""
    angle = degrees * (math.pi / 180)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    last_row, last_column = clip.shape[1] - 1, clip.shape[2] - 1
    x_offset = (last_column - (cosine * last_column - sine * last_row)) / 2
    y_offset = (last_row - (sine * last_column + cosine * last_row)) / 2
    return _move(clip, [cosine, -sine, x_offset, sine, cosine, y_offset])


def cutout(clip: tf.Tensor, half_size: int, centre: tf.Tensor) -> tf.Tensor:
    """Greys a square of 2 * half_size pixels about the centre [2], or what of it is inside."""
    begin = tf.maximum(centre - half_size, 0)
    end = tf.minimum(centre + half_size, clip.shape[1:3])
    grey = tf.fill([clip.shape[0], *tf.unstack(end - begin), 3], tf.constant(_GREY, tf.uint8))
    return _surround(grey, clip, tf.unstack(begin), tf.unstack(end))


def _move(clip: tf.Tensor, transform: list[float | tf.Tensor]) -> tf.Tensor:
    """Takes for each pixel (x, y) that at (a x + b y + c, d x + e y + f), the nearest one.

    Beyond an edge lies the mirrored picture.
    """
    frames, height, width, channels = clip.shape
    numbers = tf.reshape(tf.range(height * width), [1, height, width, 1])
    sources = tf.raw_ops.ImageProjectiveTransformV3(
        images=numbers,
        transforms=tf.stack([[*transform, 0.0, 0.0]]),
        output_shape=[height, width],
        fill_value=0.0,
        fill_mode="REFLECT",
        interpolation="NEAREST",
    )
    # [1, H * W] + [T, 1] -> [T * H * W, 1]
    first_of_frame = tf.range(frames)[:, tf.newaxis] * (height * width)
    sources = tf.reshape(tf.reshape(sources, [1, -1]) + first_of_frame, [-1, 1])
    return _restore(tf.gather_nd(tf.reshape(clip, [-1, channels]), sources), clip)


def _count(clip: tf.Tensor) -> tf.Tensor:
    """How often each value occurs in each channel: int32 [3, 256]."""
    channels = tf.unstack(tf.transpose(tf.reshape(clip, [-1, 3])))
    one_each = tf.constant([], tf.int32)  # tf.math.bincount would look for the highest value first
    return tf.stack(
        [
            tf.raw_ops.Bincount(arr=tf.cast(c, tf.int32), size=256, weights=one_each)
            for c in channels
        ]
    )


def _look_up(clip: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
    """Replaces each value by that in its channel's table [3, 256]."""
    tables = tf.cast(tables, tf.uint16)
    # Two pixels are three pairs, of the channels 01, 20 and 12; the first value is the lower byte.
    first, second = tf.gather(tables, [0, 2, 1]), tf.gather(tables, [1, 0, 2])
    pair_tables = tf.reshape(first[:, tf.newaxis] + second[:, :, tf.newaxis] * 256, [-1])
    rows = _rows(clip, tf.uint8)
    odd = clip.shape[2] % 2
    if odd:  # One pixel more, so that a row is made of pairs.
        rows = tf.pad(rows, [[0, 0], [0, 0], [0, 3]])
    pairs = tf.bitcast(tf.reshape(rows, [clip.shape[0] * clip.shape[1], -1, 2]), tf.uint16)
    which_table = tf.constant(np.resize(np.arange(3) * 2**16, pairs.shape[1]), tf.int32)
    pairs = tf.gather_nd(pair_tables, (tf.cast(pairs, tf.int32) + which_table)[..., tf.newaxis])
    rows = tf.reshape(tf.bitcast(pairs, tf.uint8), rows.shape)
    return _restore(rows[..., :-3] if odd else rows, clip)


def _surround(inner: tf.Tensor, clip: tf.Tensor, begin: Sequence, end: Sequence) -> tf.Tensor:
    """The clip with `inner` in the rows and columns from `begin` to before `end`."""
    (top, left), (bottom, right) = begin, end
    between = clip[:, top:bottom]
    middle = tf.concat([between[:, :, :left], inner, between[:, :, right:]], 2)
    return tf.ensure_shape(tf.concat([clip[:, :top], middle, clip[:, bottom:]], 1), clip.shape)


def _rows(clip: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """[T, H, W, 3] -> [T, H, W * 3]: a row is long enough for fast broadcasts."""
    frames, height, width, channels = clip.shape
    return tf.reshape(tf.cast(clip, dtype), [frames, height, width * channels])


def _to_uint8(values: tf.Tensor) -> tf.Tensor:
    """Cuts floats off."""
    return tf.cast(tf.clip_by_value(values, 0, 255), tf.uint8)


def _restore(values: tf.Tensor, clip: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, clip.shape)

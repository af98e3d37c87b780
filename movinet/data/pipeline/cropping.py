"""Where a clip is cropped and how it is resized: the same window for all its frames."""

import tensorflow as tf


def random_window(
    frame_size: tf.Tensor,
    height: int,
    width: int,
    aspect_ratio_range: tuple[float, float],
    area_range: tuple[float, float],
    seed: tf.Tensor,
) -> tf.Tensor:
    """Draws a window [y, x, height, width] for the random resized crop to `height` x `width`.

    Args:
        frame_size: height and width [2] of the frames.
        height, width: the output.
        aspect_ratio_range: of the window, relative to that of the output.
        area_range: share of the frame.
        seed: [2].
    """
    output_ratio = width / height
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.concat([frame_size, [3]], axis=0),
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.1,
        aspect_ratio_range=[ratio * output_ratio for ratio in aspect_ratio_range],
        area_range=area_range,
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], axis=0)


def resize(clip: tf.Tensor, size: tf.Tensor | tuple[int, int]) -> tf.Tensor:
    """Resizes a uint8 frame [H, W, 3], or several [T, H, W, 3], bilinearly, rounding down as the
    published models saw them.

    The kernel is twice as fast on floats as on bytes, conversion included.
    """
    return tf.cast(tf.image.resize(tf.cast(clip, tf.float32), size), tf.uint8)


def short_side_size(frame_size: tf.Tensor, short_side: int) -> tf.Tensor:
    """Height and width [2] of frames [2] that are resized to a shorter side of `short_side`."""
    return tf.maximum(short_side, frame_size * short_side // frame_size[::-1])


def resize_short_side(clip: tf.Tensor, short_side: int) -> tf.Tensor:
    """Resizes frames [T, H, W, 3] to a shorter side of `short_side`, if it is not that already."""
    size = tf.shape(clip)[1:3]
    wanted = short_side_size(size, short_side)
    return tf.cond(tf.reduce_all(size == wanted), lambda: clip, lambda: resize(clip, wanted))


def centre_window(frame_size: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The window [y, x, height, width] that `centre_crop` cuts out of frames that are as large."""
    size = tf.constant([height, width])
    return tf.concat([(frame_size - size) // 2, size], axis=0)


def centre_crop(clip: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The centre of frames [T, H, W, 3]; frames that are too small get black borders."""
    return tf.image.resize_with_crop_or_pad(clip, height, width)


def three_crops(clip: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """First, middle and last crop along the longer side: [T, H, W, 3] -> [3, T, height, width, 3].

    Along the shorter side all three start at 0, as in the Model Garden's evaluation.
    """
    size = tf.shape(clip)[1:3]
    # Half-pixel centres round to even, as in the Model Garden's evaluation.
    middle = tf.cast(
        tf.round(
            tf.cast(size, tf.float32) / 2 - tf.constant([height // 2, width // 2], tf.float32)
        ),
        tf.int32,
    )
    last = size - [height, width]
    along = tf.where(size[0] >= size[1], tf.constant([1, 0]), tf.constant([0, 1]))
    crops = []
    for offset in (tf.zeros_like(size), middle * along, last * along):
        crops.append(clip[:, offset[0] : offset[0] + height, offset[1] : offset[1] + width])
    return tf.stack(crops)

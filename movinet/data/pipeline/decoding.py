"""From a stored record to tensors: encoded frames, their times, the label, decoded pixels."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# frame uint8 [H, W, 3] -> frame of another size
FrameChange = Callable[[tf.Tensor], tf.Tensor]

IMAGE_FIELD = "image/encoded"
LABEL_FIELD = "clip/label/index"
TIMESTAMP_FIELD = "image/timestamp"
MOST_PIXELS = 8192
"""Height or width beyond which a frame is not decoded: its header may ask for any memory."""

_MARGIN = 2  # Columns on each side of a window.
_PNG_SIGNATURE = b"\x89PNG"
_PNG_SIZE_AT = 16  # After signature, length and name of the first block.


class Record(NamedTuple):
    """One clip as it is stored, and where it is stored.

    frames: bytes [N] of JPEGs or of PNGs; timestamps: microseconds [N], or [0] if the record has
    none; labels: class indices [K]; file and number: the file and the position of the record in it,
    for messages.
    """

    frames: tf.Tensor
    timestamps: tf.Tensor
    labels: tf.Tensor
    file: tf.Tensor
    number: tf.Tensor


def parse_record(
    serialized: tf.Tensor,
    file: tf.Tensor,
    number: tf.Tensor,
    image_field_key: str = IMAGE_FIELD,
    label_field_key: str = LABEL_FIELD,
) -> Record:
    """Parses a serialised tf.train.SequenceExample; nothing is decoded yet.

    Raises:
        tf.errors.InvalidArgumentError: no frame; names file and record.
    """
    context, sequence = tf.io.parse_single_sequence_example(
        serialized,
        context_features={label_field_key: tf.io.RaggedFeature(tf.int64)},
        sequence_features={
            image_field_key: tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
            TIMESTAMP_FIELD: tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
        },
    )
    record = Record(
        sequence[image_field_key],
        sequence[TIMESTAMP_FIELD],
        context[label_field_key],
        file,
        number,
    )
    return require_frames(record, image_field_key)


def require_frames(record: Record, field: str) -> Record:
    """The record itself.

    Raises:
        tf.errors.InvalidArgumentError: no frame in `field`; names file and record.
    """
    has_frames = _require(tf.size(record.frames) > 0, record, f"No frame in field {field!r}.")
    with tf.control_dependencies([has_frames]):
        return record._replace(frames=tf.identity(record.frames))


def require_timestamps(record: Record) -> tf.Tensor:
    """The frame times [N] in microseconds.

    Raises:
        tf.errors.InvalidArgumentError: missing, or not increasing; names file and record.
    """
    times = record.timestamps
    complete = _require(
        tf.size(times) == tf.size(record.frames),
        record,
        f"target_fps needs the time of every frame in field {TIMESTAMP_FIELD!r}: build the dataset "
        "with tools/build_dataset.py, or use temporal_stride.",
    )
    increasing = _require(
        tf.reduce_all(times[1:] > times[:-1]),
        record,
        f"Times in {TIMESTAMP_FIELD!r} do not increase.",
    )
    with tf.control_dependencies([complete, increasing]):
        return tf.identity(times)


def encode_label(
    record: Record, num_classes: int, one_hot: bool, is_multilabel: bool, dtype: tf.DType
) -> tf.Tensor:
    """The label as float32 [num_classes] of ones and zeros, or as one index.

    Raises:
        tf.errors.InvalidArgumentError: missing or out of range; names file and record.
    """
    labels = record.labels
    in_range = _require(
        tf.reduce_all((labels >= 0) & (labels < num_classes)),
        record,
        f"Label outside 0..{num_classes - 1}:",
        labels,
    )
    counted = _require(
        tf.size(labels) > 0 if is_multilabel else tf.size(labels) == 1,
        record,
        "Labels are missing:" if is_multilabel else "Exactly one label is needed:",
        labels,
    )
    with tf.control_dependencies([in_range, counted]):
        labels = tf.identity(labels)
    if is_multilabel:
        return tf.reduce_max(tf.one_hot(labels, num_classes), axis=0)
    return tf.one_hot(labels[0], num_classes) if one_hot else tf.cast(labels[0], dtype)


def decode_frames(frames: tf.Tensor, change: FrameChange = tf.identity) -> tf.Tensor:
    """Decodes JPEGs or PNGs [T] of one size and changes each: uint8 [T, H, W, 3].

    One frame at a time, so that it is changed while it is in the processor's cache.

    Raises:
        tf.errors.InvalidArgumentError: a frame is damaged, too large, or not like the first.
    """

    def decode(frame: tf.Tensor) -> tf.Tensor:
        # The kernel is one for both formats and looks at the bytes itself.
        return change(tf.io.decode_jpeg(frame, channels=3))

    return tf.cond(
        _is_png(frames[0]),
        lambda: _map_frames(decode, frames, _png_size),
        lambda: _map_frames(decode, frames, _jpeg_size),
    )


def decode_window(
    frames: tf.Tensor, window: tf.Tensor, change: FrameChange = tf.identity
) -> tf.Tensor:
    """Decodes one window [y, x, height, width] of frames [T] as `decode_frames` does.

    Of a JPEG only the window is decoded, a PNG is decoded whole.
    """
    return tf.cond(
        _is_png(frames[0]),
        lambda: _decode_png_window(frames, window, change),
        lambda: _decode_jpeg_window(frames, window, change),
    )


def _decode_jpeg_window(frames: tf.Tensor, window: tf.Tensor, change: FrameChange) -> tf.Tensor:
    """The decoder smooths colours across columns; with two more on each side the window is exactly
    that part of the whole frame.
    """
    y, x, height, width = tf.unstack(window)
    left = tf.minimum(x, _MARGIN)
    right = tf.minimum(frame_size(frames)[1] - x - width, _MARGIN)
    wider = tf.stack([y, x - left, height, left + width + right])

    def decode(frame: tf.Tensor) -> tf.Tensor:
        decoded = tf.io.decode_and_crop_jpeg(frame, wider, channels=3)
        return change(decoded[:, left : left + width])

    return _map_frames(decode, frames, _jpeg_size)


def _decode_png_window(frames: tf.Tensor, window: tf.Tensor, change: FrameChange) -> tf.Tensor:
    y, x, height, width = tf.unstack(window)

    def decode(frame: tf.Tensor) -> tf.Tensor:
        decoded = tf.io.decode_jpeg(frame, channels=3)
        return change(decoded[y : y + height, x : x + width])

    return _map_frames(decode, frames, _png_size)


def _map_frames(decode: FrameChange, frames: tf.Tensor, size_of: FrameChange) -> tf.Tensor:
    """Looks at the header of a frame before it is decoded."""
    size = size_of(frames[0])
    is_small = tf.debugging.Assert(
        tf.reduce_max(size) <= MOST_PIXELS, [f"A frame of more than {MOST_PIXELS} pixels a side."]
    )
    with tf.control_dependencies([is_small]):
        size = tf.identity(size)

    def decode_like_first(frame: tf.Tensor) -> tf.Tensor:
        is_like_first = tf.debugging.Assert(
            tf.reduce_all(size_of(frame) == size), ["A frame is not of the size of the first one."]
        )
        with tf.control_dependencies([is_like_first]):
            return decode(tf.identity(frame))

    return tf.map_fn(
        decode_like_first, frames, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )


def frame_size(frames: tf.Tensor) -> tf.Tensor:
    """Height and width [2] of the first JPEG or PNG, from its header."""
    return tf.cond(_is_png(frames[0]), lambda: _png_size(frames[0]), lambda: _jpeg_size(frames[0]))


def _is_png(frame: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(frame, 0, len(_PNG_SIGNATURE)) == _PNG_SIGNATURE


def _jpeg_size(frame: tf.Tensor) -> tf.Tensor:
    return tf.io.extract_jpeg_shape(frame)[:2]


def _png_size(frame: tf.Tensor) -> tf.Tensor:
    """The first block of a PNG begins with width and height, four bytes each."""
    stored = tf.strings.substr(frame, _PNG_SIZE_AT, 8)
    width_and_height = tf.io.decode_raw(stored, tf.int32, little_endian=False)
    return tf.reshape(width_and_height, [2])[::-1]


def _require(
    condition: tf.Tensor, record: Record, message: str, *values: tf.Tensor
) -> tf.Operation:
    """Fails with the message, file and record unless the condition holds."""
    return tf.debugging.Assert(
        condition, [message, *values, "record", record.number, "of", record.file]
    )

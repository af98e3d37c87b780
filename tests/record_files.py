"""Small record files for tests, written without the code under test."""

import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image


def encode_jpeg(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def smooth_frames(rng: np.random.Generator, frames: int, height: int, width: int) -> np.ndarray:
    """Random frames without hard edges."""
    small = rng.integers(0, 256, (frames, max(height // 8, 2), max(width // 8, 2), 3), np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(f).resize((width, height), Image.BICUBIC)) for f in small]
    )


def encode_png(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return buffer.getvalue()


def grey_frames(frames: int, height: int = 16, width: int = 16) -> np.ndarray:
    """Frames whose grey value is their number, so that a clip tells which frames it is made of."""
    values = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(values, (frames, height, width, 3))


def sequence_example(
    jpegs: Sequence[bytes],
    labels: Sequence[int],
    timestamps: Sequence[int] | None = None,
    image_field_key: str = "image/encoded",
    label_field_key: str = "clip/label/index",
) -> bytes:
    example = tf.train.SequenceExample()
    example.context.feature[label_field_key].int64_list.value.extend(labels)
    for jpeg in jpegs:
        example.feature_lists.feature_list[image_field_key].feature.add().bytes_list.value.append(
            jpeg
        )
    for time in timestamps or ():
        feature = example.feature_lists.feature_list["image/timestamp"].feature.add()
        feature.int64_list.value.append(int(time))
    return example.SerializeToString()


def write_records(path, records: Sequence[bytes], compression: str = "") -> str:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def write_grey_clips(
    folder, files: int, clips: int, frames: int = 4, classes: int = 5, compression: str = ""
) -> list[str]:
    """Files of clips; clip n is 5 * n grey all over, its label is n modulo `classes`."""
    paths, number = [], 0
    for file in range(files):
        records = []
        for _ in range(clips):
            frame = np.full((16, 16, 3), 5 * number, np.uint8)
            records.append(sequence_example([encode_jpeg(frame)] * frames, [number % classes]))
            number += 1
        name = f"clips-{file:05d}-of-{files:05d}.tfrecord"
        paths.append(write_records(folder / name, records, compression))
    return paths

"""Records and labels; errors that name file and record."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from record_files import encode_jpeg, encode_png, sequence_example, smooth_frames

from movinet.data.pipeline import decoding

JPEG = encode_jpeg(np.full((16, 16, 3), 90, np.uint8))


def parse(record: bytes, **fields: str) -> decoding.Record:
    return decoding.parse_record(
        tf.constant(record), tf.constant("x.tfrecord"), tf.constant(4), **fields
    )


def label(labels: list[int], one_hot: bool = True, is_multilabel: bool = False) -> np.ndarray:
    record = parse(sequence_example([JPEG], labels))
    return decoding.encode_label(record, 3, one_hot, is_multilabel, tf.int32).numpy()


def test_a_record_with_and_without_times():
    record = parse(sequence_example([JPEG, JPEG], [2], [0, 40_000]))
    assert record.frames.shape == [2]
    np.testing.assert_array_equal(decoding.require_timestamps(record), [0, 40_000])
    assert tf.size(parse(sequence_example([JPEG, JPEG], [2])).timestamps) == 0


def test_other_field_names():
    content = sequence_example([JPEG], [1], image_field_key="frames", label_field_key="class")
    record = parse(content, image_field_key="frames", label_field_key="class")
    assert record.frames[0] == JPEG
    np.testing.assert_array_equal(record.labels, [1])


def test_labels_in_each_form():
    np.testing.assert_array_equal(label([2]), [0, 0, 1])
    assert label([2], one_hot=False) == 2
    np.testing.assert_array_equal(label([2, 0, 2], is_multilabel=True), [1, 0, 1])


@pytest.mark.parametrize("labels", [[3], [-1], [], [0, 1]], ids=str)
@pytest.mark.parametrize("one_hot", [True, False])
def test_wrong_labels_name_file_and_record(labels, one_hot):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)abel.*record.*4.*x\.tfrecord"):
        label(labels, one_hot)


@pytest.mark.parametrize("labels", [[0, 3], []], ids=str)
def test_wrong_labels_among_several(labels):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x\.tfrecord"):
        label(labels, is_multilabel=True)


def test_no_frame():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)No frame.*x\.tfrecord"):
        parse(sequence_example([], [0]))


@pytest.mark.parametrize("times", [None, [0], [40, 0], [0, 0]], ids=str)
def test_unusable_times(times):
    record = parse(sequence_example([JPEG, JPEG], [0], times))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)image/timestamp.*x\.tfrecord"):
        decoding.require_timestamps(record)


def test_a_window_is_a_part_of_the_frame():
    frames = smooth_frames(np.random.default_rng(0), 3, 48, 64)
    jpegs = tf.constant([encode_jpeg(frame) for frame in frames])
    np.testing.assert_array_equal(decoding.frame_size(jpegs), [48, 64])
    whole = decoding.decode_frames(jpegs)
    window = decoding.decode_window(jpegs, tf.constant([5, 11, 30, 40]))
    np.testing.assert_array_equal(window, whole[:, 5:35, 11:51])
    assert np.abs(whole.numpy().astype(int) - frames).mean() < 3


def test_windows_anywhere_are_parts_of_the_frame():
    rng = np.random.default_rng(4)
    jpegs = tf.constant([encode_jpeg(frame) for frame in smooth_frames(rng, 1, 80, 99)])
    whole = decoding.decode_frames(jpegs).numpy()
    for _ in range(60):
        height, width = rng.integers(1, 81), rng.integers(1, 100)
        y, x = rng.integers(0, 81 - height), rng.integers(0, 100 - width)
        window = decoding.decode_window(jpegs, tf.constant([y, x, height, width], tf.int32))
        np.testing.assert_array_equal(window, whole[:, y : y + height, x : x + width])


def test_decoding_is_near_another_decoder():
    frames = smooth_frames(np.random.default_rng(0), 3, 48, 64)
    jpegs = [encode_jpeg(frame) for frame in frames]
    expected = np.stack([np.asarray(Image.open(io.BytesIO(jpeg)), int) for jpeg in jpegs])
    window = decoding.decode_window(tf.constant(jpegs), tf.constant([5, 11, 30, 40]))
    # PIL's cosine transform is the accurate one, TensorFlow's the fast one.
    assert np.abs(window.numpy() - expected[:, 5:35, 11:51]).mean() < 2
    assert np.abs(window.numpy() - expected[:, 6:36, 11:51]).mean() > 5


def test_frames_are_changed_one_by_one():
    frames = smooth_frames(np.random.default_rng(0), 3, 48, 64)
    jpegs = tf.constant([encode_jpeg(frame) for frame in frames])
    shapes = []

    def change(frame: tf.Tensor) -> tf.Tensor:
        shapes.append(frame.shape.rank)
        return frame[:20, ::-1]

    whole, window = decoding.decode_frames(jpegs), tf.constant([5, 11, 30, 40])
    np.testing.assert_array_equal(decoding.decode_frames(jpegs, change), whole[:, :20, ::-1])
    np.testing.assert_array_equal(
        decoding.decode_window(jpegs, window, change), whole[:, 5:25, 50:10:-1]
    )
    assert set(shapes) == {3}


def test_png_frames_are_decoded_exactly():
    frames = smooth_frames(np.random.default_rng(0), 3, 48, 64)
    pngs = tf.constant([encode_png(frame) for frame in frames])
    np.testing.assert_array_equal(decoding.frame_size(pngs), [48, 64])
    np.testing.assert_array_equal(decoding.decode_frames(pngs), frames)
    window = tf.constant([5, 11, 30, 40])
    np.testing.assert_array_equal(decoding.decode_window(pngs, window), frames[:, 5:35, 11:51])
    in_graph = tf.function(decoding.decode_window)
    np.testing.assert_array_equal(in_graph(pngs, window), frames[:, 5:35, 11:51])
    jpegs = tf.constant([encode_jpeg(frame) for frame in frames])
    whole = decoding.decode_frames(jpegs)
    np.testing.assert_array_equal(in_graph(jpegs, window), whole[:, 5:35, 11:51])


def test_a_grey_png_has_three_channels():
    grey = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    (frame,) = decoding.decode_frames(tf.constant([encode_png(grey)]))
    np.testing.assert_array_equal(frame, np.repeat(grey[..., None], 3, axis=-1))

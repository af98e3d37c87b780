"""Preparing frames in numpy equals what the training pipeline does in TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from movinet import InputError
from movinet.data.pipeline import cropping
from movinet.data.pipeline.normalisation import Normalisation
from movinet.model_info import Preprocessing
from movinet.streaming.preprocessing import FramePreparer

FRAME_SIZES = [(240, 320), (320, 240), (172, 172), (64, 64), (48, 101), (33, 77), (480, 853)]
SETTINGS = [
    Preprocessing(172, 172, short_side=192),
    Preprocessing(64, 64, short_side=64),
    Preprocessing(32, 49, short_side=41),
    Preprocessing(90, 51, short_side=30),
]


def random_frame(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def tensorflow_crop(frame, settings):
    clip = cropping.resize_short_side(tf.constant(frame[np.newaxis]), settings.short_side)
    return cropping.centre_crop(clip, settings.height, settings.width)[0].numpy()


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.height}x{s.width}")
@pytest.mark.parametrize("size", FRAME_SIZES, ids=str)
def test_crop_is_tensorflows(size, settings):
    frame = random_frame(*size)
    expected = tensorflow_crop(frame, settings).astype(int)
    actual = FramePreparer(settings).crop(frame)
    assert actual.shape == expected.shape and actual.dtype == np.uint8
    # Fused multiply-adds may round a value across a whole number.
    assert np.abs(actual - expected).max() <= 1
    assert np.mean(actual != expected) < 1e-3


def test_another_short_side_shows():
    frame = random_frame(240, 320)
    expected = tensorflow_crop(frame, Preprocessing(64, 64, short_side=66)).astype(int)
    actual = FramePreparer(Preprocessing(64, 64, short_side=64)).crop(frame)
    assert np.mean(actual != expected) > 0.5


def test_one_preparer_takes_frames_of_all_sizes():
    preparer = FramePreparer(SETTINGS[0])
    for size in (*FRAME_SIZES, *FRAME_SIZES):
        frame = random_frame(*size)
        expected = FramePreparer(SETTINGS[0]).crop(frame)
        np.testing.assert_array_equal(preparer.crop(frame), expected)


def test_a_view_of_a_camera_image_is_taken():
    bgr = random_frame(60, 80)
    preparer = FramePreparer(SETTINGS[1])
    expected = preparer.crop(np.ascontiguousarray(bgr[:, :, ::-1]))
    np.testing.assert_array_equal(preparer.crop(bgr[:, :, ::-1]), expected)


def test_values_are_those_of_the_pipeline():
    levels = np.arange(256, dtype=np.uint8)
    images = tf.cast(levels, tf.float32)
    plain = FramePreparer(Preprocessing(1, 1, 1)).normalise(levels)
    np.testing.assert_array_equal(plain, (images / 255).numpy())
    assert plain.dtype == np.float32


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))],
    ids=["centred", "imagenet"],
)
def test_normalised_values_follow_the_formula(mean, std):
    frame = random_frame(20, 30)
    settings = Preprocessing(16, 24, 20, normalisation=Normalisation(mean, std))
    preparer = FramePreparer(settings)
    expected = (preparer.crop(frame) / 255.0 - np.array(mean)) / np.array(std)
    actual = preparer.prepare(frame)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=2e-6)
    np.testing.assert_array_equal(preparer.normalise(preparer.crop(frame)[np.newaxis])[0], actual)
    # The negative control: another mean.
    other = Preprocessing(16, 24, 20, normalisation=Normalisation((0.4, 0.5, 0.5), std))
    assert np.abs(FramePreparer(other).prepare(frame) - expected).max() > 0.1


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((4, 4), np.uint8), "RGB"),
        (np.zeros((4, 4, 4), np.uint8), "RGB"),
        (np.zeros((0, 4, 3), np.uint8), "RGB"),
        (np.zeros((4, 4, 3), np.int32), "uint8"),
    ],
)
def test_other_frames_are_refused(frame, words):
    with pytest.raises(InputError, match=words):
        FramePreparer(SETTINGS[1]).crop(frame)

"""The values of pixels: by the formula in numpy, in arrays and in the batches of the pipeline."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from record_files import encode_jpeg, sequence_example, smooth_frames, write_records

from movinet.data.pipeline.augmentation import Mix
from movinet.data.pipeline.normalisation import CENTRED, PLAIN, Normalisation, choose
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET = Normalisation(MEAN, STD)
SETTINGS = ClipSettings(3, 24, 24, num_classes=2, min_image_size=24)


def by_the_formula(levels: np.ndarray, mean=MEAN, std=STD) -> np.ndarray:
    return (levels.astype(np.float64) / 255 - np.array(mean)) / np.array(std)


@pytest.fixture
def levels():
    """Frames uint8 [2, 8, 32, 3] with every byte in every channel."""
    every_byte = np.arange(256, dtype=np.uint8).reshape(8, 32)
    return np.stack([np.stack([every_byte] * 3, -1), np.stack([every_byte[::-1]] * 3, -1)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two colourful videos of 5 frames."""
    rng = np.random.default_rng(4)
    records = [
        sequence_example([encode_jpeg(f) for f in smooth_frames(rng, 5, 24, 24)], [label])
        for label in (0, 1)
    ]
    return write_records(tmp_path_factory.mktemp("videos") / "videos.tfrecord", records)


def batch(path, settings: ClipSettings, **options) -> np.ndarray:
    options = {"is_training": False, "batch_size": 2, "seed": 1, **options}
    features, _ = next(iter(build([path], settings, **options)))
    return features["image"].numpy()


@pytest.mark.parametrize("normalisation", [IMAGENET, CENTRED, PLAIN], ids=["imagenet", "1", "0"])
def test_arrays_and_tensors_follow_the_formula(levels, normalisation):
    expected = by_the_formula(levels, normalisation.mean, normalisation.std)
    found = normalisation.apply(levels.astype(np.float32))
    graph = tf.function(normalisation.apply)(tf.cast(levels, tf.float32)).numpy()
    for values in (found, graph):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, atol=2e-6)
    assert normalisation.limits == pytest.approx((expected.min(), expected.max()))


def test_values_that_are_not_normalised_are_bytes_divided_by_255_to_the_last_bit(levels, videos):
    values = levels.astype(np.float32)
    np.testing.assert_array_equal(PLAIN.apply(values), values / np.float32(255))
    images = batch(videos, SETTINGS)
    np.testing.assert_array_equal(images, np.round(images * 255).astype(np.float32) / 255)


@pytest.mark.parametrize("is_training", [True, False])
def test_batches_follow_the_formula(videos, is_training):
    plain = batch(videos, SETTINGS, is_training=is_training)
    settings = dataclasses.replace(SETTINGS, normalisation=IMAGENET)
    images = batch(videos, settings, is_training=is_training)
    expected = by_the_formula(np.round(plain * 255))
    np.testing.assert_allclose(images, expected, atol=1e-5)
    # The negative control: red and blue exchanged.
    wrong = by_the_formula(np.round(plain * 255), MEAN[::-1], STD[::-1])
    assert np.abs(images - wrong).max() > 0.1


def test_clips_are_mixed_alike(videos):
    """A mixture is linear, so that it does not matter which comes first."""
    mixing = {"is_training": True, "mix": Mix(cutmix_alpha=0.0)}
    settings = dataclasses.replace(SETTINGS, normalisation=IMAGENET)
    expected = (batch(videos, SETTINGS, **mixing) - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(batch(videos, settings, **mixing), expected, atol=1e-5)


def test_what_the_settings_stand_for():
    assert choose(False, None, None) == PLAIN and choose(True, None, None) == CENTRED
    assert choose(False, list(MEAN), list(STD)) == IMAGENET


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ((True, MEAN, STD), "zero_centering_image is an image_mean"),
        ((False, MEAN, None), "belong together"),
        ((False, None, STD), "belong together"),
        ((False, MEAN, (58.4, 57.1, 57.4)), "divide those for bytes by 255"),
        ((False, MEAN[:2], STD), r"mean of the pixels is \[0.485, 0.456\]: give three"),
        ((False, MEAN, (0.2, 0.2, "x")), "standard deviation of the pixels is .*'x'"),
        ((False, MEAN, (0.2, 0.2, float("nan"))), "three numbers from 0 to 1"),
        ((False, MEAN, (0.2, 0.0, 0.2)), "above 0"),
    ],
    ids=str,
)
def test_settings_that_contradict_or_cannot_be(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        choose(*settings)


def test_in_words():
    assert PLAIN.describe() == "divide by 255"
    assert CENTRED.describe() == "subtract 127.5 and divide by 127.5"
    assert IMAGENET.describe() == (
        "subtract [123.675, 116.28, 103.53] and divide by [58.395, 57.12, 57.375]"
    )

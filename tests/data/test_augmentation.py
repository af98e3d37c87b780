"""Random changes keep the frames of a clip together, are as frequent as said, and repeat."""

import numpy as np
import pytest
import tensorflow as tf

from movinet.data.pipeline import augmentation
from movinet.data.pipeline.augmentation import Mix
from movinet.errors import InputError

SEEDS = [tf.constant([7, position], tf.int64) for position in range(200)]
CLIP = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), np.uint8)


def test_half_of_the_clips_are_mirrored_whole():
    mirrored = 0
    for seed in SEEDS:
        found = augmentation.flip(tf.constant(CLIP), seed).numpy()
        if not (found == CLIP).all():
            np.testing.assert_array_equal(found, CLIP[:, :, ::-1])
            mirrored += 1
    assert 75 < mirrored < 125


def test_quarter_turns_are_equally_frequent():
    turns = [np.rot90(CLIP, k, axes=(1, 2)) for k in range(4)]
    counts = np.zeros(4, int)
    for seed in SEEDS:
        found = augmentation.rotate(tf.constant(CLIP), seed).numpy()
        counts += [(found == turn).all() for turn in turns]
    assert counts.sum() == len(SEEDS)
    assert (counts > 25).all()


def batch(size: int = 6) -> tuple[tf.Tensor, tf.Tensor]:
    """Clip n is n all over, and has label n."""
    images = np.ones((size, 2, 8, 10, 3), np.float32) * np.arange(size)[:, None, None, None, None]
    return tf.constant(images), tf.one_hot(range(size), size)


@pytest.mark.parametrize("alphas", [(0.8, 0.0), (0.0, 1.0), (0.8, 1.0)])
def test_labels_are_mixed_as_much_as_images(alphas):
    images, labels = batch()
    mix = Mix(*alphas, label_smoothing=0.0)
    share_of_others = []
    for seed in SEEDS[:50]:
        mixed, mixed_labels = mix(images, labels, seed)
        np.testing.assert_allclose(tf.reduce_sum(mixed_labels, 1), 1, atol=1e-6)
        # The mean pixel of clip n is a mean of n and its partner, weighted like the labels.
        expected = tf.linalg.matvec(mixed_labels, tf.range(6.0))
        np.testing.assert_allclose(tf.reduce_mean(mixed, [1, 2, 3, 4]), expected, atol=1e-4)
        share_of_others.append(1 - np.diag(mixed_labels))
        np.testing.assert_array_equal(mixed[:, 0], mixed[:, 1])
    assert 0.2 < np.mean(share_of_others) < 0.7


def test_cutmix_keeps_pixels_whole_and_mixup_does_not():
    images, labels = batch()
    whole = [
        np.isin(Mix(mixup, cutmix)(images, labels, SEEDS[0])[0], np.arange(6)).all()
        for mixup, cutmix in ((0.0, 1.0), (0.8, 0.0))
    ]
    assert whole == [True, False]


def test_mix_smooths_labels_and_can_be_rare():
    images, labels = batch()
    changed = 0
    for seed in SEEDS[:100]:
        mixed, mixed_labels = Mix(probability=0.25, label_smoothing=0.12)(images, labels, seed)
        np.testing.assert_allclose(tf.reduce_sum(mixed_labels, 1), 1, atol=1e-6)
        np.testing.assert_allclose(tf.reduce_min(mixed_labels), 0.02, atol=1e-6)
        changed += not (mixed.numpy() == images.numpy()).all()
    assert 10 < changed < 42


def test_mix_repeats_with_its_seed():
    first, second, third = (Mix()(*batch(), seed)[0] for seed in (SEEDS[0], SEEDS[0], SEEDS[1]))
    np.testing.assert_array_equal(first, second)
    assert (first.numpy() != third.numpy()).any()


def test_mix_needs_something_to_draw():
    with pytest.raises(InputError, match="mixup_alpha"):
        Mix(0.0, 0.0)

"""Windows within their ranges; crops and resizing against the Model Garden."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import preprocess_ops_3d
from record_files import smooth_frames

from movinet.data.pipeline import cropping


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 48)])
def test_windows_keep_area_and_aspect(height, width):
    frame = np.array([96, 128])
    windows = np.array(
        [
            cropping.random_window(
                tf.constant(frame), height, width, (0.75, 1.4), (0.3, 0.7), tf.constant([seed, 5])
            )
            for seed in range(200)
        ]
    )
    begin, size = windows[:, :2], windows[:, 2:]
    assert (begin >= 0).all()
    assert (begin + size <= frame).all()
    areas, aspects = size.prod(1) / frame.prod(), size[:, 1] / size[:, 0] / (width / height)
    assert 0.28 < areas.min() < 0.35
    assert 0.65 < areas.max() < 0.72
    assert 0.72 < aspects.min() < 0.8
    assert 1.3 < aspects.max() < 1.45


def test_window_of_the_whole_frame():
    window = cropping.random_window(
        tf.constant([40, 40]), 20, 20, (1.0, 1.0), (1.0, 1.0), tf.constant([1, 2])
    )
    np.testing.assert_array_equal(window, [0, 0, 40, 40])


@pytest.mark.parametrize("short_side", [30, 40, 55])
@pytest.mark.parametrize("shape", [(40, 53), (53, 40), (40, 40)])
def test_short_side_equals_the_model_garden(shape, short_side):
    clip = tf.constant(smooth_frames(np.random.default_rng(0), 2, *shape))
    found = cropping.resize_short_side(clip, short_side)
    assert min(found.shape[1:3]) == short_side
    np.testing.assert_array_equal(found, preprocess_ops_3d.resize_smallest(clip, short_side))


@pytest.mark.parametrize("shape", [(20, 31), (33, 20), (21, 24)])
def test_the_centre_window_is_the_centre_crop(shape):
    clip = smooth_frames(np.random.default_rng(0), 2, *shape)
    y, x, height, width = cropping.centre_window(tf.constant(shape), 19, 16).numpy()
    expected = preprocess_ops_3d.crop_image(tf.constant(clip), 19, 16).numpy()
    np.testing.assert_array_equal(clip[:, y : y + height, x : x + width], expected)
    assert (clip[:, y + 1 : y + 1 + height, x : x + width] != expected).any()


def interpolate(frame: np.ndarray, height: int, width: int, centre: float = 0.5) -> np.ndarray:
    """Bilinear interpolation between the pixels of [H, W, 3], which lie at `centre` of their
    squares."""
    for axis, size in enumerate((height, width)):
        length = frame.shape[axis]
        places = (np.arange(size) + centre) * length / size - centre
        places = np.clip(places, 0, length - 1)
        low = np.floor(places).astype(int)
        share = (places - low).reshape([-1 if a == axis else 1 for a in range(3)])
        high = np.minimum(low + 1, length - 1)
        frame = np.take(frame, low, axis) * (1 - share) + np.take(frame, high, axis) * share
    return frame


@pytest.mark.parametrize("size", [(17, 29), (48, 64), (61, 70)])
def test_resizing_rounds_the_formula_down(size):
    clip = smooth_frames(np.random.default_rng(1), 3, 48, 64)
    found = cropping.resize(tf.constant(clip), size).numpy()
    for frame, changed in zip(clip, found, strict=True):
        np.testing.assert_array_equal(cropping.resize(tf.constant(frame), size), changed)
        exact = interpolate(frame.astype(np.float64), *size)
        # Rounded down: at most one below and never above, but for what float32 loses.
        assert -1e-3 < (exact - changed).min()
        assert (exact - changed).max() < 1 + 1e-3
        if size != (48, 64):
            other = interpolate(frame.astype(np.float64), *size, centre=0.0)
            assert np.abs(other - changed).max() > 2


@pytest.mark.parametrize("shape", [(20, 31), (33, 20), (20, 20), (25, 30)])
def test_three_crops_equal_the_model_garden(shape):
    clip = tf.constant(smooth_frames(np.random.default_rng(0), 2, *shape))
    expected = preprocess_ops_3d.crop_image(clip, 19, 17, False, 3)
    np.testing.assert_array_equal(cropping.three_crops(clip, 19, 17), np.split(expected, 3))

"""Windows within their ranges; crops and resizing against the Model Garden."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import preprocess_ops_3d
from record_files import smooth_frames

from movinet.data import cropping


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


@pytest.mark.parametrize("shape", [(20, 31), (33, 20), (20, 20), (25, 30)])
def test_three_crops_equal_the_model_garden(shape):
    clip = tf.constant(smooth_frames(np.random.default_rng(0), 2, *shape))
    expected = preprocess_ops_3d.crop_image(clip, 19, 17, False, 3)
    np.testing.assert_array_equal(cropping.three_crops(clip, 19, 17), np.split(expected, 3))

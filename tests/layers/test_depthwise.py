import numpy as np
import pytest
import tensorflow as tf

from movinet.layers.depthwise import depthwise_conv1d, depthwise_conv3d, window


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _numpy_window(clip, start, excess):
    length = clip.shape[1] + excess
    frames = [
        clip[:, i] if 0 <= i < clip.shape[1] else np.zeros_like(clip[:, 0])
        for i in range(start, start + length)
    ]
    return np.stack(frames, axis=1)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("start", [-4, -1, 0, 2, 4])
@pytest.mark.parametrize("excess", [0, 2])
@pytest.mark.parametrize("static", [True, False])
def test_window_equals_indexing(num_frames, start, excess, static):
    clip = _random(2, num_frames, 3, 2, 4)
    shape = clip.shape if static else [None, None, 3, 2, 4]
    moved = tf.function(lambda x: window(x, start, excess), [tf.TensorSpec(shape)])(clip)
    np.testing.assert_array_equal(moved, _numpy_window(clip, start, excess))


def _full_conv3d(clip, kernel, stride, padding):
    """The same convolution through the ungrouped op, with a kernel that is zero across channels."""
    filters = clip.shape[-1]
    dense = kernel[:, :, :, :, 0, None] * tf.eye(filters)
    height, width = kernel.shape[1:3]
    rows, columns = (
        max((-(-size // stride) - 1) * stride + taps - size, 0)
        for size, taps in zip(clip.shape[2:4], (height, width), strict=True)
    )
    space = [[rows // 2, rows - rows // 2], [columns // 2, columns - columns // 2]]
    clip = tf.pad(clip, [[0, 0], padding, *space, [0, 0]])
    return tf.nn.conv3d(clip, dense, [1, 1, stride, stride, 1], "VALID")


@pytest.mark.parametrize("kernel_size", [(3, 3, 3), (5, 3, 3), (1, 5, 5)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("num_frames", [1, 6])
def test_depthwise_conv3d_and_its_gradient_equal_the_dense_op(
    kernel_size, stride, causal, num_frames
):
    total = kernel_size[0] - 1
    padding = (total, 0) if causal else (total // 2, total // 2)
    clip = tf.constant(_random(2, num_frames, 7, 6, 3))
    kernel = tf.constant(_random(*kernel_size, 3, 1, seed=1))
    results = []
    for convolve in (depthwise_conv3d, _full_conv3d):
        with tf.GradientTape() as tape:
            tape.watch([clip, kernel])
            output = convolve(clip, kernel, stride, padding)
            weighted = tf.reduce_sum(output * _random(*output.shape, seed=2))
        results.append([output, *tape.gradient(weighted, [clip, kernel])])
    for ours, dense in zip(*results, strict=True):
        np.testing.assert_allclose(ours, dense, rtol=1e-4, atol=1e-4)
    if num_frames > 1 and total:
        other = depthwise_conv3d(clip, kernel[::-1], stride, padding)
        assert not np.allclose(other, results[1][0], atol=1e-2)


def test_valid_depthwise_conv3d_drops_the_first_frames():
    clip, kernel = _random(1, 4, 5, 5, 2), _random(3, 3, 3, 2, 1)
    padded = depthwise_conv3d(tf.constant(clip), tf.constant(kernel), 1, (2, 0))
    valid = depthwise_conv3d(tf.constant(clip), tf.constant(kernel), 1, (0, 0))
    np.testing.assert_allclose(valid, padded[:, 2:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", [(0, 0), (2, 0), (1, 1)])
def test_depthwise_conv1d_equals_numpy(padding):
    clip, kernel = _random(2, 4, 3, 2, 5), _random(3, 1, 5, 1)
    padded = np.pad(clip, [(0, 0), padding, (0, 0), (0, 0), (0, 0)])
    length = 4 + sum(padding) - 2
    expected = sum(padded[:, k : k + length] * kernel[k, 0, :, 0] for k in range(3))
    output = depthwise_conv1d(tf.constant(clip), tf.constant(kernel), padding)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)

"""Padding as numbers, and in the layers that stride, against convolutions and pools in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from movinet.layers.config import LayerConfig
from movinet.layers.convolution import Convolution, ConvSpec
from movinet.layers.padding import strided_size, temporal_padding
from movinet.layers.pooling import WindowAverage


@pytest.mark.parametrize(
    ("frames", "causal", "buffered", "expected"),
    [
        (1, False, False, (0, 0)),
        (3, False, False, (1, 1)),
        (4, False, False, (1, 2)),
        (5, False, False, (2, 2)),
        (3, True, False, (2, 0)),
        (5, True, False, (4, 0)),
        (5, True, True, (0, 0)),
    ],
)
def test_temporal_padding(frames, causal, buffered, expected):
    assert temporal_padding(frames, causal, buffered) == expected


@pytest.mark.parametrize(("size", "stride", "expected"), [(7, 2, 4), (8, 2, 4), (7, 1, 7)])
def test_strided_size(size, stride, expected):
    assert strided_size(size, stride) == expected
    assert strided_size(None, stride) is None


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("window", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_strided_size_with_padding_counts_windows(padding, window, stride):
    assert strided_size(None, stride, window, padding) is None
    for size in range(12):
        inside = range(-padding, size + padding - window + 1, stride)
        assert strided_size(tf.constant(size), stride, window, padding) == len(inside)
        if inside:
            assert strided_size(size, stride, window, padding) == len(inside)
        else:
            with pytest.raises(ValueError, match=f"^{size} pixels .* window of {window}"):
                strided_size(size, stride, window, padding)


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _windows(clip, window, stride, pixels):
    """[B, T, H, W, C] -> [B, T, H', W', C, window, window], with zeros beside the frames."""
    sides = (pixels, pixels)
    clip = np.pad(clip, [(0, 0), (0, 0), sides, sides, (0, 0)])
    found = np.lib.stride_tricks.sliding_window_view(clip, (window, window), (2, 3))
    return found[:, :, ::stride, ::stride]


def _convolution(clip, kernel, stride, pixels, depthwise):
    """Convolves in time without padding, in space with `pixels` of zeros on each side."""
    frames, window = kernel.shape[:2]
    found = _windows(clip, window, stride, pixels)
    length = clip.shape[1] - frames + 1
    outputs = 0.0
    for tap in range(frames):
        letters = "bthwcij,ijc->bthwc" if depthwise else "bthwcij,ijco->bthwo"
        weights = kernel[tap, ..., 0] if depthwise else kernel[tap]
        outputs = outputs + np.einsum(letters, found[:, tap : tap + length], weights)
    return outputs


KERNELS = {
    "stem": ((1, 3, 3), False),
    "full": ((3, 3, 3), False),
    "spatial": ((1, 5, 5), True),
    "both": ((3, 3, 3), True),
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("pixels", [0, 1, 2])
@pytest.mark.parametrize("size", [(8, 9), (9, 8)])
def test_padded_convolutions_equal_numpy(kind, pixels, size):
    kernel_size, depthwise = KERNELS[kind]
    spec = ConvSpec(3, 3, kernel_size, 2, pixels, depthwise, normalised=False)
    layer = Convolution(spec, LayerConfig(), "convolution")
    layer.kernel.assign(_random(*layer.kernel.shape, seed=1))
    clip = _random(2, 4, *size, 3)
    kernel, bias = layer.kernel_5d().numpy(), layer.bias.numpy()
    expected = _convolution(clip, kernel, 2, pixels, depthwise) + bias
    assert expected.shape[2:4] == tuple(spec.output_size(side) for side in size)
    # Traced: what the graph is compiled to may fuse ops that are apart here.
    call = tf.function(lambda x: layer(x, 4))
    output = tf.reshape(call(clip.reshape(8, *size, 3)), expected.shape)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    if pixels:
        without = _convolution(clip, kernel, 2, 0, depthwise) + bias
        assert without.shape != expected.shape or not np.allclose(without, expected, atol=0.1)


@pytest.mark.parametrize("kind", KERNELS)
def test_gradients_of_padded_convolutions_are_slopes(kind):
    kernel_size, depthwise = KERNELS[kind]
    spec = ConvSpec(2, 2, kernel_size, 2, 1, depthwise, normalised=False)
    layer = Convolution(spec, LayerConfig(dtype="float64"), "convolution")
    frames = tf.constant(_random(3, 6, 5, 2), tf.float64)
    layer.kernel.assign(_random(*layer.kernel.shape, seed=1))
    layer.bias.assign(_random(2, seed=2))
    variables = [layer.kernel, layer.bias]

    def output(x, *values):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return layer(x, 3)

    with tf.GradientTape() as tape:
        tape.watch(frames)
        result = layer(frames, 3)
        weights = tf.constant(_random(*result.shape, seed=3), tf.float64)
        total = tf.reduce_sum(result * weights)
    gradients = tape.gradient(total, [frames, *variables])
    point = [frames, *map(tf.constant, map(tf.convert_to_tensor, variables))]
    step = 1e-4
    for index, gradient in enumerate(gradients):
        direction = tf.constant(_random(*gradient.shape, seed=4 + index), tf.float64)
        ends = []
        for sign in (1, -1):
            moved = list(point)
            moved[index] += sign * step * direction
            ends.append(tf.reduce_sum(output(*moved) * weights))
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(tf.reduce_sum(gradient * direction), slope, rtol=1e-6)


@pytest.mark.parametrize("size", [(8, 9), (9, 8), (3, 4)])
@pytest.mark.parametrize("pixels", [0, 1])
@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_padded_averages_equal_numpy(size, pixels, counts, known):
    clip = _random(2, 1, *size, 3)
    found = _windows(clip, 3, 2, pixels)[:, 0]
    inside = _windows(np.ones_like(clip), 3, 2, pixels)[:, 0]
    divisor = 9 if counts else inside.sum((-2, -1))
    shape = [2, *size, 3] if known else [None, None, None, 3]
    pool = tf.function(WindowAverage(2, pixels, counts), [tf.TensorSpec(shape)])
    expected = found.sum((-2, -1)) / divisor
    np.testing.assert_allclose(pool(clip[:, 0]), expected, rtol=1e-5, atol=1e-6)
    if pixels:
        other = WindowAverage(2, pixels, not counts)(tf.constant(clip[:, 0]))
        assert not np.allclose(other, expected, atol=1e-2)

import numpy as np
import pytest
import tensorflow as tf

from movinet.layers import activations
from movinet.layers.config import LayerConfig
from movinet.layers.normalisation import normalise_and_activate, running_affine

SHAPE = (6, 5, 4, 3)


def _batch_norm(seed=0):
    layer = LayerConfig().batch_norm(SHAPE[-1], "bn")
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.uniform(0.5, 1.5, SHAPE[-1]) for _ in layer.get_weights()])
    return layer


def _step(run, batch_norm, dtype=tf.float32):
    """Returns output, gradients of input, scale and shift, and the running statistics after."""
    generator = np.random.default_rng(1)
    x = tf.constant(4.0 * generator.normal(size=SHAPE) + 1.0, dtype)
    weights = tf.constant(generator.normal(size=SHAPE), dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = run(x, batch_norm)
    sources = [x, batch_norm.gamma, batch_norm.beta]
    gradients = tape.gradient(y, sources, output_gradients=weights)
    return [y, *gradients, batch_norm.moving_mean, batch_norm.moving_variance]


@pytest.mark.parametrize("name", ["swish", "simple_swish", "hard_swish", "relu6", "linear"])
def test_training_equals_the_two_ops_with_their_own_gradients(name):
    ours = _step(lambda x, norm: normalise_and_activate(x, norm, name), _batch_norm())
    usual = _step(lambda x, norm: activations.get(name)(norm(x, training=True)), _batch_norm())
    control = _step(lambda x, norm: activations.get("gelu")(norm(x, training=True)), _batch_norm())
    for value, expected in zip(ours, usual, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-5)
    assert not np.allclose(ours[1], control[1], atol=1e-3)


def test_bfloat16_keeps_its_dtype():
    norm = LayerConfig(dtype="mixed_bfloat16").batch_norm(SHAPE[-1], "bn")
    exact = LayerConfig().batch_norm(SHAPE[-1], "bn")
    ours = _step(lambda x, norm: normalise_and_activate(x, norm, "swish"), norm, tf.bfloat16)
    expected = _step(lambda x, norm: tf.nn.silu(norm(x, training=True)), exact)
    assert [value.dtype for value in ours] == [tf.bfloat16] * 2 + [tf.float32] * 4
    np.testing.assert_allclose(tf.cast(ours[1], tf.float32), expected[1], atol=0.05)


def test_frozen_norms_keep_their_statistics():
    norm = _batch_norm()
    norm.trainable = False
    before = norm.get_weights()
    x = tf.random.stateless_normal(SHAPE, [1, 2])
    y = normalise_and_activate(x, norm, "swish")
    for value, expected in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    np.testing.assert_allclose(y, tf.nn.silu(norm(x, training=False)), rtol=1e-5, atol=1e-5)


def test_running_affine_is_inference():
    norm = _batch_norm()
    x = tf.random.stateless_normal(SHAPE, [1, 2])
    scale, shift = running_affine(norm)
    np.testing.assert_allclose(x * scale + shift, norm(x, training=False), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["swish", "simple_swish", "hard_swish"])
def test_slopes_are_derivatives(name):
    x = np.linspace(-6.05, 6.05, 122)
    function = activations.get(name)
    step = 1e-6
    difference = (function(tf.constant(x + step)) - function(tf.constant(x - step))) / (2 * step)
    slope = activations.slope(name)(tf.constant(x))
    np.testing.assert_allclose(slope, difference, atol=1e-4)

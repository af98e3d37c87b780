"""Batch norm followed by an activation: one step in training, a constant in inference.

As two ops they keep three tensors for the gradient: what is normalised, the result, and the result
activated. Here the one in the middle is computed again, which saves a third of the memory (more of
hard swish, itself several ops), and XLA compiles it and the slope of the activation into a single
pass, 2.7 times as fast as the ops (`benchmarks/trials.py`). Sums over pixels are left to the fused
op of TensorFlow: XLA takes three times as long for them.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from movinet.layers import activations
from movinet.layers.frames import dimensions

# Scale and shift of channels [C] each.
Affine = tuple[tf.Tensor, tf.Tensor]


def running_affine(batch_norm: tf_keras.layers.BatchNormalization) -> Affine:
    """Returns what a batch norm does in inference, where its statistics are constant."""
    return _affine(
        batch_norm.gamma,
        batch_norm.beta,
        batch_norm.moving_mean,
        batch_norm.moving_variance,
        batch_norm.epsilon,
    )


def normalise_and_activate(
    x: tf.Tensor, batch_norm: tf_keras.layers.BatchNormalization, activation: str
) -> tf.Tensor:
    """Normalises by the statistics of the batch, updates the running ones, and activates.

    [N, H, W, C] -> the same. Synchronised norms, frozen norms and activations without a slope of
    their own take the two usual ops.
    """
    activate, slope = activations.get(activation), activations.slope(activation)
    if slope is None or batch_norm.synchronized or not batch_norm.trainable:
        return activate(batch_norm(x, training=True))
    epsilon = batch_norm.epsilon

    @tf.custom_gradient
    def train(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tuple, Callable]:
        empty = tf.zeros([0])
        y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon
        )

        def gradient(upstream: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
            batch, height, width = dimensions(x)[:3]
            count = tf.cast(batch * height * width, tf.float32)
            # The op returns the variance of a sample, for the running one; it divides by n itself.
            biased = variance * ((count - 1.0) / count)
            scale, shift = _affine(gamma, beta, mean, biased, epsilon)
            gradients = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=_slope_gradient(slope, x, scale, shift, upstream),
                x=x,
                scale=gamma,
                reserve_space_1=reserved[0],
                reserve_space_2=reserved[1],
                reserve_space_3=reserved[2],
                epsilon=epsilon,
            )
            return gradients[:3]

        return (activate(y), mean, variance), gradient

    y, mean, variance = train(x, *map(tf.convert_to_tensor, (batch_norm.gamma, batch_norm.beta)))
    rate = 1.0 - batch_norm.momentum
    for running, current in (
        (batch_norm.moving_mean, mean),
        (batch_norm.moving_variance, variance),
    ):
        running.assign_sub((running - current) * rate)
    return y


def _affine(
    gamma: tf.Tensor, beta: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, epsilon: float
) -> Affine:
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return scale, beta - mean * scale


@tf.function(jit_compile=True, autograph=False)
def _slope_gradient(
    slope: Callable[[tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    upstream: tf.Tensor,
) -> tf.Tensor:
    """Returns the gradient of what an activation read, x * scale + shift, in one pass."""
    normalised = tf.cast(x, scale.dtype) * scale + shift
    return upstream * tf.cast(slope(normalised), upstream.dtype)

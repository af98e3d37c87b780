"""The activation functions that published variants name."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

Activation = Callable[[tf.Tensor], tf.Tensor]

HARD_SIGMOID_SLOPE = 0.16667
"""The Model Garden's rounding of 1/6."""


def simple_swish(x: tf.Tensor) -> tf.Tensor:
    """Swish without the custom gradient, for exported graphs."""
    return x * tf.sigmoid(x)


def hard_swish(x: tf.Tensor) -> tf.Tensor:
    """Piecewise swish, section 5.2 of https://arxiv.org/abs/1905.02244."""
    return x * tf.nn.relu6(x + tf.cast(3.0, x.dtype)) * tf.cast(1.0 / 6.0, x.dtype)


def hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Piecewise sigmoid, section 5.2 of https://arxiv.org/abs/1905.02244."""
    return tf.nn.relu6(x + tf.cast(3.0, x.dtype)) * tf.cast(HARD_SIGMOID_SLOPE, x.dtype)


_FUNCTIONS: dict[str, Activation] = {
    "gelu": tf.nn.gelu,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "identity": tf.identity,
    "leaky_relu": tf.nn.leaky_relu,
    "linear": tf.identity,
    "mish": tf_keras.activations.mish,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "sigmoid": tf.sigmoid,
    "simple_swish": simple_swish,
    "swish": tf.nn.silu,
}


def _swish_slope(x: tf.Tensor) -> tf.Tensor:
    gate = tf.sigmoid(x)
    return gate * (1.0 + x * (1.0 - gate))


def _hard_swish_slope(x: tf.Tensor) -> tf.Tensor:
    return tf.where(x <= -3.0, 0.0, tf.where(x >= 3.0, 1.0, (2.0 * x + 3.0) / 6.0))


_SLOPES: dict[str, Activation] = {
    "hard_swish": _hard_swish_slope,
    "simple_swish": _swish_slope,
    "swish": _swish_slope,
}

NAMES = tuple(_FUNCTIONS)


def get(name: str) -> Activation:
    """Returns the function of that name, one of `NAMES`."""
    return _FUNCTIONS[name]


def slope(name: str) -> Activation | None:
    """Returns the derivative of the function of that name, if it is worth writing out."""
    return _SLOPES.get(name)

"""Weights for gates of another slope, exactly.

The hard sigmoid of a gate is max(0, min(1, slope * x + 1/2)). The slope is 0.2 in Keras 2 and in
the PyTorch port, whose tests compare it with TensorFlow Hub's streams of 2021; in the Model Garden
of today, and here, it is 0.16667. The weights before the gate make one the other.
"""

from collections.abc import Mapping

import numpy as np

from movinet.checkpoints.weights import Weight
from movinet.layers import activations

OURS = activations.HARD_SIGMOID_SLOPE
KERAS = 0.2
# Ours is relu6(x + 3) * 0.16667, half of which at 0 is not one half to the last digit.
_OUR_OFFSET = 3 * OURS
_OFFSET = 0.5


def is_before(weight: Weight) -> bool:
    """Whether a weight makes the input of a gate."""
    return weight.part == "se_expand"


def to_ours(value: np.ndarray, weight: Weight, slope: float) -> np.ndarray:
    """Returns a weight before a gate of ours that does what `value` does before one of `slope`.

    A gate that is wide open is 1.00002 here instead of 1.
    """
    shift = _OFFSET - _OUR_OFFSET if weight.kind == "bias" else 0.0
    return (value.astype(np.float32) * slope + shift) / OURS


def from_ours(value: np.ndarray, weight: Weight, slope: float) -> np.ndarray:
    """Returns what `to_ours` makes `value` of."""
    shift = _OUR_OFFSET - _OFFSET if weight.kind == "bias" else 0.0
    return (value * OURS + shift) / slope


def convert(values: Mapping[Weight, np.ndarray], slope: float) -> dict[Weight, np.ndarray]:
    """Returns all weights of a network whose gates have a slope, for gates of ours."""
    return {
        weight: to_ours(value, weight, slope).astype(np.float32) if is_before(weight) else value
        for weight, value in values.items()
    }

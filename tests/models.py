"""Small networks with random weights, for tests of the models."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import movinet
from movinet.architectures import (
    ARCHITECTURES,
    K13,
    K15,
    K33,
    K53,
    Architecture,
    BlockSpec,
    HeadSpec,
    StemSpec,
)

SMALL = Architecture(
    StemSpec(8),
    (
        BlockSpec(8, ((K15, 16),)),
        BlockSpec(16, ((K53, 24), (K33, 24), (K13, 32))),
        BlockSpec(16, ((K33, 24),), stride=1),
    ),
    HeadSpec(project_filters=24, head_filters=32),
)
"""All kinds of kernels and both kinds of blocks, in five bottlenecks; model_id `small`."""

ARCHITECTURES["small"] = SMALL

STREAM = {
    "causal": True,
    "se_type": "2plus3d",
    "activation": "hard_swish",
    "gating_activation": "hard_sigmoid",
}
LAYOUTS: dict[str, dict[str, Any]] = {
    "base_3d": {},
    "base_2plus1d": {"conv_type": "2plus1d"},
    "stream_3d_2plus1d": {**STREAM, "conv_type": "3d_2plus1d"},
    "stream_2plus1d": {**STREAM, "conv_type": "2plus1d"},
}
"""The layouts in which networks are published or trained."""


def randomise(model: Any, seed: int = 0) -> None:
    """Gives every variable a random value that keeps activations of order one.

    ReZero starts at zero and hides every fault of a branch; fresh batch norms hide swapped ones.
    """
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        shape, name = variable.shape.as_list(), variable.name
        if "variance" in name or "gamma" in name or not shape:
            value = generator.uniform(0.6, 1.4, shape)
        elif len(shape) < 4:
            value = generator.normal(0, 0.2, shape)
        else:
            depthwise = "depthwise" in name or (len(shape) == 5 and shape[3] == 1)
            taps = shape[:2] if len(shape) == 4 else shape[:3]
            inputs = 1 if depthwise else shape[-2]
            value = generator.normal(0, 1 / np.sqrt(np.prod(taps) * inputs), shape)
        variable.assign(value.astype(variable.dtype.as_numpy_dtype))


def build(
    model_id: Any = SMALL, num_classes: int = 7, output_states: bool = False, **choices: Any
) -> movinet.MovinetClassifier:
    """Builds a classifier with random weights."""
    backbone = movinet.Movinet(model_id, **choices)
    model = movinet.MovinetClassifier(backbone, num_classes, output_states=output_states)
    randomise(model)
    return model


def random_clip(*shape: int, seed: int = 0) -> tf.Tensor:
    """Returns a clip of uniform noise in [0, 1]."""
    return tf.constant(np.random.default_rng(seed).random(shape), tf.float32)


def relative_difference(actual: Any, expected: Any) -> float:
    """Returns the largest difference as a part of the largest expected value."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def splits(total: int) -> list[tuple[int, ...]]:
    """Returns every way to cut a clip of `total` frames into pieces."""
    if total == 0:
        return [()]
    return [(first, *rest) for first in range(1, total + 1) for rest in splits(total - first)]


def run_in_pieces(
    step: Callable[[dict[str, tf.Tensor]], Any], clip: tf.Tensor, pieces: tuple[int, ...]
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Streams the clip piece by piece; returns the last logits and states."""
    states: dict[str, tf.Tensor] = {}
    logits = None
    for piece in tf.split(clip, pieces, axis=1):
        logits, states = step({**states, "image": piece})
    return logits, states


def marked_by_size(variants: Iterable[str]) -> list[Any]:
    """Returns parameters of a test: the variants, A3 to A5 marked as large."""
    return [
        pytest.param(name, marks=pytest.mark.large if name[:2] in ("a3", "a4", "a5") else ())
        for name in variants
    ]

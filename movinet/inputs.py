"""Reading a model's inputs: a clip, or a dict of a clip and states."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras

from movinet.layers.base import States

IMAGE = "image"
Inputs: TypeAlias = tf.Tensor | Mapping[str, tf.Tensor]


def split(inputs: Inputs, state_names: Iterable[str]) -> tuple[tf.Tensor, States]:
    """Separates the clip [B, T, H, W, 3] from the states, if there are any.

    Raises: ValueError if the clip has another rank or holds integers, or if the states are not
    those of the model.
    """
    states: States = {}
    clip = inputs
    if isinstance(inputs, Mapping):
        if IMAGE not in inputs:
            raise ValueError(f"No {IMAGE!r} among the inputs {sorted(inputs)}.")
        clip = inputs[IMAGE]
        states = {name: value for name, value in inputs.items() if name != IMAGE}
    clip = tf.convert_to_tensor(clip)
    if clip.shape.rank != 5:
        raise ValueError(
            f"Expected a clip [batch, frames, height, width, 3], got shape {clip.shape}: "
            "add a batch axis, or a frame axis for a single image."
        )
    if not clip.dtype.is_floating:
        raise ValueError(
            f"Expected frames as floats in [0, 1], got {clip.dtype.name}: divide by 255."
        )
    if states:
        _check_names(set(states), set(state_names))
    return clip, states


def _check_names(given: set[str], expected: set[str]) -> None:
    if not expected:
        raise ValueError("States were given, but a model that is not causal has none.")
    if given != expected:
        missing, unknown = sorted(expected - given)[:3], sorted(given - expected)[:3]
        raise ValueError(
            f"These are not the states of this model: missing {missing}, unknown {unknown} "
            f"({len(expected)} expected, {len(given)} given; the first of each are named)."
        )


def spec_to_config(spec: tf_keras.layers.InputSpec) -> dict[str, Any]:
    """Returns an input spec as JSON-ready shape and dtype."""
    shape = None if spec.shape is None else list(spec.shape)
    dtype = None if spec.dtype is None else tf.as_dtype(spec.dtype).name
    return {"shape": shape, "dtype": dtype}


def spec_from_config(config: Any) -> tf_keras.layers.InputSpec:
    """Reads `spec_to_config` back; an input spec, or None for any clip, may stand there too."""
    if config is None:
        return tf_keras.layers.InputSpec(shape=[None, None, None, None, 3])
    return tf_keras.layers.InputSpec(**config) if isinstance(config, Mapping) else config

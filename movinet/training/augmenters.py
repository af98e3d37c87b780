"""AutoAugment and RandAugment for clips: the Model Garden's policies and levels, drawn by a seed.

The Model Garden draws its choices from a global generator, so that no run can be repeated, and
cuts out a box in a few frames only. Here one draw decides for the whole clip: all frames alike.
The operations are our own, equal in their pixels and faster (`benchmarks/augmentation.py`).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf
from official.vision.ops import augment

from movinet.data.pipeline import clip_operations
from movinet.errors import InputError

# (name of an operation, probability, level from 0 to 10)
PolicyStep = tuple[str, float, float]

_MAX_LEVEL = 10.0
OPERATIONS: dict[str, Callable[..., tf.Tensor]] = {
    "AutoContrast": clip_operations.autocontrast,
    "Brightness": clip_operations.brightness,
    "Color": clip_operations.color,
    "Contrast": clip_operations.contrast,
    "Cutout": clip_operations.cutout,
    "Equalize": clip_operations.equalize,
    "Grayscale": clip_operations.grayscale,
    "Invert": clip_operations.invert,
    "Posterize": clip_operations.posterize,
    "Rotate": clip_operations.rotate,
    "Sharpness": clip_operations.sharpness,
    "ShearX": clip_operations.shear_x,
    "ShearY": clip_operations.shear_y,
    "Solarize": clip_operations.solarize,
    "SolarizeAdd": clip_operations.solarize_add,
    "TranslateX": clip_operations.translate_x,
    "TranslateY": clip_operations.translate_y,
}
_DIRECTED = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")


class ClipAugmenter(Protocol):
    """Changes a clip uint8 [T, H, W, 3] as a function of a seed [2]."""

    def __call__(self, clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns a clip of the same shape and type."""


class AutoAugment:
    """Applies a random policy (https://arxiv.org/abs/1805.09501), each step at its probability."""

    def __init__(
        self, policies: Sequence[Sequence[PolicyStep]], cutout_const: float, translate_const: float
    ):
        steps = max(len(policy) for policy in policies)
        self._probabilities = np.zeros([len(policies), steps], np.float32)
        self._choices = np.zeros([len(policies), steps], np.int32)
        distinct: list[tuple] = []
        for row, policy in enumerate(policies):
            for column, (name, probability, level) in enumerate(policy):
                operation = (name, _arguments(name, level, cutout_const, translate_const))
                if operation not in distinct:
                    distinct.append(operation)
                self._choices[row, column] = distinct.index(operation)
                self._probabilities[row, column] = probability
        self._operations = [_operation(*operation) for operation in distinct]

    @classmethod
    def named(
        cls, name: str = "v0", cutout_const: float = 100, translate_const: float = 250
    ) -> "AutoAugment":
        """One of the Model Garden's policies.

        Raises:
            InputError: there is none of that name, or it needs bounding boxes.
        """
        known = augment.AutoAugment().available_policies
        usable = {
            key: policies
            for key, policies in known.items()
            if all(step[0] in OPERATIONS for policy in policies for step in policy)
        }
        if name not in usable:
            raise InputError(
                f"No AutoAugment policy {name!r} for clips: augmentation_name is one of "
                f"{', '.join(usable)}."
            )
        return cls(usable[name], cutout_const, translate_const)

    def __call__(self, clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws and applies one policy."""
        policies, steps = self._choices.shape
        policy_seed, *step_seeds = tf.unstack(tf.random.split(seed, 1 + steps))
        policy = tf.random.stateless_uniform([], policy_seed, 0, policies, dtype=tf.int32)
        choices = tf.constant(self._choices)[policy]
        probabilities = tf.constant(self._probabilities)[policy]
        for step, step_seed in enumerate(step_seeds):
            clip = _apply_one(self._operations, choices[step], probabilities[step], clip, step_seed)
        return clip


class RandAugment:
    """Applies random operations (https://arxiv.org/abs/1909.13719), doing nothing among them."""

    def __init__(
        self,
        num_layers: int = 2,
        magnitude: float = 10.0,
        cutout_const: float = 40.0,
        translate_const: float = 10.0,
        prob_to_apply: float | None = None,
        exclude_ops: Sequence[str] = (),
    ):
        names = augment.RandAugment(exclude_ops=list(exclude_ops)).available_ops
        self._operations = [
            _operation(name, _arguments(name, float(magnitude), cutout_const, translate_const))
            for name in names
        ]
        self._num_layers = num_layers
        self._probability = 1.0 if prob_to_apply is None else prob_to_apply

    def __call__(self, clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws and applies `num_layers` operations."""
        for layer_seed in tf.unstack(tf.random.split(seed, self._num_layers)):
            choice_seed, layer_seed = tf.unstack(tf.random.split(layer_seed))
            choice = tf.random.stateless_uniform(
                [], choice_seed, 0, len(self._operations) + 1, dtype=tf.int32
            )
            clip = _apply_one(self._operations, choice, self._probability, clip, layer_seed)
        return clip


def _apply_one(
    operations: Sequence[ClipAugmenter],
    choice: tf.Tensor,
    probability: tf.Tensor | float,
    clip: tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Runs the chosen operation at that probability; a choice beyond the last does nothing."""
    apply_seed, operation_seed = tf.unstack(tf.random.split(seed))
    applied = tf.random.stateless_uniform([], apply_seed) < probability
    branches: list[Callable[[], tf.Tensor]] = [
        functools.partial(operation, clip, operation_seed) for operation in operations
    ]
    branches.append(lambda: tf.identity(clip))
    changed = tf.switch_case(tf.where(applied, choice, len(operations)), branches)
    return tf.ensure_shape(changed, clip.shape)


def _arguments(name: str, level: float, cutout_const: float, translate_const: float) -> tuple:
    """The Model Garden's arguments of an operation at `level`, without their random sign."""
    if not 0 <= level <= _MAX_LEVEL:
        raise InputError(f"Level {level} of {name} is outside 0..{_MAX_LEVEL:g}.")
    with tf.init_scope():
        drawn = augment.level_to_arg(cutout_const, translate_const)[name](level)
        return tuple(abs(float(value)) for value in drawn) if name in _DIRECTED else tuple(drawn)


def _operation(name: str, arguments: tuple) -> ClipAugmenter:
    """The operation at these arguments; its direction, or place, is drawn from the seed."""

    def operate(clip: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        drawn: tuple = arguments
        if name in _DIRECTED:
            drawn = (
                tf.where(tf.random.stateless_uniform([], seed) < 0.5, -1.0, 1.0) * arguments[0],
            )
        elif name == "Cutout":
            sizes = tf.constant([*clip.shape[1:3]], tf.float32)
            centre = tf.cast(tf.random.stateless_uniform([2], seed) * sizes, tf.int32)
            drawn = (*arguments, centre)
        return OPERATIONS[name](clip, *drawn)

    return operate

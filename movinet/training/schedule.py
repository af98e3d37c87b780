"""Carries a schedule of learning rate and steps from the batch size it is written for to another,
and to an optimizer that takes several steps in one of training.

The linear rule of https://arxiv.org/abs/1706.02677: the learning rate grows with the batch, and
whatever is counted in steps shrinks with it, so that epochs stay what they are.
"""

import copy
from typing import Any

import tensorflow as tf
import tf_keras
from official.core import config_definitions

from movinet.errors import InputError

_RATES = (
    "learning_rate",
    "initial_learning_rate",
    "end_learning_rate",
    "warmup_learning_rate",
    "values",
)
_STEPS = ("decay_steps", "warmup_steps", "boundaries", "offset")
_SCALED = ("constant", "stepwise", "exponential", "polynomial", "cosine")


def fit_to_batch(
    config: config_definitions.ExperimentConfig,
) -> config_definitions.ExperimentConfig:
    """A copy of `config` whose schedule fits the batch of its training data.

    `trainer.reference_batch_size` of 0 leaves all as written; otherwise it is the batch size that
    the schedule was written for, and afterwards the one it is written for now, so that a saved
    configuration is not scaled again. Kept as they are: checkpoints, summaries and loops, which
    count work and not data.

    Raises: InputError when a batch size or the kind of learning rate admits no scaling.
    """
    reference = getattr(config.trainer, "reference_batch_size", 0)
    batch_size = config.task.train_data.global_batch_size
    if reference in (0, batch_size):
        return config
    if reference < 0 or batch_size < 1:
        raise InputError(
            f"trainer.reference_batch_size is {reference} and task.train_data.global_batch_size "
            f"{batch_size}; both must be at least 1, or the first 0 for no scaling."
        )
    config = copy.deepcopy(config)
    optimization, ratio = config.trainer.optimizer_config, batch_size / reference
    if optimization.learning_rate.type not in _SCALED:
        raise InputError(
            f"trainer.optimizer_config.learning_rate is of type "
            f"{optimization.learning_rate.type!r}, which trainer.reference_batch_size cannot "
            f"scale; use {', '.join(_SCALED)}, or set it to 0."
        )
    for part in (optimization.learning_rate.get(), optimization.warmup.get()):
        for names, factor in ((_RATES, ratio), (_STEPS, 1 / ratio)):
            for name in names:
                if getattr(part, name, None) is not None:
                    setattr(part, name, _scale(getattr(part, name), factor))
    for name in ("train_steps", "validation_interval"):
        setattr(config.trainer, name, _scale(getattr(config.trainer, name), 1 / ratio))
    config.trainer.reference_batch_size = batch_size
    return config


def _scale(value: Any, factor: float) -> Any:
    """The value times `factor`; whole numbers stay whole, and positive ones at least 1."""
    if isinstance(value, list | tuple):
        return [_scale(item, factor) for item in value]
    if isinstance(value, int):
        return max(round(value * factor), 1) if value > 0 else value
    return value * factor


class SeveralUpdates(tf_keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that counts steps of training, for an optimizer that updates the weights several
    times in each: all updates of a step have its learning rate.
    """

    def __init__(
        self, schedule: tf_keras.optimizers.schedules.LearningRateSchedule, updates: int
    ) -> None:
        self.schedule = schedule
        self.updates = updates

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate after `step` updates."""
        return self.schedule(step // self.updates)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"schedule": self.schedule, "updates": self.updates}

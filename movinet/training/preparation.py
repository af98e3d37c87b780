"""Completes a configuration from its data and checks, before anything is built, that its parts fit
together.
"""

import copy
from typing import TypeAlias

from official.core import config_definitions

from movinet.errors import InputError
from movinet.training import datasets, inputs, step_settings
from movinet.training.inputs import DataConfig

ExperimentConfig: TypeAlias = config_definitions.ExperimentConfig
# Settings of the Model Garden that other tasks of it use; to ignore them silently would mislead.
_UNUSED = (
    "train_input_partition_dims",
    "eval_input_partition_dims",
    "model.aggregate_endpoints",
    "model.require_endpoints",
    "train_data.output_audio",
    "validation_data.output_audio",
)


def prepare(
    config: ExperimentConfig, *, train: bool, evaluate: bool, remembered: str | None = None
) -> ExperimentConfig:
    """A copy of `config` with the sizes of its data filled in.

    Args: train, evaluate: which of its two datasets are going to be read. remembered: a file of
    what is known to be whole, so that it is not read again.
    Raises: InputError naming the setting that is wrong.
    """
    config = copy.deepcopy(config)
    task = config.task
    for name, wanted in (("train_data", train), ("validation_data", evaluate)):
        if wanted:
            try:
                setattr(task, name, inputs.resolve(getattr(task, name), remembered=remembered))
            except InputError as error:
                raise InputError(f"task.{name}: {error}") from error
    if not train:
        task.train_data.num_classes = task.validation_data.num_classes
    elif not evaluate:
        task.validation_data.num_classes = task.train_data.num_classes
    _check(config, train=train)
    return config


def check_deterministic(config: ExperimentConfig) -> None:
    """Raises InputError for what cannot give the same bits again."""
    data = config.task.train_data
    if data.enable_tf_data_service:
        raise InputError(
            "trainer.deterministic does not go with task.train_data.enable_tf_data_service, whose "
            "clips come as they are ready: leave one of them out."
        )
    if data.deterministic is False:
        raise InputError(
            "trainer.deterministic and task.train_data.deterministic=false contradict each other: "
            "leave one of them out."
        )


def _check(config: ExperimentConfig, *, train: bool) -> None:
    task, trainer = config.task, config.trainer
    positive = {"task.train_data.num_classes": task.train_data.num_classes}
    if train:
        names = (
            "train_steps",
            "steps_per_loop",
            "checkpoint_interval",
            "validation_interval",
            "max_to_keep",
        )
        positive |= {f"trainer.{name}": getattr(trainer, name) for name in names}
    for name, value in positive.items():
        if value < 1:
            raise InputError(f"{name} is {value}; it must be at least 1.")
    if trainer.validation_steps < 1 and trainer.validation_steps != -1:
        raise InputError(
            f"trainer.validation_steps is {trainer.validation_steps}; give a number, or -1 for "
            "all clips."
        )
    for name in _UNUSED:
        value = task
        for part in name.split("."):
            value = getattr(value, part)
        if value:
            raise InputError(f"task.{name} is set, but this trainer does not use it; leave it out.")
    for name, data in (("train_data", task.train_data), ("validation_data", task.validation_data)):
        if data.one_hot != task.losses.one_hot:
            raise InputError(
                f"task.losses.one_hot and task.{name}.one_hot differ; set both to the same."
            )
    if task.train_data.num_classes != task.validation_data.num_classes:
        raise InputError(
            f"task.train_data has {task.train_data.num_classes} classes and task.validation_data "
            f"{task.validation_data.num_classes}; they must be the same."
        )
    step_settings.check(config)


def class_names(data: DataConfig) -> tuple[str, ...]:
    """One name a class: those of the dataset, or its indices when it has none."""
    numbers = tuple(str(index) for index in range(data.num_classes))
    return datasets.find_labels(data) or numbers


def test_split(data: DataConfig, remembered: str | None = None) -> list[DataConfig]:
    """The test split beside the validation split, if the dataset has one with clips in it;
    `remembered` as for `prepare`.
    """
    if data.split == "test" or "test" not in datasets.find_splits(data):
        return []
    test = copy.deepcopy(data)
    test.split, test.num_examples = "test", -1
    if data.tfds_name:
        test.tfds_split = "test"
    return [inputs.resolve(test, remembered=remembered)]

"""What the settings say of one step: how many parts, how many updates, and whether that fits."""

from typing import TypeAlias

from official.core import config_definitions

from movinet.errors import InputError
from movinet.training.experiments import ClipByClip
from movinet.training.inputs import DataConfig

ExperimentConfig: TypeAlias = config_definitions.ExperimentConfig


def clips_of_a_video(config: ExperimentConfig) -> int:
    """The number of clips that a training video is read as; 1 for the whole."""
    frames = config.task.clip_by_clip.frames
    return config.task.train_data.feature_shape[0] // frames if frames else 1


def updates_of_a_step(config: ExperimentConfig) -> int:
    """How often the optimizer changes the weights in one step of training."""
    each_clip = config.task.clip_by_clip.optimizer_step == "clip"
    return clips_of_a_video(config) if each_clip else 1


def parts_of_an_update(config: ExperimentConfig) -> int:
    """How many forward passes, one after the other, lead to one change of the weights."""
    parts = config.trainer.gradient_accumulation_steps * clips_of_a_video(config)
    return parts // updates_of_a_step(config)


def micro_batches(config: ExperimentConfig, num_replicas: int = 1) -> DataConfig:
    """The training data in the batches of which a step takes `gradient_accumulation_steps`.

    Raises: InputError when the batch cannot be divided among them and the replicas.
    """
    data, count = config.task.train_data, config.trainer.gradient_accumulation_steps
    if count == 1:
        return data
    if data.global_batch_size % (count * num_replicas):
        replicas = f" for {num_replicas} replicas" if num_replicas > 1 else ""
        raise InputError(
            f"task.train_data.global_batch_size is {data.global_batch_size}, which cannot be "
            f"divided into {count} micro-batches (trainer.gradient_accumulation_steps){replicas}: "
            f"use a multiple of {count * num_replicas}."
        )
    return data.replace(global_batch_size=data.global_batch_size // count)


def check(config: ExperimentConfig) -> None:
    """Raises InputError when a step cannot be cut into the parts that the settings ask for."""
    count, cut = config.trainer.gradient_accumulation_steps, config.task.clip_by_clip
    if count < 1:
        raise InputError(f"trainer.gradient_accumulation_steps is {count}; it must be at least 1.")
    micro_batches(config)
    choices = {"loss": ("every_clip", "last_clip"), "optimizer_step": ("video", "clip")}
    for name, valid in choices.items():
        if getattr(cut, name) not in valid:
            raise InputError(
                f"task.clip_by_clip.{name} is {getattr(cut, name)!r}; it must be "
                f"{' or '.join(valid)}."
            )
    if cut.frames:
        _check_clips(config, cut)


def _check_clips(config: ExperimentConfig, cut: ClipByClip) -> None:
    num_frames = config.task.train_data.feature_shape[0]
    if cut.frames < 0 or num_frames % cut.frames:
        raise InputError(
            f"task.clip_by_clip.frames is {cut.frames}, which does not divide the {num_frames} "
            "frames of task.train_data.feature_shape: choose a divisor, or 0 for whole videos."
        )
    if not config.task.model.backbone.movinet.causal:
        raise InputError(
            "task.clip_by_clip.frames is set, but only a causal network can read a video clip by "
            "clip: set task.model.backbone.movinet.causal=true, or the frames to 0."
        )
    if updates_of_a_step(config) == 1:
        return
    if config.trainer.gradient_accumulation_steps > 1:
        raise InputError(
            "task.clip_by_clip.optimizer_step=clip changes the weights after every clip, and "
            "trainer.gradient_accumulation_steps after several batches of whole videos: leave one "
            "of the two out."
        )
    if cut.loss == "last_clip":
        raise InputError(
            "task.clip_by_clip.optimizer_step=clip changes the weights after every clip, but with "
            "task.clip_by_clip.loss=last_clip only the last has a loss: leave one of the two out."
        )

"""From a data configuration of the Model Garden to batches of clips."""

import copy
import dataclasses
import os
from typing import Optional

import tensorflow as tf
from official.vision.configs import common, video_classification

from movinet.data.pipeline import bad_clips, batches, normalisation, sampling_names
from movinet.data.pipeline.augmentation import Mix
from movinet.data.pipeline.bad_clips import BadClipPolicy
from movinet.data.pipeline.data_service import DataService
from movinet.errors import InputError
from movinet.training import datasets
from movinet.training.augmenters import AutoAugment, ClipAugmenter, RandAugment

# Fields with the one value this pipeline knows; another one must not be ignored in silence.
_FIXED_FIELDS = {
    "tfds_as_supervised": False,
    "file_type": "tfrecord",
    "data_format": "channels_last",
    "input_image_format": "jpeg",
    "output_audio": False,
    "sharding": True,
    "enable_shared_tf_data_service_between_parallel_trainers": False,
}


@dataclasses.dataclass
class DataConfig(video_classification.DataConfig):
    """The Model Garden's fields, and those that only this pipeline has.

    input_path may also be a folder made by tools/build_dataset.py, of which `split` is read.
    target_fps: frames per second by the frame times; 0 for temporal_stride.
    sampling: `segments` for one frame of each of as many equal parts of the video, instead of both.
    image_mean, image_std: of red, green and blue, from 0 to 1, by which pixels are normalised.
    verify_checksums: compare every byte with the manifest before use.
    on_bad_clip: `fail` ends the run at the first clip that cannot be read or decoded, `skip` leaves
    it out; max_bad_clips: how many may be left out.

    Of the Model Garden's fields three mean less than there: every epoch is shuffled as a whole,
    which is more than a buffer does, so shuffle_buffer_size changes nothing; cycle_length is the
    number of clips, not of files, that are read side by side at most; and clips never overtake each
    other, whatever `deterministic` says.
    """

    target_fps: float = 0.0
    sampling: str = sampling_names.CLIP
    # The Model Garden reads annotations of this form.
    image_mean: Optional[tuple[float, float, float]] = None  # noqa: UP045
    image_std: Optional[tuple[float, float, float]] = None  # noqa: UP045
    random_flip: bool = True
    verify_checksums: bool = True
    on_bad_clip: str = bad_clips.FAIL
    max_bad_clips: int = 100


def resolve(config: DataConfig, remembered: str | os.PathLike[str] | None = None) -> DataConfig:
    """A copy of `config` with the sizes of its dataset filled in, and `aug_type` written out.

    Args:
        remembered: a file that keeps checksums, so that what has not changed is read only once.

    Raises:
        InputError: the dataset does not match its manifest or the configuration, or a field has a
            value that cannot be used.
    """
    config = copy.deepcopy(config)
    for name, value in _FIXED_FIELDS.items():
        if getattr(config, name) != value:
            raise InputError(
                f"{name} is {getattr(config, name)!r}: this pipeline knows only {value!r}."
            )
    if isinstance(config.aug_type, str):
        config.aug_type = common.Augmentation(type=config.aug_type)
    found = datasets.describe(config, checksums=config.verify_checksums, remembered=remembered)
    if found:
        _fill_in(config, found)
    if config.num_classes < 1:
        raise InputError(
            f"num_classes is {config.num_classes}: give the number of classes of "
            f"{config.input_path!r}."
        )
    return config


def _fill_in(config: DataConfig, found: datasets.Described) -> None:
    """Sets what the dataset says of itself. Raises InputError if the configuration contradicts."""
    if config.num_classes not in (-1, len(found.labels)):
        raise InputError(
            f"num_classes is {config.num_classes}, but {found.where} has {len(found.labels)} "
            "classes: correct it, or set it to -1."
        )
    if config.target_fps and not found.timed:
        raise InputError(
            f"target_fps needs the times of the frames, which {found.where} does not have: set it "
            "to 0 and use temporal_stride."
        )
    config.num_classes, config.num_examples = len(found.labels), found.clips
    config.split = found.split
    if config.tfds_name:
        config.tfds_split = found.split


def build_inputs(
    config: DataConfig,
    input_context: tf.distribute.InputContext | None = None,
    start: int = 0,
    bad_clips: str | os.PathLike[str] | None = None,
) -> tf.data.Dataset:
    """Batches of ({'image': [B, T, H, W, 3]}, labels); see `movinet.data.pipeline.batches.build`.

    Args:
        input_context: of several machines, each with its share of every batch.
        start: clips that were trained on before: the position at which training goes on.
        bad_clips: a CSV file that lists the clips left out, if `on_bad_clip` is skip.

    Raises:
        InputError: the data or the configuration cannot be used.
    """
    config = resolve(config)
    if config.drop_remainder and 0 <= config.num_examples < config.global_batch_size:
        raise InputError(
            f"The data has {config.num_examples} clips (num_examples), fewer than one batch of "
            f"{config.global_batch_size}: make the batch smaller, or set drop_remainder to false."
        )
    return batches.build(
        datasets.find_records(config),
        clip_settings(config),
        is_training=bool(config.is_training),
        batch_size=config.global_batch_size,
        seed=config.seed,
        start=start,
        augment=_augmenter(config.aug_type) if config.is_training else None,
        mix=_mix(config.mixup_and_cutmix) if config.is_training else None,
        input_context=input_context,
        drop_remainder=config.drop_remainder,
        cycle_length=config.cycle_length,
        cache=config.cache,
        service=_data_service(config) if config.is_training else None,
        bad_clips=BadClipPolicy(config.on_bad_clip, config.max_bad_clips, bad_clips),
    )


def clip_settings(config: DataConfig) -> batches.ClipSettings:
    """The part of a configuration that says what a clip is."""
    if len(config.feature_shape) != 4 or config.feature_shape[-1] != 3:
        raise InputError(
            f"feature_shape is {tuple(config.feature_shape)}: give frames, height, width and 3 "
            "channels."
        )
    num_frames, height, width, _ = config.feature_shape
    return batches.ClipSettings(
        num_frames=num_frames,
        height=height,
        width=width,
        num_classes=config.num_classes,
        temporal_stride=config.temporal_stride,
        random_stride_range=config.random_stride_range,
        target_fps=config.target_fps,
        sampling=config.sampling,
        num_test_clips=config.num_test_clips,
        num_test_crops=config.num_test_crops,
        min_image_size=config.min_image_size,
        normalisation=pixel_normalisation(config),
        min_aspect_ratio=config.aug_min_aspect_ratio,
        max_aspect_ratio=config.aug_max_aspect_ratio,
        min_area_ratio=config.aug_min_area_ratio,
        max_area_ratio=config.aug_max_area_ratio,
        random_flip=config.random_flip,
        random_rotation=config.aug_random_rotation,
        one_hot=config.one_hot,
        is_multilabel=config.is_multilabel,
        label_dtype=config.label_dtype,
        dtype=config.dtype,
    )


def pixel_normalisation(config: DataConfig) -> normalisation.Normalisation:
    """What is done to the values of pixels. Raises InputError if the settings contradict."""
    return normalisation.choose(config.zero_centering_image, config.image_mean, config.image_std)


def _data_service(config: DataConfig) -> DataService | None:
    if not config.enable_tf_data_service:
        return None
    if not config.tf_data_service_address:
        raise InputError(
            "enable_tf_data_service is set without tf_data_service_address: give the dispatcher's, "
            "grpc://host:port."
        )
    return DataService(config.tf_data_service_address, config.tf_data_service_job_name)


def _augmenter(config: common.Augmentation | None) -> ClipAugmenter | None:
    if config is None or config.type is None:
        return None
    if config.type == "autoaug":
        choices = config.autoaug
        return AutoAugment.named(
            choices.augmentation_name, choices.cutout_const, choices.translate_const
        )
    if config.type == "randaug":
        choices = config.randaug
        if choices.magnitude_std:
            raise InputError("aug_type.randaug.magnitude_std is not used for clips: set it to 0.")
        return RandAugment(
            num_layers=choices.num_layers,
            magnitude=choices.magnitude,
            cutout_const=choices.cutout_const,
            translate_const=choices.translate_const,
            prob_to_apply=choices.prob_to_apply,
            exclude_ops=choices.exclude_ops,
        )
    raise InputError(f"aug_type {config.type!r} is unknown: it is autoaug or randaug.")


def _mix(config: common.MixupAndCutmix | None) -> Mix | None:
    if config is None:
        return None
    return Mix(
        mixup_alpha=config.mixup_alpha,
        cutmix_alpha=config.cutmix_alpha,
        probability=config.prob,
        switch_probability=config.switch_prob,
        label_smoothing=config.label_smoothing,
    )

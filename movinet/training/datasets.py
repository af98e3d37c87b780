"""The dataset that a data configuration names: a folder of our own, one of TensorFlow Datasets, or
plain record files.
"""

import os
from typing import NamedTuple, TypeAlias

import tensorflow as tf
from official.vision.configs import video_classification

from movinet.data.building import manifest
from movinet.data.pipeline import tfds_records
from movinet.data.pipeline.decoding import IMAGE_FIELD, LABEL_FIELD
from movinet.data.pipeline.record_source import RecordFile, RecordSource, SequenceExamples
from movinet.data.pipeline.tfds_records import TfdsDataset
from movinet.data.sources.splits import SPLIT_FOLDERS
from movinet.errors import InputError

DataConfig: TypeAlias = video_classification.DataConfig


class Described(NamedTuple):
    """What a dataset says of itself.

    where: its name in messages; labels: names of the classes; split: the one that is read; clips:
    in it; timed: whether it knows when its frames are shown.
    """

    where: str
    labels: tuple[str, ...]
    split: str
    clips: int
    timed: bool


def describe(config: DataConfig, *, checksums: bool = False) -> Described | None:
    """What the dataset of a configuration says of itself; None for plain record files.

    Args: checksums: compare every byte with the manifest, if there is one.
    Raises: InputError if the dataset is not there, not whole, or has no such split.
    """
    if config.tfds_name:
        dataset = open_tfds(config)
        split = dataset.find_split(config.tfds_split or config.split)
        clips = dataset.records(split).clips
        return Described(
            dataset.name, dataset.labels, split, clips, timed=dataset.fields.times is not None
        )
    if not _is_folder(config.input_path):
        return None
    split = SPLIT_FOLDERS.get(config.split, config.split)
    found = manifest.verify(config.input_path, split, checksums=checksums)
    return Described(config.input_path, found.labels, split, found.splits[split].clips, timed=True)


def find_manifest(config: DataConfig) -> manifest.Manifest | None:
    """The manifest beside the data, None when there is none."""
    folder = config.input_path if isinstance(config.input_path, str) else ""
    if folder and os.path.isfile(os.path.join(folder, manifest.MANIFEST_NAME)):
        return manifest.load(folder)
    return None


def find_labels(config: DataConfig) -> tuple[str, ...]:
    """The names of the classes; none if the dataset does not know any."""
    if config.tfds_name:
        labels = open_tfds(config).labels
        return () if labels == _numbers(len(labels)) else labels
    found = find_manifest(config)
    return found.labels if found else ()


def find_short_side(config: DataConfig) -> int:
    """Pixels of the shorter side that frames were reduced to when they were stored; 0 if that is
    not known.
    """
    if config.tfds_name:
        settings = open_tfds(config).info.metadata or {}
    else:
        found = find_manifest(config)
        settings = found.settings if found else {}
    encoding = settings.get("encoding")
    short_side = encoding.get("short_side") if isinstance(encoding, dict) else None
    return short_side if isinstance(short_side, int) else 0


def find_splits(config: DataConfig) -> tuple[str, ...]:
    """The splits of the dataset that have clips in them; none for plain record files."""
    if config.tfds_name:
        return open_tfds(config).splits
    found = find_manifest(config)
    return tuple(name for name, split in found.splits.items() if split.clips) if found else ()


def find_records(config: DataConfig) -> RecordSource:
    """The clips of a configuration that `inputs.resolve` has completed.

    Raises: InputError if they are not there.
    """
    if config.tfds_name:
        return open_tfds(config).records(config.split)
    return SequenceExamples(
        tuple(RecordFile(path) for path in find_files(config)),
        "GZIP" if config.compressed_input else "",
        config.image_field_key,
        config.label_field_key,
    )


def find_files(config: DataConfig) -> list[str]:
    """The record files of `input_path`: a dataset folder, or paths and patterns (list or commas).

    Raises:
        InputError: a pattern matches nothing.
    """
    if _is_folder(config.input_path):
        shards = manifest.load(config.input_path).splits[config.split].shards
        return [f"{config.input_path.rstrip('/')}/{shard.name}" for shard in shards]
    given = [config.input_path] if isinstance(config.input_path, str) else config.input_path
    patterns = [
        pattern.strip() for entry in given for pattern in entry.split(",") if pattern.strip()
    ]
    if not patterns:
        raise InputError(
            "input_path is empty: give a dataset folder, or paths or patterns of TFRecord files; "
            "or set tfds_name."
        )
    files: list[str] = []
    for pattern in patterns:
        matches = sorted(tf.io.gfile.glob(pattern))
        if not matches:
            raise InputError(f"input_path {pattern!r} matches no file.")
        files += matches
    if len(set(files)) != len(files):
        raise InputError(f"input_path {config.input_path!r} names a file twice.")
    return files


def open_tfds(config: DataConfig) -> TfdsDataset:
    """The dataset that `tfds_name` names.

    Raises: InputError if it is not built, or another field does not go with it.
    """
    if config.input_path:
        raise InputError("input_path and tfds_name are both set: set one of them to ''.")
    if config.compressed_input:
        raise InputError("compressed_input is for files in input_path, not for tfds_name.")
    image, label = config.image_field_key, config.label_field_key
    dataset = tfds_records.open_dataset(
        config.tfds_name,
        config.tfds_data_dir,
        None if image == IMAGE_FIELD else image,
        None if label == LABEL_FIELD else label,
    )
    skipped = config.tfds_skip_decoding_feature
    if skipped not in ("", dataset.fields.video):
        raise InputError(
            f"tfds_skip_decoding_feature is {skipped!r}: leave it out, frames are decoded only "
            "where a clip needs them anyway."
        )
    return dataset


def _is_folder(input_path: object) -> bool:
    return isinstance(input_path, str) and bool(input_path) and tf.io.gfile.isdir(input_path)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(index) for index in range(count))

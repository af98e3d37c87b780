"""The dataset that a data configuration names: a folder of our own, one of TensorFlow Datasets, or
plain record files.
"""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf
from official.vision.configs import video_classification

from movinet.data import checksums
from movinet.data.building import manifest
from movinet.data.pipeline import tfds_records, unpacking
from movinet.data.pipeline.decoding import IMAGE_FIELD, LABEL_FIELD
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import RecordSource, SequenceExamples
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


def describe(
    config: DataConfig,
    *,
    checksums: bool = False,
    remembered: str | os.PathLike[str] | None = None,
) -> Described | None:
    """What the dataset of a configuration says of itself; None for plain record files.

    Args:
        checksums: compare every byte with the manifest, if there is one, and plain files of one
            size with each other.
        remembered: a file that keeps checksums, see `manifest.verify`.

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
        if checksums and config.input_path:
            _refuse_copies(find_files(config), remembered)
        return None
    split = SPLIT_FOLDERS.get(config.split, config.split)
    found = manifest.verify(config.input_path, split, checksums=checksums, remembered=remembered)
    return Described(config.input_path, found.labels, split, found.splits[split].clips, timed=True)


def fingerprint(config: DataConfig) -> str:
    """16 hex digits for what decides order and content of the clips: another dataset, or another
    part of it, has others; the same one elsewhere has the same.

    Raises: InputError if the dataset is not there.
    """
    content: Any
    if config.tfds_name:
        dataset = open_tfds(config)
        split = dataset.find_split(config.tfds_split or config.split)
        records = dataset.records(split)
        parts = [(os.path.basename(f.path), f.skip, f.take, _size(f.path)) for f in records.files]
        content = [dataset.name, str(dataset.info.version), split, parts]
    elif _is_folder(config.input_path):
        split = SPLIT_FOLDERS.get(config.split, config.split)
        shards = manifest.load(config.input_path).find_split(split, config.input_path).shards
        content = [split, [(shard.name, shard.clips, shard.sha256) for shard in shards]]
    else:
        content = [(os.path.basename(path), _size(path)) for path in find_files(config)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


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
    paths = find_files(config)
    if config.compressed_input:
        paths = unpacking.unpack(paths)
    return SequenceExamples(
        tuple(RecordFile(path) for path in paths), config.image_field_key, config.label_field_key
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


def _size(path: str) -> int:
    try:
        return tf.io.gfile.stat(path).length
    except tf.errors.OpError as error:
        raise InputError(f"{path} is missing: build or copy the dataset anew.") from error


def _refuse_copies(paths: Sequence[str], remembered: str | os.PathLike[str] | None) -> None:
    """Raises InputError if two files have the same content: clips would count twice."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in paths:
        if os.path.isfile(path):  # Those elsewhere would have to be fetched.
            by_size[os.path.getsize(path)].append(path)
    suspects = [path for same in by_size.values() if len(same) > 1 for path in same]
    first: dict[str, str] = {}
    for path, digest in checksums.checksums(suspects, remembered).items():
        if digest in first:
            raise InputError(
                f"{path} is a copy of {first[digest]}, so its clips would count twice: leave it "
                "out of input_path."
            )
        first[digest] = path


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(index) for index in range(count))

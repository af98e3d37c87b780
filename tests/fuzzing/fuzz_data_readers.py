"""The readers of data sets that others may have made, each as a function of the folder where it
lies.
"""

import os
import pathlib
from typing import Any

from fuzz_readers import Read

from movinet.errors import InputError


def annotations() -> Read:
    """An annotation file of Kinetics."""
    from movinet.data.sources import annotations

    def read(folder: pathlib.Path) -> None:
        path = folder / "annotations.csv"
        annotations.is_annotation(path)
        found = annotations.read_annotations([path])
        assert all(0 <= clip.time_start < clip.time_end for clip in found.clips.values())

    return read


def video_list() -> Read:
    """A list of videos, and class names; the first videos are opened."""
    from movinet.data.sources import source
    from movinet.data.videos import video_files

    def read(folder: pathlib.Path) -> None:
        labels = folder / "labels.txt"
        found = source.find_source(folder / "list.txt", labels if labels.exists() else None)
        _check_source(found)
        for clip in found.clips[:3]:
            try:
                next(video_files.read_frames(clip.path), None)
            except InputError:
                continue

    return read


def labels() -> Read:
    """A file of class names."""
    from movinet.data.sources import labels

    def read(folder: pathlib.Path) -> None:
        path = folder / "labels.txt"
        names = labels.read_labels(path)
        for name in names:
            labels.check_label(name, path)
        labels.names_by_number(["0", "1", *names], names)
        labels.names_by_letters(names, path, path)
        labels.number_order(names, path)

    return read


def official_lists(layout: str) -> Read:
    """The official lists of UCF101 or HMDB51."""
    from movinet.data.sources import layouts
    from movinet.data.sources.settings import SourceSettings

    def read(folder: pathlib.Path) -> None:
        layouts.detect(SourceSettings(str(folder)))
        _check_source(layouts.find(SourceSettings(str(folder), layout=layout)))

    return read


def frame_list() -> Read:
    """A list of folders of frames."""
    from movinet.data.sources import layouts
    from movinet.data.sources.settings import SourceSettings

    def read(folder: pathlib.Path) -> None:
        layouts.detect(SourceSettings(str(folder)))
        found = layouts.find(SourceSettings(str(folder), layout="frame_list"))
        _check_source(found)
        assert all(clip.path.is_relative_to(folder) for clip in found.clips)
        assert not any(".." in clip.path.parts for clip in found.clips)

    return read


def _check_source(found: Any) -> None:
    """Classes fit the lines of a file, and clips have one of them."""
    for label in found.labels:
        assert label and label == label.strip() and label.isprintable(), repr(label)
    assert {clip.label for clip in found.clips} <= set(found.labels)


def manifest() -> Read:
    """The manifest of a dataset, and the shards that it names."""
    from movinet.data.building import manifest

    def read(folder: pathlib.Path) -> None:
        found = manifest.load(folder)
        for split in found.splits.values():
            assert all(os.path.basename(shard.name) == shard.name for shard in split.shards)
        manifest.verify(folder, "train", checksums=True)

    return read


def record_file() -> Read:
    """A TFRecord file, of which the headers alone are read."""
    from movinet.data.pipeline import record_index

    def read(folder: pathlib.Path) -> None:
        path = folder / "clips.tfrecord"
        with open(path, "rb") as file:
            offsets = record_index.scan(file, path.stat().st_size, "clips").tolist()
        assert offsets == sorted(set(offsets)) and offsets[-1] + 16 <= path.stat().st_size
        index = record_index.build_index([record_index.RecordFile(str(path))])
        assert index.offset.tolist() == offsets

    return read


def tfds_description() -> Read:
    """The description of a dataset of TensorFlow Datasets, before TFDS sees it."""
    from movinet.data.pipeline import tfds_records

    return lambda folder: tfds_records._check_descriptions(str(folder))

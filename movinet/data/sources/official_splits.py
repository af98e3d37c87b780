"""UCF101 and HMDB51, each split by one of its three official pairs of lists.

The lists are taken whole: `train` and `test`. They have no validation split, and none is made in
silence: published figures are of networks trained on all of the first and tested on the second.
"""

import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from movinet.data.sources import text_lines
from movinet.data.sources.folders import LINK_REASON, FoundVideo, walk_dataset
from movinet.data.sources.labels import check_label, names_by_letters
from movinet.data.sources.source import Source
from movinet.data.sources.splits import Skipped, SourceClip
from movinet.errors import InputError

_UCF101_CLASSES = "classInd.txt"
_UCF101_FOLDERS = ("", "ucfTrainTestlist", "annotations")
_HMDB51_FOLDERS = (
    "",
    "testTrainMulti_7030_splits",
    "test_train_splits/testTrainMulti_7030_splits",
    "annotations",
)
_HMDB51_LIST = re.compile(r"(?P<label>.+)_test_split[123]\.txt")
_HMDB51_SPLITS = {"1": "train", "2": "test"}
_HMDB51_UNUSED = "0"


class _Listed(NamedTuple):
    """A line of a list: file and line, class, file name, split."""

    where: str
    label: str
    file: str
    split: str


def find_ucf101_lists(
    root: pathlib.Path, given: Sequence[pathlib.Path] = ()
) -> pathlib.Path | None:
    """Returns the folder of the official lists of UCF101: the given one, or one under `root`."""
    places = given or [root / folder for folder in _UCF101_FOLDERS]
    return next((p for p in places if os.path.isfile(p / _UCF101_CLASSES)), None)


def find_hmdb51_lists(
    root: pathlib.Path, given: Sequence[pathlib.Path] = ()
) -> pathlib.Path | None:
    """Returns the folder of the official lists of HMDB51: the given one, or one under `root`."""
    places = given or [root / folder for folder in _HMDB51_FOLDERS]
    return next((place for place in places if any(_hmdb51_lists(place))), None)


def find_ucf101(
    root: pathlib.Path,
    annotations: Sequence[pathlib.Path] = (),
    fold: int = 1,
    labels_file: str | os.PathLike[str] | None = None,
) -> Source:
    """Finds the videos of UCF101, in class folders anywhere under `root`.

    Args:
        root: the folder of the videos.
        annotations: the folder of `classInd.txt`, `trainlist01.txt` and so on; by default
            `ucfTrainTestlist` in `root`, `annotations`, or `root` itself.
        fold: 1 to 3.
        labels_file: class names in index order; by default that of `classInd.txt`.

    Raises:
        InputError: lists or videos are not there, or a line makes no sense.
    """
    folder = find_ucf101_lists(root, annotations)
    if folder is None:
        raise InputError(
            f"There is no {_UCF101_CLASSES} in {' or '.join(map(str, annotations or [root]))}: "
            "unpack UCF101TrainTestSplits-RecognitionTask.zip there, or name the folder of the "
            "lists with --annotations."
        )
    labels = _read_classes(folder / _UCF101_CLASSES)
    listed = []
    for split in ("train", "test"):
        for where, _, line in text_lines.read_lines(folder / f"{split}list{fold:02}.txt"):
            label, _, file = line.split()[0].partition("/")  # A training line ends in a number.
            if label not in labels or not file:
                raise InputError(f"{where} is not 'CLASS/VIDEO.avi' of a class in the lists.")
            listed.append(_Listed(where, label, file, split))
    return _match(f"UCF101, fold {fold}", root, listed, list(labels), labels_file)


def _read_classes(path: pathlib.Path) -> dict[str, None]:
    """Returns the classes in index order, each a line `1 ApplyEyeMakeup`."""
    labels: dict[str, None] = {}
    for where, _, line in text_lines.read_lines(path):
        label = line.strip().split(maxsplit=1)[-1]
        check_label(label, where)
        if label in labels:
            raise InputError(f"{where} names the class {label!r} again.")
        labels[label] = None
    return labels


def find_hmdb51(
    root: pathlib.Path,
    annotations: Sequence[pathlib.Path] = (),
    fold: int = 1,
    labels_file: str | os.PathLike[str] | None = None,
) -> Source:
    """Finds the videos of HMDB51, in class folders anywhere under `root`.

    Args:
        root: the folder of the videos.
        annotations: the folder of `CLASS_test_split1.txt` and so on; by default
            `testTrainMulti_7030_splits` in `root`, `annotations`, or `root` itself.
        fold: 1 to 3.
        labels_file: class names in index order; by default sorted.

    Raises:
        InputError: lists or videos are not there, or a line makes no sense.
    """
    folder = find_hmdb51_lists(root, annotations)
    lists = {} if folder is None else dict(_hmdb51_lists(folder, fold))
    if not lists:
        raise InputError(
            f"There is no list named CLASS_test_split{fold}.txt in "
            f"{' or '.join(map(str, annotations or [root]))}: unpack test_train_splits.rar there, "
            "or name the folder of the lists with --annotations."
        )
    listed, unused = [], 0
    for label, path in lists.items():
        for where, _, line in text_lines.read_lines(path):
            file, _, part = line.strip().rpartition(" ")
            if part == _HMDB51_UNUSED:
                unused += 1
            elif part in _HMDB51_SPLITS and file:
                listed.append(_Listed(where, label, file.strip(), _HMDB51_SPLITS[part]))
            else:
                raise InputError(f"{where} is not 'VIDEO.avi' followed by 0, 1 or 2.")
    note = f"{unused:,} videos are in neither part of this fold (0 in the lists) and left out."
    source = f"HMDB51, fold {fold}"
    return _match(source, root, listed, sorted(lists), labels_file, *([note] if unused else []))


def _match(
    name: str,
    root: pathlib.Path,
    listed: Sequence[_Listed],
    labels: Sequence[str],
    labels_file: str | os.PathLike[str] | None,
    *notes: str,
) -> Source:
    """Returns the listed videos that are under `root`."""
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give the one that holds the videos.")
    names, order = {label: label for label in labels}, tuple(labels)
    if labels_file:
        names, order = names_by_letters(labels, labels_file, name)
    videos: dict[tuple[str, str], FoundVideo] = {}
    for video in walk_dataset(root):
        videos.setdefault(_key(video.path.parent.name, video.path.name), video)
    lines: dict[tuple[str, str], str] = {}
    clips, skipped = [], []
    for where, label, file, split in listed:
        key, entry = _key(label, file), text_lines.one_line(f"{label}/{file}")
        if key in lines:
            raise InputError(f"{where} names {entry} again, which {lines[key]} did.")
        lines[key] = where
        found = videos.get(key)
        if found is None:
            skipped.append(Skipped(entry, split, "is listed but not there"))
        elif found.leads_out:
            skipped.append(Skipped(found.name, split, LINK_REASON))
        else:
            clips.append(SourceClip(found.path, found.name, names[label], split))
    if not clips:
        raise InputError(
            f"None of the {len(listed):,} videos that the lists name is in {root}: they must lie "
            "in folders named like their classes."
        )
    train = sum(entry.split == "train" for entry in listed)
    return Source(
        clips=tuple(sorted(clips, key=lambda clip: clip.name)),
        labels=order,
        skipped=tuple(skipped),
        root=str(root),
        notes=(
            f"{name}: the official lists name {train:,} videos to train on and "
            f"{len(listed) - train:,} to test on, and no validation split: evaluate with "
            "task.validation_data.split=test, or take one from train with "
            "--validation_from_train=0.1.",
            *notes,
        ),
    )


def _key(folder: str, file: str) -> tuple[str, str]:
    """Class and video, whatever the case and however the video is encoded."""
    return folder.lower(), pathlib.PurePath(file).stem.lower()


def _hmdb51_lists(folder: pathlib.Path, fold: int = 1) -> Iterator[tuple[str, pathlib.Path]]:
    """Yields class and list of one fold, in order."""
    for path in sorted(folder.glob(f"*_test_split{fold}.txt")):
        if found := _HMDB51_LIST.fullmatch(path.name):
            check_label(found["label"], folder)
            yield found["label"], path

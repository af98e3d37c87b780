"""The clips of a dataset before it is built, and finding those of a folder or a list of videos.

`movinet.data.sources.layouts` finds those of other datasets.
"""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from movinet.data.sources import text_lines
from movinet.data.sources.annotations import ListedClip
from movinet.data.sources.folders import find_in_folder
from movinet.data.sources.labels import check_label, names_by_number, number_order, read_labels
from movinet.data.sources.splits import SPLIT_FOLDERS, Skipped, SourceClip
from movinet.data.sources.text_lines import one_line
from movinet.data.videos.video_files import VIDEO_SUFFIXES
from movinet.errors import InputError

_PATH_COLUMNS = ("path", "video", "video_path", "file", "filename", "video_name")
_LABEL_COLUMNS = ("label", "class", "category", "class_name", "tag")
_SPLIT_COLUMNS = ("split", "subset", "set")


@dataclasses.dataclass(frozen=True)
class Source:
    """What was found: clips in order of their names, classes in index order, and what was left.

    root: what the user named. skipped: clips that are there or ought to be, but cannot be used.
    notes: sentences on what was found. missing: clips of an annotation that are not there, as many
    of Kinetics are; None where nothing says which there should be.
    """

    clips: tuple[SourceClip, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    root: str = ""
    notes: tuple[str, ...] = ()
    missing: tuple[ListedClip, ...] | None = None


def find_source(
    source: str | os.PathLike[str], labels_file: str | os.PathLike[str] | None = None
) -> Source:
    """Finds the videos of a folder or a list.

    A folder holds `CLASS/*.mp4`, or `train/CLASS/*.mp4` beside val (valid, validation) and test.
    Class folders are searched to any depth. Links that lead out of the folder are left out.

    A list has one `path label` or `path label split` a line, by comma, tab or space, with or
    without a header; paths are relative to the list. Labels are names, or the numbers 0, 1, ...

    Args:
        source: the folder or the list.
        labels_file: class names in index order, one a line; otherwise the names found, sorted.

    Raises:
        InputError: nothing there, a line that makes no sense, a bad or unknown label.
    """
    path = pathlib.Path(source)
    labels = read_labels(labels_file) if labels_file else None
    if os.path.isdir(path):
        clips, skipped = find_in_folder(path)
        names = sorted({clip.label for clip in clips})
    elif os.path.isfile(path):
        clips, skipped = _read_list(path), []
        names = sorted({clip.label for clip in clips})
        if labels:
            named = names_by_number(names, labels)
            clips = [dataclasses.replace(clip, label=named[clip.label]) for clip in clips]
            names = sorted(set(named.values()))
        else:
            names = number_order(names, path)
    else:
        raise InputError(f"{path} does not exist: give a folder of videos or a list of them.")
    if not clips:
        raise InputError(f"{path} holds no videos ({', '.join(VIDEO_SUFFIXES)}).")
    for name in labels or names:
        check_label(name, path)
    if labels and (unknown := [name for name in names if name not in set(labels)]):
        raise InputError(f"{path} has the class {unknown[0]!r}, which {labels_file} does not list.")
    clips = sorted(clips, key=lambda clip: clip.name)
    return Source(tuple(clips), tuple(labels or names), tuple(skipped), root=str(source))


def _read_list(path: pathlib.Path) -> list[SourceClip]:
    rows = [(line, _fields(line.text)) for line in text_lines.read_lines(path)]
    columns: Sequence[int | None] = (0, 1, 2)
    if rows and (header := _header_columns(rows[0][1])):
        columns = header
        rows = rows[1:]
    clips: dict[str, tuple[int, SourceClip]] = {}
    for (where, number, _), fields in rows:
        name, label, split = (
            fields[column].strip() if column is not None and column < len(fields) else ""
            for column in columns
        )
        if not name or not label:
            raise InputError(f"{where} is not 'path label' or 'path label split'.")
        check_label(label, where)
        if split and split.lower() not in SPLIT_FOLDERS:
            raise InputError(f"{where}: {split!r} is no split; use train, validation or test.")
        if name in clips:
            raise InputError(
                f"{where} names {one_line(name)} again, which line {clips[name][0]} did."
            )
        part = SPLIT_FOLDERS[split.lower()] if split else None
        clips[name] = number, SourceClip(path.parent / name, one_line(name), label, part)
    with_split = [number for number, clip in clips.values() if clip.split]
    if with_split and len(with_split) < len(clips):
        without = next(number for number, clip in clips.values() if not clip.split)
        raise InputError(f"{path}: line {with_split[0]} has a split, line {without} has none.")
    return [clip for _, clip in clips.values()]


def _fields(line: str) -> list[str]:
    """Splits a line at commas, at tabs, or at the blanks before the label and the split."""
    for delimiter in ",\t":
        if delimiter in line:
            return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    fields = line.split()
    if len(fields) > 2 and fields[-1].lower() in SPLIT_FOLDERS:
        return line.rsplit(maxsplit=2)
    return line.rsplit(maxsplit=1)


def _header_columns(fields: Sequence[str]) -> tuple[int, int, int | None] | None:
    """Returns the places of path, label and split if these fields are a header."""
    names = [field.strip().lower() for field in fields]
    if len(names) == 1 or not {*_PATH_COLUMNS, *_LABEL_COLUMNS} & set(names):
        return None
    found = [
        next((names.index(known) for known in columns if known in names), None)
        for columns in (_PATH_COLUMNS, _LABEL_COLUMNS, _SPLIT_COLUMNS)
    ]
    path, label, split = found
    return None if path is None or label is None else (path, label, split)

"""Finding the videos of a dataset: class folders, with or without split folders, or a list file."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

from movinet.data.manifest import Skipped
from movinet.data.splits import SPLIT_FOLDERS, SourceClip
from movinet.data.videos import VIDEO_SUFFIXES
from movinet.errors import InputError

_PATH_COLUMNS = ("path", "video", "video_path", "file", "filename", "video_name")
_LABEL_COLUMNS = ("label", "class", "category", "class_name", "tag")
_SPLIT_COLUMNS = ("split", "subset", "set")


@dataclasses.dataclass(frozen=True)
class Source:
    """What was found: clips in order of their names, classes in index order, and what was left."""

    clips: tuple[SourceClip, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()


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
    if path.is_dir():
        clips, skipped = _find_in_folder(path)
        names = sorted({clip.label for clip in clips})
    elif path.is_file():
        clips, skipped = _read_list(path), []
        names = _number_labels(path, {clip.label for clip in clips}, labels)
        if labels:
            clips = [
                dataclasses.replace(clip, label=_by_name(clip.label, labels)) for clip in clips
            ]
            names = sorted({clip.label for clip in clips})
    else:
        raise InputError(f"{path} does not exist: give a folder of videos or a list of them.")
    if not clips:
        raise InputError(f"{path} holds no videos ({', '.join(VIDEO_SUFFIXES)}).")
    for name in labels or names:
        check_label(name, path)
    if labels and (unknown := [name for name in names if name not in set(labels)]):
        raise InputError(f"{path} has the class {unknown[0]!r}, which {labels_file} does not list.")
    clips = sorted(clips, key=lambda clip: clip.name)
    return Source(tuple(clips), tuple(labels or names), tuple(skipped))


def check_label(label: str, where: str | os.PathLike[str]) -> None:
    """Raises InputError for a class name that a line of a label file cannot hold."""
    if not label or label != label.strip() or not label.isprintable():
        raise InputError(
            f"{where}: {label!r} is no class name: it must be printable, on one line, and without "
            "blanks at its ends."
        )


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Reads class names in index order, one a line; raises InputError if one is empty or twice."""
    try:
        labels = pathlib.Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the labels in {path}: {error}.") from error
    if not labels:
        raise InputError(f"The label file {path} is empty.")
    first_lines: dict[str, int] = {}
    for line, label in enumerate(labels, 1):
        check_label(label, f"{path}, line {line}")
        if label in first_lines:
            raise InputError(f"{path}: line {line} repeats {label!r} of line {first_lines[label]}.")
        first_lines[label] = line
    return labels


def _find_in_folder(root: pathlib.Path) -> tuple[list[SourceClip], list[Skipped]]:
    folders = _folders(root)
    split_folders = [folder for folder in folders if folder.name.lower() in SPLIT_FOLDERS]
    if not split_folders:
        return _find_in_classes(root, folders, None)
    if others := [folder.name for folder in folders if folder not in split_folders]:
        raise InputError(
            f"{root} mixes split folders ({split_folders[0].name}) with others ({others[0]}): keep "
            "class folders inside train, val and test, or class folders alone."
        )
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    for folder in split_folders:
        split = SPLIT_FOLDERS[folder.name.lower()]
        found, left_out = _find_in_classes(root, _folders(folder), split)
        clips += found
        skipped += left_out
    return clips, skipped


def _folders(root: pathlib.Path) -> list[pathlib.Path]:
    found = [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if links := [entry for entry in found if entry.is_symlink()]:
        raise InputError(
            f"{links[0]} is a link to a folder, which is not followed: put the folder itself "
            "there, or give a list of videos."
        )
    return sorted(found)


def _find_in_classes(
    root: pathlib.Path, folders: Iterable[pathlib.Path], split: str | None
) -> tuple[list[SourceClip], list[Skipped]]:
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    inside = root.resolve()
    for folder in folders:
        check_label(folder.name, root)
        for directory, subfolders, files in os.walk(folder, followlinks=False):
            for entry in (*subfolders, *files):
                path = pathlib.Path(directory, entry)
                linked = path.is_symlink()
                if entry.startswith(".") or (
                    path.suffix.lower() not in VIDEO_SUFFIXES if entry in files else not linked
                ):
                    continue
                name = printable(path.relative_to(root).as_posix())
                if linked and not path.resolve().is_relative_to(inside):
                    skipped.append(Skipped(name, split or "", "is a link out of the folder"))
                elif entry in files:
                    clips.append(SourceClip(path, name, folder.name, split))
    return clips, skipped


def _read_list(path: pathlib.Path) -> list[SourceClip]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the list {path}: {error}.") from error
    rows = [(number, _fields(line)) for number, line in enumerate(lines, 1) if line.strip()]
    columns: Sequence[int | None] = (0, 1, 2)
    if rows and (header := _header_columns(rows[0][1])):
        columns = header
        rows = rows[1:]
    clips: dict[str, tuple[int, SourceClip]] = {}
    for number, fields in rows:
        where = f"{path}, line {number}"
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
            raise InputError(f"{where} names {name} again, which line {clips[name][0]} did.")
        clip = SourceClip(
            path.parent / name, name, label, SPLIT_FOLDERS[split.lower()] if split else None
        )
        clips[name] = number, clip
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


def _number_labels(path: pathlib.Path, names: set[str], labels: Sequence[str] | None) -> list[str]:
    """Returns the names in index order; numbers without a label file must be 0, 1, ... in full."""
    if labels or not all(name.isdecimal() for name in names):
        return sorted(names)
    numbers = sorted(names, key=int)
    if [int(name) for name in numbers] != list(range(len(numbers))) and numbers:
        raise InputError(
            f"{path} labels clips by number, but not by 0 to {len(numbers) - 1} without gaps: give "
            "the names of the classes with --labels."
        )
    return numbers


def _by_name(label: str, labels: Sequence[str]) -> str:
    """Returns the name of a label given by name or by index."""
    if label not in labels and label.isdecimal() and int(label) < len(labels):
        return labels[int(label)]
    return label


def printable(text: str) -> str:
    """Returns a file name as text that can be written as UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

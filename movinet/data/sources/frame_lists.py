"""Lists of folders of frames, as PaddleVideo and MMAction write them: `path frames label`."""

import dataclasses
import os
import pathlib
import re
import string
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from movinet.data.sources import text_lines
from movinet.data.sources.labels import number_order, read_labels
from movinet.data.sources.settings import SourceSettings
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLIT_FOLDERS, FrameFolder, Skipped, SourceClip
from movinet.data.sources.text_lines import one_line
from movinet.data.videos.video_files import VIDEO_SUFFIXES
from movinet.errors import InputError

_ENDINGS = (".txt", ".list", ".csv")
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SPLIT_WORD = re.compile(r"train|validation|valid|val|test")


class _Line(NamedTuple):
    """A line of a list: file and line, the folder of the frames, their number, the class."""

    where: str
    folder: str
    frames: int
    label: str


def find_frame_lists(
    source: pathlib.Path, given: Sequence[pathlib.Path] = ()
) -> tuple[pathlib.Path, ...]:
    """Returns the lists among the given files and folders, or those of `source`: it or in it.

    A file in a folder counts as one if its name tells its split and its first line is one.
    """
    found: list[pathlib.Path] = []
    for place in given or (source,):
        if place.is_dir():
            files = sorted(path for path in place.glob("*") if path.suffix in _ENDINGS)
            found += [path for path in files if _split_of(path) and is_frame_list(path, source)]
        else:
            found.append(place)
    return tuple(found)


def is_frame_list(path: pathlib.Path, source: pathlib.Path) -> bool:
    """Returns whether the first line of a file names a folder of frames."""
    try:
        first = next(_frame_lines(path))
    except (InputError, StopIteration):
        return False
    is_video = first.folder.lower().endswith(VIDEO_SUFFIXES)
    return not is_video and os.path.isdir(_root(source) / first.folder)


def find_frame_folders(
    source: pathlib.Path,
    lists: Sequence[pathlib.Path],
    image_template: str,
    frame_rate: float,
    labels_file: str | os.PathLike[str] | None = None,
) -> Source:
    """Finds clips that are folders of frames, named by lists of `path frames label`.

    Whether all frames are there is found out when they are read. A clip's label is a number.

    Args:
        source: the folder that the paths start from, or a list beside the frames.
        lists: files, or folders of them; if empty, those in `source`. The split of each is the one
            of train, val and test that its name holds; the clips of a single list without any have
            no split.
        image_template: file name of a frame by its number; the first is 1, or 0 if it is there.
        frame_rate: frames per second.
        labels_file: class names in index order; by default the numbers, which then must be 0, 1,
            ... without gaps.

    Raises:
        InputError: a list is not there, a line makes no sense or leads out of the folder, two lists
            are of one split, or the template is none.
    """
    _check_template(image_template)
    paths = find_frame_lists(source, lists)
    if not paths:
        raise InputError(
            f"{source} holds no list named by train, val or test whose lines are 'path frames "
            "label': name the lists with --annotations."
        )
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    lines: dict[str, _Line] = {}
    root = _root(source)
    inside = root.resolve()
    for path, split in _with_splits(paths):
        for line in _frame_lines(path):
            name = _name_below(root, line)
            if name in lines:
                raise InputError(
                    f"{line.where} names {one_line(name)} again, as {lines[name].where} did."
                )
            lines[name] = line
            if line.frames:
                frames = FrameFolder(image_template, line.frames, frame_rate, inside)
                clips.append(SourceClip(root / name, one_line(name), line.label, split, frames))
            else:
                skipped.append(Skipped(one_line(name), split or "", "has no frames by its list"))
    if not clips:
        raise InputError(f"{paths[0]} lists no frames.")
    labels = _labels({line.label for line in lines.values()}, paths[0], labels_file)
    named = (dataclasses.replace(clip, label=labels[int(clip.label)]) for clip in clips)
    return Source(
        clips=tuple(sorted(named, key=lambda clip: clip.name)),
        labels=tuple(labels),
        skipped=tuple(skipped),
        root=str(source),
        notes=(
            f"Frame folders: {', '.join(path.name for path in paths)} list {len(lines):,} clips; "
            f"frames are named {image_template} and shown {frame_rate:g} a second.",
        ),
    )


def _root(source: pathlib.Path) -> pathlib.Path:
    return source if source.is_dir() else source.parent


def _check_template(template: str) -> None:
    """Raises InputError unless a template names a frame by its number, within its folder."""
    try:
        parts = list(string.Formatter().parse(template))
        fields = [field for _, field, _, _ in parts if field is not None]
        sound = fields in ([""], ["0"]) and template.format(1) != template.format(2)
    except (ValueError, LookupError):
        sound = False
    if not sound or "/" in template or "\0" in template:
        raise InputError(
            f"{template!r} is no name of a frame by its number: write one such as "
            f"{SourceSettings.image_template}, the number in braces and no folder."
        )


def _with_splits(paths: Sequence[pathlib.Path]) -> Iterator[tuple[pathlib.Path, str | None]]:
    """Yields the lists with their splits."""
    lists: dict[str | None, pathlib.Path] = {}
    for path in paths:
        split = _split_of(path)
        if split is None and len(paths) > 1:
            raise InputError(
                f"The name of {path} does not tell its split: let it hold one of train, val and "
                "test."
            )
        if split in lists:
            raise InputError(
                f"{lists[split]} and {path} are both lists of {split}: name the one that is meant "
                "with --annotations."
            )
        lists[split] = path
        yield path, split


def _split_of(path: pathlib.Path) -> str | None:
    words = {SPLIT_FOLDERS[word] for word in _SPLIT_WORD.findall(path.stem.lower())}
    return words.pop() if len(words) == 1 else None


def _frame_lines(path: pathlib.Path) -> Iterator[_Line]:
    for line in text_lines.read_lines(path):
        yield _parse(line.text, line.where)


def _parse(line: str, where: str) -> _Line:
    fields = line.rsplit(maxsplit=2)
    if len(fields) < 3 or not all(map(_NUMBER.fullmatch, fields[1:])):
        raise InputError(f"{where} is not 'path frames label', the last two of them numbers.")
    path, frames, label = fields
    return _Line(where, path.lstrip(), int(frames), str(int(label)))


def _name_below(root: pathlib.Path, line: _Line) -> str:
    """Returns the folder's path below the root; raises InputError if it leads out."""
    base = os.path.abspath(root)
    path = os.path.abspath(os.path.join(base, line.folder))
    if "\0" in path or not pathlib.PurePath(path).is_relative_to(base) or path == base:
        raise InputError(
            f"{line.where}: {line.folder!r} is no folder in {root}, where the frames must lie."
        )
    return pathlib.PurePath(path).relative_to(base).as_posix()


def _labels(
    numbers: set[str], where: pathlib.Path, labels_file: str | os.PathLike[str] | None
) -> list[str]:
    """Returns the class names in index order."""
    if not labels_file:
        return number_order(numbers, where)
    labels = read_labels(labels_file)
    if (highest := max(map(int, numbers))) >= len(labels):
        raise InputError(
            f"{where} has the class {highest}, but {labels_file} lists {len(labels)} classes, from "
            "0 on."
        )
    return labels

"""The annotation files of Kinetics: which seconds of which YouTube video are a clip of what."""

import csv
import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from movinet.data.sources import text_lines
from movinet.data.sources.labels import check_label
from movinet.data.sources.splits import SPLIT_FOLDERS
from movinet.errors import InputError

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
_NEEDED = set(COLUMNS) - {"label"}  # Kinetics-700 keeps the labels of its test clips to itself.
_SPLITS = {**SPLIT_FOLDERS, "validate": "validation"}
_VIDEO_ID = re.compile(r"[\w-]{11}", re.ASCII)
_CLIP_NAME = re.compile(r"([\w-]{11})_(\d{1,9})_(\d{1,9})(?:\.mp4)?", re.ASCII)
_EXAMPLES = 3

# The video's id, first and last second.
ClipKey: TypeAlias = tuple[str, int, int]


class ListedClip(NamedTuple):
    """A line of an annotation: class, YouTube video, the seconds where the clip is, split."""

    label: str
    youtube_id: str
    time_start: int
    time_end: int
    split: str

    @property
    def key(self) -> ClipKey:
        """What tells it from other clips."""
        return self.youtube_id, self.time_start, self.time_end


@dataclasses.dataclass(frozen=True)
class Annotations:
    """The clips of all files; those without a label; sentences on what was odd."""

    clips: Mapping[ClipKey, ListedClip]
    unlabelled: frozenset[ClipKey]
    notes: tuple[str, ...]


def clip_key(stem: str) -> ClipKey | None:
    """Returns the key of a file named `ID_000010_000020` or `ID_10_20`, None if it is not."""
    found = _CLIP_NAME.fullmatch(stem)
    return (found[1], int(found[2]), int(found[3])) if found else None


def is_annotation(path: pathlib.Path) -> bool:
    """Returns whether the first line of a file has the columns of an annotation of Kinetics."""
    try:
        text_lines.check_list(path)
        with open(path, encoding="utf-8-sig", newline="") as file:
            return set(file.readline(1000).strip().split(",")) >= _NEEDED
    except (InputError, OSError, UnicodeDecodeError):
        return False


def read_annotations(paths: Sequence[pathlib.Path]) -> Annotations:
    """Reads annotation files as DeepMind and CVDF publish them.

    Lines that make no sense or name a clip again are left out and told with their numbers; of
    several lines on one clip the first holds. Clips without labels are kept apart.

    Raises:
        InputError: a file cannot be read, lacks a column, or they list no clip with a label.
    """
    clips: dict[ClipKey, ListedClip] = {}
    unlabelled: set[ClipKey] = set()
    notes: list[str] = []
    senseless, repeated, contradicting = _Faults(), _Faults(), _Faults()
    for path in paths:
        without_label = 0
        for where, row in _rows(path):
            try:
                clip = _parse(row)
            except ValueError as error:
                senseless.add(f"{where}: {error}")
                continue
            if not clip.label:
                without_label += 1
                unlabelled.add(clip.key)
                continue
            first = clips.get(clip.key)
            if first is None:
                check_label(clip.label, where)
                clips[clip.key] = clip
            elif first == clip:
                repeated.add(where)
            else:
                contradicting.add(
                    f"{where}: {clip.youtube_id} is {clip.label!r} in {clip.split}, before it was "
                    f"{first.label!r} in {first.split}"
                )
        if without_label:
            notes.append(
                f"{without_label:,} clips of {path.name} have no label there and are left out."
            )
    names = ", ".join(str(path) for path in paths)
    if not clips:
        raise InputError(
            f"{names}: no line lists a clip with a label; name files that do with --annotations."
            f"{senseless.told(' Lines that make no sense:')}"
        )
    notes += [
        faults.told(words)
        for faults, words in (
            (senseless, "Lines that make no sense are left out:"),
            (repeated, "Lines that repeat another are left out:"),
            (contradicting, "Lines on a clip that another line puts elsewhere are left out:"),
        )
        if faults.count
    ]
    return Annotations(clips, frozenset(unlabelled - clips.keys()), tuple(notes))


class _Faults:
    """Counts faults and keeps the first ones as examples."""

    def __init__(self) -> None:
        self.count = 0
        self._examples: list[str] = []

    def add(self, fault: str) -> None:
        self.count += 1
        if self.count <= _EXAMPLES:
            self._examples.append(fault)

    def told(self, words: str) -> str:
        """Returns a sentence that begins with `words`, or nothing if there are no faults."""
        if not self.count:
            return ""
        more = self.count - len(self._examples)
        return f"{words} {'; '.join(self._examples)}{f'; and {more:,} more' if more else ''}."


def _rows(path: pathlib.Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yields the file and line, and the fields by their columns."""
    text_lines.check_list(path, "the annotation")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = [name.strip() for name in reader.fieldnames or ()]
            if lacking := sorted(_NEEDED - set(columns)):
                raise InputError(
                    f"{path}, line 1: the columns are {', '.join(columns) or 'none'}, but an "
                    f"annotation of Kinetics has {', '.join(COLUMNS)}: {lacking[0]} is missing."
                )
            reader.fieldnames = columns
            for row in reader:
                yield f"{path.name}, line {reader.line_num}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"Cannot read the annotation {os.fspath(path)}: {error}.") from error


def _parse(row: Mapping[str, str]) -> ListedClip:
    """Raises ValueError, saying what is wrong, for a line that makes no sense."""
    video, split = row["youtube_id"].strip(), row["split"].strip()
    if not _VIDEO_ID.fullmatch(video):
        raise ValueError(f"{video!r:.40} is no id of a YouTube video")
    start, end = _second(row["time_start"]), _second(row["time_end"])
    if end <= start:
        raise ValueError(f"the clip ends at {end}, not after its start at {start}")
    if split.lower() not in _SPLITS:
        raise ValueError(f"{split!r:.40} is no split")
    return ListedClip(row.get("label", "").strip(), video, start, end, _SPLITS[split.lower()])


def _second(text: str) -> int:
    try:
        second = float(text)
    except ValueError:
        second = -1.0
    if not second.is_integer() or second < 0:
        raise ValueError(f"{text!r:.40} is no second of a video")
    return int(second)

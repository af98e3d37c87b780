"""What of an annotated dataset is there and what is missing: in words, and as CSV files."""

import collections
import csv
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from movinet.data.sources.annotations import COLUMNS
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS
from movinet.files import write_aside


class Coverage(NamedTuple):
    """Of one class in one split: how many clips are listed, and how many of them are there."""

    split: str
    label: str
    listed: int
    there: int


def coverage(source: Source) -> list[Coverage]:
    """Returns a line for each split and class that has a listed clip, in order of both."""
    missing = collections.Counter((clip.split, clip.label) for clip in source.missing or ())
    there = collections.Counter((clip.split or "", clip.label) for clip in source.clips)
    return [
        Coverage(split, label, there[split, label] + missing[split, label], there[split, label])
        for split in SPLITS
        for label in source.labels
        if there[split, label] or missing[split, label]
    ]


def summary(source: Source) -> list[str]:
    """Returns a sentence a split on how much of it is there; none for a source without list."""
    if source.missing is None:
        return []
    lines = coverage(source)
    return [_summary_of(split, part) for split in SPLITS if (part := _part(lines, split))]


def write(source: Source, output: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Writes `OUTPUT.missing.csv`, the listed clips that are not there, in the columns of an
    annotation, and `OUTPUT.coverage.csv`, the counts of each split and class.

    Returns: the files written; none for a source without list.
    Raises: InputError if they cannot be written.
    """
    if source.missing is None:
        return []
    beside = pathlib.Path(output)
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[object]]]] = {
        "missing": (COLUMNS, source.missing),
        "coverage": (Coverage._fields, coverage(source)),
    }
    written = []
    for name, (columns, rows) in tables.items():
        path = beside.with_name(f"{beside.name}.{name}.csv")
        with write_aside(path) as aside, open(aside, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        written.append(path)
    return written


def _part(lines: Sequence[Coverage], split: str) -> list[Coverage]:
    return [line for line in lines if line.split == split]


def _summary_of(split: str, lines: Sequence[Coverage]) -> str:
    listed, there = sum(line.listed for line in lines), sum(line.there for line in lines)
    if listed == there:
        return f"{split}: all {listed:,} listed clips are there."
    least = min(lines, key=lambda line: line.there / line.listed)
    return (
        f"{split}: {there:,} of {listed:,} listed clips are there ({there / listed:.1%}); least of "
        f"{least.label!r}, {least.there:,} of {least.listed:,}."
    )

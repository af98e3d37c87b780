"""Findings about clips that are one video, or were cut from one: leaks between splits, first."""

import collections
import pathlib
import re
from collections.abc import Iterator, Sequence

from movinet.data.dataset_check.duplicates import Duplicates
from movinet.data.dataset_check.findings import (
    ERROR,
    WARNING,
    Case,
    CheckSettings,
    Dataset,
    Finding,
)
from movinet.data.sources.splits import SPLITS, group_clips

_NUMBER = re.compile(r"[_-]\d+")


def find_leaks(
    dataset: Dataset, settings: CheckSettings, duplicates: Sequence[Duplicates]
) -> Iterator[Finding]:
    """Yields what is found by looking at videos that are there more than once."""
    across: list[Duplicates] = []
    within: list[Duplicates] = []
    for group in duplicates:
        splits = {dataset.split(number) for number in group.clips}
        (across if len(splits) > 1 else within).append(group)
    yield from _duplicates(
        dataset,
        across,
        "duplicates_across_splits",
        ERROR,
        "The same video in several splits",
        "The evaluation measures how well the network remembers these. Remove all but one of each; "
        "the list keeps the one held out, of test before validation.",
    )
    yield from _sources(dataset, settings)
    yield from _duplicates(
        dataset,
        within,
        "duplicates",
        WARNING,
        "The same video more than once in a split",
        "It counts that often. Where no splits are given, its copies may come into several: remove "
        "all but one.",
    )
    contradicting = [
        group
        for group in duplicates
        if len({dataset.clips[number].label for number in group.clips}) > 1
    ]
    yield from _duplicates(
        dataset,
        contradicting,
        "duplicates_with_other_labels",
        WARNING,
        "The same video under several labels",
        "No network can be right about both: choose a label, or train with several a clip "
        "(is_multilabel).",
        removable=False,
    )


def _duplicates(
    dataset: Dataset,
    groups: Sequence[Duplicates],
    kind: str,
    severity: str,
    title: str,
    advice: str,
    removable: bool = True,
) -> Iterator[Finding]:
    if not groups:
        return
    remove: list[int] = []
    for group in groups:
        # max returns the first of equals.
        kept = max(group.clips, key=lambda number: _held_out(dataset.split(number)))
        remove += [number for number in group.clips if number != kept]
    cases = tuple(Case(group.detail, group.clips) for group in groups)
    yield Finding(kind, severity, title, advice, cases, tuple(remove) if removable else ())


def _held_out(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else 0


def _sources(dataset: Dataset, settings: CheckSettings) -> Iterator[Finding]:
    """Yields the sources whose clips are in several splits, as far as file names tell."""
    members: dict[str, list[int]] = collections.defaultdict(list)
    for number, source in enumerate(group_clips(dataset.clips, settings.group_regex)):
        members[source].append(number)
    told: list[Case] = []
    numbered: list[Case] = []
    for source, numbers in members.items():
        splits = [dataset.split(number) for number in numbers]
        stems = {pathlib.PurePosixPath(dataset.clips[number].name).stem for number in numbers}
        # 0001.mp4 of train and 0001.mp4 of test are not parts of one source: they share a number.
        if len(set(splits)) == 1 or (len(stems) == 1 and not settings.group_regex):
            continue
        counts = ", ".join(f"{splits.count(name)} in {name}" for name in SPLITS if name in splits)
        by_number = all(_NUMBER.fullmatch(stem.removeprefix(source)) for stem in stems)
        guessed = by_number and not settings.group_regex
        (numbered if guessed else told).append(Case(f"{source}: {counts}", tuple(numbers)))
    if told:
        yield Finding(
            "sources_across_splits",
            ERROR,
            "Clips of one source in several splits",
            "By their names these were cut from one video: the same people and places are seen in "
            "training and in evaluation. Split by source, as build_dataset does where no splits "
            "are given. If the names mean something else, say so with --group_regex.",
            tuple(told),
        )
    if numbered:
        yield Finding(
            "numbers_across_splits",
            WARNING,
            "Numbered clips in several splits",
            "These names differ in a number alone. If it counts the parts of one video, the same "
            "people and places are seen in training and in evaluation; if it counts videos, all is "
            "well (--group_regex=.* says so).",
            tuple(numbered),
        )

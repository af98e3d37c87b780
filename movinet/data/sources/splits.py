"""Splitting clips into train, validation and test without tearing one source video apart."""

import collections
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Sequence

from movinet.errors import InputError

SPLITS = ("train", "validation", "test")
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""Names of split folders and of the split column, and the split they stand for."""

# What follows the name of the source in well-known file names.
_PART_PATTERNS = (
    re.compile(r"_\d{6}_\d{6}$"),  # Kinetics: youtubeid_000010_000020
    re.compile(r"[_-](?:c|clip|part|scene|seg|segment)[_-]?\d+$", re.IGNORECASE),  # UCF101: _c02
)
_COUNTER = re.compile(r"[_-]\d+$")  # HMDB51: the parts of a film are numbered.
_FEWEST_SOURCES = 3  # Of a class, for a plain number at the end to count as a part.


@dataclasses.dataclass(frozen=True)
class FrameFolder:
    """How a folder holds the frames of one clip as pictures.

    template: file name of a frame by its number, such as `img_{:05}.jpg`; count: frames;
    frame_rate: per second; root: the folder that no link may lead out of.
    """

    template: str
    count: int
    frame_rate: float
    root: pathlib.Path


@dataclasses.dataclass(frozen=True)
class SourceClip:
    """A clip to be read: where, its name in the dataset, its label, its split if it has one.

    path: a video, or the folder of `frames`.
    """

    path: pathlib.Path
    name: str
    label: str
    split: str | None = None
    frames: FrameFolder | None = None


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A video that was left out, and why."""

    path: str
    split: str
    reason: str


def assign_splits(
    clips: Sequence[SourceClip],
    *,
    validation_fraction: float,
    test_fraction: float,
    seed: int,
    group_regex: str | None = None,
) -> list[SourceClip]:
    """Returns the clips with a split each: per class by the fractions, a source always in one.

    The split of a source depends on its name, the seed and the names beside it; not on the order of
    the files. Every class keeps a source in train, and gives its second one to validation.

    Raises:
        InputError: the fractions do not leave anything for train, or the expression is wrong.
    """
    fractions = {"validation": validation_fraction, "test": test_fraction}
    if min(fractions.values()) < 0 or sum(fractions.values()) >= 1:
        raise InputError(
            f"validation_fraction {validation_fraction:g} and test_fraction {test_fraction:g} must "
            "not be negative and must leave something for train."
        )
    groups = group_clips(clips, group_regex)
    split_of: dict[str, str] = {}
    by_label: dict[str, dict[str, int]] = collections.defaultdict(collections.Counter)
    for clip, group in zip(clips, groups, strict=True):
        by_label[clip.label][group] += 1
    for label in sorted(by_label):
        _assign_class(label, by_label[label], fractions, seed, split_of)
    return [
        dataclasses.replace(clip, split=split_of[group])
        for clip, group in zip(clips, groups, strict=True)
    ]


def hold_out_validation(clips: Sequence[SourceClip], fraction: float) -> list[SourceClip]:
    """Returns the clips with a part of train as validation, as `assign_splits` would choose it.

    Raises:
        InputError: there is a validation split already, or no train to take one from.
    """
    splits = {clip.split for clip in clips}
    if "validation" in splits or "train" not in splits:
        there = ", ".join(split for split in SPLITS if split in splits) or "no splits"
        raise InputError(
            "A validation split is taken from train where there is train and no validation, but "
            f"this dataset has {there}."
        )
    train = [clip for clip in clips if clip.split == "train"]
    divided = assign_splits(train, validation_fraction=fraction, test_fraction=0.0, seed=0)
    return [clip for clip in clips if clip.split != "train"] + divided


def _assign_class(
    label: str,
    sizes: dict[str, int],
    fractions: dict[str, float],
    seed: int,
    split_of: dict[str, str],
) -> None:
    """Extends `split_of` (source -> split) by the sources of one class; `sizes` in clips."""
    total = sum(sizes.values())
    held = dict.fromkeys(SPLITS, 0)
    for group in sizes:
        if group in split_of:  # The source has clips of an earlier class too.
            held[split_of[group]] += sizes[group]
    free = sorted(
        (group for group in sizes if group not in split_of),
        key=lambda group: hashlib.sha256(f"{seed}/{label}/{group}".encode()).digest(),
    )
    for split, fraction in fractions.items():
        wanted = fraction * total
        while len(free) > 1 and wanted:
            # The last source goes in if that comes nearer to what is wanted than stopping short.
            if held[split] and held[split] + sizes[free[0]] / 2 > wanted:
                break
            group = free.pop(0)
            split_of[group] = split
            held[split] += sizes[group]
    split_of.update(dict.fromkeys(free, "train"))


def group_clips(clips: Sequence[SourceClip], group_regex: str | None = None) -> list[str]:
    """Returns for each clip the name of the source video it was cut from, told by its file name.

    Without an expression, the parts that UCF101, HMDB51, Kinetics and common tools append are taken
    off. A plain number at the end (`walk_012`) is taken for a part only if at least three sources
    remain in the class: otherwise it just counts the files.

    Args:
        clips: what to group.
        group_regex: searched in a clip's name; its first group, or all it matches, is the source.

    Raises:
        InputError: the expression is none.
    """
    if group_regex:
        return _group_by_expression(clips, group_regex)
    stems = [_without_part(pathlib.PurePosixPath(clip.name).stem) for clip in clips]
    shorter = [_COUNTER.sub("", stem) for stem in stems]
    sources: dict[str, set[str]] = collections.defaultdict(set)
    for clip, source in zip(clips, shorter, strict=True):
        sources[clip.label].add(source)
    return [
        source if len(sources[clip.label]) >= _FEWEST_SOURCES else f"{clip.label}/{stem}"
        for clip, stem, source in zip(clips, stems, shorter, strict=True)
    ]


def _without_part(stem: str) -> str:
    for pattern in _PART_PATTERNS:
        shortened = pattern.sub("", stem)
        if shortened != stem and shortened:
            return shortened
    return stem


def _group_by_expression(clips: Sequence[SourceClip], group_regex: str) -> list[str]:
    try:
        expression = re.compile(group_regex)
    except re.error as error:
        raise InputError(
            f"group_regex {group_regex!r} is no regular expression: {error}."
        ) from error
    groups = []
    for clip in clips:
        found = expression.search(clip.name)
        captured = found and (found.group(1) if expression.groups else found.group())
        groups.append(captured or clip.name)
    return groups

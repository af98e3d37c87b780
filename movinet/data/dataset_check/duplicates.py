"""Which clips of a dataset are one video."""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from movinet.data.dataset_check.alignment import Alignment, align
from movinet.data.dataset_check.findings import Dataset
from movinet.data.dataset_check.groups import Groups
from movinet.data.dataset_check.near_hashes import find_near_clips
from movinet.data.dataset_check.same_video import Likeness, Pair

Compare = Callable[[Sequence[Pair]], Iterable[Any]]
"""Looks at the pictures of pairs: yields a Likeness, or anything else where there is none."""

_MOST_REFUSALS = 16
_NOTABLE_SHIFT = 100_000  # Microseconds.


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """The numbers of clips that are one video, and the words that say how that is known."""

    clips: tuple[int, ...]
    detail: str


def find_duplicates(dataset: Dataset, compare: Compare) -> list[Duplicates]:
    """Returns the groups of clips that hold the same bytes or show the same pictures."""
    groups = Groups(len(dataset.clips))
    firsts: dict[bytes, int] = {}
    for number, facts in dataset.usable.items():
        groups.join(firsts.setdefault(facts.digest, number), number)
    links = _confirm(dataset, _candidates(dataset, list(firsts.values())), groups, compare)
    likenesses = collections.defaultdict(list)
    for (number, _), likeness in links.items():
        likenesses[groups.first(number)].append(likeness)
    return [
        Duplicates(clips, _describe(dataset, clips, likenesses[clips[0]]))
        for clips in groups.larger_than_one()
    ]


def _candidates(dataset: Dataset, numbers: Sequence[int]) -> dict[tuple[int, int], Alignment]:
    """Returns the pairs whose hashes agree, and how they lie on another, the likeliest first."""
    hashes = [dataset.usable[number].hashes for number in numbers]
    found = {}
    for first, second in find_near_clips(hashes):
        if alignment := align(hashes[first], hashes[second]):
            found[numbers[first], numbers[second]] = alignment
    return dict(sorted(found.items(), key=lambda item: (item[1].bits, item[0])))


def _confirm(
    dataset: Dataset,
    candidates: Mapping[tuple[int, int], Alignment],
    groups: Groups,
    compare: Compare,
) -> dict[tuple[int, int], Likeness]:
    """Joins the clips whose pictures are alike; returns the pairs that were found to be.

    Many copies of one video are not compared each with each: a round compares only as many pairs as
    would connect all candidates, and the next round those that are still apart. A clip that was
    refused often is left alone.
    """
    links: dict[tuple[int, int], Likeness] = {}
    refusals: collections.Counter[int] = collections.Counter()
    pending = list(candidates)
    while pending:
        connected = Groups(len(dataset.clips))
        batch = [
            (first, second)
            for first, second in pending
            if connected.join(groups.first(first), groups.first(second))
        ]
        pairs = [Pair(dataset.clips[a], dataset.clips[b], candidates[a, b].shift) for a, b in batch]
        for numbers, likeness in zip(batch, compare(pairs), strict=True):
            if isinstance(likeness, Likeness) and likeness.is_same:
                groups.join(*numbers)
                links[numbers] = likeness
            else:
                refusals.update(numbers)
        looked_at = set(batch)
        pending = [
            (first, second)
            for first, second in pending
            if (first, second) not in looked_at
            and groups.first(first) != groups.first(second)
            and max(refusals[first], refusals[second]) < _MOST_REFUSALS
        ]
    return links


def _describe(dataset: Dataset, clips: Sequence[int], likenesses: Sequence[Likeness]) -> str:
    if not likenesses:
        return "the same bytes"
    words = f"the same pictures, similarity {min(like.similarity for like in likenesses):.2f}"
    if len(clips) == 2 and abs(shift := likenesses[0].shift) >= _NOTABLE_SHIFT:
        words += (
            f", the second begins {abs(shift) / 1e6:.1f} s {'later' if shift > 0 else 'earlier'}"
        )
    contents = len({dataset.usable[number].digest for number in clips})
    return words if contents == len(clips) else f"{words}, {contents} different files"

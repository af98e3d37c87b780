"""Findings about classes: missing, small, out of balance, or one class under two names."""

import collections
import itertools
import unicodedata
from collections.abc import Iterator, Sequence

from movinet.data.dataset_check.findings import (
    ERROR,
    WARNING,
    Case,
    CheckSettings,
    Dataset,
    Finding,
)

_LONG_NAME = 8  # Letters from which two names that differ in one may be one misspelt.


def find_in_classes(dataset: Dataset, settings: CheckSettings) -> Iterator[Finding]:
    """Yields what is found by counting clips and reading names."""
    counts = dataset.clips_per_class()
    training = dataset.training_split
    yield from _missing(dataset, counts)
    if few := {
        label: per_split[training]
        for label, per_split in counts.items()
        if 0 < per_split[training] < settings.min_clips
    }:
        yield Finding(
            "few_clips",
            WARNING,
            f"Classes with fewer than {settings.min_clips} clips to train on",
            "A network learns such clips by heart instead of the class: add clips or drop it.",
            tuple(Case(f"{label}: {clips}") for label, clips in few.items()),
        )
    yield from _imbalance(counts, training, settings.max_imbalance)
    if similar := similar_names(dataset.source.labels):
        yield Finding(
            "similar_labels",
            WARNING,
            "Labels that are nearly the same",
            "If these are one class, the network is punished for not telling it from itself: give "
            "it one name.",
            tuple(Case(f"{first!r} and {second!r}") for first, second in similar),
        )


def _missing(dataset: Dataset, counts: dict[str, dict[str, int]]) -> Iterator[Finding]:
    for split in dataset.splits:
        missing = [label for label, per_split in counts.items() if not per_split[split]]
        if not missing:
            continue
        trained = split == dataset.training_split
        yield Finding(
            f"classes_missing_in_{split}",
            ERROR if trained else WARNING,
            f"Classes without a clip in {split}",
            "The network cannot learn these: add clips, or take them out of the labels."
            if trained
            else "Nothing is known about these after an evaluation on this split.",
            tuple(Case(label) for label in missing),
        )


def _imbalance(
    counts: dict[str, dict[str, int]], training: str, max_imbalance: float
) -> Iterator[Finding]:
    sizes = {label: clips for label, split in counts.items() if (clips := split[training])}
    if not sizes:
        return
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    ratio = sizes[largest] / sizes[smallest]
    if ratio > max_imbalance:
        yield Finding(
            "imbalance",
            WARNING,
            "Classes of very different sizes",
            "Large classes are learnt at the cost of small ones, and accuracy hides it: look at "
            "the mean of classes in evaluations.",
            (
                Case(
                    f"{ratio:.1f} to 1: {sizes[largest]} clips of {largest}, {sizes[smallest]} of "
                    f"{smallest}"
                ),
            ),
        )


def similar_names(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the pairs of labels that only case, blanks or signs, or one letter, tell apart."""
    numbers: dict[str, set[int]] = collections.defaultdict(set)
    for number, label in enumerate(labels):
        for key in _keys(label):
            numbers[key].add(number)
    pairs = {
        pair
        for group in numbers.values()
        for pair in itertools.combinations(sorted(group), 2)
        if _figures(labels[pair[0]]) == _figures(labels[pair[1]])
    }
    return [(labels[first], labels[second]) for first, second in sorted(pairs)]


def _keys(label: str) -> Iterator[str]:
    """Yields the bare name, and of a long one all that is left of it without one letter.

    Names that differ in one letter, or in one too many, share such a key.
    """
    folded = unicodedata.normalize("NFKC", label).casefold()
    bare = "".join(letter for letter in folded if letter.isalnum()) or label
    yield bare
    if len(bare) >= _LONG_NAME:
        for place in range(len(bare)):
            yield bare[:place] + bare[place + 1 :]


def _figures(label: str) -> str:
    """Returns the digits of a name: step 1 and step 2 are different things."""
    return "".join(letter for letter in label if letter.isdigit())

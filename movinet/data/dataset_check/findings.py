"""What a check may find, how serious it is, and what it looks at."""

import dataclasses
import functools
from collections.abc import Sequence

from movinet.data.building.workers import Failure
from movinet.data.dataset_check.inspection import ClipFacts, Unusable
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS, SourceClip
from movinet.data.videos.video_files import MAX_FRAMES

ERROR, WARNING, NOTE = "error", "warning", "note"
"""Training or its evaluation would be wrong; worth a look; just so that it is known."""

NO_SPLIT = "all"
"""Name of the one part of a dataset that has not been split."""


@dataclasses.dataclass(frozen=True)
class CheckSettings:
    """Where a finding begins.

    min_seconds, min_frames: shorter clips are found. Readers repeat a clip until it fills what the
    network sees; below a second, or eight frames, it is mostly repetition.
    min_clips: a class with fewer clips to train on is found.
    max_imbalance: ratio of the largest to the smallest class to train on.
    group_regex: finds the source video in a clip's name, see `splits.group_clips`.
    max_frames: longest video accepted, as in building a dataset.
    """

    min_seconds: float = 1.0
    min_frames: int = 8
    min_clips: int = 10
    max_imbalance: float = 10.0
    group_regex: str | None = None
    max_frames: int = MAX_FRAMES


@dataclasses.dataclass(frozen=True)
class Case:
    """One instance of a finding: what was seen, and the numbers of the clips concerned."""

    detail: str
    clips: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something found, once or often.

    kind: its name in files; title: its name for people; advice: why it matters and what to do;
    remove: numbers of the clips without which it would not be there.
    """

    kind: str
    severity: str
    title: str
    advice: str
    cases: tuple[Case, ...]
    remove: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset and what was seen in each of its clips; `damage`: sentences about its files."""

    source: Source
    facts: Sequence[ClipFacts | Unusable | Failure]
    damage: tuple[str, ...] = ()

    @property
    def clips(self) -> tuple[SourceClip, ...]:
        """All clips, in order of their names; a clip's number is its place here."""
        return self.source.clips

    @functools.cached_property
    def usable(self) -> dict[int, ClipFacts]:
        """What was seen, by number, of the clips that could be decoded."""
        return {n: facts for n, facts in enumerate(self.facts) if isinstance(facts, ClipFacts)}

    def split(self, number: int) -> str:
        """Returns the split of a clip."""
        return self.clips[number].split or NO_SPLIT

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that there are."""
        there = {clip.split or NO_SPLIT for clip in self.clips}
        return tuple(name for name in (*SPLITS, NO_SPLIT) if name in there)

    @property
    def training_split(self) -> str:
        """The split that is trained on."""
        return SPLITS[0] if SPLITS[0] in self.splits else self.splits[0]

    def clips_per_class(self) -> dict[str, dict[str, int]]:
        """Returns the numbers of usable clips: class -> split -> clips, with zeros."""
        counts = {label: dict.fromkeys(self.splits, 0) for label in self.source.labels}
        for number in self.usable:
            counts[self.clips[number].label][self.split(number)] += 1
        return counts

"""Checking a dataset: every clip is decoded once, then all are looked at together."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from movinet.data.building.workers import Failure, ProcessPool
from movinet.data.dataset_check.class_findings import find_in_classes
from movinet.data.dataset_check.clip_findings import find_in_clips
from movinet.data.dataset_check.duplicates import find_duplicates
from movinet.data.dataset_check.film_strips import Strip, draw_strip
from movinet.data.dataset_check.findings import (
    ERROR,
    NOTE,
    WARNING,
    CheckSettings,
    Dataset,
    Finding,
)
from movinet.data.dataset_check.inspection import Inspection, inspect_clip
from movinet.data.dataset_check.leaks import find_leaks
from movinet.data.dataset_check.same_video import Pair, compare
from movinet.data.sources.source import Source
from movinet.data.sources.splits import group_clips

_SEVERITIES = (ERROR, WARNING, NOTE)


@dataclasses.dataclass(frozen=True)
class Check:
    """A dataset that was looked at, with which settings, and what was found, the worst first."""

    dataset: Dataset
    settings: CheckSettings
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """Returns the number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


class Checker:
    """Looks at clips in processes that are allowed to die; results do not depend on their number.

    Args:
        workers: processes, or 0 for one per core.
        timeout: seconds after which one clip is given up.
    """

    def __init__(self, workers: int = 0, timeout: float = 600.0) -> None:
        self._pool = ProcessPool(_work, workers, timeout)

    def __enter__(self) -> "Checker":
        return self

    def __exit__(self, *_: Any) -> None:
        self._pool.close()

    def check(self, source: Source, settings: CheckSettings, damage: Sequence[str] = ()) -> Check:
        """Decodes every clip and returns all that is found.

        Args:
            source: what to check.
            settings: where findings begin.
            damage: sentences on what is wrong with the files of the dataset.

        Raises:
            InputError: `settings.group_regex` is no regular expression.
        """
        group_clips(source.clips, settings.group_regex)  # A bad expression is told before decoding.
        inspections = [Inspection(clip, settings.max_frames) for clip in source.clips]
        facts = list(self._map("decoding", "clips", inspections))
        dataset = Dataset(source, facts, tuple(damage))
        duplicates = find_duplicates(dataset, self._compare)
        findings = [
            *find_in_clips(dataset, settings),
            *find_leaks(dataset, settings, duplicates),
            *find_in_classes(dataset, settings),
        ]
        findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))
        return Check(dataset, settings, tuple(findings))

    def draw(self, dataset: Dataset, numbers: Iterable[int]) -> dict[int, bytes]:
        """Returns film strips, JPEG, of some clips; of those that can be shown."""
        safe = sorted({n for n in numbers if not isinstance(dataset.facts[n], Failure)})
        frames = {number: facts.frames for number, facts in dataset.usable.items()}
        strips = [Strip(dataset.clips[number], frames.get(number, 0)) for number in safe]
        drawn = self._map("drawing", "clips", strips)
        return {
            number: strip
            for number, strip in zip(safe, drawn, strict=True)
            if isinstance(strip, bytes)
        }

    def _compare(self, pairs: Sequence[Pair]) -> Iterator[Any]:
        return self._map("comparing", "pairs", pairs)

    def _map(self, words: str, unit: str, tasks: Sequence[Any]) -> Iterator[Any]:
        return iter(
            tqdm(
                self._pool.map(tasks),
                words,
                len(tasks),
                unit=f" {unit}",
                mininterval=0.5 if sys.stderr.isatty() else 10,
            )
        )


_FUNCTIONS: dict[type, Callable[[Any], Any]] = {
    Inspection: inspect_clip,
    Pair: compare,
    Strip: draw_strip,
}


def _work(task: Inspection | Pair | Strip) -> Any:
    """Runs in a worker: one pool of processes does all the decoding."""
    return _FUNCTIONS[type(task)](task)

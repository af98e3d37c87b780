"""What a check found, in words and as data."""

import dataclasses
from typing import Any

import numpy as np

from movinet.data.dataset_check.check import Check
from movinet.data.dataset_check.findings import ERROR, WARNING, Dataset, Finding

FORMAT = "movinet-dataset-check/1"


def verdict(check: Check) -> str:
    """Returns the outcome in one sentence."""
    errors, warnings = check.count(ERROR), check.count(WARNING)
    if errors:
        return f"Not ready: {_count(errors, 'error')} to mend, {_count(warnings, 'warning')}."
    if warnings:
        return f"Ready, with {_count(warnings, 'warning')} to look at."
    return "Ready: nothing was found."


def amounts(dataset: Dataset) -> dict[str, str]:
    """Returns how much there is, by name, in words."""
    seconds = sum(facts.seconds for facts in dataset.usable.values())
    return {
        "clips": f"{len(dataset.clips):,}",
        "can be decoded": f"{len(dataset.usable):,}",
        "classes": f"{len(dataset.source.labels):,}",
        "splits": ", ".join(dataset.splits) if len(dataset.splits) > 1 else "none",
        "of video": duration(seconds),
    }


def duration(seconds: float) -> str:
    """Returns a time in the unit that suits it."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:.1f} s"


def lines(check: Check) -> list[str]:
    """Returns what to print: a line for each finding, and the verdict."""
    found = [
        f"{finding.severity:8} {len(finding.cases):6}  {finding.title}"
        for finding in check.findings
    ]
    return [*found, verdict(check)]


def to_json(check: Check) -> dict[str, Any]:
    """Returns all that was found, ready for JSON; the same for the same data and settings."""
    dataset = check.dataset
    return {
        "format": FORMAT,
        "source": dataset.source.root,
        "settings": dataclasses.asdict(check.settings),
        "verdict": verdict(check),
        "errors": check.count(ERROR),
        "warnings": check.count(WARNING),
        "clips": len(dataset.clips),
        "usable_clips": len(dataset.usable),
        "clips_per_class": dataset.clips_per_class(),
        "distributions": _distributions(dataset),
        "findings": [_finding(dataset, finding) for finding in check.findings],
    }


def _finding(dataset: Dataset, finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "title": finding.title,
        "advice": finding.advice,
        "cases": [
            {"detail": case.detail, "clips": [_clip(dataset, number) for number in case.clips]}
            for case in finding.cases
        ],
        "remove": [dataset.clips[number].name for number in finding.remove],
    }


def _clip(dataset: Dataset, number: int) -> dict[str, str]:
    clip = dataset.clips[number]
    return {
        "name": clip.name,
        "path": str(clip.path),
        "split": dataset.split(number),
        "label": clip.label,
    }


def _distributions(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Returns the least, the quartiles and the most of what clips differ in."""
    facts = dataset.usable.values()
    if not facts:
        return {}
    return {
        name: dict(
            zip(
                ("least", "quarter", "half", "three_quarters", "most"),
                np.round(np.quantile(values, (0, 0.25, 0.5, 0.75, 1)), 3).tolist(),
                strict=True,
            )
        )
        for name, values in (
            ("seconds", [seen.seconds for seen in facts]),
            ("frames", [seen.frames for seen in facts]),
            ("frame_rate", [seen.frame_rate for seen in facts]),
            ("width", [seen.width for seen in facts]),
            ("height", [seen.height for seen in facts]),
        )
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

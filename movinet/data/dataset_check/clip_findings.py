"""Findings about single clips: broken, short, irregular, black, still, oddly shaped."""

import dataclasses
from collections.abc import Callable, Iterator

from movinet.data.building.workers import Failure
from movinet.data.dataset_check.findings import (
    ERROR,
    NOTE,
    WARNING,
    Case,
    CheckSettings,
    Dataset,
    Finding,
)
from movinet.data.dataset_check.inspection import ClipFacts, Unusable
from movinet.data.sources import report

_IRREGULAR = 0.05  # Share of the intervals.
_PAUSE = 1_000_000  # Microseconds that one frame may stay beyond the usual.
_MOSTLY = 0.8  # Share of the pictures.
_FEWEST_PICTURES = 4  # For stillness to mean something.
_SMALL = 64  # Pixels: less than the smallest frames that any recipe trains on.
_LONG_SHAPE = 3.0  # Ratio of the sides.
_COMMON = 0.9  # Share of the clips that makes an orientation the usual one.


@dataclasses.dataclass(frozen=True)
class _Rule:
    """A finding about clips; `judge` says what is wrong with one, or None."""

    kind: str
    title: str
    advice: str
    judge: Callable[[ClipFacts], str | None]
    removable: bool = False
    severity: str = WARNING


def find_in_clips(dataset: Dataset, settings: CheckSettings) -> Iterator[Finding]:
    """Yields what is found by looking at each clip alone."""
    yield from _find_unusable(dataset)
    for rule in (*_rules(settings), *_rule_of_orientation(dataset)):
        said = {number: rule.judge(facts) for number, facts in dataset.usable.items()}
        cases = tuple(Case(detail, (number,)) for number, detail in said.items() if detail)
        if cases:
            remove = tuple(case.clips[0] for case in cases) if rule.removable else ()
            yield Finding(rule.kind, rule.severity, rule.title, rule.advice, cases, remove)


def _find_unusable(dataset: Dataset) -> Iterator[Finding]:
    for kind, outcome, title, advice in (
        (
            "undecodable",
            Unusable,
            "Cannot be decoded",
            "build_dataset leaves these out, and stops if they are more than it allows. Fetch them "
            "again or remove them.",
        ),
        (
            "crashed",
            Failure,
            "Crash or stop the decoder",
            "Decoding these in a process of its own ended that process or took too long. Fetch "
            "them again or remove them: other programs may not survive them.",
        ),
    ):
        found = [(n, seen) for n, seen in enumerate(dataset.facts) if isinstance(seen, outcome)]
        if found:
            cases = tuple(Case(seen.reason, (number,)) for number, seen in found)
            yield Finding(kind, ERROR, title, advice, cases, tuple(number for number, _ in found))
    if dataset.damage:
        yield Finding(
            "damaged_shards",
            ERROR,
            "Damaged shards",
            "The files are not those that were built: restore them or build the dataset again.",
            tuple(Case(problem) for problem in dataset.damage),
        )
    if skipped := dataset.source.skipped:
        yield Finding(
            "left_out",
            WARNING,
            "Left out",
            "The dataset names these, but they are not there or may not be used.",
            tuple(Case(f"{video.path}: {video.reason}") for video in skipped),
        )
    if sentences := report.summary(dataset.source):
        yield Finding(
            "coverage",
            NOTE,
            "Listed and there",
            "How much of what the annotations list was found.",
            tuple(Case(sentence) for sentence in sentences),
        )


def _rules(settings: CheckSettings) -> tuple[_Rule, ...]:
    def too_short(facts: ClipFacts) -> str | None:
        if facts.seconds >= settings.min_seconds and facts.frames >= settings.min_frames:
            return None
        return f"{facts.frames} frames, {facts.seconds:.2f} s"

    return (
        _Rule(
            "too_short",
            f"Shorter than {settings.min_seconds:g} s or {settings.min_frames} frames",
            "A clip that is shorter than what the network sees is repeated until it fills it, and "
            "then shows jumps for motions. What a recipe sees: frames x stride / frame rate.",
            too_short,
            removable=True,
        ),
        _Rule(
            "variable_frame_rate",
            "Variable frame rate",
            "Sampling every n-th frame shows these at a varying speed; sampling by time "
            "(target_fps) does not. Train with that, or encode them again at a constant rate.",
            _irregular,
        ),
        _Rule(
            "black",
            "Black",
            "There is nothing to see in these for most of their time.",
            lambda facts: f"{facts.black:.0%} of it is black" if facts.black >= _MOSTLY else None,
            removable=True,
        ),
        _Rule(
            "frozen",
            "Without motion",
            "Nothing moves for most of their time: stills, or recordings that stopped.",
            _frozen,
            removable=True,
        ),
        _Rule(
            "odd_size",
            "Odd sizes",
            f"The shorter side has less than {_SMALL} pixels, or the longer one is more than "
            f"{_LONG_SHAPE:g} times as long: enlarging and cropping leave little of these.",
            _odd_shape,
        ),
    )


def _irregular(facts: ClipFacts) -> str | None:
    if facts.irregular <= _IRREGULAR and facts.longest_interval < facts.usual_interval + _PAUSE:
        return None
    return (
        f"{facts.irregular:.0%} of the intervals are not the usual {facts.usual_interval / 1e3:.4g}"
        f" ms; the longest has {facts.longest_interval / 1e3:.4g} ms"
    )


def _frozen(facts: ClipFacts) -> str | None:
    if facts.still < _MOSTLY or facts.black >= _MOSTLY or len(facts.hashes) < _FEWEST_PICTURES:
        return None
    return f"nothing moves in {facts.still:.0%} of it"


def _odd_shape(facts: ClipFacts) -> str | None:
    longer = max(facts.width, facts.height)
    if facts.short_side >= _SMALL and longer <= _LONG_SHAPE * facts.short_side:
        return None
    return f"{facts.width} x {facts.height} pixels"


def _rule_of_orientation(dataset: Dataset) -> Iterator[_Rule]:
    """Yields the rule that finds clips which stand upright where nearly all lie, or vice versa."""
    upright = [_is_upright(facts) for facts in dataset.usable.values()]
    usual = sum(upright) > len(upright) / 2
    if upright.count(usual) >= _COMMON * len(upright):
        yield _Rule(
            "other_orientation",
            "Landscape among portrait" if usual else "Portrait among landscape",
            "Look whether these lie on their side. Rotation that a file states is applied already.",
            lambda facts: (
                None if _is_upright(facts) == usual else f"{facts.width} x {facts.height} pixels"
            ),
            severity=NOTE,
        )


def _is_upright(facts: ClipFacts) -> bool:
    return facts.height > facts.width

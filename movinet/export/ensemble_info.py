"""What belongs to an ensemble besides weights, from what belongs to its members; no TensorFlow."""

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from movinet.data.pipeline.sampling_names import CLIP
from movinet.errors import InputError
from movinet.model_info import ModelInfo, Preprocessing

# Above, two frame rates have no common multiple that anybody meant.
_MOST_SKIPPED = 64
# Frame rates are decimals of fractions, such as 8.333.
_LARGEST_DENOMINATOR = 1000
_ENOUGH = 0.01


def combine(
    name: str,
    infos: Sequence[ModelInfo],
    every: Sequence[int] | None = None,
) -> tuple[ModelInfo, tuple[int, ...]]:
    """Returns what belongs to an ensemble, and every how many of its frames each member reads one.

    It reads frames in the size of its largest member, and a clip as long as the longest.

    Args:
      infos: of the members.
      every: as returned, if it is known; else what makes the ensemble's frame rate the lowest that
        holds the frames of all members.

    Raises: InputError if the members do not belong together.
    """
    if not infos:
        raise InputError("An ensemble has at least one member; none is given.")
    _check_same("num_classes", [info.num_classes for info in infos])
    _check_same("labels", [info.labels for info in infos if info.labels])
    _check_same("causal", [info.causal for info in infos])
    _check_same("multilabel", [info.multilabel for info in infos])
    settings = [info.preprocessing for info in infos]
    _check_same("normalisation", [one.normalisation for one in settings])
    if any(one.sampling != CLIP for one in settings):
        raise InputError(
            "A member sees frames spread over the whole video (sampling segments); the members of "
            "an ensemble share the frames of a clip."
        )
    rate, every = _rate(settings, every)
    largest = max(settings, key=lambda one: one.height * one.width)
    info = dataclasses.replace(
        infos[0],
        name=name,
        labels=next((info.labels for info in infos if info.labels), ()),
        preprocessing=dataclasses.replace(
            largest,
            **rate,
            num_frames=max(n * one.num_frames for n, one in zip(every, settings, strict=True)),
        ),
        source=", ".join(info.source for info in infos),
    )
    return info, every


def _check_same(what: str, values: Sequence[Any]) -> None:
    """Raises InputError naming what the members of an ensemble must have in common."""
    for value in values:
        if value != values[0]:
            raise InputError(
                f"The members of an ensemble have the same {what}; here it is {values[0]!r:.80} "
                f"and {value!r:.80}."
            )


def _rate(
    settings: Sequence[Preprocessing], every: Sequence[int] | None
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Returns the ensemble's frame rate, as fields of its preprocessing, and the steps."""
    by_rate = [one.fps > 0 for one in settings]
    if len(set(by_rate)) > 1:
        raise InputError(
            "Some members read frames by rate (fps), others by stride: an ensemble has one of both."
        )
    intervals = [
        1 / Fraction(one.fps).limit_denominator(_LARGEST_DENOMINATOR)
        if one.fps
        else Fraction(one.temporal_stride)
        for one in settings
    ]
    if every is None:
        shortest = intervals[0]
        for interval in intervals[1:]:
            shortest = _common_divisor(shortest, interval)
        steps = tuple(int(interval / shortest) for interval in intervals)
        if max(steps) > _MOST_SKIPPED:
            what = ", ".join(f"{one.fps or one.temporal_stride:g}" for one in settings)
            raise InputError(
                f"The members' frame {'rates' if by_rate[0] else 'strides'} {what} have no common "
                "multiple that a video could have: say every how many frames each member reads one."
            )
    else:
        shortest, steps = _given_steps(intervals, every)
    if by_rate[0]:
        return {"fps": float(1 / shortest), "temporal_stride": 1}, steps
    if shortest.denominator != 1:
        raise InputError(
            f"The strides of the members, {', '.join(map(str, intervals))}, are not multiples of "
            f"every, {', '.join(map(str, steps))}."
        )
    return {"fps": 0.0, "temporal_stride": int(shortest)}, steps


def _given_steps(
    intervals: Sequence[Fraction], every: Sequence[int]
) -> tuple[Fraction, tuple[int, ...]]:
    """Returns the interval of the ensemble's frames if each member reads one of every so many."""
    if len(every) != len(intervals):
        raise InputError(
            f"every has {len(every)} numbers for {len(intervals)} members: give one for each."
        )
    if min(every) < 1:
        raise InputError(f"every is {min(every)}: a member reads every frame, or each n-th.")
    shares = [interval / n for interval, n in zip(intervals, every, strict=True)]
    if any(not math.isclose(share, shares[0], rel_tol=_ENOUGH) for share in shares):
        rates = ", ".join(f"{float(1 / share):.4g}" for share in shares)
        raise InputError(
            "The members would read one video at different rates: by every, it has "
            f"{rates} frames a second (or a frame of the video) for them."
        )
    return shares[0], tuple(every)


def _common_divisor(first: Fraction, second: Fraction) -> Fraction:
    """Returns the largest fraction of which both are multiples."""
    numerator = math.gcd(first.numerator * second.denominator, second.numerator * first.denominator)
    return Fraction(numerator, first.denominator * second.denominator)

"""Timing that can be trusted on a noisy machine: warm-up, turns, medians."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]


def median_seconds(run: Call, repeats: int, warm_up: int = 1) -> float:
    """Returns the median wall time of `run`, which must wait for its own result."""
    return statistics.median(turns({"": run}, rounds=repeats, warm_up=warm_up)[""])


def seconds(run: Call) -> tuple[float, Any]:
    """Returns the wall time of one call, and what it returned."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def turns(
    calls: Mapping[str, Call],
    *,
    rounds: int,
    runs: int | Mapping[str, int] = 1,
    warm_up: int = 1,
) -> dict[str, list[float]]:
    """Lets calls take turns, so that whatever else the machine does hits all of them.

    Args:
      calls: each must wait for its own result.
      runs: of each call in a round.
      warm_up: untimed runs of each call at the start.

    Returns: the median wall time of each round in seconds.
    """
    for call in calls.values():
        for _ in range(warm_up):
            call()
    medians: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            count = runs if isinstance(runs, int) else runs[name]
            medians[name].append(statistics.median(seconds(call)[0] for _ in range(count)))
    return medians

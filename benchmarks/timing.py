"""Timing that can be trusted on a noisy machine: warm-up, repeats, medians."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def median_seconds(run: Callable[[], Any], repeats: int, warm_up: int = 1) -> float:
    """Returns the median wall time of `run`, which must wait for its own result."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the wall time of one call, and what it returned."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result

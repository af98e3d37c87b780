"""Turns and peaks of memory, against work whose cost is known."""

import time

import numpy as np

from benchmarks import memory
from benchmarks.timing import turns


def test_calls_take_turns():
    order = []
    calls = {"slow": lambda: order.append("slow"), "fast": lambda: order.append("fast")}
    times = turns(calls, rounds=2, runs={"slow": 1, "fast": 2}, warm_up=1)
    assert order == ["slow", "fast", *["slow", "fast", "fast"] * 2]
    assert {name: len(found) for name, found in times.items()} == {"slow": 2, "fast": 2}


def test_times_are_medians_of_the_runs():
    sleeps = iter([0.0, 0.01, 0.01, 0.2])
    times = turns({"": lambda: time.sleep(next(sleeps))}, rounds=1, runs=3, warm_up=1)[""]
    assert 0.01 <= times[0] < 0.1


def test_the_peak_holds_what_is_gone_afterwards():
    size = 200_000_000
    before = memory.resident()
    peak = memory.peak_of(lambda: np.ones(size, np.uint8).sum()) - before
    assert 0.9 * size / 1e6 < peak < 1.3 * size / 1e6
    nothing = memory.peak_of(lambda: None) - before
    assert nothing < 0.5 * size / 1e6

"""Processes that die, hang or fail, and the order and the number of what is held."""

import itertools
import os
import pathlib
import resource
import signal
import time

import pytest
from attacks import attack

from movinet.data.building import workers
from movinet.data.building.workers import Failure, ProcessPool, map_in_processes


def misbehave(task):
    """Doubles a number, unless told to do something worse."""
    attack(task)
    if task == "leave":
        os._exit(3)
    if task == "slow":
        time.sleep(1)
        return "slow"
    if isinstance(task, tuple):
        if not task[1].exists():
            task[1].touch()
            attack("killed")
        return "alive"
    if task == "bounds":
        score = pathlib.Path("/proc/self/oom_score_adj")
        return {
            "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
            "first to go": int(score.read_text()) if score.exists() else None,
        }
    return task * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers):
    tasks = ["slow", *range(30)]
    assert list(map_in_processes(misbehave, tasks, workers)) == [
        "slow",
        *(2 * number for number in range(30)),
    ]


def test_a_crash_or_a_hang_costs_one_task_only():
    tasks = [1, "crash", 2, "hang", 3, "gorge", "crash", 4]
    results = list(map_in_processes(misbehave, tasks, 2, timeout=5))
    assert [result for result in results if not isinstance(result, Failure)] == [2, 4, 6, 8]
    assert [results[index].reason for index in (1, 3, 5, 6)] == [
        "crashed the decoder (SIGSEGV)",
        "took longer than 5 seconds",
        "needs more than 6 GiB of memory",
        "crashed the decoder (SIGSEGV)",
    ]


def test_a_process_that_somebody_kills_costs_nothing(tmp_path):
    tasks = [1, ("killed once", tmp_path / "once"), 2, "killed", 3]
    assert list(map_in_processes(misbehave, tasks, 2)) == [
        2,
        "alive",
        4,
        Failure("had its process killed twice (SIGKILL)"),
        6,
    ]


def test_a_hanging_process_ends_also_if_nobody_watches():
    worker = workers._Worker(misbehave, 1.0)
    worker.assign(0, "hang")
    assert worker._process.wait(timeout=60) == -signal.SIGALRM
    assert worker.collect() == Failure("took longer than 1 seconds")


def test_a_process_is_bounded():
    bounds = next(map_in_processes(misbehave, ["bounds"], 1))
    assert bounds["memory"] == 6 << 30 and bounds["core"] == 0
    assert bounds["first to go"] == 1000 or not os.path.exists("/proc/self/oom_score_adj")


def test_a_defect_is_not_mistaken_for_a_bad_input():
    with pytest.raises(RuntimeError, match="TypeError"):
        list(map_in_processes(misbehave, [1, None], 1))
    with pytest.raises(RuntimeError, match="code 3"):
        list(map_in_processes(misbehave, [1, "leave"], 1))


def test_few_tasks_are_taken_ahead():
    taken = itertools.count()
    results = map_in_processes(misbehave, (next(taken) for _ in range(1000)), 2)
    for _ in range(20):
        next(results)
    results.close()
    assert next(taken) <= 20 + 2 * 4 + 1


def test_no_tasks():
    assert list(map_in_processes(misbehave, [], 1)) == []


def test_a_pool_may_be_used_again():
    with ProcessPool(misbehave, 2) as pool:
        abandoned = pool.map(["slow", *range(100)])
        assert next(abandoned) == "slow"
        abandoned.close()
        assert list(pool.map(["crash", *range(10)]))[1:] == [2 * number for number in range(10)]
        assert list(pool.map([])) == []
        assert list(pool.map([21])) == [42]

"""Runs a function over many inputs in processes that are allowed to die."""

import contextlib
import dataclasses
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")

_WINDOW_PER_WORKER = 4
_MEMORY_LIMIT = 6 * 2**30  # Bytes of address space of one worker.


@dataclasses.dataclass(frozen=True)
class Failure:
    """What became of an input whose process crashed, hung or ran out of memory."""

    reason: str


def available_cores() -> int:
    """Returns the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_processes(
    function: Callable[[Task], Any], tasks: Iterable[Task], workers: int, timeout: float = 600.0
) -> Iterator[Any]:
    """Yields `function(task)` for every task, in the order of the tasks.

    A native crash or a hang costs the one task only: its process is replaced. At most a few results
    per worker are held at a time, however many tasks there are.

    Args:
        function: a module-level function; what it returns is sent back pickled.
        tasks: inputs; taken as results are consumed.
        workers: number of processes, or 0 for one per available core.
        timeout: seconds after which a task counts as hanging.

    Yields:
        The result of each task, or a `Failure`.

    Raises:
        RuntimeError: the function raised, a defect: for a bad input it is to return something.
    """
    pool = [_Worker(function, timeout) for _ in range(workers or available_cores())]
    numbered = enumerate(tasks)
    results: dict[int, Any] = {}
    assigned = wanted = 0  # Tasks given out; the number of the result to yield next.
    more = True
    try:
        while more or wanted < assigned:
            for worker in pool:
                if (
                    more
                    and worker.task is None
                    and assigned - wanted < _WINDOW_PER_WORKER * len(pool)
                ):
                    entry = next(numbered, None)
                    if entry is None:
                        more = False
                    else:
                        worker.assign(*entry)
                        assigned += 1
            for worker in _finished(pool, may_wait=wanted not in results):
                number = worker.task
                assert number is not None
                results[number] = worker.collect()
            if wanted in results:
                yield results.pop(wanted)
                wanted += 1
    finally:
        for worker in pool:
            worker.stop()


def _finished(pool: "list[_Worker]", may_wait: bool) -> "list[_Worker]":
    """Returns the workers with a result, dead or overdue; waits for the first if asked."""
    busy = {worker.connection: worker for worker in pool if worker.task is not None}
    if not busy:
        return []
    now = time.monotonic()
    patience = max(0.0, min(worker.deadline for worker in busy.values()) - now)
    heard = wait(list(busy), patience if may_wait else 0)
    now = time.monotonic()
    return [worker for link, worker in busy.items() if link in heard or worker.deadline <= now]


class _Worker:
    """One process, replaced when it dies, and the number of the task it is at."""

    def __init__(self, function: Callable[[Any], Any], timeout: float) -> None:
        self._function = function
        self._timeout = timeout
        self.task: int | None = None
        self.deadline = 0.0
        self._start()

    def _start(self) -> None:
        # Spawned, not forked: the parent may run threads of TensorFlow.
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, self._function), daemon=True)
        self._process.start()
        far_end.close()

    def assign(self, number: int, task: Any) -> None:
        self.task = number
        self.deadline = time.monotonic() + self._timeout
        with contextlib.suppress(BrokenPipeError):  # Its end is noticed by `collect`.
            self.connection.send(task)

    def collect(self) -> Any:
        """Returns the result of the task, or the Failure that it ended with."""
        self.task = None
        try:
            if not self.connection.poll():
                return self._replace(f"took longer than {self._timeout:g} seconds")
            result, error = self.connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            if code is not None and code >= 0:
                raise RuntimeError(f"A worker process ended by itself with code {code}.") from None
            name = signal.Signals(-code).name if code else "no exit code"
            return self._replace(f"crashed the decoder ({name})")
        if error is not None:
            raise RuntimeError(f"A worker process failed:\n{error}")
        return result

    def _replace(self, reason: str) -> Failure:
        self.stop()
        self._start()
        return Failure(reason)

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(connection: Connection, function: Callable[[Any], Any]) -> None:
    """Runs in the worker: answers tasks until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers.
    with contextlib.suppress(ValueError, OSError):  # Not every system has this limit.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            task = connection.recv()
            answer: tuple[Any, str | None]
            try:
                answer = function(task), None
            except MemoryError:
                answer = Failure(f"needs more than {_MEMORY_LIMIT >> 30} GiB of memory"), None
            except Exception:
                answer = None, traceback.format_exc()
            connection.send(answer)

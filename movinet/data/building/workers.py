"""Runs a function over many inputs in processes that are allowed to die."""

import atexit
import contextlib
import dataclasses
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

Task = TypeVar("Task")

_WINDOW_PER_WORKER = 4
_MEMORY_LIMIT = 6 * 2**30  # Bytes of address space of one worker.
_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
from movinet.data.building import workers
workers.serve(int(sys.argv[1]))
"""


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
    """Yields `function(task)` for every task, in their order: `ProcessPool` for one use."""
    with ProcessPool(function, workers, timeout) as pool:
        yield from pool.map(tasks)


class ProcessPool:
    """Processes that run one function; each is started when it gets its first task.

    A native crash or a hang costs the one task only: its process is replaced.

    Args:
        function: a module-level function; what it returns is sent back pickled.
        workers: number of processes, or 0 for one per available core.
        timeout: seconds after which a task counts as hanging.
    """

    def __init__(
        self, function: Callable[[Any], Any], workers: int, timeout: float = 600.0
    ) -> None:
        self._workers = [_Worker(function, timeout) for _ in range(workers or available_cores())]
        atexit.register(self.close)

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
        atexit.unregister(self.close)
        for worker in self._workers:
            worker.stop()

    def map(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Yields the result of each task, or a `Failure`, in the order of the tasks.

        Tasks are taken as results are consumed: at most a few results per worker are held at a
        time, however many tasks there are. One call at a time.

        Raises:
            RuntimeError: the function raised, a defect: for a bad input it is to return something.
        """
        numbered = enumerate(tasks)
        results: dict[int, Any] = {}
        assigned = wanted = 0  # Tasks given out; the number of the result to yield next.
        more = True
        try:
            while more or wanted < assigned:
                for worker in self._workers:
                    room = assigned - wanted < _WINDOW_PER_WORKER * len(self._workers)
                    if more and worker.task is None and room:
                        entry = next(numbered, None)
                        if entry is None:
                            more = False
                        else:
                            worker.assign(*entry)
                            assigned += 1
                for worker in self._finished(may_wait=wanted not in results):
                    number = worker.task
                    assert number is not None
                    results[number] = worker.collect()
                if wanted in results:
                    yield results.pop(wanted)
                    wanted += 1
        finally:
            for worker in self._workers:
                if worker.task is not None:  # Its result would be taken for one of the next call.
                    worker.stop()

    def _finished(self, may_wait: bool) -> "list[_Worker]":
        """Returns the workers with a result, dead or overdue; waits for the first if asked."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        if not busy:
            return []
        now = time.monotonic()
        patience = max(0.0, min(worker.deadline for worker in busy.values()) - now)
        heard = wait(list(busy), patience if may_wait else 0)
        now = time.monotonic()
        return [worker for link, worker in busy.items() if link in heard or worker.deadline <= now]


class _Worker:
    """One process, replaced when it dies, and the number of the task it is at."""

    connection: Connection

    def __init__(self, function: Callable[[Any], Any], timeout: float) -> None:
        self._function = function
        self._timeout = timeout
        self._process: subprocess.Popen | None = None
        self.task: int | None = None
        self.deadline = 0.0

    def _start(self) -> None:
        # Neither forked, since the parent may run threads of TensorFlow, nor spawned by
        # multiprocessing, which would import again whatever program the parent is.
        self.connection, far_end = multiprocessing.Pipe()
        number = far_end.fileno()
        command = [sys.executable, "-c", _PROGRAM, str(number), *sys.path]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[number])
        far_end.close()
        with contextlib.suppress(BrokenPipeError):  # Its end is noticed by `collect`.
            self.connection.send(self._function)

    def assign(self, number: int, task: Any) -> None:
        if self._process is None:
            self._start()
        self.task = number
        self.deadline = time.monotonic() + self._timeout
        with contextlib.suppress(BrokenPipeError):
            self.connection.send(task)

    def collect(self) -> Any:
        """Returns the result of the task, or the Failure that it ended with."""
        self.task = None
        try:
            if not self.connection.poll():
                return self._fail(f"took longer than {self._timeout:g} seconds")
            result, error = self.connection.recv()
        except (EOFError, OSError):
            assert self._process is not None
            code = self._process.wait()
            if code >= 0:
                raise RuntimeError(f"A worker process ended by itself with code {code}.") from None
            return self._fail(f"crashed the decoder ({signal.Signals(-code).name})")
        if error is not None:
            raise RuntimeError(f"A worker process failed:\n{error}")
        return result

    def _fail(self, reason: str) -> Failure:
        self.stop()
        return Failure(reason)

    def stop(self) -> None:
        """Ends the process, if there is one; the next task starts another."""
        self.task = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.connection.close()
            self._process = None


def serve(number: int) -> None:
    """Runs in a worker process: answers tasks that come over a pipe until the parent is gone."""
    connection = Connection(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers.
    with contextlib.suppress(ValueError, OSError):  # Not every system has this limit.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    with contextlib.suppress(EOFError, BrokenPipeError):
        function = connection.recv()
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

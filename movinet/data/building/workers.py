"""Runs a function over many inputs in processes that are allowed to die, and held in bounds."""

import atexit
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
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
_LONGEST_ALARM = 1e8  # Seconds, three years: timers cannot be set much further.
# Sent by somebody else: a person, or the kernel that runs out of memory. No input is to blame.
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
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

    A native crash or a hang costs the one task only: its process is replaced. A task whose process
    was killed from outside is tried once more: results do not depend on such a kill.

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
                    if more and worker.number is None and room:
                        entry = next(numbered, None)
                        if entry is None:
                            more = False
                        else:
                            worker.assign(*entry)
                            assigned += 1
                for worker in self._finished(may_wait=wanted not in results):
                    number = worker.number
                    assert number is not None
                    result = worker.collect()
                    if worker.number is None:  # Else it is at the task again.
                        results[number] = result
                if wanted in results:
                    yield results.pop(wanted)
                    wanted += 1
        finally:
            for worker in self._workers:
                if worker.number is not None:  # Its result would be taken for a later one.
                    worker.stop()

    def _finished(self, may_wait: bool) -> "list[_Worker]":
        """Returns the workers with a result, dead or overdue; waits for the first if asked."""
        busy = {worker.connection: worker for worker in self._workers if worker.number is not None}
        if not busy:
            return []
        now = time.monotonic()
        patience = max(0.0, min(worker.deadline for worker in busy.values()) - now)
        heard = wait(list(busy), patience if may_wait else 0)
        now = time.monotonic()
        return [worker for link, worker in busy.items() if link in heard or worker.deadline <= now]


class _Worker:
    """One process, replaced when it dies, and the task it is at, by its number."""

    connection: Connection

    def __init__(self, function: Callable[[Any], Any], timeout: float) -> None:
        self._function = function
        self._timeout = timeout
        self._process: subprocess.Popen | None = None
        self._task: Any = None
        self._again = False
        self.number: int | None = None
        self.deadline = 0.0

    def _start(self) -> None:
        # Neither forked, since the parent may run threads of TensorFlow, nor spawned by
        # multiprocessing, which would import again whatever program the parent is.
        self.connection, far_end = multiprocessing.Pipe()
        number = far_end.fileno()
        command = [sys.executable, "-c", _PROGRAM, str(number), *sys.path]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[number])
        far_end.close()
        with contextlib.suppress(ConnectionError):  # Its end is noticed by `collect`.
            self.connection.send((self._function, self._timeout))

    def assign(self, number: int, task: Any, again: bool = False) -> None:
        if self._process is None:
            self._start()
        self.number, self._task, self._again = number, task, again
        self.deadline = time.monotonic() + self._timeout
        with contextlib.suppress(ConnectionError):
            self.connection.send(task)

    def collect(self) -> Any:
        """Returns the result of the task, or the Failure that it ended with.

        None, and the task is begun again, if its process was killed from outside for the first
        time.
        """
        try:
            if not self.connection.poll():
                return self._fail(self._overdue())
            result, error = self.connection.recv()
        except (EOFError, OSError):
            return self._bury()
        self.number = None
        if error is not None:
            raise RuntimeError(f"A worker process failed:\n{error}")
        return result

    def _bury(self) -> Failure | None:
        """Does as `collect` for a process that has died."""
        assert self._process is not None
        number, killed_by = self.number, -self._process.wait()
        if killed_by <= 0:
            raise RuntimeError(f"A worker process ended by itself with code {-killed_by}.")
        if killed_by == signal.SIGALRM:
            return self._fail(self._overdue())
        if killed_by not in _FROM_OUTSIDE:
            return self._fail(f"crashed the decoder ({_name_of(killed_by)})")
        if self._again:
            return self._fail(f"had its process killed twice ({_name_of(killed_by)})")
        self.stop()
        assert number is not None
        self.assign(number, self._task, again=True)
        return None

    def _overdue(self) -> str:
        return f"took longer than {self._timeout:g} seconds"

    def _fail(self, reason: str) -> Failure:
        self.stop()
        return Failure(reason)

    def stop(self) -> None:
        """Ends the process, if there is one; the next task starts another."""
        self.number = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.connection.close()
            self._process = None


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Those of real time have none.
        return f"signal {number}"


def serve(number: int) -> None:
    """Runs in a worker process: answers tasks that come over a pipe until the parent is gone."""
    connection = Connection(number)
    _limit_this_process()
    with contextlib.suppress(EOFError, ConnectionError):
        function, timeout = connection.recv()
        while True:
            task = connection.recv()
            # Also without a parent that watches, and in the middle of native code: it kills.
            signal.setitimer(signal.ITIMER_REAL, min(_LONGEST_ALARM, timeout))
            answer = _answer(function, task)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(answer)


def _limit_this_process() -> None:
    """Bounds what an input can do to the machine by what it does to its worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers.
    # A crash leaves no file of all that memory behind.
    for limit, most in ((resource.RLIMIT_AS, _MEMORY_LIMIT), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # Not every system has this limit.
            resource.setrlimit(limit, (most, most))
    # If memory runs out all the same, the kernel is to end a worker rather than the parent.
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/oom_score_adj").write_text("1000")


def _answer(function: Callable[[Any], Any], task: Any) -> tuple[Any, str | None]:
    """Returns the result and None, or None and the traceback of what the function raised."""
    try:
        return function(task), None
    except MemoryError:
        return Failure(f"needs more than {_MEMORY_LIMIT >> 30} GiB of memory"), None
    except Exception:
        return None, traceback.format_exc()

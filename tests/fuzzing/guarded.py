"""Holds a reader to what is promised of all of them, on one input at a time.

It returns, or raises InputError in words on one line, without what a terminal would obey; it ends
in time and with little memory; it writes nothing, starts no process, opens no connection, unpickles
nothing.
"""

import contextlib
import os
import pathlib
import signal
import sys
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from movinet.errors import InputError

SECONDS = 5.0
"""Of processor time that a reader may take."""

MEGABYTES = 256
"""That a reader may hold at a time."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of Python's own audit (PEP 578); a name that ends in a dot stands for all that begin so.
_FORBIDDEN = (
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "shutil."),
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill"),
    *("subprocess.Popen", "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"),
    *("pickle.find_class", "cpython.remote_debugger_script"),
)


class PromiseError(Exception):
    """A promise that a reader broke; `place` tells it from other faults."""

    def __init__(self, place: str, words: str) -> None:
        super().__init__(words)
        self.place = place


class _Late(BaseException):
    """Raised by the timer; no reader may catch it."""


class _Watch:
    """What the audit hook, which can never be taken out again, looks at."""

    active = False
    broken: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...], watch: type[_Watch] = _Watch) -> None:
    if not watch.active:  # The interpreter takes this module's names away before its hooks.
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    named = any(event.startswith(name) if name[-1] == "." else event == name for name in _FORBIDDEN)
    if writes or named:
        _Watch.broken.append(f"{event} {arguments!r:.200}")
        raise PermissionError(f"A reader must not do this: {_Watch.broken[-1]}")


sys.addaudithook(_audit)


def hold(read: Callable[[], Any], *, memory: bool = True) -> Any:
    """Returns what `read` returns, or the InputError that it raises.

    Args: memory: whether to measure it, which takes time.
    Raises: PromiseError for everything else.
    """
    _Watch.broken.clear()
    try:
        with _limits(memory):
            return read()
    except InputError as error:
        if not str(error).replace("\n", "").isprintable() or not str(error):
            words = (
                "without a word" if not str(error) else f"not to be printed: {str(error)!r:.300}"
            )
            raise PromiseError(f"words of {_place(error)}", f"InputError {words}") from error
        return error
    except PromiseError:
        raise
    except _Late:
        raise PromiseError("late", f"took more than {SECONDS:g} seconds") from None
    except Exception as error:
        if not _Watch.broken:
            raise PromiseError(_place(error), f"{type(error).__name__}: {error!s:.300}") from error
    finally:
        if _Watch.broken:
            raise PromiseError(_Watch.broken[0].split()[0], f"did {_Watch.broken[0]}") from None


@contextlib.contextmanager
def _limits(memory: bool) -> Iterator[None]:
    """Raises _Late when time is up, PromiseError for too much memory; watches what is done."""

    def stop(*_: Any) -> None:
        raise _Late

    bytecode, handler = sys.dont_write_bytecode, signal.signal(signal.SIGPROF, stop)
    sys.dont_write_bytecode = True  # Modules that are imported late would be written.
    if memory:
        tracemalloc.start()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    _Watch.active = True
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] if memory else 0
    finally:
        _Watch.active = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        tracemalloc.stop()
        sys.dont_write_bytecode = bytecode
    if peak > MEGABYTES << 20:
        raise PromiseError("memory", f"held {peak >> 20} MiB")


def _place(error: Exception) -> str:
    """Type of an exception and the last line of ours that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}movinet{os.sep}" in frame.filename] or frames
    last = ours[-1]
    return f"{type(error).__name__} in {pathlib.Path(last.filename).name}:{last.name}"

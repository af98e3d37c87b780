"""One training at a time in a folder."""

import contextlib
import errno
import json
import os
import re
import socket
import time
from collections.abc import Iterator

from movinet import locks
from movinet.errors import InputError
from movinet.training import modes

NAME = ".lock"
# What a process that was killed leaves behind lets go of its files a little later.
_PATIENCE, _PAUSE = 10.0, 0.1
_NO_LOCKS = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)


def needed(mode: str) -> bool:
    """Whether this process writes into the folder of its run: it trains, and on several machines it
    is the first of TF_CONFIG, whose mistakes are told later.
    """
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        task, jobs = config.get("task", {}), config.get("cluster", {})
        is_first = task.get("index", 0) == 0 and not (
            "chief" in jobs and task.get("type") == "worker"
        )
    except (ValueError, AttributeError):
        is_first = True
    return is_first and modes.trains(mode)


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Keeps other trainings out of `folder`, which is made if need be.

    The lock is the system's own: it ends with this process, however that ends. A folder that was
    made for it goes again if nothing was written there.

    Raises: InputError, at once, if another training has it, or the folder cannot be written. If the
    process that has it is gone, ten seconds are given to what it started.
    """
    made = _missing(folder)
    with contextlib.ExitStack() as stack:
        try:
            os.makedirs(folder, exist_ok=True)
            _write_holder(stack.enter_context(_locked(folder)))
        except BlockingIOError as error:
            raise InputError(
                f"Another training works in {folder}: {_read_holder(folder)}. Wait for it or stop "
                "it, or use another --model_dir."
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise InputError(f"Cannot write into {folder}: {error.strerror}.") from error
            print(f"{folder} is on a file system without locks: let nothing else train there.")
        try:
            yield
        finally:
            _remove_if_unused(folder, made)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[int]:
    """`locks.held`, as soon as nothing of a process that is gone has it."""
    path, deadline = os.path.join(folder, NAME), time.monotonic() + _PATIENCE
    with contextlib.ExitStack() as stack:
        while True:
            try:
                descriptor = stack.enter_context(locks.held(path))
                break
            except BlockingIOError:
                if not _is_gone(_read_holder(folder)) or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)
        yield descriptor


def _is_gone(holder: str) -> bool:
    """Whether a holder that is named so was a process of this machine, and is no more."""
    found = re.fullmatch(r"process (\d{1,9}) on (.*)", holder)
    if not found or found[2] != socket.gethostname():
        return False
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _write_holder(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())


def _read_holder(folder: str) -> str:
    with open(os.path.join(folder, NAME), encoding="utf-8", errors="replace") as file:
        return " ".join(file.read(200).split()) or "a process that did not say its name"


def _remove_if_unused(folder: str, made: list[str]) -> None:
    if made and os.path.isdir(folder) and os.listdir(folder) == [NAME]:
        os.remove(os.path.join(folder, NAME))
        with contextlib.suppress(OSError):  # A folder above is in use by now.
            for one in made:
                os.rmdir(one)


def _missing(folder: str) -> list[str]:
    """The folders that are to be made for this one, itself first."""
    missing, path = [], os.path.abspath(folder)
    while not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing

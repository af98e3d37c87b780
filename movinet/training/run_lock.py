"""One training at a time in a folder."""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from typing import TextIO

from movinet.errors import InputError

NAME = ".lock"


def trains(mode: str) -> bool:
    """Whether a run of that mode writes checkpoints."""
    return mode not in ("eval", "continuous_eval", "eval_continuous")


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
    return is_first and trains(mode)


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Keeps other trainings out of `folder`, which is made if need be.

    The lock is the system's own: it ends with this process, however that ends. A folder that was
    made for it goes again if nothing was written there.

    Raises: InputError, at once, if another training has it, or the folder cannot be written.
    """
    path = os.path.join(folder, NAME)
    made = _missing(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write into {folder}: {error.strerror}.") from error
    with file:
        _lock(file, folder)
        try:
            yield
        finally:
            if made and os.path.isdir(folder) and os.listdir(folder) == [NAME]:
                os.remove(path)
                with contextlib.suppress(OSError):
                    for one in made:
                        os.rmdir(one)


def _missing(folder: str) -> list[str]:
    """The folders that are to be made for this one, itself first."""
    missing, path = [], os.path.abspath(folder)
    while not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def _lock(file: TextIO, folder: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = " ".join(file.read(200).split()) or "a process that did not say its name"
        raise InputError(
            f"Another training works in {folder}: {holder}. Wait for it or stop it, or use "
            "another --model_dir."
        ) from error
    except OSError:  # A file system without locks: nothing is known of others.
        print(f"{folder} is on a file system without locks: let nothing else train there.")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()

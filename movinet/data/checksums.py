"""SHA-256 of large files: several at once, with word on how long it takes, and remembered as long
as size and time of a file stay.
"""

import hashlib
import json
import os
import pathlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from movinet import files
from movinet.errors import InputError

Stamp: TypeAlias = tuple[int, int]
"""Size in bytes, time of the last change in nanoseconds."""

_FORMAT = "movinet-checksums/1"
_BLOCK = 1 << 20
_SILENT_SECONDS, _SECONDS_BETWEEN_LINES = 2.0, 10.0
_known: dict[str, tuple[Stamp, str]] = {}  # By path: what this process has read.


def sha256(path: str | os.PathLike[str]) -> str:
    """Returns the SHA-256 of a file in hex."""
    return _read(os.fspath(path), _Progress(0))


def checksums(
    paths: Sequence[str | os.PathLike[str]], remembered: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """The SHA-256 in hex of each file, by its path as given.

    Args: remembered: a file that keeps them, so that only what changed is read another time.
    Raises: InputError if a file cannot be read.
    """
    given = [os.fspath(path) for path in paths]
    try:
        stamps = {path: _stamp(path) for path in given}
        stored = _load(remembered)
        for path, stamp in stamps.items():
            name = os.path.abspath(path)
            if name in stored and stored[name][0] == stamp:
                _known[path] = stored[name]
        unread = [path for path in stamps if _known.get(path, ((0, 0), ""))[0] != stamps[path]]
        progress = _Progress(sum(stamps[path][0] for path in unread))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for path, digest in zip(
                unread, pool.map(lambda path: _read(path, progress), unread), strict=True
            ):
                _known[path] = (stamps[path], digest)
    except OSError as error:
        raise InputError(f"Cannot read {error.filename}: {error.strerror or error}.") from error
    found = {os.path.abspath(path): _known[path] for path in stamps}
    if remembered is not None and not found.items() <= stored.items():
        _save(remembered, {**stored, **found})
    return {path: _known[path][1] for path in given}


def _stamp(path: str) -> Stamp:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _read(path: str, progress: "_Progress") -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            progress.advance(len(block))
    return digest.hexdigest()


def _load(path: str | os.PathLike[str] | None) -> dict[str, tuple[Stamp, str]]:
    """What is remembered there; nothing if the file is not what `_save` writes."""
    if path is None:
        return {}
    try:
        content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return {}
        return {name: _entry(*values) for name, values in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _entry(size: Any, time_ns: Any, digest: Any) -> tuple[Stamp, str]:
    if [type(size), type(time_ns), type(digest)] != [int, int, str]:
        raise TypeError
    return (size, time_ns), digest


def _save(path: str | os.PathLike[str], entries: dict[str, tuple[Stamp, str]]) -> None:
    rows = {name: [*stamp, digest] for name, (stamp, digest) in sorted(entries.items())}
    files.write_text(path, json.dumps({"format": _FORMAT, "files": rows}, indent=1) + "\n")


class _Progress:
    """Says now and then how much has been read, if it takes long."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._next_line = self._start + _SILENT_SECONDS

    def advance(self, count: int) -> None:
        """Notes that so many more bytes were read."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if not self._total or now < self._next_line:
                return
            self._next_line = now + _SECONDS_BETWEEN_LINES
            rate = self._done / (now - self._start)
            print(
                f"Checking the data: {self._done / 1e9:.1f} of {self._total / 1e9:.1f} GB, "
                f"{rate / 1e6:.0f} MB/s, {(self._total - self._done) / rate:.0f} s left.",
                flush=True,
            )

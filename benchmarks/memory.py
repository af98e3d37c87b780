"""How much memory a piece of work needs at its peak, as the Linux kernel counts it."""

import ctypes
import gc
import pathlib
import re
from collections.abc import Callable
from typing import Any

from movinet.errors import InputError

_PROCESS = pathlib.Path("/proc/self")
_MEGABYTE = 1e6


def resident() -> float:
    """Returns the memory that this process holds and uses, in MB."""
    _give_back()
    return _read("VmRSS")


def peak_of(work: Callable[[], Any]) -> float:
    """Returns the largest memory that this process has held while `work` ran, in MB.

    Raises: InputError where the kernel does not let a process reset its peak.
    """
    _give_back()
    try:
        (_PROCESS / "clear_refs").write_text("5")  # The peak begins again at what is held now.
    except OSError as error:
        raise InputError(f"The peak of memory cannot be reset on this machine: {error}.") from error
    work()
    return _read("VmHWM")


def _give_back() -> None:
    """Returns freed memory to the system; the allocator would keep it for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # Of glibc.
    if trim:
        trim(0)


def _read(name: str) -> float:
    try:
        status = (_PROCESS / "status").read_text()
    except OSError as error:
        raise InputError(f"Memory is measured on Linux alone: {error}.") from error
    (kibibytes,) = re.findall(rf"^{name}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    return int(kibibytes) * 1024 / _MEGABYTE

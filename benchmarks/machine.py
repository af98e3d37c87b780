"""The machine and the software that a run is about."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
from typing import Any

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_PACKAGES = ("tensorflow", "tf_keras", "tf-models-official", "ai-edge-litert", "numpy", "torch")
# Extensions that kernels choose by.
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def describe() -> dict[str, Any]:
    """Returns what figures depend on: processor, cores, memory, versions, date, commit."""
    information = _read("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.+)$", information, flags=re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)$", information, flags=re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    memory = re.search(r"^MemTotal:\s+(\d+)", _read("/proc/meminfo"), flags=re.MULTILINE)
    return {
        "processor": model[1] if model else platform.processor() or platform.machine(),
        "extensions": [name for name in _EXTENSIONS if name in known],
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": _versions(),
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str:
    try:
        output = subprocess.run(
            ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return output.stdout.strip()

"""A build of a dataset in a process group of its own: its progress, its memory, and its end."""

import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from movinet.errors import VerificationError

_TOOL = pathlib.Path(__file__).resolve().parents[1] / "tools" / "build_dataset.py"
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_BETWEEN_MEASUREMENTS = 1.0


@dataclasses.dataclass(frozen=True)
class Watched:
    """What was seen of one build.

    seconds: from start to end; memory: the most that its processes held together, in bytes, shared
    pages counted once; progress: seconds since the start and clips done, whenever a shard was.
    """

    killed: bool
    seconds: float
    memory: int
    progress: tuple[tuple[float, int], ...]

    def rate(self, workers: int) -> float:
        """Returns clips a second, from when each worker should have completed a shard to the last.

        Neither their start nor the end of the build counts. Where nothing was seen of what is
        between them, the whole build does.
        """
        first = self.progress[min(workers, len(self.progress)) - 1]
        (start, before), (end, after) = first, self.progress[-1]
        return (after - before) / (end - start) if end > start else after / self.seconds


def run(
    flags: Sequence[str], output: pathlib.Path, kill_at: int | None = None, pause: float = 0.0
) -> Watched:
    """Builds a dataset in `output`; kills all its processes `pause` seconds after the moment when
    `kill_at` shards are complete.

    Raises:
        VerificationError: the build failed.
    """
    command = [sys.executable, str(_TOOL), f"--output={output}", *flags]
    start = time.monotonic()
    said = tempfile.TemporaryFile()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
    )
    clips: dict[str, int] = {}
    progress: list[tuple[float, int]] = []
    memory, measured = 0, start
    while process.poll() is None:
        for path in (output / ".building").glob("*-*.json"):
            if path.stem not in clips:
                clips[path.stem] = _clips(path)
                progress.append((time.monotonic() - start, sum(clips.values())))
        if kill_at is not None and len(clips) >= kill_at:
            time.sleep(pause)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if time.monotonic() - measured > _SECONDS_BETWEEN_MEASUREMENTS:
            memory, measured = max(memory, _memory(process.pid)), time.monotonic()
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    seconds = time.monotonic() - start
    killed = process.returncode == -signal.SIGKILL
    if process.returncode and not killed:
        said.seek(0)
        raise VerificationError(f"A build failed: {said.read().decode()[-2000:]}")
    return Watched(killed, seconds, memory, tuple(progress))


def _clips(note: pathlib.Path) -> int:
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except OSError:  # Published in this moment.
        return 0
    return content["clips"] + len(content["skipped"])


def _memory(group: int) -> int:
    """Returns the bytes that the processes of a group hold; pages that several hold count once."""
    total = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == group:
                text = (process / "smaps_rollup").read_text()
                (kilobytes,) = re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)
                total += int(kilobytes) * 1024
        except (OSError, ValueError):  # It has ended.
            continue
    return total

"""Builds of a dataset that are killed again and again, and whether all bytes are right in the end.

python3 tests/killed_builds.py FOLDER --kills=100

Kills come at random moments, of the process that leads or of one that decodes, and once before
every step that a build takes in the file system. To be quick, one process loads all that is needed
and forks each build.
"""

import argparse
import collections
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[1]
_MARK = "MOVINET_KILLED_BUILDS"
_STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "fcntl.flock"}
_SECONDS_TO_END = 20.0
_LONGEST_BUILD = 120.0  # Seconds; one takes about one.


def soak_builds(kills: int, folder: pathlib.Path, seed: int = 0) -> dict[str, float]:
    """Kills builds at `kills` random moments, and once before each step, in a process of its own.

    Returns: counts of what was done, by name.
    Raises: AssertionError if bytes differ, a build fails by itself or hangs, or leaves a process.
    """
    command = [sys.executable, __file__, str(folder), f"--kills={kills}", f"--seed={seed}"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": paths, _MARK: uuid.uuid4().hex}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    deadline = time.monotonic() + _SECONDS_TO_END
    while left := _marked(environment[_MARK]):
        assert time.monotonic() < deadline, f"{len(left)} processes outlive their builds."
        time.sleep(0.1)
    return json.loads(done.stdout.splitlines()[-1])


class Killer:
    """Builds of one folder of videos, whose bytes are known from a build that nobody disturbs."""

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        from video_files import write_class_folders

        self._folder = folder
        self._chance = random.Random(seed)
        self._videos = write_class_folders(folder / "videos", clips=3, frames=4)
        (self._videos / "train/run/broken.mp4").write_text("no video")
        self.counts: collections.Counter[str] = collections.Counter()
        self._states: set[frozenset[str]] = set()
        start = time.monotonic()
        self._end(self._fork(lambda: self._build(folder / "whole", workers=1)))
        self._seconds = time.monotonic() - start
        self._whole = _contents(folder / "whole")

    def at_random_moments(self, kills: int) -> None:
        """Kills the leading process, or one that decodes, until it was done often enough."""
        for number in itertools.count():
            output = self._folder / f"random-{number}"
            while self.counts["kills"] < kills and not self._kill_once(output):
                pass
            # Once more than needed, if it came to its end: that must change nothing.
            self._end(self._fork(lambda output=output: self._build(output, workers=2)))
            self._compare(output)
            if self.counts["kills"] == kills:
                return

    def _kill_once(self, output: pathlib.Path) -> bool:
        """Returns whether the build came to its end."""
        workers = self._chance.choice((1, 2))
        process = self._fork(lambda: self._build(output, workers))
        time.sleep(self._chance.uniform(0, self._seconds))
        if self._chance.random() < 0.25:
            if decoding := _children(process):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._chance.choice(decoding), signal.SIGKILL)
                    self.counts["kills"] += 1
                    self.counts["kills of workers"] += 1
            self._end(process)
            return True
        os.kill(process, signal.SIGKILL)
        if self._wait(process) == 0:
            return True
        self.counts["kills"] += 1
        self._note_state(output)
        return False

    def before_every_step(self) -> None:
        """Kills a build that replaces another dataset, once before each step, and goes on."""
        other = self._folder / "other"
        self._end(self._fork(lambda: self._build(other, workers=1, short_side=16)))
        for step in itertools.count():
            output = self._folder / f"step-{step}"
            shutil.copytree(other, output)
            code = self._wait(self._fork(lambda o=output, s=step: self._build(o, 0, die_at=s)))
            if code == 0:
                self._compare(output)
                return
            assert code == -signal.SIGKILL, self._said()
            self.counts["steps"] += 1
            self._note_state(output)
            self._end(self._fork(lambda o=output: self._build(o, workers=0)))
            self._compare(output)
            shutil.rmtree(output)

    def _build(
        self,
        output: pathlib.Path,
        workers: int,
        short_side: int = 24,
        die_at: int | None = None,
    ) -> None:
        """Builds in this process; without workers it decodes too."""
        from dataset_builds import build

        from movinet.data.building import shards
        from movinet.data.building.planning import BuildSettings
        from movinet.data.videos.clips import EncodingSettings

        if not workers:
            shards.map_in_processes = lambda function, tasks, *_: map(function, tasks)
        if die_at is not None:
            _die_before(die_at)
        settings = BuildSettings(EncodingSettings(short_side), shards=2)
        options = {"workers": workers, "max_bad_fraction": 0.2, "overwrite": True}
        build(self._videos, output, settings, **options)

    def _fork(self, action: Callable[[], None]) -> int:
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            with open(self._folder / "said.txt", "w") as said:
                os.dup2(said.fileno(), 2)
                action()
                code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _wait(self, process: int) -> int:
        """Returns the exit code of a build, which must not hang."""
        deadline = time.monotonic() + _LONGEST_BUILD
        while not (ended := os.waitpid(process, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
                raise AssertionError(f"A build hangs. {self._said()}")
            time.sleep(0.005)
        return os.waitstatus_to_exitcode(ended[1])

    def _end(self, process: int) -> None:
        assert self._wait(process) == 0, self._said()

    def _said(self) -> str:
        return (self._folder / "said.txt").read_text()

    def _compare(self, output: pathlib.Path) -> None:
        found = _contents(output)
        assert found == self._whole, f"{output}: {set(found.items()) ^ set(self._whole.items())}"
        self.counts["builds"] += 1

    def _note_state(self, output: pathlib.Path) -> None:
        self._states.add(frozenset(_contents(output)))
        self.counts["states"] = len(self._states)


def _contents(folder: pathlib.Path) -> dict[str, str]:
    from dataset_builds import contents

    return contents(folder)


def _die_before(step: int) -> None:
    """Has this process killed before it takes a step in the file system, by its number."""
    steps = itertools.count()

    def look(event: str, arguments: tuple) -> None:
        reads = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if event in _STEPS and not reads and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def _children(process: int) -> list[int]:
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == process and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


def _marked(mark: str) -> list[str]:
    """The processes that have a mark in their environment."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def main() -> None:
    """Prints what was done, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="where it may write; a new one")
    parser.add_argument("--kills", type=int, default=20, help="at random moments")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    from movinet.data.building import records  # noqa: F401 (loads TensorFlow before the forks)

    start = time.monotonic()
    killer = Killer(arguments.folder, arguments.seed)
    killer.before_every_step()
    killer.at_random_moments(arguments.kills)
    print(json.dumps({**killer.counts, "seconds": round(time.monotonic() - start, 1)}))


if __name__ == "__main__":
    main()

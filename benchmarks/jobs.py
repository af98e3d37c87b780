"""Each measurement in a process of its own, one after the other."""

import dataclasses
import importlib
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import results
from benchmarks.results import Line
from benchmarks.settings import Settings
from movinet import files

ROOT = pathlib.Path(__file__).resolve().parents[1]
_LONGEST_SENTENCE = 200
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Job:
    """The work of one process: `measure(settings, **arguments)` of a module, which returns lines.

    Attributes:
      module: a case: `benchmarks.cases.clip`.
      words: what is measured, for people.
      seconds: that it takes on two cores, about; for the time left.
      threads: of the frameworks in the process.
    """

    module: str
    model_id: str
    words: str
    seconds: float
    threads: int
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def case(self) -> str:
        """The name of the case."""
        return self.module.rpartition(".")[2]

    @property
    def title(self) -> str:
        """The job in one line."""
        return " ".join(word for word in (self.model_id.upper(), self.words) if word)


def run_all(
    jobs: Sequence[Job],
    settings: Settings,
    log_folder: pathlib.Path,
    say: Callable[[str], None] = print,
) -> list[Line]:
    """Runs the jobs in turn. One that fails becomes a line with its error; the others go on."""
    lines: list[Line] = []
    total = sum(job.seconds for job in jobs)
    started, done = time.monotonic(), 0.0
    for index, job in enumerate(jobs):
        spent = time.monotonic() - started
        left = (total - done) * (spent / done if done else 1.0)
        say(f"[{index + 1}/{len(jobs)}] {job.title} ... about {_duration(left)} left")
        begun = time.monotonic()
        found = run(job, settings, log_folder / f"{index + 1:02}_{job.case}.txt")
        lines += found
        done += job.seconds
        for line in found:
            if line.error:
                say(f"    failed: {line.error}")
        say(f"    took {_duration(time.monotonic() - begun)}")
    return results.merge(lines)


def run(job: Job, settings: Settings, log: pathlib.Path) -> list[Line]:
    """Runs one job in a process of its own; what that says goes into the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = log.with_suffix(".json")
    order = {"job": dataclasses.asdict(job), "settings": dataclasses.asdict(settings)}
    command = [sys.executable, "-m", "benchmarks.jobs", json.dumps(order), str(answer)]
    answer.unlink(missing_ok=True)
    with open(log, "w", encoding="utf-8") as output:
        code = subprocess.run(
            command, cwd=ROOT, env=environment(job.threads), stdout=output, stderr=output
        ).returncode
    if not answer.is_file():
        sentence = f"The process ended with code {code} before it answered; see {log}."
        return [_failure(job, sentence)]
    content = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    lines = [results.line_from_dict(values) for values in content]
    return [
        dataclasses.replace(line, error=f"{line.error} (see {log})") if line.error else line
        for line in lines
    ]


def environment(threads: int) -> dict[str, str]:
    """Returns the environment of a process with that many threads, and no accelerator."""
    paths = [str(ROOT), *(path for path in sys.path if path)]
    return {
        **os.environ,
        **dict.fromkeys(_THREADS, str(threads)),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


def measure(job: Job, settings: Settings) -> list[Line]:
    """Does the work of a job in this process."""
    try:
        module = importlib.import_module(job.module)
        return module.measure(settings, **job.arguments)
    except Exception as error:  # Whatever it is: it goes into the table, and the others go on.
        import traceback

        traceback.print_exc()
        sentence = " ".join(str(error).split())[:_LONGEST_SENTENCE] or "no reason given"
        return [_failure(job, f"{type(error).__name__}: {sentence}")]


def _failure(job: Job, sentence: str) -> Line:
    return Line(job.case, job.model_id, job.words, error=sentence)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _answer(order: str, path: str) -> None:
    """The child's side of `run`."""
    content = json.loads(order)
    settings = Settings.from_dict(content["settings"])
    lines = measure(Job(**content["job"]), settings)
    files.write_text(path, json.dumps([line.to_dict() for line in lines]))


if __name__ == "__main__":
    _answer(*sys.argv[1:])

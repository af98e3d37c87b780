r"""What exactness costs: our trainer in ordinary and in deterministic mode, and behind the official
input pipeline.

    python3 benchmarks/determinism.py --update=docs/training_safely.md

All read the same TFRecord files with the same sampling, crops, flips and batches, and take the same
steps with the same network. The files are those of --input_path, or made here as by
benchmarks/input_pipeline.py, which also makes sure that both pipelines give the same clips. Each
figure is of a process of its own, on as many cores as it has threads: steps of training, and the
input alone. They take turns in rounds; values are medians of the rounds, and so are the ratios,
each of two processes of one round. Then the time to save a training state: written by TensorFlow
alone, and as training saves it, which is aside, read back, flushed and renamed.

The command fails if the deterministic mode does not give the same loss and the same weights, bit
for bit, in every round, or the two modes not the same clips on every number of threads.
"""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import jobs, machine, marked_lines
from benchmarks.determinism_work import (
    DETERMINISTIC,
    ORDINARY,
    STOCK,
    WAYS,
    WORKS,
    Answer,
    Settings,
)
from benchmarks.table import format_ratio, format_value, threads_in_words
from movinet import cli, files
from movinet.errors import InputError, VerificationError

NAME = "determinism"
RATES = {"training": "steps/s", "input": "clips/s"}
RATIOS = {
    "deterministic / ordinary": (DETERMINISTIC, ORDINARY),
    "ordinary / stock": (ORDINARY, STOCK),
}


class Job(NamedTuple):
    """One process. work: of WORKS; way: of WAYS, or the architecture whose state is saved."""

    work: str
    way: str
    threads: int


Answers = dict[Job, list[Answer]]


def main() -> None:
    """Measures in processes of their own, prints and writes."""
    if child := flags.FLAGS["child"].value:
        print(json.dumps(answer(*json.loads(child))), flush=True)
        return
    update, output = flags.FLAGS["update"].value, flags.FLAGS["output"].value
    # What cannot be written is said before minutes of measuring.
    if update:
        marked_lines.replaced(pathlib.Path(update), NAME, [])
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of_flags(folder)
        found = measure(settings)
    check(found)
    lines = [*table(found), "", *sizes(found), "", caption(settings)]
    print("\n".join(lines))
    if output:
        records = [{**job._asdict(), "answers": answers} for job, answers in found.items()]
        files.write_text(output, json.dumps(records, indent=1) + "\n")
    if update:
        marked_lines.update(update, NAME, lines)


def settings_of_flags(folder: str) -> Settings:
    """Returns what is asked for. Raises InputError if there are not that many cores."""
    given, cores = flags.FLAGS["threads"].value, len(os.sched_getaffinity(0))
    if not given or not all(count.isdecimal() and 1 <= int(count) <= cores for count in given):
        raise InputError(
            f"--threads takes numbers from 1 to {cores}, the cores that are there, not "
            f"{','.join(given)!r}."
        )
    values = {field: flags.FLAGS[name].value for name, (field, _) in _NUMBERS.items()}
    return Settings(
        model_id=flags.FLAGS["model_id"].value,
        saved=tuple(flags.FLAGS["saved"].value),
        threads=tuple(map(int, given)),
        input_path=flags.FLAGS["input_path"].value,
        folder=folder,
        **values,
    )


def measure(settings: Settings) -> Answers:
    """Runs all processes in turn; returns what each job answered in each round."""
    found: Answers = {}
    plan = list(planned(settings))
    print("[0] making the files", file=sys.stderr, flush=True)
    first = Job("records", "", settings.threads[-1])
    settings = dataclasses.replace(settings, **run_child(first, settings))
    for number, job in enumerate(plan, 1):
        words = f"{job.work}, {job.way}, {threads_in_words(job.threads)}"
        print(f"[{number}/{len(plan)}] {words}", end="", file=sys.stderr, flush=True)
        found.setdefault(job, []).append(run_child(job, settings))
        rate = found[job][-1].get("rate")
        print(f": {format_value(rate, RATES[job.work])}" if rate else "", file=sys.stderr)
    return found


def planned(settings: Settings) -> Iterator[Job]:
    """Yields the processes in order."""
    most = settings.threads[-1]
    for _ in range(settings.rounds):
        yield from (Job("training", way, most) for way in WAYS)
        yield from (Job("input", way, threads) for threads in settings.threads for way in WAYS)
    yield from (Job("saving", model_id, most) for model_id in settings.saved)


def run_child(job: Job, settings: Settings) -> Answer:
    """Does one job in a process of its own."""
    order = json.dumps([job, dataclasses.asdict(settings)])
    command = [sys.executable, __file__, f"--child={order}"]
    environment = jobs.environment(job.threads)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode in (cli.EXIT_BAD_INPUT, cli.EXIT_BAD_RESULT):
        sys.exit(done.returncode)  # It has said why.
    done.check_returncode()
    return json.loads(done.stdout.splitlines()[-1])


def answer(job: list, settings: dict) -> Answer:
    """The child's side of `run_child`."""
    work, way, threads = job
    # By the cores that are there, not by its threads, TensorFlow tunes an input pipeline.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    cli.quieten()
    return WORKS[work](Settings(**settings), way)


def check(found: Answers) -> None:
    """Raises VerificationError unless deterministic training gave the same bits each time, and the
    input of both modes the same clips.
    """
    for job, answers in found.items():
        if (job.work, job.way) == ("training", DETERMINISTIC):
            if len({answer["bits"] for answer in answers}) > 1:
                raise VerificationError(
                    "Deterministic training gave other weights when it was run again."
                )
    clips = {
        tuple(answer["bits"])
        for job, answers in found.items()
        for answer in answers
        if job.work == "input" and job.way != STOCK
    }
    if len(clips) > 1:
        raise VerificationError("The clips depend on the mode or on the number of threads.")


def table(found: Answers) -> Iterator[str]:
    """Yields the lines of the rates, a line for each work and number of threads."""
    yield f"| work | {' | '.join([*WAYS, *RATIOS])} |"
    yield "|---|" + "---:|" * (len(WAYS) + len(RATIOS))
    for work, threads in dict.fromkeys((j.work, j.threads) for j in found if j.work in RATES):
        rates = {way: [a["rate"] for a in found[Job(work, way, threads)]] for way in WAYS}
        cells = [format_value(statistics.median(rates[way]), RATES[work]) for way in WAYS]
        cells += [format_ratio(median_ratio(rates[a], rates[b])) for a, b in RATIOS.values()]
        yield f"| {work}, {threads_in_words(threads)} | {' | '.join(cells)} |"


def sizes(found: Answers) -> Iterator[str]:
    """Yields the lines of what saving takes, a line for each architecture."""
    yield "| training state | size | written alone | saved | saved / written |"
    yield "|---|" + "---:|" * 4
    for job in found:
        if job.work == "saving":
            (state,) = found[job]
            cells = [format_value(state["bytes"] / 1e6, "MB")]
            for name in ("written", "saved"):
                cells.append(format_value(1e3 * statistics.median(state[name]), "ms"))
            cells.append(format_ratio(median_ratio(state["saved"], state["written"])))
            yield f"| {job.way} | {' | '.join(cells)} |"


def median_ratio(first: list[float], second: list[float]) -> float:
    """Returns the median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def caption(settings: Settings) -> str:
    """Returns what the tables are about, in words."""
    about = machine.describe()
    clip = f"{settings.num_frames} x {settings.image_size} x {settings.image_size}"
    return (
        f"MoViNet-{settings.model_id.upper()}, batches of {settings.batch_size} clips of {clip}; "
        f"{settings.steps} steps or {settings.batches} batches in each of {settings.rounds} "
        f"rounds. {about['processor']}, {about['cores']} cores, tensorflow "
        f"{about['packages']['tensorflow']}, {about['date']}."
    )


_NUMBERS = {
    "batch_size": ("batch_size", "Clips of a batch."),
    "batches": ("batches", "Batches of input timed in each process."),
    "frames": ("num_frames", "Frames of a clip."),
    "image_size": ("image_size", "Height and width of a clip in pixels."),
    "num_classes": ("num_classes", "Classes of files that are no dataset folder."),
    "rounds": ("rounds", "Rounds in which all take turns, 2 or more."),
    "steps": ("steps", "Steps of training timed in each process."),
    "videos": ("videos", "Videos of the files made here."),
}

if __name__ == "__main__":  # Flags of its own only then: other benchmarks have the same names.
    flags.DEFINE_string("model_id", Settings.model_id, "Architecture that trains.")
    flags.DEFINE_list("saved", list(Settings.saved), "Architectures whose state is saved.")
    flags.DEFINE_list("threads", list(map(str, Settings.threads)), "Threads; the last one trains.")
    flags.DEFINE_string("input_path", "", "Dataset folder, or TFRecord files; made here if empty.")
    for name, (field, words) in _NUMBERS.items():
        least = 2 if name == "rounds" else 1
        flags.DEFINE_integer(name, getattr(Settings, field), words, lower_bound=least)
    flags.DEFINE_string("output", None, "File for all figures (.json).")
    flags.DEFINE_string("update", None, "Document whose table is replaced (.md).")
    flags.DEFINE_string("child", None, "Do this one job; for itself.")
    cli.run(main)

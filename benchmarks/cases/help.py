"""How long the training programs take to print their help."""

import subprocess
import sys

from benchmarks.jobs import ROOT, Job, environment
from benchmarks.results import Line, compare
from benchmarks.settings import Settings
from benchmarks.timing import turns

SUBJECTS = {
    "official": ("-m", "official.projects.movinet.train", "--help"),
    "ours": ("train.py", "--help"),
}


def jobs(settings: Settings) -> list[Job]:
    """One process that starts others."""
    return [Job(__name__, "", "train.py --help", 35, settings.threads)]


def measure(settings: Settings) -> list[Line]:
    """Times both in turns. Raises RuntimeError if one of them prints no help."""
    samples = turns(
        {name: lambda words=words: _help(words, settings) for name, words in SUBJECTS.items()},
        rounds=settings.slow_rounds("a0"),
        runs={name: 1 if name == "official" else 3 for name in SUBJECTS},
    )
    return compare(
        samples, case="help", model_id="", work="train.py --help", unit="s", headline=True
    )


def _help(words: tuple[str, ...], settings: Settings) -> None:
    finished = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(settings.threads),
        capture_output=True,
        text=True,
    )
    if "--model_dir" not in finished.stdout:
        raise RuntimeError(f"{' '.join(words)} prints no help: {finished.stderr[-300:]}")

r"""Ours beside the official implementation on this machine, in one run and on the same weights.

    python3 benchmarks/run.py

Measures A0, A1 and A2, or those of `--model_ids`, and says what time is left. Each measurement has
a process of its own; outputs are compared before anything is timed, and both implementations take
turns. `--output_dir` gets results.json, results.csv, table.md and plots. A case that fails is a
line of the table, and the exit code is 1. `--update_docs` writes the table into README.md and
docs/performance.md; with `--render` from the results of an earlier run.
"""

import dataclasses
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Not the folder of this file, whose modules have names that others use too.
    sys.path[0] = str(ROOT)

from absl import flags  # noqa: E402

from benchmarks import cases, jobs, machine, pytorch_port, table  # noqa: E402
from benchmarks.results import JSON_NAME, Results  # noqa: E402
from benchmarks.settings import MOBILE_STREAM, Settings  # noqa: E402
from movinet import cli, files  # noqa: E402
from movinet.errors import InputError  # noqa: E402
from movinet.presets import PRESETS  # noqa: E402

_MODEL_IDS = flags.DEFINE_list("model_ids", ["a0", "a1", "a2"], "Architectures, a0 to a5 and t0.")
_CASES = flags.DEFINE_list("cases", list(cases.NAMES), "What to measure (default all).")
_PIXELS = flags.DEFINE_integer(
    "image_size", 0, "Height and width in pixels (default that of each variant).", 0
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 9, "Rounds of quick work, and runs of ours where the official one is slow.", 1
)
_PEER_REPEATS = flags.DEFINE_integer(
    "peer_repeats", 0, "Rounds of what takes the official one seconds (default 3 of a0, else 1).", 0
)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of TensorFlow and PyTorch.", 1)
_PYTORCH = flags.DEFINE_string(
    "pytorch", "", "Checkout of Atze00/MoViNet-pytorch to measure too; torch must be installed."
)
_OUTPUT = flags.DEFINE_string("output_dir", "runs/benchmark", "Folder for the results.")
_RENDER = flags.DEFINE_bool(
    "render", False, "Whether to take the results in --output_dir instead of measuring."
)
_UPDATE_DOCS = flags.DEFINE_bool(
    "update_docs", False, "Whether to write the results into README.md and docs/ too."
)


def main() -> None:
    """Measures, prints the table, writes the files."""
    folder = pathlib.Path(_OUTPUT.value).resolve()
    results = _stored(folder) if _RENDER.value else _measure(folder)
    rendered = table.render(results)
    files.write_text(folder / "table.md", rendered)
    print(f"\n{rendered}")
    print(f"Results: {folder} (results.json, results.csv, table.md{_draw(results, folder)})")
    if results.failures:
        names = ", ".join(line.work for line in results.failures)
        print(f"error: {len(results.failures)} failed: {names}.", file=sys.stderr)
        sys.exit(cli.EXIT_BAD_RESULT)
    if _UPDATE_DOCS.value:
        from benchmarks import documents

        documents.update(ROOT, folder)
        print(f"Updated: {', '.join(documents.DOCUMENTS)}, {documents.STORED}")


def _measure(folder: pathlib.Path) -> Results:
    described = machine.describe()
    with tempfile.TemporaryDirectory() as shared:
        settings = _settings(shared)
        work = cases.jobs(_CASES.value, settings)
        lines = jobs.run_all(work, settings, folder / "logs", _say)
    results = Results(described, _describe(settings), tuple(lines))
    results.write(folder)
    return results


def _stored(folder: pathlib.Path) -> Results:
    path = folder / JSON_NAME
    if not path.is_file():
        raise InputError(f"--render: there is no {path}; measure first.")
    return Results.from_json(path.read_text(encoding="utf-8"))


def _settings(shared: str) -> Settings:
    """The settings that the flags describe. Raises InputError for a name that does not exist."""
    known = {name.partition("_")[0] for name in PRESETS}
    for names, flag, choices in (
        (_MODEL_IDS.value, "model_ids", sorted(known)),
        (_CASES.value, "cases", cases.NAMES),
    ):
        for name in names:
            if name not in choices:
                raise InputError(f"--{flag}: no {name!r}; choose of {', '.join(choices)}.")
    pytorch_port.check(_PYTORCH.value)
    return Settings(
        model_ids=tuple(_MODEL_IDS.value),
        image_size=_PIXELS.value,
        repeats=_REPEATS.value,
        peer_repeats=_PEER_REPEATS.value,
        threads=_THREADS.value,
        pytorch=os.path.abspath(_PYTORCH.value) if _PYTORCH.value else "",
        folder=shared,
    )


def _describe(settings: Settings) -> dict:
    """The settings for readers: without paths, with the sizes that they come to."""
    values = dataclasses.asdict(settings)
    del values["folder"], values["pytorch"]
    sizes = {m: settings.preset(m, MOBILE_STREAM).image_size for m in settings.model_ids}
    return {**values, "pixels": sizes}


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _draw(results: Results, folder: pathlib.Path) -> str:
    """Draws what can be drawn; returns the names of the pictures."""
    try:
        from benchmarks import plots

        drawn = plots.draw(results, folder)
    except ImportError:
        return '; pip install "movinet[plot]" for the plots'
    return "".join(f", {path.name}" for path in drawn)


if __name__ == "__main__":
    cli.run(main)

r"""The table of docs/variants.md: what every variant is published with, and our latency beside it.

    python3 benchmarks/variants.py                      # all, about half an hour
    python3 benchmarks/variants.py --models=a0,a1       # these; the others keep what they have

Latency is that of LiteRT on the CPU with one thread, random weights: of a stream, one frame with
its states; of a base model, a clip of 8 frames divided by 8, since all of its layers but the last
cost the same a frame. Float32 and full integers take turns; medians. Each variant has a process of
its own; one that fails is a `-`, and the reason stands below the table. Rows are kept in
docs/benchmark/variants.json, of which the document is written.
"""

import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import machine, marked_lines
from movinet import cli, files, variant_table
from movinet.errors import InputError
from movinet.presets import ENSEMBLES, PRESETS, EnsemblePreset, Preset

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAME = "variants"
DOCUMENT = "docs/variants.md"
STORED = "docs/benchmark/variants.json"
PRECISIONS = ("float32", "int8")
HEADER = (*variant_table.HEADER, *(f"{precision}, ms a frame" for precision in PRECISIONS))
_CLIP_FRAMES = 8
_ROUNDS = 5
_MOST_RUNS = 25


def main() -> None:
    """Measures, stores, and writes the document."""
    values = flags.FLAGS
    precisions = PRECISIONS if values.int8 else PRECISIONS[:1]
    stored = read(ROOT / STORED)
    for name in chosen(values.models):
        stored[name] = _in_a_process(name, precisions, values.seconds)
        print(name, stored[name], file=sys.stderr, flush=True)
        if values.write:
            files.write_text(ROOT / STORED, json.dumps(stored, indent=1) + "\n")
    lines = render(stored)
    if values.write:
        marked_lines.update(str(ROOT / DOCUMENT), NAME, lines)
    print("\n".join(lines))


def chosen(model_ids: list[str]) -> list[str]:
    """Returns the variants of architectures, all if none is named.

    Raises: InputError for an architecture that has none.
    """
    known = sorted({preset.model_id for preset in PRESETS.values()})
    for model_id in model_ids:
        if model_id not in known:
            raise InputError(f"--models: there is no {model_id!r}; choose of {', '.join(known)}.")
    return [name for name, preset in PRESETS.items() if preset.model_id in (model_ids or known)]


def read(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Returns the measured rows by the names of variants; none if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def render(stored: dict[str, dict[str, Any]]) -> list[str]:
    """Returns the lines of the document: the table, the machines, and what could not be had."""
    rows = []
    variants: list[Preset | EnsemblePreset] = [*PRESETS.values(), *ENSEMBLES.values()]
    for variant in variants:
        times = stored.get(variant.name, {}).get("milliseconds", {})
        shown = [f"{times[p]:.3g}" if p in times else variant_table.UNKNOWN for p in PRECISIONS]
        rows.append([*variant_table.cells(variant), *shown])
    table = variant_table.lines(HEADER, rows)
    words = [" ".join(variant_table.FOOTNOTE)]
    machines = dict.fromkeys(row["machine"] for row in stored.values())
    for found in machines:
        names = [name for name in PRESETS if stored.get(name, {}).get("machine") == found]
        which = "Latency" if len(machines) == 1 else f"Latency of {', '.join(names)}"
        words += ["", f"{which}: {found}."]
    for name, row in stored.items():
        if "error" in row:
            words += ["", f"No latency of {name}: {row['error']}."]
    return [*table, "", *words]


def measure(preset: Preset, precisions: tuple[str, ...], seconds: float) -> dict[str, float]:
    """Returns the median milliseconds a frame of each precision."""
    from benchmarks import exported_files, peers, timing

    model = peers.build_ours(preset)
    peers.randomise(model)
    frames = 1 if preset.causal else _CLIP_FRAMES
    calls, runs = {}, {}
    for precision in precisions:
        content = exported_files.convert(
            model, preset.image_size, precision, **({} if preset.causal else {"num_frames": frames})
        )
        calls[precision] = invocation = _invocation(content)
        once, _ = timing.seconds(invocation)
        runs[precision] = max(1, min(_MOST_RUNS, int(seconds / (_ROUNDS * once))))
    found = timing.turns(calls, rounds=_ROUNDS, runs=runs)
    return {name: 1e3 * statistics.median(times) / frames for name, times in found.items()}


def _invocation(content: bytes) -> Any:
    """A call of a file with one thread, on zeros."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    return interpreter.invoke


def _row(name: str, precisions: tuple[str, ...], seconds: float) -> dict[str, Any]:
    """Measures in this process, which serves for nothing else."""
    cli.quieten()
    times = measure(PRESETS[name], precisions, seconds)
    return {"milliseconds": {p: round(value, 3) for p, value in times.items()}}


def _in_a_process(name: str, precisions: tuple[str, ...], seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        try:
            row = pool.submit(_row, name, precisions, seconds).result()
        except concurrent.futures.BrokenExecutor:
            row = {"error": "its process was ended, as the system does when memory runs out"}
        except Exception as error:
            row = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
    return {**row, "machine": _machine()}


def _machine() -> str:
    found = machine.describe()
    litert = found["packages"].get("ai-edge-litert", "")
    return f"{found['processor']}, one thread, LiteRT {litert}, {found['date']}"


if __name__ == "__main__":
    flags.DEFINE_list("models", [], "Architectures, such as a0,t0 (default all).")
    flags.DEFINE_bool("int8", True, "Whether the integer file is measured too.")
    flags.DEFINE_integer("seconds", 20, "Of measuring each file, about (default 20).", 1)
    flags.DEFINE_bool("write", True, f"Whether {DOCUMENT} is written, or only printed.")
    cli.run(main)

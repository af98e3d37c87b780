r"""Cost against clip length, resolution, batch and threads, beside what is counted.

    python3 benchmarks/scaling.py --plot=docs/images/scaling.png --update=docs/scaling.md

Times our Keras model in a `tf.function` of static shapes: inference of base and stream (the latter
with its states going in and out), and a step of gradient descent of the base model. One size varies
at a time, the others are those of --base. Medians of --repeats runs. Each number of threads has a
process of its own, which also measures its rate of products and its bandwidth; beside the times
stands what these permit for what movinet/complexity.py counts: by the roofline, whose bytes all
come from main memory, and for the arithmetic alone.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import marked_lines
from movinet import cli, complexity, devices, files, roofline
from movinet.errors import InputError
from movinet.operation_counts import Workload
from movinet.presets import PRESETS

_MODEL_ID = flags.DEFINE_string("model_id", "a0", "Architecture (default a0).")
_FRAMES = flags.DEFINE_list("frames", "1,2,4,8,16,32,64", "Frames a clip.")
_SIZES = flags.DEFINE_list("image_sizes", "64,96,128,172,224,320", "Heights and widths.")
_BATCHES = flags.DEFINE_list("batch_sizes", "1,2,4,8,16", "Clips.")
_THREADS = flags.DEFINE_list("threads", "1,2", "Threads; the sweeps run with the last.")
_BASE = flags.DEFINE_list("base", "8,172,1", "Frames, size and clips of what does not vary.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Timed runs of each (default 5).")
_OUTPUT = flags.DEFINE_string("output", None, "File for all figures (.json).")
_PLOT = flags.DEFINE_string("plot", None, "File for the four panels (.png).")
_UPDATE = flags.DEFINE_string("update", None, "Document whose table is replaced (.md).")
_CHILD = flags.DEFINE_integer("child", None, "Measure with that many threads; for itself.")

NAME = "scaling"
NUM_CLASSES = 600
SWEEPS = {"num_frames": "frames", "image_size": "pixels a side", "batch_size": "clips"}
WORKS = {"base": "base", "stream": "stream", "step": "training step"}


@dataclasses.dataclass(frozen=True)
class Point:
    """One figure: what ran, on how many threads, and what varied. Times in seconds.

    rate, bandwidth: those measured, in operations and bytes a second.
    """

    work: str
    sweep: str
    workload: Workload
    threads: int
    measured: float
    arithmetic: float
    roofline: float
    rate: float
    bandwidth: float

    @property
    def value(self) -> int:
        """What is on the axis."""
        return self.threads if self.sweep == "threads" else getattr(self.workload, self.sweep)


def main() -> None:
    """Measures in processes of their own, prints and writes."""
    if _CHILD.value:
        for point in measure(_CHILD.value):
            print(json.dumps(dataclasses.asdict(point)), flush=True)
        return
    # What cannot be read is said before minutes of measuring.
    if _UPDATE.value:
        marked_lines.replaced(pathlib.Path(_UPDATE.value), NAME, [])
    for flag in (_FRAMES, _SIZES, _BATCHES, _BASE):
        numbers(flag)
    points = [point for threads in numbers(_THREADS) for point in run_child(threads)]
    lines = list(table(points))
    print("\n".join(lines))
    if _OUTPUT.value:
        records = [dataclasses.asdict(point) for point in points]
        files.write_text(_OUTPUT.value, json.dumps(records, indent=1) + "\n")
    if _PLOT.value:
        from benchmarks.scaling_plot import draw

        frames, size, clips = _BASE.value
        title = f"MoViNet-{_MODEL_ID.value.upper()}; but for what varies, {clips} clip(s) of "
        title += f"{frames} frames, {size} pixels, {_THREADS.value[-1]} thread(s)"
        draw(_PLOT.value, points, SWEEPS | {"threads": "threads"}, WORKS, title)
    if _UPDATE.value:
        words = "times against sizes and threads"
        marked_lines.update(_UPDATE.value, NAME, lines, _PLOT.value, words)


def run_child(threads: int) -> list[Point]:
    """Measures in a process of that many threads."""
    count = str(threads)
    names = ("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, count)
    command = [sys.executable, *sys.argv, f"--child={threads}"]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    records = [json.loads(line) for line in output.stdout.splitlines() if line.startswith("{")]
    return [Point(**record | {"workload": Workload(**record["workload"])}) for record in records]


def measure(threads: int) -> Iterator[Point]:
    """Yields the figures of one number of threads; the sweeps only of the last."""
    import tensorflow as tf

    device = devices.measure(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    base = Workload(*numbers(_BASE))
    sweeps: dict[str, list[Workload]] = {"threads": [base]}
    if str(threads) == _THREADS.value[-1]:
        for sweep, flag in zip(SWEEPS, (_FRAMES, _SIZES, _BATCHES), strict=True):
            values = sorted(numbers(flag))
            sweeps[sweep] = [dataclasses.replace(base, **{sweep: value}) for value in values]
    known: dict[tuple[str, Workload], float] = {}
    for work in WORKS:
        preset = PRESETS[f"{_MODEL_ID.value}_{'stream' if work == 'stream' else 'base'}"]
        run = runner(work, preset)
        for sweep, workloads in sweeps.items():
            for workload in workloads:
                if (work, workload) not in known:
                    known[work, workload] = run(workload)
                trained = dataclasses.replace(workload, training=work == "step")
                operations = complexity.operations(preset, trained, NUM_CLASSES)
                bounds = [roofline.bound(o, device, "float32") for o in operations]
                yield Point(
                    work,
                    sweep,
                    workload,
                    threads,
                    known[work, workload],
                    sum(bound.arithmetic for bound in bounds),
                    sum(bound.seconds for bound in bounds),
                    device.matrix["float32"],
                    device.bandwidth,
                )


def runner(work: str, preset: Any) -> Callable[[Workload], float]:
    """Returns a function from a workload to the median seconds of that work."""
    import tensorflow as tf
    import tf_keras

    import movinet
    from benchmarks.timing import median_seconds

    model = movinet.MovinetClassifier(movinet.Movinet(**preset.backbone_arguments()), NUM_CLASSES)
    variables = model.trainable_variables

    def descend(inputs: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            losses = tf_keras.losses.sparse_categorical_crossentropy(labels, logits, True)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(1e-4 * gradient)
        return loss

    def seconds(workload: Workload) -> float:
        size = workload.image_size
        shape = [workload.batch_size, workload.num_frames, size, size, 3]
        inputs = {**model.init_states(shape), "image": tf.random.uniform(shape)}
        labels = tf.range(workload.batch_size)
        call = tf.function(descend if work == "step" else lambda inputs, labels: model.run(inputs))
        # What comes first is there when everything is.
        return median_seconds(
            lambda: tf.nest.flatten(call(inputs, labels))[0].numpy(), _REPEATS.value, 2
        )

    return seconds


def table(points: list[Point]) -> Iterator[str]:
    """Yields the lines of the tables, one for each thing that varies."""
    for sweep, words in (SWEEPS | {"threads": "threads"}).items():
        works = " | ".join(f"{name}, ms | roofline | arithmetic" for name in WORKS.values())
        yield f"| {words} | {works} |"
        yield "|" + "---|" * (1 + 3 * len(WORKS))
        rows: dict[int, list[str]] = {}
        for point in points:
            if point.sweep == sweep:
                times = point.measured, point.roofline, point.arithmetic
                rows.setdefault(point.value, []).extend(f"{1e3 * time:.1f}" for time in times)
        for value, cells in rows.items():
            yield f"| {value} | {' | '.join(cells)} |"
        yield ""
    yield "Median milliseconds. Peaks measured in the same run:"
    for threads, rate, bandwidth in sorted({(p.threads, p.rate, p.bandwidth) for p in points}):
        yield f"- {threads} thread(s): {rate / 1e9:.0f} G operations/s, {bandwidth / 1e9:.1f} GB/s"


def numbers(flag: Any) -> list[int]:
    """Returns the numbers of a flag."""
    try:
        return [int(value) for value in flag.value]
    except ValueError:
        raise InputError(f"--{flag.name} takes numbers, not {','.join(flag.value)!r}.") from None


if __name__ == "__main__":
    cli.run(main)

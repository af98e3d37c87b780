r"""Memory of a training step against the length of the video: read whole, and clip by clip.

    python3 benchmarks/training_length.py --plot=docs/images/training_length.png \
        --update=docs/training_streams.md

Each point has a process of its own, which takes steps of our trainer on random videos with a stream
model, in the layout in which one trains it. What counts is the largest resident memory while the
second step runs, above what the process held before the model existed: weights, gradients, frames,
activations, and what the allocator keeps. The time is the shortest of --repeats more.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import marked_lines
from movinet import cli, files

_MODEL_ID = flags.DEFINE_string("model_id", "a0", "Architecture (default a0).")
_SIZE = flags.DEFINE_integer("image_size", 172, "Height and width in pixels.", lower_bound=32)
_VIDEOS = flags.DEFINE_integer("videos", 1, "Videos in a batch.", lower_bound=1)
_FRAMES = flags.DEFINE_list("frames", "8,16,32,64,96", "Frames of a video.")
_CLIP_FRAMES = flags.DEFINE_integer("clip_frames", 8, "Frames of a clip.", lower_bound=1)
_REPEATS = flags.DEFINE_integer("repeats", 2, "Timed steps.", lower_bound=1)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of TensorFlow.", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "File for all figures (.json).")
_PLOT = flags.DEFINE_string("plot", None, "File for the picture (.png).")
_UPDATE = flags.DEFINE_string("update", None, "Document whose table is replaced (.md).")
_CHILD = flags.DEFINE_string("child", None, "Measure this one point; for itself.")

NAME = "training_length"
WAYS = {"whole": "whole videos", "clips": "clip by clip"}
CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "models"


@dataclasses.dataclass(frozen=True)
class Point:
    """One figure: how a video of so many frames was read, megabytes at the peak, seconds a step."""

    way: str
    frames: int
    megabytes: float
    seconds: float


def main() -> None:
    """Measures in processes of their own, prints and writes."""
    if _CHILD.value:
        way, frames = _CHILD.value.split(",")
        print(json.dumps(dataclasses.asdict(measure(way, int(frames)))), flush=True)
        return
    # What cannot be read or done is said before minutes of measuring.
    if _UPDATE.value:
        marked_lines.replaced(pathlib.Path(_UPDATE.value), NAME, [])
    lengths = [int(value) for value in _FRAMES.value]
    for frames in lengths:
        configuration("clips", frames)
    points = [run_child(way, frames) for frames in lengths for way in WAYS]
    lines = list(table(points))
    print("\n".join(lines))
    if _OUTPUT.value:
        records = [dataclasses.asdict(point) for point in points]
        files.write_text(_OUTPUT.value, json.dumps(records, indent=1) + "\n")
    if _PLOT.value:
        draw(_PLOT.value, points)
    if _UPDATE.value:
        words = "memory of a training step against frames"
        marked_lines.update(_UPDATE.value, NAME, lines, _PLOT.value, words)


def run_child(way: str, frames: int) -> Point:
    """Measures one point in a process of its own."""
    environment = os.environ | {
        "TF_NUM_INTRAOP_THREADS": str(_THREADS.value),
        "TF_NUM_INTEROP_THREADS": "1",
    }
    command = [sys.executable, *sys.argv, f"--child={way},{frames}"]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    (record,) = [line for line in output.stdout.splitlines() if line.startswith("{")]
    return Point(**json.loads(record))


def configuration(way: str, frames: int) -> Any:
    """Returns the experiment that trains so. Raises InputError if the video cannot be cut."""
    from movinet.training import configuration, step_settings

    settings = {
        "runtime.distribution_strategy": "one_device",
        "task.model.backbone.movinet.model_id": _MODEL_ID.value,
        "task.train_data.feature_shape": f"[{frames},{_SIZE.value},{_SIZE.value},3]",
        "task.clip_by_clip.frames": _CLIP_FRAMES.value if way == "clips" else 0,
    }
    override = ",".join(f"{name}={value}" for name, value in settings.items())
    config = configuration.load_experiment(
        "movinet_ucf101", [str(CONFIGS / "stream.yaml")], override
    )
    step_settings.check(config)
    return config


def measure(way: str, frames: int) -> Point:
    """Takes steps in this process."""
    cli.quieten()
    from benchmarks import memory
    from benchmarks.timing import seconds

    training_step(way, _CLIP_FRAMES.value)  # What imports take is no model.
    before = memory.resident()
    step = training_step(way, frames)
    step()  # Its own peak holds tracing and compiling too.
    peak = memory.peak_of(step) - before
    fastest = min(seconds(step)[0] for _ in range(_REPEATS.value))
    return Point(way, frames, peak, fastest)


def training_step(way: str, frames: int) -> Any:
    """Returns a function that takes one step on random videos and waits for it."""
    import tensorflow as tf

    from movinet.training.task import MovinetTask
    from movinet.training.trainer import Trainer

    config = configuration(way, frames)
    trainer = Trainer(config, MovinetTask(config.task), train=False)
    videos = tf.random.uniform([_VIDEOS.value, frames, _SIZE.value, _SIZE.value, 3])
    labels = tf.one_hot(tf.range(_VIDEOS.value), config.task.train_data.num_classes)
    data = tf.data.Dataset.from_tensors(({"image": videos}, labels)).repeat()
    iterator, traced = iter(data), tf.function(trainer.train_step)

    def step() -> int:
        traced(iterator)
        return int(trainer.optimizer.iterations.numpy())

    return step


def table(points: list[Point]) -> Iterator[str]:
    """Yields the lines of the table, one for each length."""
    columns = [f"{words}, MB | ms a step" for words in WAYS.values()]
    yield f"| frames | {' | '.join(columns)} |"
    yield "|" + "---|" * (1 + 2 * len(WAYS))
    for frames in sorted({point.frames for point in points}):
        found = {point.way: point for point in points if point.frames == frames}
        cells = [f"{found[way].megabytes:,.0f} | {1e3 * found[way].seconds:,.0f}" for way in WAYS]
        yield f"| {frames} | {' | '.join(cells)} |"


def draw(path: str, points: list[Point]) -> None:
    """Draws memory against frames, a line for each way."""
    from matplotlib.figure import Figure

    from movinet.streaming.plot_style import COLORS, GRID, INK, MUTED, PAPER

    figure = Figure(figsize=(9.6, 5.4), facecolor=PAPER, layout="constrained")
    axes = figure.subplots()
    videos = "a video" if _VIDEOS.value == 1 else f"{_VIDEOS.value} videos"
    title = f"A training step of MoViNet-{_MODEL_ID.value.upper()}-Stream on {videos}"
    axes.set_title(f"{title} of {_SIZE.value} pixels", fontsize=15, loc="left", color=INK)
    names = {"whole": WAYS["whole"], "clips": f"{WAYS['clips']}, {_CLIP_FRAMES.value} frames each"}
    for (way, name), color in zip(names.items(), COLORS, strict=False):
        chosen = sorted((p.frames, p.megabytes) for p in points if p.way == way)
        axes.plot(*zip(*chosen, strict=True), "o-", color=color, linewidth=2.2, label=name)
    axes.set_xticks(sorted({point.frames for point in points}))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f} MB")
    axes.set_xlabel("frames of the video", fontsize=12, color=MUTED)
    axes.tick_params(labelsize=12, length=0, labelcolor=MUTED)
    axes.grid(color=GRID, linewidth=1)
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, fontsize=12)
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=150, format="png")


if __name__ == "__main__":
    cli.run(main)

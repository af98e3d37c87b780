"""Pictures of a run: latency against accuracy, and memory against the length of the video.

Needs matplotlib (`pip install "movinet[plot]"`).
"""

import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.cases import length_memory, litert
from benchmarks.results import OFFICIAL, OURS, Results
from movinet import files
from movinet.presets import PRESETS

LATENCY_NAME, MEMORY_NAME = "benchmark_latency.png", "benchmark_memory.png"
NAMES = (LATENCY_NAME, MEMORY_NAME)
_SIZE = (9.6, 5.4)
_DPI = 150
# Label, column, file whose line holds it, colour, marker.
_FILES = (
    ("official, float32", OFFICIAL, "float32 5d", "#64748b", "s"),
    ("ours, float32", OURS, "float32 5d", "#0072B2", "o"),
    ("ours, int8", OURS, "int8 5d", "#D55E00", "o"),
)
_SUBJECT_LOOKS = {OFFICIAL: ("#64748b", "s"), OURS: ("#0072B2", "o")}
_WAY_STYLES = {"base, whole clip": "-", "stream, frame by frame": (0, (4, 2))}


class Series(NamedTuple):
    """Points that are joined: what they are called, where they are, how they look."""

    label: str
    points: list[tuple[float, float, str]]
    color: str
    marker: str
    style: object = "-"


def draw(results: Results, folder: pathlib.Path) -> list[pathlib.Path]:
    """Draws the pictures that there are figures for; returns their paths."""
    drawn = []
    for name, series, picture in (
        (LATENCY_NAME, list(latencies(results)), _draw_latency),
        (MEMORY_NAME, list(memories(results)), _draw_memory),
    ):
        if series:
            picture(results, series, folder / name)
            drawn.append(folder / name)
    return drawn


def latencies(results: Results) -> Iterator[Series]:
    """Yields the latency of a frame in milliseconds and the published accuracy, by model."""
    lines = {line.key[1:3]: line for line in results.lines if line.case == litert.CASE}
    for label, column, name, color, marker in _FILES:
        points = []
        for model_id in results.settings["model_ids"]:
            line = lines.get((model_id, litert.work(name, 1)))
            if line and line.median(column) is not None:
                top1 = PRESETS[f"{model_id}_stream"].top1
                points.append((line.median(column), top1, model_id.upper()))
        if points:
            yield Series(label, points, color, marker)


def memories(results: Results) -> Iterator[Series]:
    """Yields frames and the peak of memory in MB, by way of reading and implementation."""
    lines = [line for line in results.lines if line.case == length_memory.CASE]
    for way, style in _WAY_STYLES.items():
        for column, (color, marker) in _SUBJECT_LOOKS.items():
            points = [
                (line.num_frames, line.median(column), "")
                for line in lines
                if line.work == length_memory.work(way, line.num_frames) and line.median(column)
            ]
            if points:
                name = "official" if column == OFFICIAL else "ours"
                yield Series(f"{name}, {way}", points, color, marker, style)


def _draw_latency(results: Results, series: Sequence[Series], path: pathlib.Path) -> None:
    from matplotlib import ticker

    figure, axes = _figure("One frame of a MoViNet stream, LiteRT, 1 thread", results)
    for one in series:
        _plot(axes, one)
    lowest = series[0]
    for milliseconds, top1, name in lowest.points:
        axes.annotate(
            name,
            (milliseconds, top1),
            xytext=(10, -17),
            textcoords="offset points",
            fontsize=13,
            fontweight="bold",
            color="#0f172a",
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.margins(x=0.12, y=0.18)
    axes.set_xlabel("latency of a frame", fontsize=12, color="#64748b")
    axes.set_ylabel("published top-1 in float32, Kinetics 600", fontsize=12, color="#64748b")
    axes.legend(frameon=False, fontsize=12, loc="lower right")
    _save(figure, path)


def _draw_memory(results: Results, series: Sequence[Series], path: pathlib.Path) -> None:
    model_id = results.settings["model_ids"][0].upper()
    figure, axes = _figure(f"Peak memory of MoViNet-{model_id} by length of the video", results)
    for one in series:
        _plot(axes, one)
    _label_ends(axes, series)
    lengths = sorted({x for one in series for x, _, _ in one.points})
    axes.set_xticks(lengths, [f"{length:g}" for length in lengths])
    axes.set_xlim(0, 1.52 * lengths[-1])
    axes.set_ylim(0, 1.08 * max(y for one in series for _, y, _ in one.points))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f} MB")
    axes.set_xlabel("frames", fontsize=12, color="#64748b")
    _save(figure, path)


def _plot(axes, series: Series) -> None:
    x, y, _ = zip(*series.points, strict=True)
    look = {"color": series.color, "marker": series.marker, "linestyle": series.style}
    axes.plot(
        x, y, label=series.label, linewidth=2.2, markersize=8, markeredgecolor="white", **look
    )


def _label_ends(axes, series: Sequence[Series]) -> None:
    """Writes the name of each line behind its end, apart from each other."""
    from movinet.streaming.plot_style import spread

    highest = max(y for one in series for _, y, _ in one.points)
    ends = [one.points[-1] for one in series]
    heights = spread([y for _, y, _ in ends], 0.065 * highest, 0.03 * highest, highest)
    for one, (x, _, _), height in zip(series, ends, heights, strict=True):
        axes.annotate(
            one.label,
            (x, height),
            xytext=(12, 0),
            textcoords="offset points",
            va="center",
            fontsize=12,
            color=one.color,
        )


def _figure(title: str, results: Results):
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained", facecolor="white")
    axes = figure.subplots()
    machine = f"{results.machine['processor']}, {results.machine['date']}"
    axes.set_title(title, fontsize=15, loc="left", pad=26, color="#0f172a")
    axes.text(0, 1.03, machine, transform=axes.transAxes, fontsize=11, color="#64748b")
    axes.grid(color="#e2e8f0", linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#e2e8f0")
    axes.tick_params(labelsize=12, length=0, labelcolor="#64748b", pad=6)
    return figure, axes


def _save(figure, path: pathlib.Path) -> None:
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=_DPI, format="png", facecolor="white")

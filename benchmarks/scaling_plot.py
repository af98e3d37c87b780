"""The four panels of benchmarks/scaling.py: measured times beside what is counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import ticker
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from movinet import files
from movinet.streaming.plot_style import COLORS, GRID, INK, MUTED, PAPER


def draw(
    path: str,
    points: Sequence[Any],
    sweeps: Mapping[str, str],
    works: Mapping[str, str],
    title: str,
) -> None:
    """Draws a panel for each thing that varies, both axes logarithmic."""
    figure = Figure(figsize=(13.6, 9.4), facecolor=PAPER, layout="constrained")
    figure.suptitle(title, fontsize=16, color=INK)
    colors = dict(zip(works, COLORS, strict=False))
    panels = figure.subplots(2, 2, sharey=True)
    for axes, (sweep, words) in zip(panels.flat, sweeps.items(), strict=True):
        axes.set(xscale="log", yscale="log")
        for work, color in colors.items():
            chosen = [point for point in points if (point.sweep, point.work) == (sweep, work)]
            values = [point.value for point in chosen]
            for name, style in (("measured", "o-"), ("roofline", "--"), ("arithmetic", ":")):
                times = [1e3 * getattr(point, name) for point in chosen]
                axes.plot(values, times, style, color=color, linewidth=1.8, markersize=7)
        axes.set_title(f"against {words}", fontsize=15, color=INK, loc="left")
        axes.xaxis.set_major_locator(ticker.FixedLocator(sorted({*values})))
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
        for axis, form in ((axes.xaxis, "%d"), (axes.yaxis, "%g ms")):
            axis.set_major_formatter(ticker.FormatStrFormatter(form))
        axes.tick_params(which="both", length=0, labelsize=12, labelcolor=MUTED)
        axes.grid(color=GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    lines = [Line2D([], [], color=colors[work], linewidth=4, label=works[work]) for work in works]
    for label, style in (("measured", "o-"), ("roofline", "--"), ("arithmetic alone", ":")):
        lines.append(Line2D([], [], color=MUTED, linestyle=style.strip("o"), label=label))
        lines[-1].set_marker("o" if "o" in style else "")
    figure.legend(handles=lines, loc="outside lower center", ncols=6, frameon=False, fontsize=13)
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=110, format="png")

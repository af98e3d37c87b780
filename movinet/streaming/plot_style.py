"""How plots of predictions look: colours that colour-blind people tell apart, sizes, short words.

Needs matplotlib (`pip install "movinet[plot]"`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.model_info import Preprocessing
from movinet.streaming.timeline import Timeline

# Okabe and Ito's palette without its yellow, which is too light for text on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F5539", "#56B4E9")
INK, MUTED, GRID, TRACK, PAPER = "#0f172a", "#64748b", "#e2e8f0", "#eef2f7", "#ffffff"
CURVES = 5
WIDTH, HEIGHT = 12.8, 7.2
"""Inches of the 16:9 figure; all sizes of text are for these."""

_LONGEST_LABEL = 24


class Curve(NamedTuple):
    """One class over time: values [N] in [0, 1]."""

    class_index: int
    label: str
    color: str
    values: np.ndarray


def curves(timeline: Timeline) -> list[Curve]:
    """Returns the classes that mattered at any time, the most probable in the end first."""
    return [
        Curve(
            index,
            words(timeline.info.label(index)),
            color,
            timeline.probabilities[:, index],
        )
        for index, color in zip(timeline.peak_classes(CURVES), COLORS, strict=False)
    ]


def words(label: str, longest: int = _LONGEST_LABEL) -> str:
    """Returns the name of a class as it is read, cut to a length."""
    return short(label.replace("_", " "), longest)


def short(text: str, longest: int) -> str:
    """Returns text cut to a length."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def percent(value: float) -> str:
    """Returns a probability in words."""
    return f"{value:.0%}".replace("%", " %")


def new_figure(timeline: Timeline) -> Figure:
    """Returns a 16:9 figure with a line that says which video and which model this is."""
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    rate = _seen_in_words(timeline.info.preprocessing)
    names = short(timeline.video.name, 40), short(timeline.info.name, 30)
    figure.text(0.035, 0.952, "   ·   ".join((*names, rate)), fontsize=14, color=MUTED, va="center")
    return figure


def _seen_in_words(settings: Preprocessing) -> str:
    if settings.sampling == SEGMENTS:
        return f"{settings.num_frames} frames of the whole video"
    if settings.fps:
        return f"{settings.fps:.3g} frames per second"
    stride = settings.temporal_stride
    return f"one frame in {stride}" if stride > 1 else "every frame"


def style_time_axes(axes: Axes, end: float) -> None:
    """Prepares axes for probabilities over the seconds from 0 to `end`."""
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_locator(ticker.FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
    axes.tick_params(labelsize=14, length=0, labelcolor=MUTED, pad=8)
    axes.grid(axis="y", color=GRID, linewidth=1.2)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def spread(positions: Sequence[float], gap: float, lowest: float, highest: float) -> np.ndarray:
    """Moves positions apart to at least `gap`, in their order, as little and as inside as can be.

    Args: positions: any order; equal ones keep theirs from the top down.
    """
    order = np.argsort(-np.asarray(positions, float), kind="stable")
    placed = np.asarray(positions, float)[order]
    placed[:1] = np.minimum(placed[:1], highest)
    for index in range(1, len(placed)):
        placed[index] = min(placed[index], placed[index - 1] - gap)
    if len(placed) and placed[-1] < lowest:
        placed[-1] = lowest
        for index in range(len(placed) - 2, -1, -1):
            placed[index] = max(placed[index], placed[index + 1] + gap)
    result = np.empty_like(placed)
    result[order] = placed
    return result

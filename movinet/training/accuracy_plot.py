"""The picture of a streaming evaluation: accuracy by the seconds seen."""

import pathlib
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movinet import files
from movinet.streaming.plot_style import (
    COLORS,
    HEIGHT,
    INK,
    MUTED,
    PAPER,
    TRACK,
    WIDTH,
    spread,
    style_time_axes,
)
from movinet.training.accuracy_over_time import Curve, Settling

_TOP_1, _TOP_5 = COLORS[0], COLORS[2]
_TEXT = 14
_LINE_OF_TEXT = 0.05
_BAR = 0.03


def draw(
    path: pathlib.Path, curve: Curve, settling: Settling, *, title: str, shows_top_5: bool
) -> None:
    """Draws the curves over a shade that tells how many videos are that long.

    Where all videos are of one length, accuracy over those that are that long is accuracy over all,
    and is left out.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    axes = figure.add_axes((0.075, 0.13, 0.83, 0.7))
    figure.text(0.075, 0.945, title, fontsize=20, color=INK, va="center")
    # The last answer holds for one more frame.
    spacing = curve.seconds[1] if len(curve.seconds) > 1 else 1.0
    seconds = np.append(curve.seconds, curve.seconds[-1] + spacing)
    style_time_axes(axes, seconds[-1])
    axes.set_xlabel("seconds of the video seen", fontsize=_TEXT, color=MUTED, labelpad=8)
    every = curve.all_videos
    lines = [(every.top_1, _TOP_1, "top-1")]
    lines += [(every.top_5, _TOP_5, "top-5")] if shows_top_5 else []
    for values, color, label in lines:
        _step(axes, seconds, values, label, color=color, linewidth=3.5)
    if curve.videos[0] != curve.videos[-1]:
        _step(
            axes,
            seconds,
            curve.that_long.top_1,
            "top-1 of those still running",
            color=_TOP_1,
            linewidth=2,
            linestyle=(0, (1.5, 1.5)),
        )
    _shade_videos(axes, seconds, curve.videos)
    ends = [float(values[-1]) for values, *_ in lines]
    places = spread(ends, _LINE_OF_TEXT, 0.0, 1.0)
    for (_, color, _), end, place in zip(lines, ends, places, strict=True):
        axes.text(
            1.012,
            place,
            f"{100 * end:.1f} %",
            transform=axes.get_yaxis_transform(),
            color=color,
            fontsize=_TEXT + 2,
            weight="bold",
            va="center",
        )
    _mark_settling(axes, seconds[-1], settling)
    axes.legend(
        frameon=False,
        fontsize=_TEXT,
        labelcolor=INK,
        ncols=4,
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.0),
        borderaxespad=0.3,
        handlelength=1.6,
        columnspacing=1.8,
    )
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=150, format="png")


def _step(axes: Axes, seconds: np.ndarray, values: np.ndarray, label: str, **style: Any) -> None:
    """An answer holds until the next frame, so the line goes in steps."""
    axes.step(seconds, np.append(values, values[-1]), where="post", label=label, **style)


def _shade_videos(axes: Axes, seconds: np.ndarray, videos: np.ndarray) -> None:
    """A shade as high as the share of the videos that are still running."""
    shares = videos / videos[0]
    label = f"share of the {videos[0]:,} videos still running"
    _step(axes, seconds, shares, label, color=MUTED, linewidth=1.2, zorder=1.5)
    axes.fill_between(seconds, np.append(shares, shares[-1]), step="post", color=TRACK, zorder=0)


def _mark_settling(axes: Axes, end: float, settling: Settling) -> None:
    """The quartiles of the time from which answers stay right, as a bar at the foot."""
    if not settling.quartiles:
        return
    first, median, third = settling.quartiles
    axes.plot([first, third], [_BAR, _BAR], color=MUTED, linewidth=7, solid_capstyle="butt")
    axes.plot(
        [median],
        [_BAR],
        marker="o",
        markersize=13,
        color=PAPER,
        markeredgecolor=INK,
        markeredgewidth=1.5,
        clip_on=False,
    )
    axes.annotate(
        f"half of those that end right are right for good by {median:.2f} s",
        (median, _BAR),
        (0, 15),
        textcoords="offset points",
        fontsize=_TEXT - 1,
        color=INK,
        ha="left" if median < end / 2 else "right",
    )

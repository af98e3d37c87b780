"""Draws what a model said about a video over time: a picture for a slide, or a video.

Needs matplotlib, and Pillow for `.gif` (`pip install "movinet[plot]"`).
"""

import os
import pathlib

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movinet import files
from movinet.data.videos.video_files import read_frames
from movinet.errors import InputError
from movinet.streaming.animation import write_gif, write_mp4
from movinet.streaming.clip_sampling import MICROSECONDS
from movinet.streaming.frame_source import frames_on_show
from movinet.streaming.plot_style import (
    COLORS,
    INK,
    MUTED,
    PAPER,
    TRACK,
    Curve,
    curves,
    new_figure,
    percent,
    spread,
    style_time_axes,
    words,
)
from movinet.streaming.timeline import Timeline

_DPI = 150
_PICTURE_SIDE = 360
_SMALLEST_SIDE = 16
_LEFT, _RIGHT = 0.085, 0.70
_STRIP_BOTTOM, _STRIP_HEIGHT = 0.585, 0.215
_GAP = 0.006


def draw_timeline(path: str | os.PathLike[str], timeline: Timeline) -> None:
    """Draws the timeline; the video is read again for its frames.

    A `.png` has frames of the video above the probabilities of the five classes that were ever the
    most probable (bars, if there is but one clip). A `.gif` or `.mp4` plays the video beside the
    probabilities as they grow.

    Raises: InputError for another suffix or a file that cannot be written, VideoError if the video
        cannot be read any more.
    """
    path = pathlib.Path(path)
    writers = {".png": _write_png, ".gif": write_gif, ".mp4": write_mp4}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise InputError(f"{path}: a plot's name ends in {', '.join(writers)}.")
    with files.write_aside(path) as aside:
        write(aside, timeline, _end(timeline))


def _end(timeline: Timeline) -> float:
    """Returns the seconds that the time axis spans; never 0."""
    if timeline.streamed:
        return max(float(timeline.times[-1]), 1e-3)
    *_, (_, last) = read_frames(timeline.video, _SMALLEST_SIDE)
    return max(last / MICROSECONDS, 1e-3)


def _write_png(path: pathlib.Path, timeline: Timeline, end: float) -> None:
    figure = new_figure(timeline)
    final = timeline.final
    figure.text(
        0.034,
        0.88,
        f"{words(final.label, 40)}  {percent(final.score)}",
        fontsize=30,
        color=COLORS[0],
        weight="bold",
        va="center",
    )
    if len(timeline) > 1:
        _draw_strip(figure, timeline, end, _LEFT, _RIGHT)
        axes = figure.add_axes((_LEFT, 0.10, _RIGHT - _LEFT, 0.43))
        _draw_curves(axes, timeline, end)
    else:
        _draw_strip(figure, timeline, end, 0.035, 0.965)
        _draw_bars(figure.add_axes((0.035, 0.07, 0.93, 0.45)), timeline)
    figure.savefig(path, dpi=_DPI, format="png", facecolor=PAPER)


def _draw_strip(figure: Figure, timeline: Timeline, end: float, left: float, right: float) -> None:
    """Draws frames of the video side by side, each in the middle of its share of the time."""
    first = next(frames_on_show(timeline.video, [0.0], _PICTURE_SIDE))
    width, height = figure.get_size_inches()
    aspect = first.shape[1] / first.shape[0]
    natural = _STRIP_HEIGHT * height / width * aspect
    # A little of the sides may go, for more frames.
    count = int(np.clip(round(1.25 * (right - left) / natural), 4, 8))
    times = (np.arange(count) + 0.5) * end / count
    share = (right - left + _GAP) / count
    for position, frame in enumerate(frames_on_show(timeline.video, times, _PICTURE_SIDE)):
        box = (left + position * share, _STRIP_BOTTOM, share - _GAP, _STRIP_HEIGHT)
        axes = figure.add_axes(box)
        axes.imshow(_fill(frame, box[2] * width / (box[3] * height)), aspect="auto")
        axes.set_axis_off()


def _fill(frame: np.ndarray, aspect: float) -> np.ndarray:
    """Returns the centre of a frame [H, W, 3] with width / height of `aspect`."""
    height, width = frame.shape[:2]
    new_width, new_height = min(width, round(height * aspect)), min(height, round(width / aspect))
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return frame[top : top + new_height, left : left + new_width]


def _draw_curves(axes: Axes, timeline: Timeline, end: float) -> None:
    """Draws one line a class and names it at its end."""
    style_time_axes(axes, end)
    drawn = curves(timeline)
    for rank, curve in reversed(list(enumerate(drawn))):
        axes.plot(
            timeline.times,
            curve.values,
            color=curve.color,
            linewidth=4 if rank == 0 else 2.6,
            marker=None if timeline.streamed else "o",
            markersize=9,
            solid_capstyle="round",
            solid_joinstyle="round",
            clip_on=False,
        )
    _name_curves(axes, drawn, [float(curve.values[-1]) for curve in drawn])


def _name_curves(axes: Axes, drawn: list[Curve], ends: list[float]) -> None:
    """Writes the names right of the lines' ends, apart, each joined to its line."""
    transform = axes.get_yaxis_transform()  # x in parts of the axes, y in probabilities.
    heights = spread(ends, gap=0.125, lowest=0.03, highest=1.0)
    for rank, (curve, value, height) in enumerate(zip(drawn, ends, heights, strict=True)):
        axes.plot(
            [1.006, 1.03],
            [value, height],
            color=curve.color,
            linewidth=1.4,
            alpha=0.55,
            transform=transform,
            clip_on=False,
        )
        axes.text(
            1.04,
            height,
            f"{curve.label}  {percent(value)}",
            fontsize=14,
            weight="bold" if rank == 0 else "normal",
            color=curve.color,
            va="center",
            transform=transform,
        )


def _draw_bars(axes: Axes, timeline: Timeline) -> None:
    """Draws the most probable classes of a single clip."""
    drawn = curves(timeline)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_axis_off()
    for rank, curve in enumerate(drawn):
        value = float(curve.values[0])
        weight = "bold" if rank == 0 else "normal"
        axes.barh(rank, 0.62, left=0.3, height=0.5, color=TRACK)
        axes.barh(rank, 0.62 * value, left=0.3, height=0.5, color=curve.color)
        axes.text(0.285, rank, curve.label, fontsize=17, ha="right", va="center", weight=weight)
        axes.text(
            1,
            rank,
            percent(value),
            fontsize=17,
            ha="right",
            va="center",
            weight=weight,
            color=INK if rank == 0 else MUTED,
        )

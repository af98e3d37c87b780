"""A video of a video: its frames beside what the model thinks of them, as it goes on.

All that does not move is drawn once; each picture only adds the lines, bars and words of its moment
on a copy of that.
"""

import pathlib
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image, ImageColor

from movinet.errors import InputError
from movinet.streaming.frame_source import frames_on_show
from movinet.streaming.plot_style import (
    COLORS,
    CURVES,
    GRID,
    HEIGHT,
    INK,
    MUTED,
    PAPER,
    TRACK,
    WIDTH,
    curves,
    new_figure,
    percent,
    style_time_axes,
    words,
)
from movinet.streaming.timeline import Timeline

_MP4_DPI, _GIF_DPI = 100, 75
_MP4_RATE, _GIF_RATE = 25, 10
_MOST_GIF_FRAMES = 240
_HOLD = 1.5
"""Seconds for which the last picture stays."""

_PALETTE_SAMPLES = 6
_PALETTE_STEPS = 8
# Left, bottom, width, height of the video in the figure; right of it the bars.
_VIDEO_BOX = (0.035, 0.415, 0.455, 0.485)
_BAR_LEFT, _BAR_RIGHT, _BAR_TOP, _BAR_STEP = 0.535, 0.965, 0.885, 0.0985


class Animation:
    """Draws the picture of one moment after the other.

    Args:
      timeline: what is drawn.
      end: seconds that the time axis spans.
      dpi: pixels an inch of the 12.8 x 7.2 inches.
    """

    def __init__(self, timeline: Timeline, end: float, dpi: int) -> None:
        self._timeline = timeline
        self.size = round(WIDTH * dpi) // 2 * 2, round(HEIGHT * dpi) // 2 * 2
        figure = new_figure(timeline)
        figure.set_dpi(dpi)
        self._canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.085, 0.095, 0.88, 0.255))
        style_time_axes(axes, end)
        self._curves = curves(timeline)
        self._colors = {curve.class_index: curve.color for curve in self._curves}
        marker = None if timeline.streamed else "o"
        self._lines = [
            axes.plot([], [], color=curve.color, linewidth=3, marker=marker, markersize=8)[0]
            for curve in reversed(self._curves)
        ]
        self._cursor = axes.axvline(0, color=MUTED, linewidth=1.2)
        overlay = figure.add_axes((0, 0, 1, 1))
        overlay.set_axis_off()
        overlay.set(xlim=(0, 1), ylim=(0, 1))
        self._bars: list[Rectangle] = []
        self._names: list[Text] = []
        self._scores: list[Text] = []
        for rank in range(min(CURVES, timeline.info.num_classes)):
            top = _BAR_TOP - rank * _BAR_STEP
            for width, color in ((_BAR_RIGHT - _BAR_LEFT, TRACK), (0, COLORS[rank])):
                (bar,) = overlay.barh(top - 0.048, width, 0.026, _BAR_LEFT, color=color)
            self._bars.append(bar)
            name = overlay.text(_BAR_LEFT, top - 0.012, "", fontsize=16, va="center")
            score = overlay.text(
                _BAR_RIGHT, top - 0.012, "", fontsize=16, va="center", ha="right", color=INK
            )
            self._names.append(name)
            self._scores.append(score)
        over: list[Artist] = [*self._bars, *self._names, *self._scores]
        self._moving: list[tuple[Axes, list[Artist]]] = [
            (axes, [*self._lines, self._cursor]),
            (overlay, over),
        ]
        for _, artists in self._moving:
            for artist in artists:
                artist.set_animated(True)
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)

    @property
    def picture_side(self) -> int:
        """Pixels that the shorter side of the video's frames need at most."""
        return round(_VIDEO_BOX[3] * self.size[1])

    def draw(self, time: float, frame: np.ndarray) -> np.ndarray:
        """Returns the picture uint8 [height, width, 3] of a moment.

        Args: time: in seconds; frame: uint8 [H, W, 3] of the video then.
        """
        timeline = self._timeline
        known = int(np.searchsorted(timeline.times, time + 1e-6, side="right"))
        for line, curve in zip(self._lines, reversed(self._curves), strict=True):
            line.set_data(timeline.times[:known], curve.values[:known])
        self._cursor.set_xdata([time, time])
        self._set_bars(known)
        self._canvas.restore_region(self._still)
        for axes, artists in self._moving:
            for artist in artists:
                axes.draw_artist(artist)
        picture = np.asarray(self._canvas.buffer_rgba())[: self.size[1], : self.size[0], :3].copy()
        self._paste(picture, frame)
        return picture

    def _set_bars(self, known: int) -> None:
        """Shows the classes that are the most probable after `known` predictions."""
        best = self._timeline[known - 1].top(len(self._bars)) if known else []
        for rank, bar in enumerate(self._bars):
            score = best[rank].score if best else 0.0
            color = self._colors.get(best[rank].class_index, MUTED) if best else MUTED
            bar.set_width(score * (_BAR_RIGHT - _BAR_LEFT))
            bar.set_color(color)
            name, value = self._names[rank], self._scores[rank]
            name.set_text(words(best[rank].label, 34) if best else "")
            name.set(color=color, weight="bold" if rank == 0 else "normal")
            value.set_text(percent(score) if best else "")

    def _paste(self, picture: np.ndarray, frame: np.ndarray) -> None:
        """Puts the frame into its box, as large as it fits, on the left and at the top."""
        width, height = self.size
        left, top = round(_VIDEO_BOX[0] * width), round((1 - sum(_VIDEO_BOX[1::2])) * height)
        room = _VIDEO_BOX[2] * width, _VIDEO_BOX[3] * height
        scale = min(room[0] / frame.shape[1], room[1] / frame.shape[0])
        size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
        left += (round(room[0]) - size[0]) // 2
        resized = Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)
        picture[top : top + size[1], left : left + size[0]] = np.asarray(resized)


def _pictures(animation: Animation, timeline: Timeline, times: np.ndarray) -> Iterator[np.ndarray]:
    frames = frames_on_show(timeline.video, times, animation.picture_side)
    for time, frame in zip(times, frames, strict=True):
        yield animation.draw(float(time), frame)


def _times(end: float, rate: float) -> np.ndarray:
    """Returns the seconds of the pictures from 0 to `end`, both included."""
    return np.append(np.arange(0, end, 1 / rate), end)


def write_mp4(path: pathlib.Path, timeline: Timeline, end: float) -> None:
    """Writes the animation as H.264, or as MPEG-4 where that encoder is missing."""
    animation = Animation(timeline, end, _MP4_DPI)
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"crf": "20", "preset": "veryfast"} if codec == "libx264" else {"q": "3"}
    try:
        with av.open(str(path.absolute()), "w", format="mp4") as container:
            stream = container.add_stream(codec, rate=_MP4_RATE, options=options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = animation.size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = Fraction(1, _MP4_RATE)
            for picture in _held(_pictures(animation, timeline, _times(end, _MP4_RATE))):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.") from error


def _held(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Repeats the last picture."""
    picture = None
    for picture in pictures:
        yield picture
    if picture is not None:
        for _ in range(round(_HOLD * _MP4_RATE)):
            yield picture


def write_gif(path: pathlib.Path, timeline: Timeline, end: float) -> None:
    """Writes the animation with one palette for all pictures, at a lower rate if it is long."""
    animation = Animation(timeline, end, _GIF_DPI)
    times = _times(end, min(_GIF_RATE, _MOST_GIF_FRAMES / end))
    palette = _palette(_pictures(animation, timeline, np.linspace(0, end, _PALETTE_SAMPLES)))
    images = (
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in _pictures(animation, timeline, times)
    )
    milliseconds = np.diff(times, append=end + _HOLD) * 1000
    next(images).save(
        path,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=[max(20, round(value)) for value in milliseconds],
        loop=0,
    )


def _palette(samples: Iterator[np.ndarray]) -> Image.Image:
    """Returns 256 colours for pictures like these, those of the plot among them unchanged."""
    plot_colors = (*COLORS, INK, MUTED, GRID, TRACK, PAPER)
    exact = np.array([ImageColor.getrgb(color) for color in plot_colors])
    # A smaller montage has the same colours.
    montage = Image.fromarray(np.concatenate([picture[::2, ::2] for picture in samples]))
    quantised = montage.quantize(256 - len(exact), dither=Image.Dither.NONE)
    found = np.array(quantised.getpalette() or []).reshape(-1, 3)
    # Pillow looks up colours in steps of 4: a neighbour would be taken for the exact one.
    distances = np.abs(found[:, np.newaxis] - exact).max(axis=-1)
    kept = found[distances.min(axis=1) > _PALETTE_STEPS]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([exact, kept]).flatten().tolist())
    return palette

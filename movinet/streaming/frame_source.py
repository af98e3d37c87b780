"""Frames of a video file at the rate of a model, without holding the video in memory."""

import os
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.data.videos.video_files import read_frames
from movinet.model_info import Preprocessing
from movinet.streaming.clip_sampling import MICROSECONDS, mean_interval, middle_of_segments

# Containers round their rates: 29.97 frames a second are enough for a model of 30.
_ENOUGH = 0.95
# A frame is decoded for its time alone: the smaller, the faster.
_SMALLEST_SIDE = 16


class TimedFrame(NamedTuple):
    """A frame uint8 [H, W, 3] and its time in seconds from the first frame."""

    time: float
    frame: np.ndarray


class SlowVideoWarning(UserWarning):
    """A video has fewer frames a second than the model expects."""


def sampled_frames(path: str | os.PathLike[str], settings: Preprocessing) -> Iterator[TimedFrame]:
    """Yields the frames of a video that a model with these settings is to see, in order.

    By frame rate it is the frame nearest to each k / fps, repeated where the video has too few;
    such a video ends with a SlowVideoWarning. By stride it is every `temporal_stride`-th frame. By
    segments it is the frame in the middle of each; the video is read twice, the first time for its
    length, and begins anew where it has fewer frames.

    Raises: VideoError as `movinet.data.videos.video_files.read_frames`.
    """
    if settings.sampling == SEGMENTS:
        yield from _of_segments(path, settings)
        return
    frames = read_frames(path, settings.stored_short_side or None)
    if settings.fps:
        yield from _at_rate(path, frames, settings.fps)
        return
    for index, (frame, time) in enumerate(frames):
        if index % settings.temporal_stride == 0:
            yield TimedFrame(time / MICROSECONDS, frame)


def frame_times(path: str | os.PathLike[str]) -> np.ndarray:
    """Returns when the frames [N] of a video are shown, in microseconds from the first.

    Raises: VideoError as `movinet.data.videos.video_files.read_frames`.
    """
    return np.array([time for _, time in read_frames(path, _SMALLEST_SIDE)])


def frames_on_show(
    path: str | os.PathLike[str], times: Iterable[float], short_side: int | None = None
) -> Iterator[np.ndarray]:
    """Yields for each time, in seconds and increasing, the frame uint8 [H, W, 3] then on show.

    The first and the last frame are on show before and after the video.

    Raises: VideoError as `movinet.data.videos.video_files.read_frames`.
    """
    frames = read_frames(path, short_side)
    current, following = next(frames)[0], next(frames, None)
    for time in times:
        while following is not None and following[1] <= round(time * MICROSECONDS):
            current, following = following[0], next(frames, None)
        yield current


def _of_segments(path: str | os.PathLike[str], settings: Preprocessing) -> Iterator[TimedFrame]:
    times = frame_times(path)
    duration = float(times[-1]) + mean_interval(times)
    indices = middle_of_segments(len(times), settings.num_frames)
    for begin in range(0, len(indices), len(times)):
        wanted = set(indices[begin : begin + len(times)])
        offset = begin // len(times) * duration
        for index, (frame, time) in enumerate(
            read_frames(path, settings.stored_short_side or None)
        ):
            if index in wanted:
                yield TimedFrame((time + offset) / MICROSECONDS, frame)


def _at_rate(
    path: str | os.PathLike[str], frames: Iterator[tuple[np.ndarray, int]], fps: float
) -> Iterator[TimedFrame]:
    rate = None
    for time, frame, known_rate in _nearest(frames, fps):
        rate = known_rate
        yield TimedFrame(time, frame)
    if rate is not None and rate < fps * _ENOUGH:
        warnings.warn(
            f"{os.fspath(path)} has {rate:.3g} frames per second, fewer than the {fps:g} that the "
            "model expects: frames were repeated.",
            SlowVideoWarning,
            stacklevel=3,
        )


def _nearest(
    frames: Iterator[tuple[np.ndarray, int]], fps: float
) -> Iterator[tuple[float, np.ndarray, float | None]]:
    """Yields (k / fps in seconds, the nearest frame, frames per second of the video up to there).

    A video lasts until one mean interval after its last frame. Times are microseconds; the rate is
    None while only one frame is known.
    """
    last: tuple[np.ndarray, int] | None = None
    wanted, count, rate = 0, 0, None
    for frame, time in frames:
        count += 1
        if last is not None:
            rate = (count - 1) * MICROSECONDS / time
            while wanted * MICROSECONDS / fps <= (last[1] + time) / 2:
                yield wanted / fps, last[0], rate
                wanted += 1
        last = frame, time
    if last is None:
        return
    interval = MICROSECONDS / rate if rate else 1.0
    # A quarter of a frame less, so that rounded times do not make one frame too many.
    while wanted * MICROSECONDS / fps < last[1] + interval * 0.75:
        yield wanted / fps, last[0], rate
        wanted += 1

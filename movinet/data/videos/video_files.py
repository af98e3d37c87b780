"""Frames and their times out of video files, whatever the container, with nothing trusted."""

import os
import pathlib
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from movinet.data.videos import containers
from movinet.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".m4v")
"""Files that are looked for in folders; a list may name any file."""

MAX_FRAMES = 20_000
MAX_PIXELS = 8192 * 4320
MAX_SIDE = 16_384  # Pixels; a JPEG has at most 65,500.
MAX_SECONDS = 1_000_000

# Only these demuxers and plain files: a playlist under a video's name must not open other files.
_CONTAINER_OPTIONS = {
    "format_whitelist": "mov,mp4,avi,matroska,webm,gif",
    "protocol_whitelist": "file",
}
_MICROSECONDS = 1_000_000
_FALLBACK_FRAME_RATE = Fraction(25)
# Containers may count a few frames more than they hold; files cut short lack many.
_MISSING_FRACTION = Fraction(1, 50)
_PLAUSIBLE_ASPECTS = (Fraction(1, 4), Fraction(4))


class VideoError(InputError):
    """A video that cannot be used; `reason` says why, without the path."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}.")
        self.reason = reason


def read_frames(
    path: str | os.PathLike[str],
    short_side: int | None = None,
    *,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[tuple[np.ndarray, int]]:
    """Decodes a video frame by frame, upright, all frames of the size of the first.

    A frame whose shorter side exceeds `short_side` is reduced to it, keeping the aspect ratio with
    the official rounding (`long * short_side // short`). Smaller frames are never enlarged: the
    readers do that, and stored it would cost bytes and add no detail.

    Times are presentation times. They start at 0 and strictly increase: a missing or backward time
    is replaced by the previous one plus the nominal frame duration.

    Args:
        path: a local file: mp4, mov, avi, mkv, webm or gif.
        short_side: largest shorter side of a frame in pixels, or None to keep the size.
        max_frames: longest video accepted, in frames.
        max_pixels: largest frame accepted, in pixels; none has a side above MAX_SIDE.

    Yields:
        (frame uint8 [H, W, 3] RGB, presentation time in microseconds).

    Raises:
        VideoError: not a video, no video stream, no frames, damaged, cut short, or over a limit. A
            damaged or cut file raises after the frames before the damage.
    """
    path = pathlib.Path(path)
    _check_file(path)
    count = 0
    try:
        # An absolute path cannot be mistaken for a protocol ("concat:...").
        with av.open(
            str(path.absolute()), container_options=_CONTAINER_OPTIONS, metadata_errors="replace"
        ) as container:
            stream = _video_stream(path, container)
            clock = _Clock(stream)
            sizer = _Sizer(path, stream, short_side, max_pixels)
            sizer.check(stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.thread_count = 1  # Parallelism is over videos.
            packets = 0
            for packet in container.demux(stream):
                packets += packet.size > 0
                for frame in packet.decode():
                    if frame.is_corrupt or packet.is_corrupt:
                        raise VideoError(path, f"is damaged or cut short after {count} frames")
                    if count == max_frames:
                        raise VideoError(path, f"has more than {max_frames} frames")
                    time = clock.time(frame)
                    if time > MAX_SECONDS * _MICROSECONDS:
                        raise VideoError(path, f"lasts longer than {MAX_SECONDS:,} seconds")
                    yield sizer.fit(frame), time
                    count += 1
            _check_complete(path, container, stream, packets, clock)
    except VideoError:
        raise
    except Exception as error:  # No family of errors: what a damaged file happens to cause.
        if type(error) is MemoryError:  # Of this process. FFmpeg has one of its own, on the file.
            raise
        detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if count:
            raise VideoError(
                path, f"is damaged or cut short after {count} frames ({detail})"
            ) from error
        raise VideoError(path, f"cannot be decoded ({detail})") from error
    if not count:
        raise VideoError(path, "holds no frames")


def _check_file(path: pathlib.Path) -> None:
    """Raises VideoError for what is no file, such as a pipe, which would be waited for."""
    try:
        if not path.is_file():
            raise VideoError(path, "does not exist or is not a file")
        if path.stat().st_size == 0:
            raise VideoError(path, "is empty (0 bytes)")
    except OSError as error:
        raise VideoError(path, f"cannot be read ({error.strerror})") from error


def _video_stream(path: pathlib.Path, container: av.container.InputContainer) -> av.VideoStream:
    """Returns the main video stream; a cover picture is none."""
    stream = container.streams.best("video")
    if (
        not isinstance(stream, av.VideoStream)
        or stream.disposition & av.stream.Disposition.attached_pic
    ):
        raise VideoError(path, "has no video stream")
    if stream.codec_context is None:
        raise VideoError(path, "cannot be decoded (unknown codec)")
    return stream


class _Clock:
    """Presentation times in microseconds from 0, strictly increasing."""

    def __init__(self, stream: av.VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate or _FALLBACK_FRAME_RATE
        self.step = max(1, round(_MICROSECONDS / rate))
        self.last: int | None = None
        self._origin: int | None = None

    def time(self, frame: av.VideoFrame) -> int:
        time = None
        if frame.pts is not None and frame.time_base:
            time = round(frame.pts * frame.time_base * _MICROSECONDS)
            if self._origin is None:
                self._origin = time - (0 if self.last is None else self.last + self.step)
            time -= self._origin
        if self.last is None:
            time = 0
        elif time is None or time <= self.last:
            time = self.last + self.step
        self.last = time
        return time


class _Sizer:
    """Turns decoded frames upright, to square pixels, to RGB and to one common size."""

    def __init__(
        self,
        path: pathlib.Path,
        stream: av.VideoStream,
        short_side: int | None,
        max_pixels: int,
    ) -> None:
        self._path = path
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self._pixel_aspect = (
            aspect if _PLAUSIBLE_ASPECTS[0] <= aspect <= _PLAUSIBLE_ASPECTS[1] else 1
        )
        self._short_side = short_side
        self._max_pixels = max_pixels
        self._size: tuple[int, int] | None = None
        self._reformatter = av.video.reformatter.VideoReformatter()

    def check(self, width: int, height: int) -> None:
        if excess := oversize(width, height, self._max_pixels):
            raise VideoError(self._path, f"has frames of {width}x{height}, {excess}")

    def fit(self, frame: av.VideoFrame) -> np.ndarray:
        self.check(frame.width, frame.height)
        quarter_turns = round(frame.rotation / 90) % 4
        if self._size is None:
            width, height = max(1, round(frame.width * self._pixel_aspect)), frame.height
            self.check(width, height)
            if quarter_turns % 2:
                width, height = height, width
            self._size = reduced_size(width, height, self._short_side)
        width, height = self._size[::-1] if quarter_turns % 2 else self._size
        resized = self._reformatter.reformat(
            frame, width, height, format="rgb24", interpolation="BICUBIC", threads=1
        )
        return np.ascontiguousarray(np.rot90(resized.to_ndarray(), quarter_turns))


def oversize(width: int, height: int, max_pixels: int = MAX_PIXELS) -> str:
    """Returns by what a picture is too large to be stored, or nothing."""
    if width * height > max_pixels:
        return f"more than {max_pixels:,} pixels"
    return f"with a side above {MAX_SIDE:,}" if max(width, height) > MAX_SIDE else ""


def reduced_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Returns (width, height) with the shorter side reduced to `short_side`, never enlarged."""
    shorter = min(width, height)
    if short_side is None or shorter <= short_side:
        return width, height
    return width * short_side // shorter, height * short_side // shorter


def _check_complete(
    path: pathlib.Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    packets: int,
    clock: _Clock,
) -> None:
    """Raises VideoError if the container clearly promises more than was there."""
    if containers.ends_early(path):
        raise VideoError(path, "is cut short: the file ends before its container does")
    if packets < stream.frames * (1 - _MISSING_FRACTION) - 1:
        raise VideoError(path, f"is cut short: {packets} of {stream.frames} frames are there")
    promised = _promised_duration(container, stream)
    end = (clock.last or 0) + clock.step
    # Times are checked loosely: durations of containers are rounded and may hold a last long frame.
    if promised is not None and end < promised * 0.8 - _MICROSECONDS / 2:
        there, stated = end / _MICROSECONDS, promised / _MICROSECONDS
        raise VideoError(path, f"is cut short: {there:.1f} of {stated:.1f} seconds are there")


def _promised_duration(
    container: av.container.InputContainer, stream: av.VideoStream
) -> float | None:
    """Returns the duration of the video in microseconds as the container states it, if it does."""
    if stream.frames:
        return None  # The exact count was compared already.
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base * _MICROSECONDS)
    if container.duration and len(container.streams) == 1:
        return float(container.duration)  # Microseconds; other streams could be the longer ones.
    return None

"""A streaming evaluation as seen on the terminal: a bar, or a line now and then without one."""

import shutil
import sys
import time
from collections.abc import Sequence

import tqdm

from movinet.training.video_streams import Turn

_SECONDS_A_LINE = 10.0


class StreamProgress:
    """Shows videos done, frames a second and the time left.

    Args: videos: how many there are.
    """

    def __init__(self, videos: int) -> None:
        self._videos = videos
        self._ended = 0
        self._done = 0.0
        self._frames = 0
        # Unknown until the first step is over, which includes tracing the graph.
        self._start: float | None = None
        self._done_at_start = 0.0
        self._shown = time.monotonic()
        self._bar = tqdm.tqdm(
            total=videos,
            disable=not sys.stderr.isatty(),
            ncols=shutil.get_terminal_size((120, 24)).columns,
            bar_format="{percentage:3.0f}% |{bar:12}|{postfix}",
        )

    def advance(self, turns: Sequence[Turn | None]) -> None:
        """Notes a step; every video counts by the part of it that is over."""
        now = time.monotonic()
        running = [turn for turn in turns if turn is not None]
        part = sum(1 / len(turn.video.frames) for turn in running)
        self._done += part
        self._ended += sum(turn.is_last for turn in running)
        if self._start is None:
            self._start, self._done_at_start = now, self._done
        else:
            self._frames += len(running)
        self._bar.set_postfix_str(self._words(now), refresh=False)
        self._bar.update(part)
        is_over = self._ended == self._videos
        if self._bar.disable and (is_over or now - self._shown > _SECONDS_A_LINE):
            self._shown = now
            print(self._words(now), flush=True)
        if is_over:
            self._bar.close()

    def _words(self, now: float) -> str:
        words = f"{self._ended:,} of {self._videos:,} videos"
        if self._start is None or not self._frames:
            return words
        elapsed = max(now - self._start, 1e-9)
        words += f", {self._frames / elapsed:.1f} frames/s"
        if self._ended == self._videos:
            return words
        left = elapsed * (self._videos - self._done) / (self._done - self._done_at_start)
        return f"{words}, {tqdm.tqdm.format_interval(left)} left"

"""How often a stream is right by how much it has seen, counted in memory that does not grow."""

import dataclasses

import numpy as np

MAX_POINTS = 1024
"""Times at which the accuracy is kept; where videos are longer, every second one is dropped."""

_TOP = 5
_QUARTILES = (0.25, 0.5, 0.75)


@dataclasses.dataclass(frozen=True)
class Accuracies:
    """Shares in [0, 1]: of videos whose class is the likeliest, or among the five likeliest, and
    the mean of the classes' own top-1; each [P], or a number.
    """

    top_1: np.ndarray
    top_5: np.ndarray
    mean_class: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> "Accuracies":
        """Reads counts [..., 3, K]: videos, top-1 and top-5 hits by class. At least one video."""
        videos, top_1, top_5 = np.moveaxis(counts, -2, 0)
        every = videos.sum(axis=-1)
        own = np.divide(top_1, videos, out=np.zeros(videos.shape), where=videos > 0)
        mean_class = own.sum(axis=-1) / np.count_nonzero(videos, axis=-1)
        return cls(top_1.sum(axis=-1) / every, top_5.sum(axis=-1) / every, mean_class)


@dataclasses.dataclass(frozen=True)
class Curve:
    """Accuracy by the seconds seen.

    Attributes:
      seconds: [P], from 0 (the first frame).
      videos: [P], how many are that long.
      that_long: accuracy over those alone.
      all_videos: accuracy over all, those that are over with the answer they ended on.
    """

    seconds: np.ndarray
    videos: np.ndarray
    that_long: Accuracies
    all_videos: Accuracies


@dataclasses.dataclass(frozen=True)
class Settling:
    """From when on the answers are right to the end.

    Attributes:
      quartiles: seconds after which a quarter, half, and three quarters of the videos that end
        right are right to stay; empty if none does.
      ends_wrong: share of the videos whose last answer is wrong.
      never_right: share of the videos about which no answer is right.
    """

    quartiles: tuple[float, ...]
    ends_wrong: float
    never_right: float


class AccuracyOverTime:
    """Counts answers by class and by the time for which they hold.

    Args:
      num_classes: K.
      seconds_a_frame: from one frame to the next; a video lasts so long after its last frame.
    """

    def __init__(self, num_classes: int, seconds_a_frame: float) -> None:
        self.seconds_a_frame = seconds_a_frame
        self._seconds_a_point = seconds_a_frame
        # Videos, top-1 and top-5 hits by class: of the videos that are running at a point, and of
        # those that are over from that point on.
        self._running = np.zeros((MAX_POINTS, 3, num_classes), np.int32)
        self._over = np.zeros((MAX_POINTS, 3, num_classes), np.int32)
        self._settled = np.zeros(MAX_POINTS, np.int64)
        self._never_right = 0

    def begin(self, label: int) -> "Track":
        """Begins a video of a class."""
        return Track(self, label)

    @property
    def final(self) -> Accuracies:
        """Of the answers on which the videos ended."""
        return Accuracies.of(self._over.sum(axis=0))

    @property
    def videos(self) -> int:
        """Videos that are over."""
        return int(self._over[:, 0].sum())

    def curve(self) -> Curve:
        """Returns accuracy by seconds; at least one video must be over, and none running."""
        videos = self._running[:, 0].sum(axis=1)
        points = int(np.flatnonzero(videos)[-1]) + 1
        every = self._running[:points] + np.cumsum(self._over[:points], axis=0)
        return Curve(
            np.arange(points) * self._seconds_a_point,
            videos[:points],
            Accuracies.of(self._running[:points]),
            Accuracies.of(every),
        )

    def settling(self) -> Settling:
        """Returns from when on answers are right; at least one video must be over."""
        reached = np.cumsum(self._settled)
        settled = int(reached[-1])
        points = np.searchsorted(reached, [share * settled for share in _QUARTILES])
        return Settling(
            tuple(float(point * self._seconds_a_point) for point in points) if settled else (),
            1 - settled / self.videos,
            self._never_right / self.videos,
        )

    def hold(self, label: int, rank: int, begin: float, end: float) -> None:
        """Counts an answer for the time from `begin` to before `end`, in seconds."""
        self._make_room(end)
        self._running[self._point(begin) : self._point(end), :, label] += _hits(rank)

    def finish(
        self, label: int, rank: int, end: float, settled: float | None, *, ever_right: bool
    ) -> None:
        """Counts a video that is over: its last answer, and since when that was right, if it is."""
        self._make_room(end)
        self._over[self._point(end), :, label] += _hits(rank)
        if settled is not None:
            self._settled[self._point(settled)] += 1
        self._never_right += not ever_right

    def _point(self, seconds: float) -> int:
        """The first point that is not before a time, but for a quarter of a frame's rounding."""
        return int(np.ceil((seconds - self.seconds_a_frame / 4) / self._seconds_a_point))

    def _make_room(self, end: float) -> None:
        while self._point(end) >= MAX_POINTS:
            self._seconds_a_point *= 2
            running = np.zeros_like(self._running)
            running[: MAX_POINTS // 2] = self._running[::2]
            self._running = running
            self._over, self._settled = _later(self._over), _later(self._settled)


def _hits(rank: int) -> np.ndarray:
    """What an answer adds to the counts; `rank` is that of the true class, from 0."""
    return np.array([1, rank == 0, rank < _TOP], np.int32)


def _later(counts: np.ndarray) -> np.ndarray:
    """Moves what is counted at points that are dropped to the next one that is kept."""
    kept = np.zeros_like(counts)
    half = len(counts) // 2
    kept[:half] = counts[::2]
    kept[1 : half + 1] += counts[1::2]
    return kept


class Track:
    """The answers about one video on their way into the counts."""

    def __init__(self, counts: AccuracyOverTime, label: int) -> None:
        self._counts = counts
        self._label = label
        self._rank = -1
        self._since = 0.0
        self._right_since: float | None = None
        self._ever_right = False

    def answer(self, seconds: float, rank: int) -> None:
        """Notes the answer after the frame of that time; `rank` is that of the true class."""
        if self._rank >= 0:
            self._counts.hold(self._label, self._rank, self._since, seconds)
        if rank > 0:
            self._right_since = None
        elif self._right_since is None:
            self._right_since = seconds
            self._ever_right = True
        self._rank, self._since = rank, seconds

    def finish(self) -> None:
        """Ends the video."""
        end = self._since + self._counts.seconds_a_frame
        self._counts.hold(self._label, self._rank, self._since, end)
        self._counts.finish(
            self._label, self._rank, end, self._right_since, ever_right=self._ever_right
        )

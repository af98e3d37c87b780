"""Whether two videos show the same, told by their pictures.

Hashes only say where to look. Here both videos are decoded, laid on one another in time and place,
and compared three times: what stands in the picture, what changes in it, and its colours. Two takes
of one scene differ in what changes, two things of one shape in colour; a copy agrees in all, at any
size, bitrate and frame rate, with a border cut off, or with another start.
"""

import dataclasses

import numpy as np

from movinet.data.dataset_check.pictures import SIDE, WHOLE, averaging_matrix, shrink, to_grey
from movinet.data.dataset_check.reading import read_pictures
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.video_files import VideoError

LEAST_APPEARANCE = 0.9
LEAST_MOTION = 0.6
LEAST_COLOR = 0.9
LEAST_STILL_APPEARANCE = 0.97
"""Of pictures in which nothing moves, and which can be compared by their appearance only."""

_SHORT_SIDE = 64
_MOMENTS = 24  # At which the videos are compared, over the time that they share.
_MOMENTS_TO_FIT = 4
_CUTS = (0.0, 0.025, 0.05, 0.075, 0.1)  # Of the picture, at each of its four edges.
_REFINEMENTS = range(-250_000, 250_001, 25_000)  # Microseconds around the shift told by hashes.
_STILL = 2.0  # Levels of 255, root mean square.
_PALE = 4.0  # Levels of 255, root mean square: colours below say nothing.
_COLOR_CELLS = 4  # Into which a picture is divided, both ways, to compare colours.


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two videos to compare; shift: microseconds of the first at which the second begins."""

    first: SourceClip
    second: SourceClip
    shift: int


@dataclasses.dataclass(frozen=True)
class Likeness:
    """Correlations, at most 1, over the time that two videos share; shift: as in `Pair`, refined.

    appearance: of the pictures; motion: of what differs from the mean picture, or None if nothing
    moves. color: of the deviations from grey, or None if there are hardly any.
    """

    appearance: float
    motion: float | None
    color: float | None
    shift: int

    @property
    def is_same(self) -> bool:
        """Whether this is one video."""
        if self.color is not None and self.color < LEAST_COLOR:
            return False
        if self.motion is None:
            return self.appearance >= LEAST_STILL_APPEARANCE
        return self.appearance >= LEAST_APPEARANCE and self.motion >= LEAST_MOTION

    @property
    def similarity(self) -> float:
        """The lower of the two correlations."""
        return self.appearance if self.motion is None else min(self.appearance, self.motion)


class _Video:
    """Grey pictures uint8 [T, H, W], their colours [T, 3, 4, 4], times in microseconds [T]."""

    def __init__(self, clip: SourceClip) -> None:
        pictures, colors, times = [], [], []
        for frame, time in read_pictures(clip, _SHORT_SIDE):
            grey = to_grey(frame)
            pictures.append(grey.astype(np.uint8))
            colors.append(_coarse(shrink(np.moveaxis(frame, -1, 0)) - shrink(grey)))
            times.append(time)
        self.pictures = np.stack(pictures)
        self.colors = np.stack(colors)
        self.times = np.array(times)

    def numbers_at(self, moments: np.ndarray) -> np.ndarray:
        """Returns which pictures are on show at some times."""
        return np.maximum(np.searchsorted(self.times, moments, side="right") - 1, 0)


def compare(pair: Pair) -> Likeness | None:
    """Returns how alike two videos are, or None if they cannot be laid on one another."""
    try:
        first, second = _Video(pair.first), _Video(pair.second)
    except VideoError:
        return None
    start = max(0, pair.shift)
    stop = min(first.times[-1], second.times[-1] + pair.shift)
    if stop <= start:
        return None
    moments = np.linspace(start, stop, _MOMENTS).astype(np.int64)
    shift = _refine(first, second, moments, pair.shift).shift
    picked = moments[:: _MOMENTS // _MOMENTS_TO_FIT]
    windows = _fit(
        first.pictures[first.numbers_at(picked)],
        second.pictures[second.numbers_at(picked - shift)],
    )
    return _refine(first, second, moments, shift, *windows)


_Window = tuple[tuple[float, float], tuple[float, float]]
_UNCUT: _Window = (WHOLE, WHOLE)


def _refine(
    first: _Video,
    second: _Video,
    moments: np.ndarray,
    shift: int,
    first_window: _Window = _UNCUT,
    second_window: _Window = _UNCUT,
) -> Likeness:
    """Returns the likeness at the best shift near to one."""
    seen = shrink(first.pictures[first.numbers_at(moments)], *first_window)
    small = shrink(second.pictures, *second_window)
    colors = first.colors[first.numbers_at(moments)]
    likenesses = []
    for change in _REFINEMENTS:
        numbers = second.numbers_at(moments - shift - change)
        appearance, motion = _correlations(seen, small[numbers])
        color = _agreement(colors, second.colors[numbers])
        likenesses.append(Likeness(appearance, motion, color, shift + change))
    return max(likenesses, key=lambda likeness: likeness.appearance + (likeness.motion or 0))


def _correlations(first: np.ndarray, second: np.ndarray) -> tuple[float, float | None]:
    """Returns appearance and motion of small pictures [T, 32, 32], moment by moment."""
    appearance = np.median(_correlation(_flat(first), _flat(second)))
    changes = [pictures - pictures.mean(axis=0) for pictures in (first, second)]
    if max(np.sqrt(np.mean(np.square(change))) for change in changes) < _STILL:
        return float(appearance), None
    motion = _correlation(*(change.reshape(-1) for change in changes))
    return float(appearance), float(motion)


def _agreement(first: np.ndarray, second: np.ndarray) -> float | None:
    """Returns the cosine of two deviations from grey, or None if both videos are pale."""
    if max(np.sqrt(np.mean(np.square(colors))) for colors in (first, second)) < _PALE:
        return None
    scale = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / max(scale, 1e-6))


def _coarse(pictures: np.ndarray) -> np.ndarray:
    """Averages small pictures [N, 32, 32] down to [N, 4, 4]."""
    cells = SIDE // _COLOR_CELLS
    return pictures.reshape(-1, _COLOR_CELLS, cells, _COLOR_CELLS, cells).mean(axis=(2, 4))


def _fit(first: np.ndarray, second: np.ndarray) -> tuple[_Window, _Window]:
    """Returns the parts of two videos [T, H, W] that show the same, one of them whole."""
    score, window = _best_window(shrink(first), second)
    other_score, other_window = _best_window(shrink(second), first)
    return (other_window, _UNCUT) if other_score > score else (_UNCUT, window)


def _best_window(wanted: np.ndarray, pictures: np.ndarray) -> tuple[float, _Window]:
    """Returns the window of `pictures` [T, H, W] most like `wanted` [T, 32, 32], and how much."""
    spans = [(near, 1 - far) for near in _CUTS for far in _CUTS]
    height, width = pictures.shape[1:]
    rows = np.stack([averaging_matrix(height, *span) for span in spans])
    columns = np.stack([averaging_matrix(width, *span) for span in spans])
    total = np.zeros((len(spans), len(spans)))
    for small, picture in zip(wanted, pictures, strict=True):
        bands = rows @ picture.astype(np.float32)  # [R, 32, W]
        tiles = np.einsum("riw,cjw->rcij", bands, columns, optimize=True)
        total += _correlation(tiles.reshape(*total.shape, -1), small.reshape(-1))
    row, column = np.unravel_index(np.argmax(total), total.shape)
    return float(total[row, column]), (spans[row], spans[column])


def _flat(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the correlation over the last axis; 0 where one of them is constant."""
    first = first - first.mean(axis=-1, keepdims=True)
    second = second - second.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.square(first).sum(axis=-1) * np.square(second).sum(axis=-1))
    return (first * second).sum(axis=-1) / np.maximum(scale, 1e-6)

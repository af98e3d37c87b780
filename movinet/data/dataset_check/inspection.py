"""What one clip is like, told by decoding it once."""

import dataclasses

import numpy as np

from movinet.data.dataset_check.perceptual_hash import INTERVAL, hash_picture
from movinet.data.dataset_check.pictures import shrink, to_grey
from movinet.data.dataset_check.reading import content_digest, read_pictures
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.video_files import VideoError

_SHORT_SIDE = 64
_MOST_HASHES = 1024  # Of a clip: its first four minutes are compared with others.
# As FFmpeg's blackdetect: 98 % of the pixels below a tenth of the brightest.
_DARK, _DARK_SHARE = 0.1 * 255, 0.98
_STILL = 12.0  # Levels of 255 by which any pixel of a small picture may change in a still scene.
_OFF = 0.1  # Part of the usual interval by which a regular one may differ.
_COARSEST_ROUNDING = 10_000  # Microseconds; GIF counts hundredths of a second.


@dataclasses.dataclass(frozen=True)
class Inspection:
    """Which clip is to be inspected, and the longest one accepted, in frames."""

    clip: SourceClip
    max_frames: int


@dataclasses.dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was seen in a clip.

    frames, duration: in frames and in microseconds, the last frame included; width, height:
    upright, in pixels; usual_interval, longest_interval: between frames, in microseconds;
    irregular: share of the intervals that differ from the usual one; black: share of the pictures
    that are black; still: share of the pictures in the longest stretch without any motion; digest:
    checksum of the bytes; hashes: of its pictures, uint64 [T], every `perceptual_hash.INTERVAL`.
    """

    frames: int
    duration: int
    width: int
    height: int
    usual_interval: int
    longest_interval: int
    irregular: float
    black: float
    still: float
    digest: bytes
    hashes: np.ndarray

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.duration / 1e6

    @property
    def frame_rate(self) -> float:
        """Frames per second, on average; 0 if there is but one frame."""
        return self.frames / self.seconds if self.duration else 0.0

    @property
    def short_side(self) -> int:
        """Pixels of the shorter side."""
        return min(self.width, self.height)


@dataclasses.dataclass(frozen=True)
class Unusable:
    """A clip that the decoder refused, and why."""

    reason: str


def inspect_clip(inspection: Inspection) -> ClipFacts | Unusable:
    """Decodes a clip and returns what it is like."""
    clip, max_frames = inspection.clip, inspection.max_frames
    try:
        digest = content_digest(clip)
        first, _ = next(iter(read_pictures(clip, None, max_frames)))
        times: list[int] = []
        places: list[int] = []
        pictures: list[np.ndarray] = []
        dark = 0
        for frame, time in read_pictures(clip, _SHORT_SIDE, max_frames):
            times.append(time)
            place = (time + INTERVAL // 2) // INTERVAL
            if place >= _MOST_HASHES or (places and place == places[-1]):
                continue
            grey = to_grey(frame)
            places.append(place)
            pictures.append(shrink(grey))
            dark += bool(np.mean(grey < _DARK) >= _DARK_SHARE)
    except VideoError as error:
        return Unusable(error.reason)
    hashes = np.zeros(places[-1] + 1, np.uint64)
    hashes[places] = [hash_picture(picture) for picture in pictures]
    usual, longest, irregular = measure_intervals(np.array(times, np.int64))
    return ClipFacts(
        frames=len(times),
        duration=times[-1] + usual,
        width=first.shape[1],
        height=first.shape[0],
        usual_interval=usual,
        longest_interval=longest,
        irregular=irregular,
        black=dark / len(pictures),
        still=_longest_still(pictures) / len(pictures),
        digest=digest,
        hashes=hashes,
    )


def measure_intervals(times: np.ndarray) -> tuple[int, int, float]:
    """Returns the usual and the longest interval of times [T], and the share of irregular ones.

    Containers round times to their own unit, a millisecond or a hundredth of a second: one such
    unit makes no interval irregular.
    """
    intervals = np.diff(times)
    if not len(intervals):
        return 0, 0, 0.0
    usual = int(np.median(intervals))
    unit = min(int(np.gcd.reduce(times)), _COARSEST_ROUNDING)
    irregular = np.abs(intervals - usual) > max(unit, _OFF * usual)
    return usual, int(intervals.max()), float(irregular.mean())


def _longest_still(pictures: list[np.ndarray]) -> int:
    """Returns how many small pictures the longest stretch has that are all like its first."""
    longest = start = 0
    for end, picture in enumerate(pictures):
        if np.abs(picture - pictures[start]).max() > _STILL:
            start = end
        longest = max(longest, end + 1 - start)
    return longest

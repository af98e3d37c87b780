"""Generated videos that look like filmed ones: a textured place seen by a moving camera, and things
that move in it.
"""

import dataclasses

import numpy as np
from PIL import Image

FRAME_RATE = 10  # Frames per second.
HEIGHT, WIDTH = 96, 128
_MARGIN = 48  # Pixels of the place beyond the first view.


@dataclasses.dataclass(frozen=True)
class Scene:
    """place: seed of what stands still; take: seed of what happens there."""

    place: int
    take: int = 0

    def frames(self, count: int = 40) -> np.ndarray:
        """Frames uint8 [T, 96, 128, 3]."""
        ground = self._ground()
        rng = np.random.default_rng((7, self.place, self.take))
        camera = rng.uniform(-12, 12, 2)
        things = [_Thing.draw(rng) for _ in range(3)]
        frames = []
        for time in np.arange(count) / FRAME_RATE:
            y, x = np.clip(_MARGIN + camera * time, 0, 2 * _MARGIN).astype(int)
            picture = ground[y : y + HEIGHT, x : x + WIDTH].copy()
            for thing in things:
                thing.paint(picture, time)
            frames.append(np.clip(picture, 0, 255).astype(np.uint8))
        return np.stack(frames)

    def _ground(self) -> np.ndarray:
        rng = np.random.default_rng((3, self.place))
        size = (WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN)
        total = np.zeros((size[1], size[0], 3), np.float32)
        for cells, strength in ((4, 0.55), (11, 0.3), (40, 0.15)):
            noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
            total += strength * np.asarray(noise.resize(size, Image.Resampling.BICUBIC), np.float32)
        return total


@dataclasses.dataclass(frozen=True)
class _Thing:
    start: np.ndarray
    speed: np.ndarray
    radius: float
    color: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "_Thing":
        place = rng.uniform((10, 10), (HEIGHT - 10, WIDTH - 10))
        color = rng.uniform(0, 255, 3).astype(np.float32)
        return cls(place, rng.uniform(-25, 25, 2), rng.uniform(9, 20), color)

    def paint(self, picture: np.ndarray, time: float) -> None:
        y, x = (self.start + self.speed * time) % (HEIGHT, WIDTH)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        cover = np.clip(self.radius - np.hypot(rows - y, columns - x), 0, 1)[..., None]
        picture += cover * (self.color - picture)


def resize(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Frames of another size."""
    return np.stack([np.asarray(Image.fromarray(f).resize((width, height))) for f in frames])


def cut(frames: np.ndarray, top: float, bottom: float, left: float, right: float) -> np.ndarray:
    """Frames without a part of their height and width at each edge."""
    height, width = frames.shape[1:3]
    rows = slice(round(top * height), height - round(bottom * height))
    return frames[:, rows, round(left * width) : width - round(right * width)]

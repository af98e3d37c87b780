"""Draws one picture of a sample clip: a lopsided shape on a patterned ground.

A picture is a pure function of a look and a state. The state is four numbers on circles: where the
shape is (the frame wraps round at its edges), how it is turned, and the phase of its size.
"""

import colorsys
import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

_OVERSAMPLING = 3
_SMALLEST, _LARGEST = 0.16, 0.36  # Radii of the shape, in widths of the frame.
# Over the last part of its phase the large shape dissolves while a small one appears in it: a size
# that always grows needs a way back that shows no direction.
_DISSOLVE = 0.15
_EDGE = 0.12  # Width of the shape's edge, in radii of the shape.


@dataclasses.dataclass(frozen=True)
class State:
    """What motion changes; all in cycles, every value equal modulo 1.

    x, y: centre of the shape in widths of the frame, from the left and from the top; turn: in
    revolutions, clockwise; phase: of the size, growing from 0 to 1.
    """

    x: float
    y: float
    turn: float
    phase: float


@dataclasses.dataclass(frozen=True)
class Look:
    """What stays the same over a clip: the ground, oversampled; a shape; its colours as RGB."""

    ground: Image.Image
    shape: np.ndarray
    body_color: tuple[int, ...]
    edge_color: tuple[int, ...]
    mark_color: tuple[int, ...]


def random_look(generator: np.random.Generator, size: int) -> Look:
    """Draws a shape, its colours and a ground that it stands out from, `size` pixels wide."""
    lightness = generator.uniform(0.15, 0.85)
    away = 1 if lightness < 0.5 else -1
    first = _random_color(generator, lightness - generator.uniform(0, 0.1))
    second = _random_color(generator, lightness + generator.uniform(0, 0.1))
    pattern = _PATTERNS[generator.integers(len(_PATTERNS))](generator, size)[..., None]
    ground = Image.fromarray(np.uint8(np.round(first * (1 - pattern) + second * pattern)))
    return Look(
        ground=ground.resize((size * _OVERSAMPLING,) * 2, Image.Resampling.NEAREST),
        shape=SHAPES[generator.integers(len(SHAPES))],
        body_color=tuple(map(int, _random_color(generator, lightness + away * 0.42))),
        edge_color=(250, 250, 250) if away < 0 else (20, 20, 20),
        mark_color=tuple(map(int, _random_color(generator, lightness - away * 0.1))),
    )


def draw_picture(look: Look, state: State) -> np.ndarray:
    """Returns the picture, uint8 [H, W, 3] RGB."""
    phase = state.phase % 1
    canvas = _draw_shape(look, state, phase)
    fading = (phase - (1 - _DISSOLVE)) / _DISSOLVE
    if fading > 0:
        canvas = Image.blend(canvas, _draw_shape(look, state, phase - 1), fading)
    return np.asarray(canvas.reduce(_OVERSAMPLING))


def _draw_shape(look: Look, state: State, octave: float) -> Image.Image:
    """Draws the shape at all the places where a frame that wraps round shows it, oversampled."""
    canvas = look.ground.copy()
    draw = ImageDraw.Draw(canvas)
    scale = _SMALLEST * (_LARGEST / _SMALLEST) ** octave * canvas.width
    cosine, sine = math.cos(2 * math.pi * state.turn), math.sin(2 * math.pi * state.turn)
    clockwise = scale * np.array([[cosine, sine], [-sine, cosine]])  # The y axis points down.
    body = look.shape @ clockwise
    mark = (_centroid(look.shape) + _MARK) @ clockwise
    for shift_x in (-1, 0, 1):
        for shift_y in (-1, 0, 1):
            center = np.array((state.x % 1 + shift_x, state.y % 1 + shift_y)) * canvas.width
            if (center < -scale).any() or (center > canvas.width + scale).any():
                continue
            pen = round(_EDGE * scale)
            draw.polygon(_corners(body + center), look.body_color, look.edge_color, pen)
            draw.polygon(_corners(mark + center), look.mark_color)
    return canvas


def _corners(points: np.ndarray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _centroid(polygon: np.ndarray) -> np.ndarray:
    """Returns the centre of area of a polygon [N, 2]."""
    following = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]
    return ((polygon + following) * cross[:, None]).sum(0) / (3 * cross.sum())


def _random_color(generator: np.random.Generator, lightness: float) -> np.ndarray:
    """Returns RGB values from 0 to 255."""
    hue, saturation = generator.uniform(), generator.uniform(0.25, 0.85)
    return 255 * np.array(colorsys.hls_to_rgb(hue, min(max(lightness, 0.1), 0.9), saturation))


def _plain(generator: np.random.Generator, size: int) -> np.ndarray:
    return np.full((size, size), generator.uniform())


def _ramp(generator: np.random.Generator, size: int) -> np.ndarray:
    angle = generator.uniform(0, 2 * math.pi)
    y, x = np.mgrid[:size, :size] / size - 0.5
    return np.clip(0.5 + 0.8 * (x * math.cos(angle) + y * math.sin(angle)), 0, 1)


def _glow(generator: np.random.Generator, size: int) -> np.ndarray:
    center_x, center_y = generator.uniform(0, 1, 2)
    y, x = np.mgrid[:size, :size] / size
    return np.clip(1.2 * np.hypot(x - center_x, y - center_y), 0, 1)


def _stripes(generator: np.random.Generator, size: int) -> np.ndarray:
    angle = generator.uniform(0, math.pi)
    frequency, start = generator.uniform(3, 7), generator.uniform(0, 2 * math.pi)
    y, x = np.mgrid[:size, :size] / size
    wave = np.sin(2 * math.pi * frequency * (x * math.cos(angle) + y * math.sin(angle)) + start)
    return 0.5 + 0.5 * np.clip(2 * wave, -1, 1)


def _checks(generator: np.random.Generator, size: int) -> np.ndarray:
    frequency, start_x, start_y = generator.uniform(1.5, 3.5), *generator.uniform(0, 1, 2)
    y, x = np.mgrid[:size, :size] / size * 2 * math.pi * frequency
    wave = np.sin(x + 2 * math.pi * start_x) * np.sin(y + 2 * math.pi * start_y)
    return 0.5 + 0.5 * np.clip(4 * wave, -1, 1)


def _clouds(generator: np.random.Generator, size: int) -> np.ndarray:
    coarse = Image.fromarray(generator.integers(0, 256, (6, 6), dtype=np.uint8))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float64) / 255


def _arc(center: tuple[float, float], radius: float, start: float, end: float) -> list:
    """Returns points on an arc; angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    x, y = center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


_PATTERNS = (_plain, _ramp, _glow, _stripes, _checks, _clouds)

_MARK = np.array(_arc((0, 0), 0.2, 0, 345))

_T = [(-0.8, -0.65), (0.8, -0.65), (0.8, -0.1), (0.3, -0.1)]
_T += [(0.3, 0.9), (-0.3, 0.9), (-0.3, -0.1), (-0.8, -0.1)]

# Just within the unit circle, and none looks the same before a full turn.
SHAPES = tuple(
    np.array(points) / np.hypot(*np.transpose(points)).max()
    for points in (
        # arrow
        [(-0.9, -0.35), (0.1, -0.35), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.35), (-0.9, 0.35)],
        # the letters L, P (as a flag) and T
        [(-0.55, -0.85), (0, -0.85), (0, 0.25), (0.7, 0.25), (0.7, 0.8), (-0.55, 0.8)],
        [(-0.55, -0.85), (0.7, -0.85), (0.7, -0.2), (0, -0.2), (0, 0.85), (-0.55, 0.85)],
        _T,
        # drop, mouth, crescent and half a disc
        [(0, -1), *_arc((0, 0.3), 0.7, -20, 200)],
        [(0, 0), *_arc((0, 0), 0.95, 35, 325)],
        [*_arc((0, 0), 0.95, 65, 295), *_arc((0.55, 0), 0.86, 260, 100)],
        _arc((-0.35, 0), 0.95, -90, 90),
        # dart and spoon
        [(1, 0), (-0.75, 0.75), (-0.3, 0), (-0.75, -0.75)],
        [*_arc((-0.3, -0.35), 0.6, 80, 370), (0.95, 0.65), (0.65, 0.95)],
    )
)

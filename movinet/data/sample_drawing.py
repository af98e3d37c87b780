"""Draws one picture of a sample clip: a light, shaded shape on a dark, patterned ground.

A picture is a pure function of a look and a state. The state is four numbers on circles: where the
shape is (the frame wraps round at its edges), how it is turned, and the phase of its size.
"""

import colorsys
import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

_OVERSAMPLING = 3
_SMALLEST, _LARGEST = 0.2, 0.46  # Radii of the shape, in widths of the frame.
# Over the last part of its phase the large shape dissolves while a small one appears in it: a size
# that always grows needs a way back that shows no direction.
_DISSOLVE = 0.15
_EDGE = 0.08  # Width of the shape's edge, in radii of the shape.
_EDGE_COLOR = (250, 250, 250)
# Of the shape's sectors, clockwise: a place under a turning shape darkens in steps and brightens at
# once, or the other way round, and so the shape may have any symmetry of its own.
_SHADES = (1.0, 0.6, 0.2) * 2


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
    """What stays the same over a clip: the ground, oversampled; a shape; its sectors' colours."""

    ground: Image.Image
    shape: np.ndarray
    colors: tuple[tuple[int, ...], ...]


def random_look(generator: np.random.Generator, size: int) -> Look:
    """Draws a light shape, its colours and a dark ground, `size` pixels wide."""
    first = _random_color(generator, generator.uniform(0.06, 0.16))
    second = _random_color(generator, generator.uniform(0.16, 0.28))
    pattern = _PATTERNS[generator.integers(len(_PATTERNS))](generator, size)[..., None]
    blend = np.round(first * (1 - pattern) + second * pattern)
    ground = Image.fromarray(blend.astype(np.uint8))
    tint = _random_color(generator, generator.uniform(0.7, 0.85))
    return Look(
        ground=ground.resize((size * _OVERSAMPLING,) * 2, Image.Resampling.NEAREST),
        shape=SHAPES[generator.integers(len(SHAPES))],
        colors=tuple(_as_pixel(tint * shade) for shade in _SHADES),
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
    pieces = [piece @ clockwise for piece in _sectors(look.shape)]
    for shift_x in (-1, 0, 1):
        for shift_y in (-1, 0, 1):
            center = np.array((state.x % 1 + shift_x, state.y % 1 + shift_y)) * canvas.width
            if (center < -scale).any() or (center > canvas.width + scale).any():
                continue
            pen = round(_EDGE * scale)
            for piece, color in zip(pieces, look.colors, strict=True):
                if len(piece) > 2:
                    draw.polygon(_corners(piece + center), color)
            draw.polygon(_corners(body + center), None, _EDGE_COLOR, pen)
    return canvas


def _corners(points: np.ndarray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _sectors(shape: np.ndarray) -> list[np.ndarray]:
    """Cuts a shape [N, 2] like a cake into as many pieces as there are shades, clockwise."""
    pieces = []
    for index in range(len(_SHADES)):
        start, end = (2 * math.pi * (index + step) / len(_SHADES) for step in (0, 1))
        piece = _cut(shape, (-math.sin(start), math.cos(start)))
        pieces.append(_cut(piece, (math.sin(end), -math.cos(end))))
    return pieces


def _cut(polygon: np.ndarray, normal: tuple[float, float]) -> np.ndarray:
    """Returns the part of a polygon [N, 2] on the side of a line through 0 that `normal` is on."""
    points = []
    heights = polygon @ normal
    for index, (end, high) in enumerate(zip(polygon, heights, strict=True)):
        start, low = polygon[index - 1], heights[index - 1]
        if (low < 0) != (high < 0):
            points.append(start + (end - start) * low / (low - high))
        if high >= 0:
            points.append(end)
    return np.reshape(points, (-1, 2))


def _random_color(generator: np.random.Generator, lightness: float) -> np.ndarray:
    """Returns RGB values from 0 to 255."""
    hue, saturation = generator.uniform(), generator.uniform(0.25, 0.85)
    return 255 * np.array(colorsys.hls_to_rgb(hue, lightness, saturation))


def _as_pixel(color: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in color)


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


def _regular(corners: int, inner: float = 1.0) -> list[tuple[float, float]]:
    """Returns a regular polygon, or a star whose inner corners are at the radius `inner`."""
    radii = [1.0] if inner == 1 else [1.0, inner]
    angles = np.arange(corners * len(radii)) * 2 * math.pi / (corners * len(radii)) - math.pi / 2
    rings = np.resize(radii, len(angles))
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(rings, angles, strict=True)]


# Within the unit circle. Their shades show how they turn, whatever their symmetry.
SHAPES = tuple(
    np.array(points)
    for points in (
        _regular(48),
        _regular(3),
        _regular(4),
        _regular(6),
        _regular(5, 0.6),
        _regular(4, 0.55),
        [(0, -1), *_arc((0, 0.25), 0.75, -25, 205)],
        [(0, 0), *_arc((0, 0), 1, 30, 330)],
    )
)

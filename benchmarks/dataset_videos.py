"""Videos for the benchmark of dataset building: many small ones, bad ones, some like Kinetics'."""

import itertools
import pathlib
import random
import struct
from collections.abc import Callable
from typing import Any

CLASSES = 10
KINETICS_FRAMES, KINETICS_RATE = 250, 25
KINETICS_SIZE = 256, 340
KINETICS_BIT_RATE = 450_000  # A second, with which 240,000 clips take 130 GB.

_SMALL_SIZE = 48, 64
_SMALL_FRAMES = 8
_DISTINCT = 100  # Encodings of small videos; each file differs by the number at its end.


def write_small_videos(folder: pathlib.Path, count: int, bad_fraction: float) -> set[str]:
    """Writes `count` short videos in class folders; returns the names of those that are broken."""
    import numpy as np

    generator = np.random.default_rng(0)
    encodings = []
    for number in range(min(_DISTINCT, count)):
        frames = generator.integers(0, 256, (_SMALL_FRAMES, *_SMALL_SIZE, 3), np.uint8)
        path = folder / "encoding.mp4"
        write_video(path, frames, 10, faststart=number % 2 == 0)
        encodings.append(path.read_bytes())
        path.unlink()
    chance = random.Random(0)
    bad = set(chance.sample(range(count), round(bad_fraction * count)))
    breaks = itertools.cycle(_ways_to_break(folder))
    names = set()
    for number in range(count):
        path = folder / f"class_{number % CLASSES:02d}" / f"{number:06d}.mp4"
        path.parent.mkdir(exist_ok=True)
        # A box that readers skip: every file has bytes of its own.
        content = encodings[number % len(encodings)] + struct.pack(">I4sQ", 16, b"free", number)
        if number in bad:
            content = next(breaks)(content)
            names.add(path.relative_to(folder).as_posix())
        path.write_bytes(content)
    return names


def _ways_to_break(folder: pathlib.Path) -> list[Callable[[bytes], bytes]]:
    sound = folder / "sound.mp4"
    _write_tone(sound)
    sound_alone = sound.read_bytes()
    sound.unlink()
    return [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[: len(content) * 4 // 5],
        lambda content: random.Random(len(content)).randbytes(len(content)),
        lambda content: sound_alone,
        lambda content: b"This page is not available.",
        lambda content: content[len(content) // 2 :],
    ]


def write_kinetics_videos(folder: pathlib.Path, count: int, distinct: int = 8) -> None:
    """Writes videos of 10 seconds with the size, rate, codec and spectrum of Kinetics'."""
    import numpy as np

    from benchmarks.input_pipeline import InputSettings, moving_picture

    height, width = KINETICS_SIZE
    generator = np.random.default_rng(0)
    # Of a camera: without it a picture that moves as a whole takes hardly any bits.
    grain = generator.normal(0, 4, (2 * height, 2 * width, 1))
    settings = InputSettings(video_frames=KINETICS_FRAMES, video_height=height, video_width=width)
    encodings = []
    for _ in range(min(distinct, count)):
        path = folder / "encoding.mp4"
        frames = (
            _add_grain(frame, grain, generator) for frame in moving_picture(settings, generator)
        )
        write_video(path, frames, KINETICS_RATE, bit_rate=KINETICS_BIT_RATE)
        encodings.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        path = folder / f"class_{number % CLASSES:02d}" / f"{number:06d}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encodings[number % len(encodings)])


def _add_grain(frame: Any, grain: Any, generator: Any) -> Any:
    """Returns a frame uint8 [H, W, 3] with a random part of `grain` added."""
    import numpy as np

    height, width = frame.shape[:2]
    y, x = generator.integers(0, (height, width))
    return np.clip(frame + grain[y : y + height, x : x + width], 0, 255).astype(np.uint8)


def write_video(
    path: pathlib.Path, frames: Any, rate: int, faststart: bool = False, bit_rate: int | None = None
) -> None:
    """Writes frames, an iterable of uint8 [H, W, 3], as h264 in mp4."""
    import av

    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        if bit_rate:
            stream.bit_rate = bit_rate
        for number, frame in enumerate(frames):
            if not number:
                stream.height, stream.width = frame.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _write_tone(path: pathlib.Path) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

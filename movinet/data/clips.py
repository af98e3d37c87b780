"""One clip as it is stored: JPEG frames and their times."""

import dataclasses
import io
import pathlib

from PIL import Image

from movinet.data.videos import MAX_FRAMES, VideoError, read_frames

_MAX_CLIP_BYTES = 1 << 30  # A record is one message of Protocol Buffers: at most 2 GiB.


@dataclasses.dataclass(frozen=True)
class EncodingSettings:
    """How frames are stored.

    short_side: pixels that the shorter side is reduced to, never enlarged; jpeg_quality: 1 to 95,
    with the chroma halved (4:2:0) as in most videos; max_frames: longest video accepted.
    """

    short_side: int = 256
    jpeg_quality: int = 90
    max_frames: int = MAX_FRAMES


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """Frames as JPEG, all of one size in pixels, and their presentation times in microseconds."""

    frames: tuple[bytes, ...]
    timestamps: tuple[int, ...]
    height: int
    width: int


def encode_clip(path: pathlib.Path, settings: EncodingSettings) -> EncodedClip:
    """Decodes a video and encodes each frame as JPEG; raises VideoError if it cannot be used."""
    frames: list[bytes] = []
    timestamps = []
    total = 0
    for frame, timestamp in read_frames(path, settings.short_side, max_frames=settings.max_frames):
        buffer = io.BytesIO()
        Image.fromarray(frame).save(
            buffer, "JPEG", quality=settings.jpeg_quality, subsampling="4:2:0"
        )
        frames.append(buffer.getvalue())
        timestamps.append(timestamp)
        total += len(frames[-1])
        if total > _MAX_CLIP_BYTES:
            raise VideoError(path, f"takes more than {_MAX_CLIP_BYTES >> 30} GiB as JPEG frames")
    height, width = frame.shape[:2]
    return EncodedClip(tuple(frames), tuple(timestamps), height, width)

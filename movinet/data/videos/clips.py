"""One clip as it is read, and as it is stored: JPEG frames and their times."""

import dataclasses
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from movinet.data.sources.splits import SourceClip
from movinet.data.videos.frame_folders import Picture, read_pictures
from movinet.data.videos.video_files import MAX_FRAMES, VideoError, read_frames

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


def read_clip_frames(
    clip: SourceClip, short_side: int | None = None, max_frames: int = MAX_FRAMES
) -> Iterator[tuple[np.ndarray, int]]:
    """Decodes a clip, a video or a folder of frames, as it is stored but for the loss of JPEG.

    Args: short_side: largest shorter side of a frame in pixels, or None to keep the size.
    Yields: (frame uint8 [H, W, 3] RGB, presentation time in microseconds).
    Raises: VideoError if the clip cannot be used.
    """
    if clip.frames is None:
        yield from read_frames(clip.path, short_side, max_frames=max_frames)
        return
    for picture, time in read_pictures(clip.path, clip.frames, short_side, max_frames=max_frames):
        yield np.asarray(picture.image), time


def encode_clip(clip: SourceClip, settings: EncodingSettings) -> EncodedClip:
    """Decodes a clip and encodes each frame as JPEG; raises VideoError if it cannot be used.

    Frames that are JPEGs of the right size already keep their bytes.
    """
    frames: list[bytes] = []
    timestamps = []
    total = 0
    for picture, timestamp in _read_pictures(clip, settings):
        frames.append(picture.jpeg or _encode(picture.image, settings.jpeg_quality))
        timestamps.append(timestamp)
        total += len(frames[-1])
        if total > _MAX_CLIP_BYTES:
            size = f"{_MAX_CLIP_BYTES >> 30} GiB"
            raise VideoError(clip.path, f"takes more than {size} as JPEG frames")
    width, height = picture.image.size
    return EncodedClip(tuple(frames), tuple(timestamps), height, width)


def _read_pictures(clip: SourceClip, settings: EncodingSettings) -> Iterator[tuple[Picture, int]]:
    short_side, max_frames = settings.short_side, settings.max_frames
    if clip.frames:
        return read_pictures(clip.path, clip.frames, short_side, max_frames=max_frames)
    frames = read_clip_frames(clip, short_side, max_frames)
    return ((Picture(Image.fromarray(frame)), time) for frame, time in frames)


def _encode(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()

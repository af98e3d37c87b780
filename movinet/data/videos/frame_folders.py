"""Frames and their times out of a folder of pictures, with nothing trusted."""

import io
import os
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from movinet.data.sources.splits import FrameFolder
from movinet.data.videos.video_files import MAX_FRAMES, VideoError, oversize, reduced_size

_MICROSECONDS = 1_000_000
_MAX_FILE_BYTES = 1 << 28
_UPRIGHT = 1
_BASELINE, _SCAN, _END = 0xC0, 0xDA, b"\xff\xd9"
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In the data of a scan, where 0xFF stands before 0 or the number of a restart only.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


class Picture(NamedTuple):
    """A frame: the upright RGB image, and the JPEG that holds exactly it, if there is one."""

    image: Image.Image
    jpeg: bytes | None = None


def read_pictures(
    folder: pathlib.Path,
    frames: FrameFolder,
    short_side: int | None = None,
    *,
    max_frames: int = MAX_FRAMES,
) -> Iterator[tuple[Picture, int]]:
    """Reads the frames of a folder of JPEG or PNG pictures, all of the size of the first.

    Sizes are reduced as `video_files.read_frames` does. A picture keeps its JPEG if that is
    upright, plain and of the right size: encoding it again would only cost quality. Frames are
    counted from 1, or from 0 if there is such a file.

    Yields:
        (the frame, its time in microseconds).

    Raises:
        VideoError: the folder, or a frame, is missing, damaged, over a limit, or a link out of the
            dataset; the reason names the frame.
    """
    if not os.path.isdir(folder):  # Unlike Path.is_dir this bears names that are too long.
        raise VideoError(folder, "does not exist or is not a folder of frames")
    if frames.count > max_frames:
        raise VideoError(folder, f"has more than {max_frames} frames")
    start = 0 if os.path.isfile(folder / frames.template.format(0)) else 1
    size: tuple[int, int] | None = None
    for index in range(frames.count):
        path = folder / frames.template.format(start + index)
        picture = _decode(path, _read(path, frames, index))
        size = size or reduced_size(*picture.image.size, short_side)
        if picture.image.size != size:
            picture = Picture(picture.image.resize(size, Image.Resampling.BICUBIC))
        yield picture, round(index * _MICROSECONDS / frames.frame_rate)


def _read(path: pathlib.Path, frames: FrameFolder, index: int) -> bytes:
    if not os.path.isfile(path):
        number = f"frame {index + 1} of {frames.count}"
        raise VideoError(path.parent, f"{path.name}, {number}, is missing")
    if not pathlib.Path(os.path.realpath(path)).is_relative_to(frames.root):
        raise VideoError(path.parent, f"{path.name} is a link out of the dataset")
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise VideoError(path.parent, f"{path.name} has more than {_MAX_FILE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise VideoError(path.parent, f"{path.name} cannot be read ({error.strerror})") from error


def _decode(path: pathlib.Path, data: bytes) -> Picture:
    """Returns the picture at its own size; reads all of it, so that damage is found."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if excess := oversize(*image.size):
            size = f"{image.width}x{image.height}"
            raise VideoError(path.parent, f"{path.name} is a picture of {size}, {excess}")
        image.load()
        turned = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) != _UPRIGHT
        if image.format == "JPEG" and image.mode == "RGB" and not turned and _is_plain(data):
            return Picture(image, data)
        return Picture((ImageOps.exif_transpose(image) if turned else image).convert("RGB"))
    except (VideoError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise VideoError(path.parent, f"{path.name} is neither JPEG nor PNG") from error
    except Exception as error:  # No family of errors: what a damaged picture happens to cause.
        raise VideoError(path.parent, f"{path.name} cannot be decoded ({error})") from error


def _is_plain(data: bytes) -> bool:
    """Returns whether a JPEG is baseline, in one scan up to its end (ITU T.81, table B.1): what all
    decoders read, also in windows.
    """
    at, baseline = 2, False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAME_HEADERS:
            baseline = marker == _BASELINE
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            following = _MARKER.search(data, at)
            return baseline and following is not None and data[following.start() :] == _END
    return False

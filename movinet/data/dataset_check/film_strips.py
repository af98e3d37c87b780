"""A clip as a strip of a few frames, small enough to put many on a page."""

import contextlib
import dataclasses
import io

from PIL import Image

from movinet.data.dataset_check.reading import read_pictures
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.video_files import VideoError

_FRAMES = 4
_HEIGHT = 84
_WIDEST = 150
_GAP = 3
_PAPER = (255, 255, 255)


@dataclasses.dataclass(frozen=True)
class Strip:
    """Which clip is to be drawn, and how many frames it has: 0 if it ends in an error."""

    clip: SourceClip
    frames: int


def draw_strip(strip: Strip) -> bytes | None:
    """Returns a JPEG of frames spread over the clip; None if not even one can be decoded.

    Of a clip that ends in an error it is the first frame.
    """
    count = min(_FRAMES, strip.frames) or 1
    wanted = {(2 * place + 1) * strip.frames // (2 * count) for place in range(count)}
    pictures = []
    with contextlib.suppress(VideoError):
        for number, (frame, _) in enumerate(read_pictures(strip.clip, _HEIGHT)):
            if number in wanted:
                picture = Image.fromarray(frame)
                picture.thumbnail((_WIDEST, _HEIGHT))
                pictures.append(picture)
            if len(pictures) == len(wanted):
                break
    return _join(pictures) if pictures else None


def _join(pictures: list[Image.Image]) -> bytes:
    width = sum(picture.width + _GAP for picture in pictures) - _GAP
    strip = Image.new("RGB", (width, max(picture.height for picture in pictures)), _PAPER)
    left = 0
    for picture in pictures:
        strip.paste(picture, (left, 0))
        left += picture.width + _GAP
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()

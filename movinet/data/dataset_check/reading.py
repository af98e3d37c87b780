"""Frames of a clip of any source, and whether two clips hold the same bytes."""

import hashlib
from collections.abc import Iterator

import numpy as np

from movinet import files
from movinet.data.dataset_check import stored_clips
from movinet.data.dataset_check.stored_clips import StoredClip
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.clips import read_clip_frames
from movinet.data.videos.video_files import MAX_FRAMES, VideoError


def read_pictures(
    clip: SourceClip, short_side: int | None, max_frames: int = MAX_FRAMES
) -> Iterator[tuple[np.ndarray, int]]:
    """Yields frames uint8 [H, W, 3] and their times in microseconds.

    Args:
        clip: a video file, a folder of frames, or a record of a built dataset.
        short_side: pixels that the shorter side is reduced to, or None to keep the size.
        max_frames: longest clip accepted.

    Raises:
        VideoError: it cannot be used.
    """
    if isinstance(clip, StoredClip):
        return stored_clips.read_frames(clip, short_side, max_frames)
    return read_clip_frames(clip, short_side, max_frames)


def content_digest(clip: SourceClip) -> bytes:
    """Returns a checksum that copies of the same file share, and next to no others do.

    Of large files the size, the start and the end are looked at. What is not there is left to the
    decoder, which has words for it.

    Raises:
        VideoError: it cannot be read.
    """
    if isinstance(clip, StoredClip):
        return clip.digest
    digest = hashlib.sha256()
    paths = [clip.path]
    if clip.frames:  # They are counted from 0 or from 1.
        numbers = range(clip.frames.count + 1)
        paths = [clip.path / clip.frames.template.format(number) for number in numbers]
    try:
        for path in paths:
            if path.is_file():
                digest.update(files.sample(path))
    except OSError as error:
        raise VideoError(clip.path, f"cannot be read ({error.strerror})") from error
    return digest.digest()

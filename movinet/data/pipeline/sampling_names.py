"""The values of the setting `sampling`: how the frames of a clip are chosen."""

from movinet.errors import InputError

CLIP = "clip"
"""Frames that follow each other, so many a second or by a stride."""

SEGMENTS = "segments"
"""One frame of each of `num_frames` equal parts of the whole video."""


def check(name: str) -> None:
    """Raises InputError if there is no such way."""
    if name not in (CLIP, SEGMENTS):
        raise InputError(f"sampling is {name!r}: it is {CLIP!r} or {SEGMENTS!r}.")

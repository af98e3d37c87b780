"""Folders of frames for tests, written by Pillow alone."""

import pathlib
from typing import Any

import numpy as np
from PIL import Image


def write_frames(
    folder: pathlib.Path,
    frames: np.ndarray,
    template: str = "img_{:05}.jpg",
    first: int = 1,
    **options: Any,
) -> list[bytes]:
    """Writes frames uint8 [T, H, W, 3] or [T, H, W] and returns the bytes of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / template.format(first + index) for index in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(frame).save(path, **options)
    return [path.read_bytes() for path in paths]

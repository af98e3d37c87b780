"""Small video files for tests, written by PyAV alone."""

import pathlib
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

CODECS = {
    "h264.mp4": ("libx264", "yuv420p"),
    "hevc.mp4": ("libx265", "yuv420p"),
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "h264.mov": ("libx264", "yuv420p"),
    "h264.mkv": ("libx264", "yuv420p"),
    "ffv1.mkv": ("ffv1", "yuv420p"),
    "vp8.webm": ("libvpx", "yuv420p"),
    "vp9.webm": ("libvpx-vp9", "yuv420p"),
    "gif.gif": ("gif", "rgb8"),
}
QUIET = {"libx265": {"x265-params": "log-level=none"}}


def grey_steps(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames of one grey each: 10 + 6 times their number, so that a frame tells its number."""
    levels = (10 + 6 * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def noise(count: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Frames that need many bytes, so that a cut or a flipped byte hits a picture."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def write_video(
    path: pathlib.Path,
    frames: np.ndarray,
    *,
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    container: str | None = None,
    codec: str | None = None,
    metadata: dict[str, str] | None = None,
) -> pathlib.Path:
    """Writes frames [T, H, W, 3] at 10 a second, or at `times` in milliseconds."""
    known = next((v for k, v in CODECS.items() if path.name.endswith(k)), None)
    name, pixels = known or CODECS["h264" + path.suffix if path.suffix == ".mp4" else "h264.mp4"]
    name = codec or name
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        file.metadata.update(metadata or {})
        stream = file.add_stream(name, rate=10, options=QUIET.get(name, {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_tone(path: pathlib.Path) -> pathlib.Path:
    """Writes a file with sound alone."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_class_folders(root: pathlib.Path, clips: int = 4, frames: int = 6) -> pathlib.Path:
    """Writes {train,val,test}/{jump,run}/*.mp4, with `clips` a class in train and 2 elsewhere."""
    for split in ("train", "val", "test"):
        for label in ("jump", "run"):
            for index in range(clips if split == "train" else 2):
                seed = index + 10 * len(split) + 100 * len(label)
                write_video(root / split / label / f"{index}.h264.mp4", noise(frames, seed=seed))
    return root


def final_files(output: pathlib.Path) -> list[str]:
    """What a reader of a dataset folder would see."""
    return [path.name for path in output.glob("*") if not path.name.startswith(".")]

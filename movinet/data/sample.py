"""The sample dataset that the project draws for itself: short clips whose class is their motion.

One frame says nothing about the class, at any time of the clip, because of how a clip is made: its
look, its first state and its speed are drawn by the same law whatever the class, and the state is
uniform on four circles (see `sample_drawing.State`). The class only says which of the four
advances, and which way. A uniform point of a circle stays uniform when it is turned by any amount,
so every frame of every class is a picture of a uniform state.
"""

import dataclasses
import pathlib

import av
import numpy as np
from tqdm import tqdm

from movinet.data import sample_drawing
from movinet.data.building.workers import Failure, map_in_processes
from movinet.data.sample_drawing import State
from movinet.errors import InputError
from movinet.files import write_aside

MOTIONS = {
    "grow": State(0, 0, 0, 0.75),
    "move_down": State(0, 1, 0, 0),
    "move_left": State(-1, 0, 0, 0),
    "move_right": State(1, 0, 0, 0),
    "move_up": State(0, -1, 0, 0),
    "rotate_clockwise": State(0, 0, 1, 0),
    "rotate_counterclockwise": State(0, 0, -1, 0),
    "shrink": State(0, 0, 0, -0.75),
}
"""Each class in order, and how far its state goes in a clip at middle speed, in cycles."""

CLIPS_PER_CLASS = {"train": 200, "val": 20, "test": 40}
FRAME_SIZE = 96
FRAME_COUNT = 24
FRAME_RATE = 12
_SPEEDS = (0.65, 1.1)
_CODEC_OPTIONS = {
    "crf": "23",  # x264's own choice of quality.
    "preset": "veryfast",
    # x264's macroblock tree reads memory it has not set where a frame is 6 macroblocks wide, and
    # the bytes differ from run to run.
    "x264-params": "mbtree=0",
}


@dataclasses.dataclass(frozen=True)
class _Clip:
    path: pathlib.Path
    label: str
    seed: tuple[int, ...]


def draw_clip(label: str, seed: int | tuple[int, ...]) -> np.ndarray:
    """Returns the frames of one clip, uint8 [T, H, W, 3] RGB; the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    look = sample_drawing.random_look(generator, FRAME_SIZE)
    start = generator.uniform(size=4)
    distance = generator.uniform(*_SPEEDS) * np.array(dataclasses.astuple(MOTIONS[label]))
    states = start + np.linspace(0, 1, FRAME_COUNT)[:, None] * distance
    return np.stack([sample_drawing.draw_picture(look, State(*state)) for state in states])


def write_sample_dataset(
    output: pathlib.Path,
    *,
    seed: int = 0,
    clips_per_class: dict[str, int] | None = None,
    workers: int = 0,
) -> int:
    """Writes `{train,val,test}/CLASS/CLASS_0000.mp4` under `output`; returns the number of clips.

    The same seed gives the same bytes, whatever the number of workers. Clips that are there already
    are drawn again.

    Raises:
        InputError: `output` holds something else than these clips, or cannot be written.
    """
    clips = [
        _Clip(output / split / label / f"{label}_{index:04d}.mp4", label, (seed, part, kind, index))
        for part, (split, count) in enumerate((clips_per_class or CLIPS_PER_CLASS).items())
        for kind, label in enumerate(MOTIONS)
        for index in range(count)
    ]
    _refuse_strangers(output, {clip.path for clip in clips})
    results = map_in_processes(_write_clip, clips, workers)
    for result in tqdm(results, "drawing", len(clips), unit=" clips", mininterval=1):
        if isinstance(result, Failure):
            raise RuntimeError(f"A clip could not be written: it {result.reason}.")
        if result is not None:
            raise InputError(result)
    return len(clips)


def _refuse_strangers(output: pathlib.Path, ours: set[pathlib.Path]) -> None:
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: give a folder with --output.")
    for path in sorted(output.rglob("*")):
        left_behind = path.name.startswith(".") and path.name.endswith(".part")
        if path not in ours and not path.is_dir() and not left_behind:
            raise InputError(f"{output} holds {path.relative_to(output)}: give an empty folder.")


def _write_clip(clip: _Clip) -> str | None:
    """Runs in a worker; returns what the user did wrong, if anything."""
    try:
        with write_aside(clip.path) as aside:
            write_video(aside, draw_clip(clip.label, clip.seed))
    except InputError as error:
        return str(error)
    return None


def write_video(path: pathlib.Path, frames: np.ndarray) -> None:
    """Writes frames uint8 [T, H, W, 3] as h264 in mp4; the same frames give the same bytes."""
    with av.open(
        str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
    ) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=_CODEC_OPTIONS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # Threads change the bytes.
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))

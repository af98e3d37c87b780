r"""How surely duplicates are found, how surely others are not, and what the search costs.

    python3 benchmarks/duplicate_search.py

Certainty: scenes that look filmed (`scenes.py`), and the clips of the sample dataset, are written
as videos. Each change of a scene is compared with its original; every two different videos are
compared too, the hundred nearest also by their pictures. Videos of --videos, a folder, join both.

Cost: the hashes of --clips clips are drawn at random, one in a hundred a copy of another with 6
wrong bits in every frame, and the near ones are searched.
"""

import itertools
import os
import pathlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import av
import numpy as np
from absl import flags

from benchmarks.scenes import FRAME_RATE, HEIGHT, WIDTH, Scene, cut, resize
from movinet import cli
from movinet.data import sample
from movinet.data.dataset_check import inspection, same_video
from movinet.data.dataset_check.alignment import MOST_BITS, Alignment, align
from movinet.data.dataset_check.inspection import ClipFacts, Inspection
from movinet.data.dataset_check.near_hashes import find_near_clips
from movinet.data.dataset_check.same_video import Pair
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.video_files import read_frames

_SCENES = flags.DEFINE_integer("scenes", 12, "Scenes to change.", 1)
_OTHERS = flags.DEFINE_integer("others", 25, "Sample videos of each of four classes.", 0)
_VIDEOS = flags.DEFINE_string("videos", "", "Folder of videos to change too.")
_CLIPS = flags.DEFINE_integer("clips", 400_000, "Clips to search through; 0 for none.", 0)
_FRAMES = flags.DEFINE_integer("frames", 40, "Hashes of each: four a second.", 1)

_MOTIONS = ("move_left", "move_up", "grow", "rotate_clockwise")
_NEAREST = 100  # Pairs of different videos that are compared by their pictures too.

Change = Callable[[np.ndarray], np.ndarray]
CHANGES: dict[str, tuple[str, dict[str, str], Change]] = {
    "another codec (mpeg4, avi)": ("mpeg4", {}, lambda frames: frames),
    "low bitrate (h264, crf 38)": ("libx264", {"crf": "38"}, lambda frames: frames),
    "half the size (vp9)": ("libvpx-vp9", {}, lambda f: resize(f, HEIGHT // 2, WIDTH // 2)),
    "twice the size, square": ("libx264", {}, lambda frames: resize(frames, 192, 192)),
    "a third of the frames": ("libx264", {}, lambda frames: frames[::3].repeat(3, axis=0)),
    "starts 0.7 s later": ("libx264", {}, lambda frames: frames[7:]),
    "without its last third": ("libx264", {}, lambda frames: frames[: len(frames) * 2 // 3]),
    "brighter": ("libx264", {}, lambda frames: (frames * 0.7 + 70).astype(np.uint8)),
    "3 % cut off every edge": ("libx264", {}, lambda f: cut(f, 0.03, 0.03, 0.03, 0.03)),
    "5 % cut off every edge": ("libx264", {}, lambda f: cut(f, 0.05, 0.05, 0.05, 0.05)),
    "8 % cut off every edge": ("libx264", {}, lambda f: cut(f, 0.08, 0.08, 0.08, 0.08)),
    "10 % cut off the foot": ("libx264", {}, lambda f: cut(f, 0, 0.1, 0, 0)),
    "15 % cut off every edge": ("libx264", {}, lambda f: cut(f, 0.15, 0.15, 0.15, 0.15)),
}


def main() -> None:
    """Prints both."""
    with tempfile.TemporaryDirectory() as folder:
        _measure_certainty(pathlib.Path(folder))
    if _CLIPS.value:
        _measure_cost(_CLIPS.value, _FRAMES.value)


def _measure_certainty(folder: pathlib.Path) -> None:
    originals = dict(_originals())
    seen = {name: _write(folder, name, frames, "libx264", {}) for name, frames in originals.items()}
    changed = {name: frames for name, frames in originals.items() if name.startswith("scene")}
    changed |= {name: frames for name, frames in originals.items() if name.startswith("file")}
    print(f"{len(changed)} originals; lowest of them, and how many are found:")
    print(f"{'change':30} {'found':>7} {'near':>5} {'bits':>5} {'appearance':>10} {'motion':>6}")
    for change, (codec, options, apply) in CHANGES.items():
        rows = []
        for name, frames in changed.items():
            copy = _write(folder, f"{name} copy", apply(frames), codec, options)
            rows.append(_compare(seen[name], copy))
        print(f"{change:30} {_row(rows)}")
    pairs = list(itertools.combinations(seen.values(), 2))
    pairs.sort(key=_bits)
    rows = [_compare(first, second, most_bits=64) for first, second in pairs[:_NEAREST]]
    print(f"{f'different, nearest of {len(pairs):,}':30} {_row(rows, highest=True)}")


def _originals() -> Iterator[tuple[str, np.ndarray]]:
    for number in range(_SCENES.value):
        yield f"scene {number}", Scene(number).frames()
    for motion, number in itertools.product(_MOTIONS, range(_OTHERS.value)):
        yield f"{motion} {number}", sample.draw_clip(motion, number)
    if _VIDEOS.value:
        for path in sorted(pathlib.Path(_VIDEOS.value).iterdir()):
            yield f"file {path.name}", np.stack([f for f, _ in read_frames(path, 240)])[:200]


_Seen = tuple[SourceClip, ClipFacts]
_Row = tuple[bool, Alignment | None, same_video.Likeness | None]


def _bits(pair: tuple[_Seen, _Seen]) -> float:
    alignment = align(pair[0][1].hashes, pair[1][1].hashes, most_bits=64)
    return alignment.bits if alignment else 64


def _compare(first: _Seen, second: _Seen, most_bits: float = MOST_BITS) -> _Row:
    """Returns whether two clips share near frames, how they align, and their likeness."""
    near = len(find_near_clips([first[1].hashes, second[1].hashes])) > 0
    alignment = align(first[1].hashes, second[1].hashes, most_bits)
    if not alignment:
        return near, None, None
    return near, alignment, same_video.compare(Pair(first[0], second[0], alignment.shift))


def _row(rows: list[_Row], highest: bool = False) -> str:
    """Returns the counts, and the values nearest to a wrong answer."""
    alignments = [alignment for _, alignment, _ in rows if alignment]
    likenesses = [likeness for _, _, likeness in rows if likeness]
    worst = max if highest else min
    found = sum(bool(near and like and like.is_same) for near, _, like in rows)
    near = sum(near and alignment is not None for near, alignment, _ in rows)
    bits = (min if highest else max)((a.bits for a in alignments), default=64)
    best = worst(likenesses, key=lambda like: like.similarity, default=None)
    values = "-" if best is None else f"{best.appearance:10.2f} {best.motion or 0:6.2f}"
    return f"{found:3}/{len(rows):<5} {near:3} {bits:5.1f} {values}"


def _write(
    folder: pathlib.Path, name: str, frames: np.ndarray, codec: str, options: dict[str, str]
) -> _Seen:
    """Writes frames [T, H, W, 3] as a video and inspects it."""
    path = folder / f"{name}.mkv"
    frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FRAME_RATE, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    clip = SourceClip(path, path.name, "label")
    facts = inspection.inspect_clip(Inspection(clip, len(frames)))
    assert isinstance(facts, ClipFacts)
    return clip, facts


def _measure_cost(clips: int, frames: int) -> None:
    generator = np.random.default_rng(0)
    hashes = [generator.integers(1, 1 << 64, frames, np.uint64) for _ in range(clips)]
    copies = range(0, clips // 2, 50)
    for number in copies:
        bits = np.argsort(generator.random((frames, 64)), axis=1)[:, :6].astype(np.uint64)
        wrong = np.bitwise_or.reduce(np.uint64(1) << bits, axis=1)
        hashes[clips - 1 - number] = hashes[number] ^ wrong
    start = time.monotonic()
    found = {tuple(pair) for pair in find_near_clips(hashes).tolist()}
    seconds = time.monotonic() - start
    right = sum((number, clips - 1 - number) in found for number in copies)
    times = []
    for first, second in itertools.islice(sorted(found), 200):
        start = time.monotonic()
        align(hashes[first], hashes[second])
        times.append(time.monotonic() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{clips:,} clips of {frames} hashes: {right} of {len(copies)} copies and "
        f"{len(found) - right} others to look at, in {seconds:.0f} s on one core with {peak:.1f} "
        f"GiB at most; aligning two takes {1e3 * statistics.median(times):.2f} ms"
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cli.run(main)

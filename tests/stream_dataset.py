"""Dataset folders of videos of any lengths, for streams; written without the code under test."""

import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from record_files import encode_jpeg, sequence_example, write_records

SPLIT = "test"


class Clip(NamedTuple):
    """Frames uint8 [N, H, W, 3], the time of each in milliseconds, and the class."""

    frames: np.ndarray
    times: Sequence[int]
    label: int


def write_stream_dataset(
    folder: pathlib.Path, clips: Sequence[Clip], labels: Sequence[str], shards: int = 2
) -> pathlib.Path:
    """Writes the clips as the split `test`, in the order of clips, shard by shard."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for shard, part in enumerate(np.array_split(np.arange(len(clips)), shards)):
        name = f"{SPLIT}-{shard:05d}-of-{shards:05d}.tfrecord"
        write_records(folder / name, [_record(clips[index]) for index in part])
        size = (folder / name).stat().st_size
        written.append({"name": name, "clips": len(part), "bytes": size, "sha256": ""})
    per_class = {
        label: sum(clip.label == index for clip in clips) for index, label in enumerate(labels)
    }
    split = {"clips": len(clips), "clips_per_class": per_class, "shards": written}
    manifest = {
        "format": "movinet-dataset/1",
        "labels": labels,
        "settings": {},
        "source": "streams",
        "splits": {SPLIT: split},
        "skipped": [],
        "versions": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _record(clip: Clip) -> bytes:
    times = [1000 * time for time in clip.times]
    return sequence_example([encode_jpeg(frame) for frame in clip.frames], [clip.label], times)


def grey_clip(levels: Sequence[int], label: int, interval: int = 100, size: int = 16) -> Clip:
    """A clip whose frames are grey all over, each of its own level, `interval` ms apart."""
    values = np.array(levels, np.uint8)[:, None, None, None]
    frames = np.broadcast_to(values, (len(levels), size, size, 3))
    return Clip(frames, [interval * index for index in range(len(levels))], label)

"""A dataset folder that a tiny network learns in a few steps; written without the code under
test."""

import hashlib
import json
import pathlib

import numpy as np
from record_files import encode_jpeg, sequence_example, write_records

LABELS = ("blue", "green", "red")
CLIPS = {"train": 24, "validation": 9, "test": 6}
FRAMES, SIZE = 6, 24


def write_colour_dataset(folder: pathlib.Path) -> pathlib.Path:
    rng = np.random.default_rng(0)
    splits = {}
    for split, clips in CLIPS.items():
        shards = []
        for shard in range(2):
            name = f"{split}-0000{shard}-of-00002.tfrecord"
            numbers = range(shard, clips, 2)
            write_records(folder / name, [colour_clip(rng, number % 3) for number in numbers])
            content = (folder / name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            shards.append(
                {"name": name, "clips": len(numbers), "bytes": len(content), "sha256": digest}
            )
        per_class = dict.fromkeys(LABELS, clips // 3)
        splits[split] = {"clips": clips, "clips_per_class": per_class, "shards": shards}
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    manifest = {
        "format": "movinet-dataset/1",
        "labels": LABELS,
        "settings": {},
        "source": "colours",
        "splits": splits,
        "skipped": [],
        "versions": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def colour_clip(rng: np.random.Generator, label: int) -> bytes:
    frames = rng.integers(0, 90, (FRAMES, SIZE, SIZE, 3)).astype(np.uint8)
    frames[..., 2 - label] += 130
    times = [40_000 * index for index in range(FRAMES)]
    return sequence_example([encode_jpeg(frame) for frame in frames], [label], times)

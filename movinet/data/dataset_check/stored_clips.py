"""The clips of a built dataset, read back from its records."""

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import pathlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from movinet.data import checksums
from movinet.data.building import manifest as manifests
from movinet.data.building.manifest import MANIFEST_NAME, Manifest, Shard
from movinet.data.building.workers import Failure, map_in_processes
from movinet.data.pipeline import record_index
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SourceClip
from movinet.data.videos.video_files import VideoError, reduced_size
from movinet.errors import InputError

# What Pillow raises for damaged JPEGs.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    struct.error,
    Image.DecompressionBombError,
)


@dataclasses.dataclass(frozen=True)
class StoredClip(SourceClip):
    """A record of a shard: `path` is the shard, `name` the video that was stored.

    offset, length: where the record stands, in bytes; digest: checksum of its frames.
    """

    offset: int = 0
    length: int = 0
    digest: bytes = b""


@dataclasses.dataclass(frozen=True)
class _ShardTask:
    folder: pathlib.Path
    split: str
    shard: Shard
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _ShardContent:
    clips: tuple[StoredClip, ...]
    problems: tuple[str, ...]


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Returns whether this is a folder that `tools/build_dataset.py` wrote."""
    return pathlib.Path(path, MANIFEST_NAME).is_file()


def find_stored_clips(
    folder: str | os.PathLike[str], workers: int = 0, timeout: float = 600.0
) -> tuple[Source, tuple[str, ...]]:
    """Finds the clips of a built dataset; reads every byte once.

    Returns:
        The clips, and what is wrong with the shards, a sentence each.

    Raises:
        InputError: no manifest, a malformed one, or shards missing or of another size.
    """
    folder = pathlib.Path(folder)
    manifest = manifests.load(folder)
    for split in manifest.splits:
        manifests.verify(folder, split)
    tasks = _shard_tasks(folder, manifest)
    contents = map_in_processes(_read_shard, tasks, min(workers, len(tasks)), timeout)
    clips: list[StoredClip] = []
    problems: list[str] = []
    progress = tqdm(contents, "reading", len(tasks), unit=" shards", mininterval=1)
    for task, content in zip(tasks, progress, strict=True):
        if isinstance(content, Failure):
            problems.append(f"{task.shard.name} {content.reason}")
        else:
            clips += content.clips
            problems += content.problems
    source = Source(
        clips=tuple(sorted(clips, key=lambda clip: clip.name)),
        labels=manifest.labels,
        skipped=manifest.skipped,
        root=str(folder),
    )
    return source, tuple(problems)


def _shard_tasks(folder: pathlib.Path, manifest: Manifest) -> list[_ShardTask]:
    return [
        _ShardTask(folder, name, shard, manifest.labels)
        for name, split in manifest.splits.items()
        for shard in split.shards
    ]


def _read_shard(task: _ShardTask) -> _ShardContent:
    """Runs in a worker."""
    clips: list[StoredClip] = []
    problems: list[str] = []
    shard = task.shard
    path = task.folder / shard.name
    with open(path, "rb") as file:
        for number, (offset, record) in enumerate(_records(file, shard)):
            clip = _describe_record(task, number, offset, record)
            if isinstance(clip, str):
                problems.append(f"{shard.name}, record {number}: {clip}")
            else:
                clips.append(clip)
    if len(clips) + len(problems) != shard.clips:
        found = len(clips) + len(problems)
        problems.append(f"{shard.name} holds {found} records, the manifest says {shard.clips}")
    if checksums.sha256(path) != shard.sha256:
        problems.append(f"{shard.name} has changed: its checksum is not the manifest's")
    return _ShardContent(tuple(clips), tuple(problems))


def _records(file: BinaryIO, shard: Shard) -> Iterator[tuple[int, bytes]]:
    """Yields offset and content of each record; ends where the file is no longer made of them."""
    with contextlib.suppress(InputError):  # What is missing then is counted.
        for offset, length in record_index.walk(file, shard.bytes, shard.name):
            file.seek(offset)
            yield offset, file.read(length)


def _describe_record(task: _ShardTask, number: int, offset: int, record: bytes) -> StoredClip | str:
    """Returns a clip, or what is wrong with its record."""
    from movinet.data.building import records
    from movinet.data.pipeline import decoding

    try:
        example = _parse(record)
    except ValueError as error:
        return str(error)
    context = example.context.feature
    labels = context[decoding.LABEL_FIELD].int64_list.value
    if not labels or not all(0 <= label < len(task.labels) for label in labels):
        return f"its label is {list(labels)}, not one of 0 to {len(task.labels) - 1}"
    source = context[records.SOURCE_FIELD].bytes_list.value
    digest = hashlib.sha256()
    for jpeg in _jpegs(example):
        digest.update(jpeg)
    return StoredClip(
        path=task.folder / task.shard.name,
        name=source[0].decode(errors="replace") if source else f"{task.shard.name}/{number}",
        label=task.labels[labels[0]],
        split=task.split,
        offset=offset,
        length=len(record),
        digest=digest.digest(),
    )


def _parse(record: bytes) -> Any:
    """Returns a SequenceExample; raises ValueError if it is none."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return tf.train.SequenceExample.FromString(record)
    except DecodeError as error:
        raise ValueError("is no SequenceExample") from error


def _jpegs(example: Any) -> Sequence[bytes]:
    from movinet.data.pipeline.decoding import IMAGE_FIELD

    steps = example.feature_lists.feature_list[IMAGE_FIELD].feature
    return [jpeg for step in steps for jpeg in step.bytes_list.value]


def read_frames(
    clip: StoredClip, short_side: int | None, max_frames: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Yields the frames uint8 [H, W, 3] of a record and their times in microseconds.

    Raises:
        VideoError: the record, its frames or its times cannot be used.
    """
    from movinet.data.pipeline.decoding import TIMESTAMP_FIELD

    with open(clip.path, "rb") as file:
        file.seek(clip.offset)
        example = _parse(file.read(clip.length))
    jpegs = _jpegs(example)
    steps = example.feature_lists.feature_list[TIMESTAMP_FIELD].feature
    times = [time for step in steps for time in step.int64_list.value]
    if not jpegs:
        raise VideoError(clip.path, "holds no frames")
    if len(times) != len(jpegs) or any(b <= a for a, b in itertools.pairwise(times)):
        raise VideoError(clip.path, "has no increasing time for every frame")
    if len(jpegs) > max_frames:
        raise VideoError(clip.path, f"has more than {max_frames} frames")
    size = None
    for number, (jpeg, time) in enumerate(zip(jpegs, times, strict=True)):
        try:
            frame = _decode(jpeg, short_side)
        except _DAMAGE as error:
            raise VideoError(clip.path, f"its frame {number} cannot be decoded") from error
        if frame.shape != (size := size or frame.shape):
            raise VideoError(clip.path, f"its frame {number} has another size than the first")
        yield frame, time - times[0]


def _decode(jpeg: bytes, short_side: int | None) -> np.ndarray:
    image: Image.Image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    size = reduced_size(*image.size, short_side)
    image.draft("RGB", size)  # Decodes to an eighth, a quarter or a half where that suffices.
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))

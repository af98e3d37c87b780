"""What a build is going to do: which clip goes into which shard, and what decides their bytes."""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from movinet import files
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS, SourceClip, assign_splits
from movinet.data.videos.clips import EncodingSettings

_CLIPS_PER_SHARD = 128
_FEWEST_SHARDS = 4  # So that readers can interleave even a small split.
_READERS = 32  # Threads: over a network, reading a little of many files is mostly waiting.


@dataclasses.dataclass(frozen=True)
class BuildSettings:
    """All that decides what a dataset holds, besides its videos.

    The fractions are used only where the source names no splits. shards: per split, or 0 for one
    per 128 clips and at least 4.
    """

    encoding: EncodingSettings = dataclasses.field(default_factory=EncodingSettings)
    shards: int = 0
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    group_regex: str | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """Clips that go into one shard, as far as they can be decoded.

    fingerprint: a checksum of all that its bytes depend on.
    """

    split: str
    index: int
    clips: tuple[SourceClip, ...]
    fingerprint: str

    @property
    def key(self) -> str:
        """Its name while it is being built."""
        return f"{self.split}-{self.index:05d}"


def plan_shards(source: Source, settings: BuildSettings) -> list[PlannedShard]:
    """Assigns every clip to a split and a shard, in an order shuffled by the seed."""
    clips: Sequence[SourceClip] = source.clips
    if not any(clip.split for clip in clips):
        clips = assign_splits(
            clips,
            validation_fraction=settings.validation_fraction,
            test_fraction=settings.test_fraction,
            seed=settings.seed,
            group_regex=settings.group_regex,
        )
    common = json.dumps([dataclasses.asdict(settings.encoding), source.labels, versions()])
    planned = []
    with ThreadPoolExecutor(_READERS) as readers:
        for split in SPLITS:
            members = sorted(
                (clip for clip in clips if clip.split == split),
                key=lambda clip: hashlib.sha256(f"{settings.seed}/{clip.name}".encode()).digest(),
            )
            automatic = max(_FEWEST_SHARDS, -(-len(members) // _CLIPS_PER_SHARD))
            count = min(settings.shards or automatic, len(members))
            for index in range(count):
                start, stop = (len(members) * edge // count for edge in (index, index + 1))
                digest = hashlib.sha256(common.encode())
                for sample in readers.map(_sample, members[start:stop]):
                    digest.update(sample)
                part = tuple(members[start:stop])
                planned.append(PlannedShard(split, index, part, digest.hexdigest()))
    return planned


def fingerprint(source: Source, plan: Sequence[PlannedShard], settings: BuildSettings) -> str:
    """Returns a checksum of all that a dataset depends on."""
    skipped = [dataclasses.astuple(video) for video in source.skipped]
    shards = [(shard.key, shard.fingerprint) for shard in plan]
    return hashlib.sha256(
        json.dumps([dataclasses.asdict(settings), source.labels, skipped, shards]).encode()
    ).hexdigest()


def versions() -> dict[str, str]:
    """Returns the versions of what the bytes of a dataset depend on."""
    names = ("av", "pillow", "numpy")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }


def _sample(clip: SourceClip) -> bytes:
    """Returns a checksum of a clip without reading it: of names, sizes, starts and ends."""
    digest = hashlib.sha256(json.dumps([clip.name, clip.label]).encode())
    paths = [clip.path]
    if clip.frames:  # Whether they are counted from 0 or from 1.
        digest.update(json.dumps([clip.frames.count, clip.frames.frame_rate]).encode())
        numbers = (0, 1, clip.frames.count // 2, clip.frames.count)
        paths = [clip.path / clip.frames.template.format(number) for number in numbers]
    for path in paths:
        with contextlib.suppress(OSError):  # Missing or unreadable; decoding will tell the reason.
            if path.is_file():
                digest.update(files.sample(path))
    return digest.digest()

"""From videos to a dataset on disk: TFRecord shards, class names and a manifest."""

import collections
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from movinet.data import manifest as manifests
from movinet.data import publishing
from movinet.data.clips import EncodedClip, EncodingSettings, encode_clip
from movinet.data.manifest import Manifest, Shard, Skipped, Split
from movinet.data.publishing import FinishedShard, Staging
from movinet.data.sources import Source, find_source
from movinet.data.splits import SPLITS, SourceClip, assign_splits
from movinet.data.videos import VideoError
from movinet.data.workers import Failure, map_in_processes
from movinet.errors import InputError

_CLIPS_PER_SHARD = 128
_FEWEST_SHARDS = 4  # So that readers can interleave even a small split.
_LISTED = 20
_SAMPLED_BYTES = 1 << 16  # Of a video's start and of its end, to notice that it changed.


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
    """Clips that go into one shard, as far as they can be decoded."""

    split: str
    index: int
    clips: tuple[SourceClip, ...]

    @property
    def key(self) -> str:
        """Its name while it is being built."""
        return f"{self.split}-{self.index:05d}"


def build_dataset(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: BuildSettings | None = None,
    *,
    labels_file: str | os.PathLike[str] | None = None,
    max_bad_fraction: float = 0.01,
    workers: int = 0,
    timeout: float = 600.0,
    overwrite: bool = False,
) -> Manifest:
    """Builds a dataset, continues an interrupted build, or finds that it is there already.

    The bytes depend on the videos and the settings, not on the number of workers or interruptions.
    Nothing appears under a final name before all shards are complete; the manifest comes last.

    Args:
        source: folder or list of videos, see `find_source`.
        output: folder of the dataset.
        settings: see `BuildSettings`; the defaults if None.
        labels_file: class names in index order; otherwise the names found, sorted.
        max_bad_fraction: videos that may be left out, as a fraction of all.
        workers: processes that decode, or 0 for one per core.
        timeout: seconds after which the decoding of one video is given up.
        overwrite: replace a different dataset in `output`.

    Returns:
        The manifest, which lists the videos left out, with reasons.

    Raises:
        InputError: unusable source, too many bad videos, or `output` holds something else.
    """
    source, output = pathlib.Path(source), pathlib.Path(output)
    settings = settings or BuildSettings()
    if output.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{output} lies in {source}: write the dataset outside of the videos.")
    found = find_source(source, labels_file)
    shards = plan_shards(found, settings)
    fingerprint = _fingerprint(found, shards, settings)
    if publishing.holds(output, fingerprint):
        return manifests.load(output)
    publishing.check_free(output, overwrite)
    with Staging(output, fingerprint) as staging:
        _write_shards(found, shards, settings, staging, workers, timeout)
        finished = {shard.key: staging.finished(shard.key) for shard in shards}
        skipped = list(found.skipped)
        for shard in shards:
            skipped += finished[shard.key].skipped
        clip_count = len(found.clips) + len(found.skipped)
        _check_bad(skipped, clip_count, max_bad_fraction, staging.folder)
        names = _final_names(shards, finished)
        manifest = Manifest(
            labels=found.labels,
            splits={
                split: _describe(split, found.labels, names, finished)
                for split in dict.fromkeys(shard.split for shard in shards if shard.key in names)
            },
            settings={**dataclasses.asdict(settings), "fingerprint": fingerprint},
            source=str(source),
            skipped=tuple(skipped),
            versions=_versions(),
        )
        if lost := {shard.split for shard in shards} - manifest.splits.keys():
            raise InputError(f"{source}: no video of {', '.join(sorted(lost))} can be decoded.")
        publishing.publish(staging, manifest, names)
    return manifest


def plan_shards(found: Source, settings: BuildSettings) -> list[PlannedShard]:
    """Assigns every clip to a split and a shard, in an order shuffled by the seed."""
    clips: Sequence[SourceClip] = found.clips
    if not any(clip.split for clip in clips):
        clips = assign_splits(
            clips,
            validation_fraction=settings.validation_fraction,
            test_fraction=settings.test_fraction,
            seed=settings.seed,
            group_regex=settings.group_regex,
        )
    planned = []
    for split in SPLITS:
        members = sorted(
            (clip for clip in clips if clip.split == split),
            key=lambda clip: hashlib.sha256(f"{settings.seed}/{clip.name}".encode()).digest(),
        )
        automatic = max(_FEWEST_SHARDS, -(-len(members) // _CLIPS_PER_SHARD))
        count = min(settings.shards or automatic, len(members))
        for index in range(count):
            start, stop = (len(members) * edge // count for edge in (index, index + 1))
            planned.append(PlannedShard(split, index, tuple(members[start:stop])))
    return planned


def _write_shards(
    found: Source,
    shards: Sequence[PlannedShard],
    settings: BuildSettings,
    staging: Staging,
    workers: int,
    timeout: float,
) -> None:
    """Writes the shards that an interrupted build has not finished."""
    unfinished = [shard for shard in shards if not staging.is_finished(shard.key)]
    tasks = [(clip.path, settings.encoding) for shard in unfinished for clip in shard.clips]
    total = sum(len(shard.clips) for shard in shards)
    if not tasks:
        return
    label_numbers = {label: number for number, label in enumerate(found.labels)}
    results = map_in_processes(_encode, tasks, min(workers, len(tasks)), timeout)
    # Loads TensorFlow, which takes seconds: not for an early error.
    from movinet.data import records

    with tqdm(
        total=total,
        initial=total - len(tasks),
        unit=" clips",
        desc="decoding",
        mininterval=0.5 if sys.stderr.isatty() else 10,
    ) as progress:
        for shard in unfinished:
            skipped: list[Skipped] = []
            counts: collections.Counter[str] = collections.Counter()
            with staging.write(shard.key) as path, records.open_shard(path) as write:
                for clip, encoded in _usable(shard, results, skipped, progress):
                    counts[clip.label] += 1
                    label = label_numbers[clip.label]
                    write(records.serialize_clip(encoded, label, clip.label, clip.name))
            staging.finish(shard.key, counts, skipped)


def _usable(
    shard: PlannedShard, results: Iterator[Any], skipped: list[Skipped], progress: tqdm
) -> Iterator[tuple[SourceClip, EncodedClip]]:
    """Yields the clips of a shard that could be decoded; adds the others to `skipped`."""
    for clip in shard.clips:
        result = next(results)
        progress.update()
        if isinstance(result, Failure):
            skipped.append(Skipped(clip.name, shard.split, result.reason))
        else:
            yield clip, result


def _encode(task: tuple[pathlib.Path, EncodingSettings]) -> EncodedClip | Failure:
    """Runs in a worker."""
    try:
        return encode_clip(*task)
    except VideoError as error:
        return Failure(error.reason)


def _final_names(
    shards: Sequence[PlannedShard], finished: Mapping[str, FinishedShard]
) -> dict[str, str]:
    """Returns the file name of each shard that got any clip, by its key."""
    names = {}
    for split in SPLITS:
        full = [s.key for s in shards if s.split == split and finished[s.key].clips]
        for index, key in enumerate(full):
            names[key] = f"{split}-{index:05d}-of-{len(full):05d}.tfrecord"
    return names


def _describe(
    split: str,
    labels: Sequence[str],
    names: Mapping[str, str],
    finished: Mapping[str, FinishedShard],
) -> Split:
    per_class: collections.Counter[str] = collections.Counter(dict.fromkeys(labels, 0))
    shards = []
    for key, name in names.items():
        if key.startswith(f"{split}-"):
            shard = finished[key]
            per_class.update(shard.clips_per_class)
            shards.append(Shard(name, shard.clips, shard.bytes, shard.sha256))
    return Split(sum(shard.clips for shard in shards), dict(per_class), tuple(shards))


def _check_bad(
    skipped: Sequence[Skipped], clip_count: int, max_bad_fraction: float, staging: pathlib.Path
) -> None:
    if len(skipped) <= max_bad_fraction * clip_count:
        return
    listed = "".join(f"\n  {video.path}: {video.reason}" for video in skipped[:_LISTED])
    more = f"\n  and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    raise InputError(
        f"{len(skipped)} of {clip_count} videos cannot be used, more than the allowed fraction of "
        f"{max_bad_fraction:g}. Replace them, or allow more with --max_bad_fraction: the work done "
        f"so far is kept in {staging}.{listed}{more}"
    )


def _fingerprint(found: Source, shards: Sequence[PlannedShard], settings: BuildSettings) -> str:
    """Returns a checksum of all that the dataset's bytes depend on, without reading every video."""
    digest = hashlib.sha256()
    skipped = [dataclasses.astuple(video) for video in found.skipped]
    plan = (dataclasses.asdict(settings), found.labels, skipped, _versions())
    digest.update(json.dumps(plan).encode())
    for shard in shards:
        for clip in shard.clips:
            digest.update(json.dumps([shard.key, clip.name, clip.label]).encode())
            digest.update(_sampled(clip.path))
    return digest.hexdigest()


def _sampled(path: pathlib.Path) -> bytes:
    """Returns the size, the start and the end of a file: it hardly changes without one of them."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(_SAMPLED_BYTES)
            file.seek(max(0, size - _SAMPLED_BYTES))
            return size.to_bytes(8, "big") + start + file.read(_SAMPLED_BYTES)
    except OSError:
        return b""  # Missing or unreadable; decoding will tell the reason.


def _versions() -> dict[str, str]:
    """Returns the versions of what the bytes of a dataset depend on."""
    names = ("av", "pillow", "numpy")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
    }

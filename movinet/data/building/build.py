"""From videos to a dataset on disk: TFRecord shards, class names and a manifest."""

import collections
import dataclasses
import functools
import importlib.util
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from movinet.data.building import manifest as manifests
from movinet.data.building import planning, publishing, shards
from movinet.data.building.manifest import Manifest, Shard, Split
from movinet.data.building.planning import BuildSettings, PlannedShard
from movinet.data.building.shards import BuildShards, ShardBuilder
from movinet.data.building.staging import FinishedShard, Staging
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS
from movinet.data.sources.text_lines import one_line
from movinet.errors import InputError

_LISTED = 20


def build_dataset(
    source: Source,
    output: str | os.PathLike[str],
    settings: BuildSettings | None = None,
    *,
    max_bad_fraction: float = 0.01,
    workers: int = 0,
    timeout: float = 600.0,
    overwrite: bool = False,
    runner: str = "",
    beam_options: Sequence[str] = (),
) -> Manifest:
    """Builds a dataset, continues an interrupted build, or finds that it is there already.

    The bytes depend on the videos and the settings, not on who builds, on the number of workers or
    on interruptions: what one machine has begun, a cluster may finish. Nothing appears under a
    final name before all shards are complete; the manifest comes last.

    Args:
        source: the videos, as `find_source` finds them.
        output: folder of the dataset.
        settings: see `BuildSettings`; the defaults if None.
        max_bad_fraction: videos that may be left out, as a fraction of all.
        workers: processes of this machine that decode, or 0 for one per core.
        timeout: seconds after which the decoding of one video is given up.
        overwrite: replace a different dataset in `output`.
        runner: of Apache Beam, whose workers build the shards; '' for processes of this one.
        beam_options: of that runner, as on a command line of Beam.

    Returns:
        The manifest, which lists the videos left out, with reasons.

    Raises:
        InputError: too many bad videos, `output` holds something else or cannot be written, or the
            runner cannot run.
    """
    settings = settings or BuildSettings()
    output = _check_places(source, output)
    build_shards = _choose_builders(runner, beam_options, workers, timeout)
    plan = planning.plan_shards(source, settings)
    fingerprint = planning.fingerprint(source, plan, settings)
    if publishing.holds(output, fingerprint):
        publishing.tidy(output)
        return manifests.load(output)
    publishing.check_free(output, overwrite)
    with Staging.take_over(output, plan) as staging:
        if unfinished := [shard for shard in plan if not staging.finished(shard.key)]:
            builder = ShardBuilder(staging, source.labels, settings.encoding)
            with _progress(plan, unfinished) as progress:
                build_shards(builder, unfinished, progress)
        finished = {s.key: note for s in plan if (note := staging.finished(s.key))}
        names = _final_names(plan, finished)
        manifest = Manifest(
            labels=source.labels,
            splits={
                split: _describe(split, source.labels, names, finished)
                for split in SPLITS
                if any(key.startswith(f"{split}-") for key in names)
            },
            settings={**dataclasses.asdict(settings), "fingerprint": fingerprint},
            source=one_line(source.root),
            skipped=source.skipped + tuple(s for note in finished.values() for s in note.skipped),
            versions=planning.versions(),
        )
        _check_bad(manifest, source, max_bad_fraction, staging.folder)
        if lost := {shard.split for shard in plan} - manifest.splits.keys():
            raise InputError(f"{source.root}: no video of {', '.join(sorted(lost))} is usable.")
        publishing.publish(staging, output, manifest, names)
    return manifest


def _check_places(source: Source, output: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the folder of the dataset; raises InputError if it is none, or lies in the source."""
    if "://" in os.fspath(output):
        raise InputError(
            f"{output} is not a folder of a file system: build into one that all workers share, "
            "and copy the dataset from there."
        )
    folder = pathlib.Path(output)
    # Unlike Path.resolve this bears links in a circle.
    root, place = (pathlib.Path(os.path.realpath(path)) for path in (source.root, folder))
    if source.root and place.is_relative_to(root):
        raise InputError(
            f"{output} lies in {source.root}: write the dataset outside of the videos."
        )
    try:
        os.stat(folder)
    except (FileNotFoundError, NotADirectoryError):
        pass  # It is made, or that fails with a sentence.
    except OSError as error:
        raise InputError(f"Cannot write to {output}: {error.strerror}.") from error
    return folder


def _choose_builders(
    runner: str, beam_options: Sequence[str], workers: int, timeout: float
) -> BuildShards:
    """Returns who builds the shards; raises InputError if they cannot, before any work."""
    if not runner:
        if beam_options:
            raise InputError(f"{' '.join(beam_options)}: options of Beam need --runner too.")
        return functools.partial(shards.build_in_processes, workers=workers, timeout=timeout)
    if importlib.util.find_spec("apache_beam") is None:
        raise InputError(
            "--runner needs Apache Beam: pip install -r requirements-beam.txt, here and on every "
            "worker."
        )
    from movinet.data.building import beam_build

    return beam_build.prepare(runner, beam_options, workers, timeout)


def _progress(plan: Sequence[PlannedShard], unfinished: Sequence[PlannedShard]) -> tqdm:
    total, left = (sum(len(shard.clips) for shard in part) for part in (plan, unfinished))
    return tqdm(
        total=total,
        initial=total - left,
        unit=" clips",
        desc="decoding",
        mininterval=0.5 if sys.stderr.isatty() else 10,
    )


def _final_names(
    plan: Sequence[PlannedShard], finished: Mapping[str, FinishedShard]
) -> dict[str, str]:
    """Returns the file name of each shard that got any clip, by its key."""
    names = {}
    for split in SPLITS:
        full = [s.key for s in plan if s.split == split and finished[s.key].clips]
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
    files = []
    for key, name in names.items():
        if key.startswith(f"{split}-"):
            shard = finished[key]
            per_class.update(shard.clips_per_class)
            files.append(Shard(name, shard.clips, shard.bytes, shard.sha256))
    return Split(sum(file.clips for file in files), dict(per_class), tuple(files))


def _check_bad(
    manifest: Manifest, source: Source, max_bad_fraction: float, staging: pathlib.Path
) -> None:
    skipped, clip_count = manifest.skipped, len(source.clips) + len(source.skipped)
    if len(skipped) <= max_bad_fraction * clip_count:
        return
    listed = "".join(f"\n  {video.path}: {video.reason}" for video in skipped[:_LISTED])
    more = f"\n  and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    raise InputError(
        f"{len(skipped)} of {clip_count} videos cannot be used, more than the allowed fraction of "
        f"{max_bad_fraction:g}. Replace them, or allow more with --max_bad_fraction: the work done "
        f"so far is kept in {staging}.{listed}{more}"
    )

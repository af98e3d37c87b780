"""Building shards: the same work in one process, in many, and on a cluster."""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tqdm import tqdm

from movinet.data.building.planning import PlannedShard
from movinet.data.building.staging import Staging
from movinet.data.building.workers import Failure, map_in_processes
from movinet.data.sources.splits import Skipped, SourceClip
from movinet.data.videos.clips import EncodedClip, EncodingSettings, encode_clip
from movinet.data.videos.video_files import VideoError

Task = tuple[SourceClip, EncodingSettings]


@dataclasses.dataclass(frozen=True)
class ShardBuilder:
    """Turns clips into shards of the staging folder; labels are those of the dataset, in order."""

    staging: Staging
    labels: tuple[str, ...]
    encoding: EncodingSettings

    def tasks(self, shard: PlannedShard) -> list[Task]:
        """Returns what `encode` is to do, in processes that are allowed to die."""
        return [(clip, self.encoding) for clip in shard.clips]

    def build(self, shard: PlannedShard, results: Iterator[EncodedClip | Failure]) -> None:
        """Writes a shard and the note on it; takes one result for each of its clips, in order.

        Raises:
            InputError: it cannot be written.
        """
        # Loads TensorFlow, which takes seconds: not for an early error.
        from movinet.data.building import records

        label_numbers = {label: number for number, label in enumerate(self.labels)}
        counts: collections.Counter[str] = collections.Counter()
        skipped: list[Skipped] = []
        with self.staging.write(shard.key) as path, records.open_shard(path) as write:
            for clip in shard.clips:
                result = next(results)
                if isinstance(result, Failure):
                    skipped.append(Skipped(clip.name, shard.split, result.reason))
                    continue
                counts[clip.label] += 1
                label = label_numbers[clip.label]
                write(records.serialize_clip(result, label, clip.label, clip.name))
        self.staging.finish(shard, counts, skipped)


BuildShards = Callable[[ShardBuilder, Sequence[PlannedShard], tqdm], None]
"""Who builds shards: completes all of them, and advances the bar by their clips."""


def encode(task: Task) -> EncodedClip | Failure:
    """Runs in a worker; a bad video is a Failure like one that crashed it."""
    try:
        return encode_clip(*task)
    except VideoError as error:
        return Failure(error.reason)


def build_in_processes(
    builder: ShardBuilder,
    shards: Sequence[PlannedShard],
    progress: tqdm,
    *,
    workers: int,
    timeout: float,
) -> None:
    """Builds shards one after the other, decoding in processes of this machine."""
    tasks = [task for shard in shards for task in builder.tasks(shard)]
    results = map_in_processes(encode, tasks, min(workers, len(tasks)), timeout)
    counted = _counted(results, progress)
    for shard in shards:
        builder.build(shard, counted)


def _counted(results: Iterable[Any], progress: tqdm) -> Iterator[Any]:
    for result in results:
        progress.update()
        yield result

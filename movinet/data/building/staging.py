"""Where a dataset is built: `OUTPUT/.building`, which survives any kill.

run.txt       who leads the build: workers of an earlier run stop when they see another's name
KEY.plan      the clips of a shard, for workers elsewhere
KEY.tfrecord  a complete shard, with the note KEY.json on what is in it
moving.json   final names of the shards; there while they are being moved
"""

import collections
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import uuid
from collections.abc import Iterator, Mapping, Sequence

from movinet.data.building import manifest as manifests
from movinet.data.building.manifest import MANIFEST_NAME
from movinet.data.building.planning import PlannedShard, versions
from movinet.data.sources.splits import FrameFolder, Skipped, SourceClip
from movinet.errors import InputError
from movinet.files import write_text

STAGING_NAME = ".building"
MOVING_NAME = "moving.json"
_RUN_NAME = "run.txt"


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """The note on a complete shard; fingerprint: of what it was made from."""

    clips: int
    bytes: int
    sha256: str
    clips_per_class: dict[str, int]
    skipped: tuple[Skipped, ...]
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class Staging:
    """The shards of a build in progress, for the process that leads it and for its workers.

    Workers may be on other machines, where the folder has the same path.
    """

    folder: pathlib.Path
    run: str

    def shard(self, key: str) -> pathlib.Path:
        """Returns where a shard stands until it is published."""
        return self.folder / f"{key}.tfrecord"

    @contextlib.contextmanager
    def write(self, key: str) -> Iterator[pathlib.Path]:
        """Yields where to write a shard; on success it takes its place, else nothing is left.

        Raises:
            InputError: the disk is full, the folder is not there, or another build has taken over.
        """
        # Unlike a process id, unique among machines: a cluster may build a shard twice.
        aside = self.folder / f"{key}.{uuid.uuid4().hex}.part"
        try:
            if (self.folder / _RUN_NAME).read_text(encoding="utf-8") != self.run:
                raise InputError(f"Another build has taken over {self.folder}: this one ends.")
            yield aside
            with open(aside, "rb") as written:
                os.fsync(written.fileno())
            os.replace(aside, self.shard(key))
        except OSError as error:
            problem = error.strerror or error
            raise InputError(f"Cannot write {self.shard(key)}: {problem}.") from error
        finally:
            with contextlib.suppress(OSError):
                aside.unlink()

    def finish(
        self, shard: PlannedShard, clips_per_class: collections.Counter[str], skipped: list[Skipped]
    ) -> None:
        """Notes that a shard is complete."""
        path = self.shard(shard.key)
        note = FinishedShard(
            clips=sum(clips_per_class.values()),
            bytes=path.stat().st_size,
            sha256=manifests.sha256(path),
            clips_per_class=dict(clips_per_class),
            skipped=tuple(skipped),
            fingerprint=shard.fingerprint,
        )
        write_text(path.with_suffix(".json"), json.dumps(dataclasses.asdict(note)))

    def finished(self, key: str) -> FinishedShard | None:
        """Returns the note on a shard if it is complete and still has its size."""
        path = self.shard(key)
        try:
            note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            skipped = tuple(Skipped(**video) for video in note.pop("skipped"))
            found = FinishedShard(**note, skipped=skipped)
            return found if path.stat().st_size == found.bytes else None
        except (OSError, ValueError, TypeError, KeyError):  # Missing, or of another version.
            return None

    def complete(self) -> set[str]:
        """Returns the keys of the shards that are complete, by one look into the folder."""
        return {path.stem for path in self.folder.glob("*.json")}

    def write_plan(self, shard: PlannedShard) -> None:
        """Writes what a worker elsewhere has to know about a shard."""
        fields = dataclasses.asdict(shard)
        fields |= {"present": _present(shard), "versions": versions()}
        text = json.dumps(fields, default=lambda path: str(path.absolute()))
        write_text(self.folder / f"{shard.key}.plan", text)

    def read_plan(self, key: str) -> PlannedShard:
        """Returns what `write_plan` has written.

        Raises:
            InputError: this machine lacks it, a video that the other one has, or its versions.
        """
        path = self.folder / f"{key}.plan"
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"A worker cannot read {path}: {error.strerror}.") from error
        present, expected = fields.pop("present"), fields.pop("versions")
        for name, version in versions().items():
            if version != expected[name]:
                raise InputError(
                    f"A worker has {name} {version}, but the leading machine {expected[name]}: "
                    "the bytes may differ."
                )
        shard = PlannedShard(**{**fields, "clips": tuple(map(_clip, fields["clips"]))})
        if _present(shard) < present:
            raise InputError(
                f"A worker finds {_present(shard)} of the {present} videos of {key}, such as "
                f"{shard.clips[0].path}."
            )
        return shard

    def announce_moves(self, names: Mapping[str, str]) -> None:
        """Notes the final names of shards that are about to be moved out, by their keys."""
        write_text(self.folder / MOVING_NAME, json.dumps(names))

    @classmethod
    @contextlib.contextmanager
    def take_over(cls, output: pathlib.Path, plan: Sequence[PlannedShard]) -> Iterator["Staging"]:
        """Yields what interrupted builds left of the same shards; throws away all else.

        Raises:
            InputError: another process leads a build there, or nothing can be written.
        """
        staging = cls(output.absolute() / STAGING_NAME, uuid.uuid4().hex)
        lock_path = output / f"{STAGING_NAME}.lock"
        with contextlib.ExitStack() as stack:
            try:
                output.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(open(lock_path, "w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stack.callback(lock_path.unlink, missing_ok=True)
                write_text(staging.folder / _RUN_NAME, staging.run)
                staging._take_back()
                staging._clear({shard.key: shard.fingerprint for shard in plan})
            except BlockingIOError:
                raise InputError(f"Another build is writing to {output}: wait for it.") from None
            except OSError as error:
                raise InputError(f"Cannot write to {output}: {error.strerror}.") from error
            yield staging

    def _take_back(self) -> None:
        """Undoes moves that were interrupted: what is not here is where it was to go."""
        moves = self.folder / MOVING_NAME
        if not moves.is_file():
            return
        names: dict[str, str] = json.loads(moves.read_text(encoding="utf-8"))
        output = self.folder.parent
        if (output / MANIFEST_NAME).exists():  # None of them, or all, have been moved.
            names = {}
        for key, name in names.items():
            if (output / name).is_file() and not self.shard(key).is_file():
                os.replace(output / name, self.shard(key))
        moves.unlink()

    def _clear(self, fingerprints: Mapping[str, str]) -> None:
        """Removes all but the complete shards of a plan.

        A shard with hardly any usable clip is built again: its videos may have been out of reach.
        """
        kept = {_RUN_NAME}
        for key, fingerprint in fingerprints.items():
            note = self.finished(key)
            if note and note.fingerprint == fingerprint and len(note.skipped) <= note.clips:
                kept |= {f"{key}.tfrecord", f"{key}.json"}
        for path in self.folder.iterdir():
            if path.name not in kept:
                path.unlink()


def _present(shard: PlannedShard) -> int:
    return sum(clip.path.exists() for clip in shard.clips)


def _clip(fields: dict) -> SourceClip:
    """Returns a clip whose dataclasses have become dicts, and its paths text."""
    frames = fields["frames"]
    if frames:
        frames = FrameFolder(**{**frames, "root": pathlib.Path(frames["root"])})
    return SourceClip(**{**fields, "path": pathlib.Path(fields["path"]), "frames": frames})

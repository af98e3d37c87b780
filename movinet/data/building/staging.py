"""Where a dataset is built: `OUTPUT/.building`, which survives any kill.

`OUTPUT/.building.lock` is held by the process that leads. The folder may come from somebody else,
so no link in it is followed and no name in it leads out.

run.txt       who leads the build: workers of an earlier run stop when they see another's name
KEY.plan      the clips of a shard, for workers elsewhere
KEY.tfrecord  a complete shard, with the note KEY.json on what is in it
moving.json   final names of the shards; there while they are being moved
"""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence

from movinet import locks
from movinet.data import checksums
from movinet.data.building.manifest import MANIFEST_NAME
from movinet.data.building.planning import PlannedShard, versions
from movinet.data.sources.splits import FrameFolder, Skipped, SourceClip
from movinet.errors import InputError
from movinet.files import flush, write_text

STAGING_NAME = ".building"
SHARD_NAME = re.compile(r"(train|validation|test)-\d{5,}-of-\d{5,}\.tfrecord")
_MOVING_NAME = "moving.json"
_RUN_NAME = "run.txt"
_LOCK_NAME = f"{STAGING_NAME}.lock"
_KEY = re.compile(r"(train|validation|test)-\d{5,}")


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
            flush(aside)
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
        """Notes that a shard is complete; raises InputError if it is gone or cannot be noted."""
        path = self.shard(shard.key)
        try:
            size, checksum = path.stat().st_size, checksums.sha256(path)
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror}.") from error
        note = FinishedShard(
            clips=sum(clips_per_class.values()),
            bytes=size,
            sha256=checksum,
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
            counted = sum(found.clips_per_class.values()) == found.clips
            is_sound = counted and isinstance(found.sha256, str)
            return found if is_sound and path.stat().st_size == found.bytes else None
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # Missing, damaged, or of another version.
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
        write_text(self.folder / _MOVING_NAME, json.dumps(names))

    @classmethod
    @contextlib.contextmanager
    def take_over(cls, output: pathlib.Path, plan: Sequence[PlannedShard]) -> Iterator["Staging"]:
        """Yields what interrupted builds left of the same shards; throws away all else.

        Raises:
            InputError: another process leads a build there, or nothing can be written.
        """
        staging = cls(output.absolute() / STAGING_NAME, uuid.uuid4().hex)
        with hold(output):
            if staging.folder.is_symlink():
                raise InputError(f"{staging.folder} is a link, which no build makes: remove it.")
            try:
                write_text(staging.folder / _RUN_NAME, staging.run)
                staging._take_back()
                staging._clear({shard.key: shard.fingerprint for shard in plan})
            except OSError as error:
                raise InputError(f"Cannot write to {output}: {error.strerror}.") from error
            yield staging

    def _take_back(self) -> None:
        """Undoes moves that were interrupted: what is not here is where it was to go."""
        moves = self.folder / _MOVING_NAME
        if not moves.is_file():
            return
        output = self.folder.parent
        names = {}
        if not (output / MANIFEST_NAME).exists():  # Else none of them, or all, have been moved.
            # Damaged, it costs building the shards again.
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                names = dict(json.loads(moves.read_text(encoding="utf-8")))
        for key, name in names.items():
            if not (_KEY.fullmatch(str(key)) and SHARD_NAME.fullmatch(str(name))):
                continue
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


@contextlib.contextmanager
def hold(output: pathlib.Path) -> Iterator[None]:
    """Keeps other processes from building in a folder, which it makes if it is not there.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    lock = output / _LOCK_NAME
    with contextlib.ExitStack() as stack:
        try:
            output.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.held(lock))
        except BlockingIOError:
            raise InputError(f"Another build is writing to {output}: wait for it.") from None
        except OSError as error:
            raise InputError(f"Cannot write to {output}: {error.strerror}.") from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Gone, or read-only by now: it does no harm.
                lock.unlink()


def _present(shard: PlannedShard) -> int:
    return sum(os.path.exists(clip.path) for clip in shard.clips)


def _clip(fields: dict) -> SourceClip:
    """Returns a clip whose dataclasses have become dicts, and its paths text."""
    frames = fields["frames"]
    if frames:
        frames = FrameFolder(**{**frames, "root": pathlib.Path(frames["root"])})
    return SourceClip(**{**fields, "path": pathlib.Path(fields["path"]), "frames": frames})

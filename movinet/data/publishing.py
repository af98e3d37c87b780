"""How a dataset comes to stand under its final names: all of it at once, after surviving any kill.

Shards are written to `OUTPUT/.building`, each with a note once it is complete, so that an
interrupted build goes on where it was. Publishing renames them, the manifest last: a folder without
a manifest is no dataset.
"""

import collections
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from movinet.data import manifest as manifests
from movinet.data.manifest import LABELS_NAME, MANIFEST_NAME, Manifest, Skipped
from movinet.errors import InputError
from movinet.files import write_aside, write_text

_STAGING_NAME = ".building"
_PLAN_NAME = "plan.txt"
_SHARD_NAME = re.compile(r"(train|validation|test)-\d{5}-of-\d{5}\.tfrecord")


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """The note on a complete shard."""

    clips: int
    bytes: int
    sha256: str
    clips_per_class: dict[str, int]
    skipped: tuple[Skipped, ...]


class Staging:
    """The folder of a build in progress; entered by one process at a time."""

    def __init__(self, output: pathlib.Path, fingerprint: str) -> None:
        self.output = output
        self.folder = output / _STAGING_NAME
        self._fingerprint = fingerprint
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Staging":
        """Takes over what an interrupted build of the same plan left; throws away another's."""
        try:
            self.output.mkdir(parents=True, exist_ok=True)
            lock = self._stack.enter_context(open(self.output / f"{_STAGING_NAME}.lock", "w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            plan = self.folder / _PLAN_NAME
            if not plan.is_file() or plan.read_text(encoding="utf-8") != self._fingerprint:
                shutil.rmtree(self.folder, ignore_errors=True)
                write_text(plan, self._fingerprint)
        except BlockingIOError:
            self._stack.close()
            raise InputError(f"Another build is writing to {self.output}: wait for it.") from None
        except OSError as error:
            self._stack.close()
            raise InputError(f"Cannot write to {self.output}: {error.strerror}.") from error
        return self

    def __exit__(self, *_: Any) -> None:
        (self.output / f"{_STAGING_NAME}.lock").unlink(missing_ok=True)
        self._stack.close()

    def shard(self, key: str) -> pathlib.Path:
        """Returns where a shard stands until it is published."""
        return self.folder / f"{key}.tfrecord"

    @contextlib.contextmanager
    def write(self, key: str) -> Iterator[pathlib.Path]:
        """Yields where to write a shard."""
        with write_aside(self.shard(key)) as path:
            yield path

    def finish(
        self, key: str, clips_per_class: collections.Counter[str], skipped: Sequence[Skipped]
    ) -> None:
        """Notes that a shard is complete."""
        path = self.shard(key)
        note = FinishedShard(
            clips=sum(clips_per_class.values()),
            bytes=path.stat().st_size,
            sha256=manifests.sha256(path),
            clips_per_class=dict(clips_per_class),
            skipped=tuple(skipped),
        )
        write_text(path.with_suffix(".json"), json.dumps(dataclasses.asdict(note)))

    def finished(self, key: str) -> FinishedShard:
        """Returns the note on a complete shard."""
        note = json.loads(self.shard(key).with_suffix(".json").read_text(encoding="utf-8"))
        skipped = tuple(Skipped(**video) for video in note.pop("skipped"))
        return FinishedShard(**note, skipped=skipped)

    def is_finished(self, key: str) -> bool:
        """Returns whether a shard is complete and still has its size."""
        path = self.shard(key)
        if not path.is_file() or not path.with_suffix(".json").is_file():
            return False
        return self.finished(key).bytes == path.stat().st_size


def holds(output: pathlib.Path, fingerprint: str) -> bool:
    """Returns whether `output` holds exactly the dataset of a fingerprint, as far as sizes tell."""
    try:
        manifest = manifests.load(output)
        for split in manifest.splits:
            manifests.verify(output, split)
    except InputError:
        return False
    return manifest.settings.get("fingerprint") == fingerprint


def check_free(output: pathlib.Path, overwrite: bool) -> None:
    """Raises InputError if building would replace a dataset and `overwrite` does not allow it."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: give a folder for the dataset.")
    interrupted = (output / _STAGING_NAME).is_dir()
    shards = any(output.glob("*.tfrecord")) and not interrupted
    if not overwrite and ((output / MANIFEST_NAME).exists() or shards):
        raise InputError(
            f"{output} holds a dataset of other videos or settings, or a damaged one: choose "
            "another folder, or replace it with --overwrite."
        )


def publish(staging: Staging, manifest: Manifest, names: Mapping[str, str]) -> None:
    """Moves the shards, by their keys, to their final names, and writes labels and manifest."""
    output = staging.output
    (output / MANIFEST_NAME).unlink(missing_ok=True)
    for path in output.glob("*.tfrecord"):
        if _SHARD_NAME.fullmatch(path.name):
            path.unlink()
    for key, name in names.items():
        os.replace(staging.shard(key), output / name)
    write_text(output / LABELS_NAME, "".join(f"{label}\n" for label in manifest.labels))
    write_text(output / MANIFEST_NAME, manifest.to_json())
    shutil.rmtree(staging.folder)

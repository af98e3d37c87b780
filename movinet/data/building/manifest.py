"""The manifest of a dataset on disk: what is in it, whence it came, and whether all is there."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from movinet.data import checksums as file_checksums
from movinet.data.sources.splits import SPLITS, Skipped
from movinet.errors import InputError

FORMAT = "movinet-dataset/1"
MANIFEST_NAME = "manifest.json"
LABELS_NAME = "labels.txt"


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file: its name in the folder, its clips, its size, its checksum in hex."""

    name: str
    clips: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Split:
    """One part of the dataset."""

    clips: int
    clips_per_class: Mapping[str, int]
    shards: tuple[Shard, ...]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything about a dataset but its clips; `settings` and `versions` tell how to remake it."""

    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    settings: Mapping[str, Any]
    source: str
    skipped: tuple[Skipped, ...] = ()
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def find_split(self, name: str, where: str | os.PathLike[str]) -> Split:
        """One of the splits of the dataset `where`. Raises InputError if there is none such."""
        if name not in self.splits:
            raise InputError(f"{where} has no split {name!r}, only {', '.join(self.splits)}.")
        return self.splits[name]

    def to_json(self) -> str:
        """Returns the content of manifest.json."""
        fields = dataclasses.asdict(self)
        return json.dumps({"format": FORMAT, **fields}, indent=1, ensure_ascii=False) + "\n"


def load(path: str | os.PathLike[str]) -> Manifest:
    """Reads the manifest of a dataset.

    Args:
        path: the dataset's folder or its manifest.json.

    Raises:
        InputError: missing, unreadable, malformed, or contradicting itself.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        path = path / MANIFEST_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"Cannot read {path} ({error.strerror}): build the dataset with tools/build_dataset.py."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}): build the dataset again.") from error
    reader = _Reader(path)
    fields = reader.mapping(content, "the file")
    if fields.get("format") != FORMAT:
        raise reader.error(f"its format is {fields.get('format')!r}, not {FORMAT!r}")
    labels = tuple(
        reader.typed(label, str, "labels")
        for label in reader.typed(fields.get("labels"), list, "labels")
    )
    if len(set(labels)) != len(labels) or not labels:
        raise reader.error("its labels are empty or not unique")
    splits = {
        name: _read_split(reader, name, content, labels)
        for name, content in reader.mapping(fields.get("splits"), "splits").items()
    }
    names = [shard.name for split in splits.values() for shard in split.shards]
    if len(set(names)) != len(names):
        raise reader.error("it names a shard twice")
    return Manifest(
        labels=labels,
        splits=splits,
        settings=reader.mapping(fields.get("settings"), "settings"),
        source=reader.typed(fields.get("source"), str, "source"),
        skipped=tuple(
            Skipped(**reader.record(entry, Skipped, "skipped"))
            for entry in reader.typed(fields.get("skipped"), list, "skipped")
        ),
        versions=reader.mapping(fields.get("versions"), "versions"),
    )


def _read_split(reader: "_Reader", name: str, content: Any, labels: tuple[str, ...]) -> Split:
    where = f"splits.{name}"
    if name not in SPLITS:
        raise reader.error(f"{where} is none of {', '.join(SPLITS)}")
    fields = reader.record(content, Split, where)
    shards: list[Shard] = []
    for entry in fields["shards"]:
        shard = Shard(**reader.record(entry, Shard, f"{where}.shards"))
        if pathlib.PurePath(shard.name).name != shard.name or shard.name in ("", ".", ".."):
            raise reader.error(
                f"{where} names the shard {shard.name!r}, which is no plain file name"
            )
        if shard.clips < 1 or shard.bytes < 1:
            raise reader.error(f"{where} has an empty shard, {shard.name}")
        shards.append(shard)
    per_class = reader.mapping(fields["clips_per_class"], f"{where}.clips_per_class")
    for label, clips in per_class.items():
        if label not in labels:
            raise reader.error(f"{where} counts clips of the unknown class {label!r}")
        reader.typed(clips, int, f"{where}.clips_per_class.{label}")
    counts = {fields["clips"], sum(per_class.values()), sum(shard.clips for shard in shards)}
    if len(counts) != 1:
        raise reader.error(f"the clip counts of {where} contradict one another")
    return Split(fields["clips"], per_class, tuple(shards))


class _Reader:
    """Checks types, and names the file and the field when one is wrong."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    def error(self, problem: str) -> InputError:
        return InputError(f"{self._path}: {problem}; build the dataset again.")

    def typed(self, value: Any, kind: type, where: str) -> Any:
        wrong_number = isinstance(value, bool) or (isinstance(value, int) and value < 0)
        if not isinstance(value, kind) or wrong_number:
            raise self.error(f"{where} is {value!r:.80}, which is not of type {kind.__name__}")
        return value

    def mapping(self, value: Any, where: str) -> dict[str, Any]:
        return self.typed(value, dict, where)

    def record(self, value: Any, kind: type, where: str) -> dict[str, Any]:
        """Returns the fields of a JSON object that has exactly those of a dataclass."""
        fields = self.mapping(value, where)
        expected = {field.name: field.type for field in dataclasses.fields(kind)}
        if fields.keys() != expected.keys():
            wrong = ", ".join(sorted(fields.keys() ^ expected.keys()))
            raise self.error(f"{where} lacks or has too many fields: {wrong}")
        for name, annotation in expected.items():
            json_type = annotation if annotation in (int, str) else None
            if json_type is None:
                json_type = dict if name == "clips_per_class" else list
            self.typed(fields[name], json_type, f"{where}.{name}")
        return fields


def verify(
    folder: str | os.PathLike[str],
    split: str,
    checksums: bool = False,
    remembered: str | os.PathLike[str] | None = None,
) -> Manifest:
    """Checks that the shards of one split are those of the manifest; returns the manifest.

    Args:
        folder: the dataset.
        split: train, validation or test.
        checksums: also read every byte and compare SHA-256.
        remembered: a file that keeps them, so that only what has changed is read another time.

    Raises:
        InputError: a shard is missing, too many, or not as the manifest says.
    """
    folder = pathlib.Path(folder)
    manifest = load(folder)
    shards = {shard.name: shard for shard in manifest.find_split(split, folder).shards}
    there = {path.name for path in folder.glob(f"{split}-*.tfrecord")}
    problems = [f"{name} is not in the manifest" for name in sorted(there - shards.keys())]
    sound = []
    for name, shard in shards.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != shard.bytes:
            problems.append(f"{name} has {path.stat().st_size} bytes instead of {shard.bytes}")
        else:
            sound.append(name)
    if checksums:
        problems += _changes(folder, [shards[name] for name in sound], manifest, remembered)
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise InputError(
            f"{folder} does not match its manifest: {'; '.join(problems[:5])}{more}. "
            "Restore these files or build the dataset again."
        )
    return manifest


def _changes(
    folder: pathlib.Path,
    shards: Sequence[Shard],
    manifest: Manifest,
    remembered: str | os.PathLike[str] | None,
) -> list[str]:
    """What is wrong with the content of shards of the right size."""
    names = {s.sha256: s.name for split in manifest.splits.values() for s in split.shards}
    found = file_checksums.checksums([folder / shard.name for shard in shards], remembered)
    problems = []
    for shard in shards:
        digest = found[os.fspath(folder / shard.name)]
        if digest == shard.sha256:
            continue
        if digest in names:
            problems.append(f"{shard.name} is a copy of {names[digest]}")
        else:
            problems.append(f"{shard.name} has changed: its checksum is not the manifest's")
    return problems

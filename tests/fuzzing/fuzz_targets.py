"""The table of fuzz targets: how an input is laid out in a folder, and what reads it there."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import shutil
from collections.abc import Callable

import fuzz_data_readers
import fuzz_readers
import fuzz_weights
import guarded

from movinet.errors import InputError

CORPUS = pathlib.Path(__file__).parent / "corpus"
SEPARATOR = b"\n=== next file ===\n"
"""Between the files of an input that is several."""

_MOST_NAMES = 50
_LONGEST_ROW = 20_000


@dataclasses.dataclass(frozen=True)
class Target:
    """A reader.

    load: imports it and returns it, a function of a folder; lay_out: writes an input into that
    folder; beside: files that lie there, empty, whatever the input is.
    """

    load: Callable[[], fuzz_readers.Read]
    lay_out: Callable[[bytes, pathlib.Path], None]
    beside: tuple[str, ...] = ()


class Reader:
    """A target at work in a folder of its own."""

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self._target = TARGETS[name]
        self._folder = folder
        self._read = self._target.load()
        for path in (folder / file for file in self._target.beside):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def accepts(self, data: bytes, *, memory: bool = True) -> bool:
        """Returns whether an input is read, not refused. Raises guarded.PromiseError."""
        self._target.lay_out(data, self._folder)
        result = guarded.hold(lambda: self._read(self._folder), memory=memory)
        return not isinstance(result, InputError)


def seeds(name: str) -> dict[str, bytes]:
    """The inputs of a target that are kept, by the names of their files."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


def keep(name: str, data: bytes) -> pathlib.Path:
    """Puts an input among those that are kept."""
    path = CORPUS / name / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def _as_files(*names: str) -> Callable[[bytes, pathlib.Path], None]:
    """Lays out an input as one file, or divides it into several; those that get nothing are not
    there.
    """

    def lay_out(data: bytes, folder: pathlib.Path) -> None:
        contents = data.split(SEPARATOR, len(names) - 1)
        for name in names[len(contents) :]:
            (folder / name).unlink(missing_ok=True)
        for name, content in zip(names, contents, strict=False):
            (folder / name).write_bytes(content)

    return lay_out


def _as_names(data: bytes, folder: pathlib.Path) -> None:
    """Lays out an input as an empty file for each line that can name one."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name in data.split(b"\n")[:_MOST_NAMES]:
        if 0 < len(name) < 256 and name not in (b".", b"..") and not {0, ord("/")} & set(name):
            (folder / os.fsdecode(name)).touch()


def _as_records(data: bytes, folder: pathlib.Path) -> None:
    """Lays out an input as records whose lengths have right checksums: 8 bytes of length, 1 byte of
    how many bytes really follow, those bytes.
    """
    content, data = b"", data[:_LONGEST_ROW]
    while data:
        length, there = data[:8].ljust(8, b"\0"), data[9 : 9 + sum(data[8:9])]
        content += length + _masked_crc32c(length).to_bytes(4, "little") + there + bytes(4)
        data = data[9 + len(there) :]
    (folder / "clips.tfrecord").write_bytes(content)


def _masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (crc & 1) * 0x82F63B78
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


TARGETS = {
    "settings": Target(fuzz_readers.settings, _as_files("settings.yaml")),
    "configuration": Target(fuzz_readers.configuration, _as_files("recipe.yaml")),
    "override": Target(fuzz_readers.override, _as_files("override")),
    "run_folder": Target(
        fuzz_readers.run_folder, _as_files("params.yaml", "movinet.json", "labels.txt")
    ),
    "annotations": Target(fuzz_data_readers.annotations, _as_files("annotations.csv")),
    "video_list": Target(fuzz_data_readers.video_list, _as_files("list.txt", "labels.txt")),
    "labels": Target(fuzz_data_readers.labels, _as_files("labels.txt")),
    "ucf101": Target(
        functools.partial(fuzz_data_readers.official_lists, "ucf101"),
        _as_files("classInd.txt", "trainlist01.txt", "testlist01.txt"),
        beside=("Walk/v_a.avi", "Walk/v_b.avi", "Run/v_c.avi"),
    ),
    "hmdb51": Target(
        functools.partial(fuzz_data_readers.official_lists, "hmdb51"),
        _as_files("walk_test_split1.txt", "run_test_split1.txt"),
        beside=("walk/a.avi", "walk/b.avi", "run/c.avi"),
    ),
    "frame_list": Target(
        fuzz_data_readers.frame_list,
        _as_files("train.txt", "val.txt"),
        beside=("run/a b/img_00001.jpg", "jump/c/img_00001.jpg"),
    ),
    "manifest": Target(
        fuzz_data_readers.manifest, _as_files("manifest.json", "train-00000-of-00001.tfrecord")
    ),
    "record_file": Target(fuzz_data_readers.record_file, _as_files("clips.tfrecord")),
    "record_lengths": Target(fuzz_data_readers.record_file, _as_records),
    "tfds_description": Target(fuzz_data_readers.tfds_description, _as_files("features.json")),
    "history": Target(fuzz_readers.history, _as_files("history.jsonl")),
    "best_record": Target(
        fuzz_readers.best_record, _as_files("best.json"), beside=("ckpt-3.index",)
    ),
    "recoveries": Target(fuzz_readers.recoveries, _as_files("recoveries.json")),
    "earlier_run": Target(
        fuzz_readers.earlier_run, _as_files("params.yaml", "data.json"), beside=("ckpt-3.index",)
    ),
    "bad_clips": Target(fuzz_readers.bad_clips, _as_files("bad_clips.csv")),
    "remembered_checksums": Target(
        fuzz_readers.remembered_checksums, _as_files("data_checked.json")
    ),
    "shard_note": Target(
        fuzz_readers.shard_note, _as_files("train-00000.json"), beside=("train-00000.tfrecord",)
    ),
    "checkpoint_file": Target(
        fuzz_readers.checkpoint_file,
        _as_files("checkpoint"),
        beside=tuple(
            f"ckpt-{step}.{part}" for step in (5, 10) for part in ("index", "data-00000-of-00001")
        ),
    ),
    "checkpoint_index": Target(
        fuzz_readers.checkpoint_index, _as_files("ckpt-1.index", "ckpt-1.data-00000-of-00001")
    ),
    "checkpoint_names": Target(fuzz_readers.checkpoint_names, _as_names),
    "model_info": Target(fuzz_readers.model_info, _as_files("movinet.json")),
    "ensemble": Target(fuzz_readers.ensemble, _as_files("ensemble.json")),
    "attached_info": Target(fuzz_readers.attached_info, _as_files("model.tflite")),
    "pytorch_archive": Target(
        functools.partial(fuzz_weights.pytorch, ".pt"), _as_files("weights.pt")
    ),
    "pytorch_pickle": Target(
        functools.partial(fuzz_weights.pytorch, ".pt"), fuzz_weights.as_archive
    ),
    "safetensors": Target(
        functools.partial(fuzz_weights.pytorch, ".safetensors"), _as_files("weights.safetensors")
    ),
    "pdparams": Target(fuzz_weights.paddle, _as_files("weights.pdparams")),
}

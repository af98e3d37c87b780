"""Where each record of TFRecord files begins, read from the records' headers alone.

A file is a row of records: the length of the data (8 bytes, little end first), a checksum of these
8 bytes, the data, a checksum of the data. TensorFlow's reader believes any length whose checksum is
right, and a large enough one ends the process; so every length is looked at here first. Needs no
TensorFlow, but for files that are elsewhere (`gs://...`).
"""

import array
import dataclasses
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, NamedTuple

import numpy as np

from movinet.errors import InputError

_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_GZIP_SIGNATURE = b"\x1f\x8b"
_MASK_DELTA = 0xA282EAD8
_THREADS = 16  # They wait for the file system most of the time.
_NAMED = 5  # Problems that a message lists.


class RecordFile(NamedTuple):
    """A TFRecord file, or a part of it: `take` records after the first `skip`; -1 for the rest."""

    path: str
    skip: int = 0
    take: int = -1


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """The records of several files, in order.

    paths: the files; file_of [N]: which of them each record is in; offset [N]: its first byte
    there; number [N]: its place among the records there, from 0.
    """

    paths: tuple[str, ...]
    file_of: np.ndarray
    offset: np.ndarray
    number: np.ndarray

    def __len__(self) -> int:
        return len(self.offset)

    def path_of(self, record: int) -> str:
        """The file of a record."""
        return self.paths[self.file_of[record]]


def build_index(files: Sequence[RecordFile]) -> RecordIndex:
    """The index of all records of `files`, which are read side by side.

    Raises:
        InputError: files are missing, damaged, cut short or without a record; names them.
    """
    if not files:
        raise InputError("No data file was given: set input_path.")
    paths = tuple(dict.fromkeys(file.path for file in files))
    with ThreadPoolExecutor(min(_THREADS, len(paths))) as pool:
        found = dict(zip(paths, pool.map(_scan_or_problem, paths), strict=True))
    parts: list[tuple[np.ndarray, ...]] = []
    problems = [str(result) for result in found.values() if isinstance(result, InputError)]
    for path, skip, take in files:
        offsets = found[path]
        if isinstance(offsets, InputError):
            continue
        if take >= 0 and skip + take > len(offsets):
            problems.append(
                f"{path} has {len(offsets)} records instead of {skip + take} or more: it was cut "
                "short; build or copy it anew."
            )
        numbers = np.arange(len(offsets), dtype=np.int64)
        chosen = slice(skip, None if take < 0 else skip + take)
        file_of = np.full(len(numbers[chosen]), paths.index(path), np.int64)
        parts.append((file_of, offsets[chosen], numbers[chosen]))
    if problems:
        more = f" And {len(problems) - _NAMED} more files." if len(problems) > _NAMED else ""
        raise InputError(" ".join(problems[:_NAMED]) + more)
    return RecordIndex(paths, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def scan(file: BinaryIO, size: int, name: str) -> np.ndarray:
    """The first byte of each record, int64 [N].

    Args:
        file: opened at its first byte; must be able to seek.
        size: of the file in bytes.
        name: for messages.

    Raises:
        InputError: the file is no row of records, or holds none; names record and byte.
    """
    data_begins = (begin for begin, _ in walk(file, size, name))
    offsets = array.array("q", (begin - _HEADER.size for begin in data_begins))
    if not offsets:
        raise InputError(f"{name} holds no record: remove it, or build the dataset anew.")
    return np.frombuffer(offsets, np.int64)


def walk(file: BinaryIO, size: int, name: str) -> Iterator[tuple[int, int]]:
    """The first byte of the data of each record, and their length in bytes; arguments as of `scan`.

    Raises:
        InputError: what follows is no record; names it and its byte.
    """
    number = offset = 0
    while offset < size:
        file.seek(offset)
        problem, length = _read_header(file, offset, size)
        if problem:
            raise InputError(
                f"{name}, record {number} at byte {offset}: damaged ({problem}); build or copy the "
                "file anew."
            )
        yield offset + _HEADER.size, length
        number += 1
        offset += _HEADER.size + length + _FOOTER_BYTES


def _read_header(file: BinaryIO, offset: int, size: int) -> tuple[str, int]:
    """What is wrong with the header there, or nothing, and the length it tells."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return "the file ends within the record's header", 0
    length, checksum = _HEADER.unpack(header)
    if masked_crc32c(header[:8]) != checksum:
        if offset == 0 and header.startswith(_GZIP_SIGNATURE):
            return "it is compressed: set compressed_input", 0
        return "the length of the record does not match its checksum", 0
    left = size - offset - _HEADER.size - _FOOTER_BYTES
    if length > left:
        return f"the record should have {length} bytes, of which {max(left, 0)} are there", 0
    return "", length


def _scan_or_problem(path: str) -> np.ndarray | InputError:
    try:
        return _scan_remote(path) if "://" in path else _scan_local(path)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"Cannot read the data file {path}: {error.strerror or error}.")


def _scan_local(path: str) -> np.ndarray:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no file: give TFRecord files.")
    with open(path, "rb") as file:
        return scan(file, status.st_size, path)


def _scan_remote(path: str) -> np.ndarray:
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return scan(file, file.size(), path)
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0].rstrip(".")
        raise InputError(f"Cannot read the data file {path}: {reason}.") from error


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc32c_table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C (Castagnoli), turned by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF

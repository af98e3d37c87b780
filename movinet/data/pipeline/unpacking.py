"""Compressed record files, unpacked once into a temporary folder so that any record can be read."""

import functools
import gzip
import os
import pathlib
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from movinet import files
from movinet.errors import InputError

_BLOCK = 1 << 22
_LEFT_FREE = 1 << 30  # Bytes of the disk that are never used.


class _Folder:
    """A folder that goes when the process ends."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="movinet_records_")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def unpack(paths: Sequence[str]) -> list[str]:
    """Unpacks gzip files and says how much that is and where; what was unpacked before stays.

    Raises:
        InputError: a file is not what gzip writes, or the disk would become full.
    """
    return list(_unpack(tuple(paths)))


@functools.cache
def _unpack(paths: tuple[str, ...]) -> tuple[str, ...]:
    folder = _the_folder()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        unpacked = tuple(pool.map(lambda path: _unpack_file(path, folder.path), paths))
    size = sum(os.path.getsize(path) for path in unpacked)
    print(
        f"Unpacked {len(unpacked)} files, {size / 1e9:.2f} GB, into {folder.path} until this "
        "process ends (TMPDIR chooses another place).",
        flush=True,
    )
    return unpacked


@functools.cache
def _the_folder() -> _Folder:
    return _Folder()


def _unpack_file(path: str, folder: str) -> str:
    # A folder for each, so that it keeps its name.
    target = os.path.join(tempfile.mkdtemp(dir=folder), os.path.basename(path))
    with files.write_aside(target) as aside:
        try:
            _inflate(path, aside)
        except (OSError, EOFError, zlib.error, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise InputError(
                f"{path}: damaged, or not compressed with gzip ({reason}); build or copy the file "
                "anew, or set compressed_input to false."
            ) from error
    return target


def _inflate(path: str, target: pathlib.Path) -> None:
    with (
        tf.io.gfile.GFile(path, "rb") as packed,
        gzip.GzipFile(fileobj=packed) as unpacked,
        open(target, "wb") as file,
    ):
        while block := unpacked.read(_BLOCK):
            if shutil.disk_usage(target.parent).free < _LEFT_FREE + len(block):
                raise InputError(
                    f"{path} does not fit into {target.parent} unpacked: set TMPDIR to a folder on "
                    "a larger disk, or unpack the files and set compressed_input to false."
                )
            file.write(block)

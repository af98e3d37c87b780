"""Archives of weights: opened into a temporary folder, with nothing in them trusted."""

import contextlib
import gzip
import pathlib
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from movinet.errors import InputError

_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")
_GZIP = b"\x1f\x8b"
_MOST_ENTRIES = 10_000
_MOST_BYTES = 2 << 30
# Weights hardly shrink; graphs of SavedModels do by some ten times.
_MOST_RATIO, _SMALL_BYTES = 200, 16 << 20
_MOST_HEADER_BYTES = 1 << 20
_BLOCK = 1 << 20
_DAMAGED = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    NotImplementedError,
    RuntimeError,  # A password is needed.
    struct.error,
)
# What says that a folder itself is a model, or that a file is one.
_SAVED_MODEL, _RECORD = "saved_model.pb", "checkpoint"
_FILE_ENDINGS = (".tflite", ".pdparams", ".safetensors", ".pt", ".pth")
_LISTED = 5


def recognises(path: pathlib.Path) -> bool:
    """Whether it is called an archive."""
    try:
        return path.is_file() and path.name.lower().endswith(_ENDINGS)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a temporary folder with the files of an archive; it is removed in the end.

    The folder is called as the archive is: names tell of which weights there are several.

    Raises: InputError if the archive is damaged, too large, or holds anything but files and folders
    with names inside of it.
    """
    with tempfile.TemporaryDirectory(prefix="movinet_") as temporary:
        folder = pathlib.Path(temporary) / _stem(path)
        folder.mkdir()
        try:
            unpack = _unpack_zip if zipfile.is_zipfile(path) else _unpack_tar
            unpack(path, folder, _Budget(path))
        except InputError:
            raise
        except _DAMAGED as error:
            raise InputError(f"The archive {path} is damaged ({_reason(error)}).") from error
        except OSError as error:
            raise InputError(
                f"The archive {path} cannot be unpacked ({error.strerror or _reason(error)})."
            ) from error
        yield folder


def find(folder: pathlib.Path) -> pathlib.Path:
    """Returns the one thing in a folder, or in those in it, that holds weights.

    Raises: InputError if there is none, or if there are several, which it lists.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    models = {path.parent for path in files if path.name == _SAVED_MODEL}
    found: list[pathlib.Path] = sorted(models)
    free = [path for path in files if not any(model in path.parents for model in models)]
    recorded = {path.parent for path in free if path.name == _RECORD}
    found += sorted(recorded)
    for path in free:
        if path.suffix == ".index" and path.parent not in recorded:
            found.append(path.with_suffix(""))
        # The published state dicts of the PyTorch port have no ending, but this in their names.
        elif path.suffix in _FILE_ENDINGS or "statedict" in path.name:
            found.append(path)
    names = [str(path.relative_to(folder)) for path in found]
    if not found:
        held = ", ".join(str(path.relative_to(folder)) for path in files[:_LISTED]) or "nothing"
        raise InputError(f"The archive {folder.name} holds no weights that are known, but {held}.")
    if len(found) > 1:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        raise InputError(
            f"The archive {folder.name} holds the weights of several models: "
            f"{', '.join(names[:_LISTED])}{more}. Unpack it and name one of them."
        )
    return found[0]


class _Budget:
    """Counts what comes out of an archive, and ends it before there is too much."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        packed = path.stat().st_size
        self._bytes_left = min(_MOST_BYTES, max(packed * _MOST_RATIO, _SMALL_BYTES))
        self._entries_left = _MOST_ENTRIES

    def place(self, folder: pathlib.Path, name: str, is_plain: bool) -> pathlib.Path:
        """Where an entry goes. Raises InputError if it may not be there."""
        self._entries_left -= 1
        if self._entries_left < 0:
            raise InputError(f"The archive {self._path} has more than {_MOST_ENTRIES:,} entries.")
        if not is_plain:
            raise InputError(
                f"The archive {self._path} holds {name!r}, which is neither a file nor a folder: "
                "links and devices are refused."
            )
        pure = pathlib.PurePosixPath(name)
        outside = pure.is_absolute() or ".." in pure.parts
        if outside or any(letter in name for letter in "\\\0"):
            raise InputError(f"The archive {self._path} holds {name!r}, a name outside of it.")
        return folder.joinpath(*pure.parts)

    def spend(self, count: int) -> None:
        """Counts bytes. Raises InputError if there are too many."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise InputError(
                f"The archive {self._path} is refused: unpacked it is more than "
                f"{_MOST_BYTES >> 30} GiB, or more than {_MOST_RATIO} times its size."
            )


class _Counted:
    """A stream that counts what is read from it: headers, and what is passed over, too."""

    def __init__(self, file: IO[bytes], budget: _Budget) -> None:
        self._file, self._budget = file, budget

    def read(self, size: int) -> bytes:
        """Returns the next bytes."""
        block = self._file.read(size)
        self._budget.spend(len(block))
        return block


class _Header(tarfile.TarInfo):
    """A header that ends the reading if it is damaged; the library would end the archive there."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        """Reads a header. Raises ReadError."""
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends in the middle")
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error
        # The library holds these in memory.
        if header.type not in tarfile.REGULAR_TYPES and header.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header


def _unpack_tar(path: pathlib.Path, folder: pathlib.Path, budget: _Budget) -> None:
    with contextlib.ExitStack() as stack:
        file: Any = stack.enter_context(open(path, "rb"))
        compressed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if compressed:
            file = stack.enter_context(gzip.GzipFile(fileobj=file))
        stream = _Counted(file, budget)
        archive = tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header)  # type: ignore[call-overload]
        for member in stack.enter_context(archive):
            plain = (member.isreg() or member.isdir()) and not member.issparse()
            target = budget.place(folder, member.name, plain)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                _copy(archive.extractfile(member), target, member.size)
        while stream.read(_BLOCK):  # The sum of all stands at the end of gzip.
            pass


def _unpack_zip(path: pathlib.Path, folder: pathlib.Path, budget: _Budget) -> None:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            plain = kind in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG)
            target = budget.place(folder, info.filename, plain)
            if info.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                with archive.open(info) as source:
                    _copy(_Counted(source, budget), target, info.file_size)


def _copy(source: Any, target: pathlib.Path, size: int) -> None:
    """Writes a file that is not there yet. Raises EOFError if it is shorter than it says."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as file:
        while block := source.read(_BLOCK):
            file.write(block)
        if file.tell() != size:
            raise EOFError("it ends in the middle")


def _stem(path: pathlib.Path) -> str:
    for ending in _ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)] or "archive"
    return path.name


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

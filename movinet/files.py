"""Writing files so that a reader never meets half of one, and telling large ones apart."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from movinet.errors import InputError

_SAMPLED_BYTES = 1 << 15


@contextlib.contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`; on success it is flushed and renamed.

    On any error the temporary file is removed and `path` is left as it was.
    """
    target = pathlib.Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        flush(aside)
        os.replace(aside, target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # There may be no folder that it could be in.
            aside.unlink()


def flush(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the names in a folder, are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` as UTF-8, aside and then renamed."""
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def write_folder_aside(path: str | os.PathLike[str], marker: str) -> Iterator[pathlib.Path]:
    """Yields a temporary folder beside `path`, not yet made; on success it takes its place.

    On any error the temporary folder is removed and `path` is left as it was.

    Args: marker: a file by which a folder that may be replaced is known.
    Raises: InputError if `path` is something else, or cannot be written.
    """
    target = pathlib.Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise InputError(f"{path} is a file; name a folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise InputError(
            f"{path} holds something else (there is no {marker} in it), so it is not replaced: "
            "name another folder."
        )
    aside, old = (
        target.with_name(f".{target.name}.{os.getpid()}.{ending}") for ending in ("part", "old")
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        _swap(target, aside, old)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap(target: pathlib.Path, aside: pathlib.Path, old: pathlib.Path) -> None:
    """Puts `aside` in the place of `target`, which may not be there, by two renames."""
    if not target.exists():
        os.replace(aside, target)
        return
    os.replace(target, old)
    try:
        os.replace(aside, target)
    except BaseException:
        os.replace(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sample(path: str | os.PathLike[str]) -> bytes:
    """Returns size, start and end of a file: a video hardly changes without one of them."""
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        start = file.read(_SAMPLED_BYTES)
        file.seek(max(len(start), size - _SAMPLED_BYTES))
        return size.to_bytes(8, "big") + start + file.read(_SAMPLED_BYTES)

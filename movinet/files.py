"""Writing files so that a reader never meets half of one."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from movinet.errors import InputError


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
        with open(aside, "rb") as written:
            os.fsync(written.fileno())
        os.replace(aside, target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` as UTF-8, aside and then renamed."""
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")

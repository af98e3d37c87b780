"""Lists as text: one thing a line."""

import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from movinet.errors import InputError


class Line(NamedTuple):
    """A line that is not blank; where: file and line, for messages; number: from 1."""

    where: str
    number: int
    text: str


def read_lines(path: str | os.PathLike[str]) -> Iterator[Line]:
    """Yields the lines of a list in UTF-8 that are not blank, as they stand.

    Raises: InputError if it cannot be read.
    """
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the list {path}: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Line(f"{path}, line {number}", number, line)

"""Lists as text: one thing a line, out of files that nobody trusts, and names as one line."""

import os
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from movinet.errors import InputError

MAX_LIST_BYTES = 1 << 28
# Controls, halves of pairs, and what starts a new line: no printed line may hold them.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


class Line(NamedTuple):
    """A line that is not blank; where: file and line, for messages; number: from 1."""

    where: str
    number: int
    text: str


def read_lines(path: str | os.PathLike[str]) -> Iterator[Line]:
    """Yields the lines of a list in UTF-8 that are not blank, as they stand.

    Raises: InputError if it cannot be read.
    """
    check_list(path)
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the list {os.fspath(path)}: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Line(f"{os.fspath(path)}, line {number}", number, line)


def check_list(path: str | os.PathLike[str], what: str = "the list") -> None:
    """Raises InputError for what must not be read as a list, such as a pipe that never ends."""
    try:
        size, problem = os.stat(path).st_size, ""
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read {what} {os.fspath(path)}: {error}.") from error
    if not os.path.isfile(path):
        problem = "it is no file"
    elif size > MAX_LIST_BYTES:
        problem = f"it has more than {MAX_LIST_BYTES >> 20} MiB"
    if problem:
        raise InputError(f"Cannot read {what} {os.fspath(path)}: {problem}.")


def one_line(name: str) -> str:
    r"""Returns a name of a file as text for lists, reports and terminals; different names differ.

    Bytes that are no UTF-8 become `\xff`, controls and ends of lines `\x1b` or `\u2028`, and a
    backslash two.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(map(_escape, name))


def _escape(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # How Python holds a byte that is no UTF-8.
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in _UNPRINTABLE:
        return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
    return character

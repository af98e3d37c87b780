"""The lines of a document that a benchmark writes, between two markers."""

import os
import pathlib

from movinet import files
from movinet.errors import InputError


def markers(name: str) -> tuple[str, str]:
    """Returns the two comments between which a document has the lines of that name."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def replaced(path: pathlib.Path, name: str, lines: list[str]) -> str:
    """Returns the text of a document with `lines` between its markers.

    Raises: InputError if it is not there or has no markers.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    begin, end = markers(name)
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise InputError(f"{path} has no place for the tables: {begin} and {end}.")
    return "\n".join([before + begin, "", *lines, "", end + after])


def update(
    document: str, name: str, lines: list[str], picture: str | None = None, words: str = ""
) -> None:
    """Writes `lines` into a document, below a picture (path, and words for it) if there is one.

    Raises: InputError if the document is not there or has no markers.
    """
    path = pathlib.Path(document)
    if picture:
        lines = [f"![{words}]({os.path.relpath(picture, path.parent)})", "", *lines]
    files.write_text(path, replaced(path, name, lines))

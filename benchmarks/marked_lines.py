"""The lines of a document that a benchmark writes, between two markers."""

import pathlib

from movinet.errors import InputError


def replaced(path: pathlib.Path, name: str, lines: list[str]) -> str:
    """Returns the text of a document with `lines` between `<!-- name: begin -->` and `end`.

    Raises: InputError if it is not there or has no markers.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        raise InputError(f"{path} has no place for the tables: {begin} and {end}.")
    before, after = text.split(begin)[0], text.split(end)[1]
    return "\n".join([before + begin, "", *lines, "", end + after])

"""Names of classes: what one may be, files of them, and their order."""

import os
import pathlib
import re
from collections.abc import Collection, Sequence

from movinet.data.sources import text_lines
from movinet.errors import InputError

_LONGEST_LABEL = 500
_NOT_IN_A_WORD = re.compile(r"[^a-z0-9]+")


def check_label(label: str, where: str | os.PathLike[str]) -> None:
    """Raises InputError for a class name that a line of a label file cannot hold."""
    if (
        not label
        or label != label.strip()
        or not label.isprintable()
        or len(label) > _LONGEST_LABEL
    ):
        raise InputError(
            f"{where}: {label!r:.100} is no class name: it must be printable, on one line, without "
            f"blanks at its ends, and of at most {_LONGEST_LABEL} characters."
        )


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Reads class names in index order, one a line; raises InputError if one is empty or twice."""
    text_lines.check_list(path, "the labels in")
    try:
        labels = pathlib.Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the labels in {path}: {error}.") from error
    if not labels:
        raise InputError(f"The label file {path} is empty.")
    first_lines: dict[str, int] = {}
    for line, label in enumerate(labels, 1):
        check_label(label, f"{path}, line {line}")
        if label in first_lines:
            raise InputError(f"{path}: line {line} repeats {label!r} of line {first_lines[label]}.")
        first_lines[label] = line
    return labels


def number_order(names: Collection[str], where: str | os.PathLike[str]) -> list[str]:
    """Returns class names in index order where no file of them gives it: sorted.

    Raises: InputError for numbers in the place of names that are not 0, 1, ... in full.
    """
    if not all(name.isdecimal() for name in names):
        return sorted(names)
    numbers = sorted(names, key=int)
    if [int(name) for name in numbers] != list(range(len(numbers))):
        raise InputError(
            f"{where} labels clips by number, but not by 0 to {len(numbers) - 1} without gaps: "
            "give the names of the classes with --labels."
        )
    return numbers


def names_by_number(given: Collection[str], labels: Sequence[str]) -> dict[str, str]:
    """Returns the name of each class that is given by name or by index; unknown ones as given."""
    known = set(labels)
    return {
        label: labels[int(label)]
        if label not in known and label.isdecimal() and int(label) < len(labels)
        else label
        for label in given
    }


def names_by_letters(
    found: Collection[str], labels_file: str | os.PathLike[str], where: str | os.PathLike[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the name in a label file of each class found, and all names in index order.

    Names are the same if their letters and digits are, in either case: copies of Kinetics write
    `tying_knot_-not_on_a_tie-` for `tying knot (not on a tie)`.

    Raises: InputError if the file lacks one.
    """
    labels = tuple(read_labels(labels_file))
    known = {_letters(label): label for label in labels}
    for name in sorted(found):
        if _letters(name) not in known:
            raise InputError(f"{where} has the class {name!r}, which {labels_file} does not list.")
    return {name: known[_letters(name)] for name in found}, labels


def _letters(name: str) -> str:
    return _NOT_IN_A_WORD.sub("", name.lower())

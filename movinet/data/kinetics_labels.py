"""The class names of Kinetics, in the order of the published models' logits."""

import pathlib
from collections.abc import Sequence

from movinet.data.sources.labels import read_labels

_FOLDER = pathlib.Path(__file__).with_name("labels")
NAMES = {"kinetics400": 400, "kinetics600": 600}
"""Of the lists, and how many classes each has."""


def find(name: str) -> tuple[str, ...]:
    """Returns the labels of a list of NAMES."""
    return tuple(read_labels(_FOLDER / f"kinetics_{NAMES[name]}.txt"))


def choose(given: str | Sequence[str] | None, num_classes: int) -> tuple[str, ...]:
    """Returns class names: those given, of a list of NAMES or of a file; or, if nothing is given,
    of the list with as many classes, none if there is no such list.

    Raises: InputError if the file cannot be read.
    """
    if isinstance(given, str) and given:
        return find(given) if given in NAMES else tuple(read_labels(given))
    if given:
        return tuple(given)
    return next((find(name) for name, count in NAMES.items() if count == num_classes), ())

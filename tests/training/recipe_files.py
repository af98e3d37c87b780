"""The recipes of configs/, each read once for all tests."""

import functools

from movinet.training import recipes

NAMES = sorted(path.name for path in recipes.FOLDER.glob("movinet_*.yaml"))


@functools.cache
def read(name: str) -> recipes.Recipe:
    """The recipe in the file of that name; tests that change it change a copy."""
    return recipes.read(recipes.FOLDER / name)

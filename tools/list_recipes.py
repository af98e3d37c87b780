"""Prints the recipes of configs/ with what each trains on, what is published, and what it costs.

python3 tools/list_recipes.py
"""

import os

import project  # noqa: F401  (first: makes movinet importable)

from movinet import cli

_HEADER = (
    "| recipe | data | training clip | validation clip | batch | steps | published | operations |"
)


def main() -> None:
    """Prints the table."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from movinet.training import recipes

    print(_HEADER)
    print("|" + "---|" * (_HEADER.count("|") - 1))
    for recipe in recipes.read_all():
        print(recipes.row(recipe))


if __name__ == "__main__":
    cli.run(main)

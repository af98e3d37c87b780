"""Prints the published variants: what is computed from the architecture beside what is published.

python3 tools/list_presets.py
"""

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli, variant_table
from movinet.presets import PRESETS

FLAGS = flags.FLAGS

_NUM_CLASSES = flags.DEFINE_integer("num_classes", 600, "Number of classes (default 600).", 1)


def main() -> None:
    """Prints the table."""
    rows = (variant_table.cells(preset, _NUM_CLASSES.value) for preset in PRESETS.values())
    print("\n".join(variant_table.lines(variant_table.HEADER, rows)))
    print("", *variant_table.FOOTNOTE, sep="\n")


if __name__ == "__main__":
    cli.run(main)

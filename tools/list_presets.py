"""Prints the published variants: what is computed from the architecture beside what is published.

python3 tools/list_presets.py
"""

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli, complexity
from movinet.presets import PRESETS, Preset

FLAGS = flags.FLAGS

_NUM_CLASSES = flags.DEFINE_integer("num_classes", 600, "Number of classes (default 600).", 1)

_HEADER = (
    "| variant | input (frames x pixels x pixels) | fps | parameters | published "
    "| GFLOPs | published | top-1 % | top-5 % |"
)


def _optional(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _row(preset: Preset, num_classes: int) -> str:
    cost = complexity.count(preset, num_classes)
    size = f"{preset.num_frames} x {preset.image_size} x {preset.image_size}"
    cells = (
        preset.name,
        size,
        f"{preset.fps:.3g}",
        f"{cost.parameters:,}",
        f"{preset.parameters:,}",
        f"{cost.multiply_adds(preset.num_frames) / 1e9:.2f}",
        _optional(preset.gflops),
        f"{preset.top1:.2f}",
        _optional(preset.top5),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    print(_HEADER)
    print("|" + "---|" * (_HEADER.count("|") - 1))
    for preset in PRESETS.values():
        print(_row(preset, _NUM_CLASSES.value))
    print("\nGFLOPs are multiply-adds of one evaluation clip in 1e9; parameters include batch-norm")
    print("statistics, published for 600 classes.")


if __name__ == "__main__":
    cli.run(main)

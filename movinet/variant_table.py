"""The published variants as rows of a table: what is computed beside what is published."""

from collections.abc import Iterable

from movinet import complexity
from movinet.presets import EnsemblePreset, Preset

HEADER = (
    "variant",
    "input (frames x pixels x pixels)",
    "fps",
    "parameters",
    "published",
    "GFLOPs",
    "published",
    "top-1 %",
    "top-5 %",
)
FOOTNOTE = (
    "GFLOPs are multiply-adds of one evaluation clip in 1e9; parameters include batch-norm",
    "statistics, published for 600 classes.",
)
UNKNOWN = "-"


def cells(variant: Preset | EnsemblePreset, num_classes: int = 600) -> tuple[str, ...]:
    """Returns the row of a variant, as `HEADER` has its columns; an ensemble's costs add up."""
    members = variant.members if isinstance(variant, EnsemblePreset) else (variant,)
    costs = [complexity.count(member, num_classes) for member in members]
    multiply_adds = sum(cost.multiply_adds(cost.preset.num_frames) for cost in costs)
    return (
        variant.name,
        f"{variant.num_frames} x {variant.image_size} x {variant.image_size}",
        f"{variant.fps:.3g}",
        f"{sum(cost.parameters for cost in costs):,}",
        f"{variant.parameters:,}",
        f"{multiply_adds / 1e9:.2f}",
        UNKNOWN if variant.gflops is None else f"{variant.gflops:g}",
        UNKNOWN if variant.top1 is None else f"{variant.top1:.2f}",
        UNKNOWN if variant.top5 is None else f"{variant.top5:g}",
    )


def lines(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Returns a table in Markdown."""
    header = list(header)
    return [
        f"| {' | '.join(row)} |" if row else "|" + "---|" * len(header)
        for row in (header, [], *map(list, rows))
    ]

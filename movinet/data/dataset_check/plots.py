"""Pictures of a dataset as a whole: how many clips each class has, how long and large they are."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movinet.data.dataset_check.findings import Dataset

_COLORS = {"train": "#0072B2", "validation": "#E69F00", "test": "#009E73", "all": "#0072B2"}
_INK, _MUTED, _GRID = "#0f172a", "#64748b", "#e2e8f0"
_MOST_NAMED = 60
_LONGEST_NAME = 32
_BINS = 30


def draw_class_balance(counts: Mapping[str, Mapping[str, int]], splits: Sequence[str]) -> bytes:
    """Returns a PNG of the clips per class and split, the largest class first; classes beyond 60
    are drawn without their names.
    """
    labels = sorted(counts, key=lambda label: (-sum(counts[label].values()), label))
    named = len(labels) <= _MOST_NAMED
    figure = Figure(figsize=(9.6, 0.9 + 0.24 * len(labels) if named else 3.6), layout="constrained")
    axes = figure.subplots()
    ends = np.zeros(len(labels))
    for split in splits:
        clips = np.array([counts[label][split] for label in labels])
        if named:
            axes.barh(range(len(labels)), clips, 0.72, ends, color=_COLORS[split], label=split)
        else:
            places = np.arange(len(labels) + 1)
            low, high = (np.append(line, line[-1]) for line in (ends, ends + clips))
            axes.fill_between(
                places, low, high, step="post", color=_COLORS[split], label=split, linewidth=0
            )
        ends = ends + clips
    if named:
        # Names come from the data: a dollar sign in them is no formula.
        axes.set_yticks(range(len(labels)), [_short(label) for label in labels], parse_math=False)
        axes.invert_yaxis()
        axes.set_xlabel("clips", color=_MUTED)
        axes.margins(y=0.5 / len(labels))
    else:
        axes.set_xlabel("classes, the largest first", color=_MUTED)
        axes.set_ylabel("clips", color=_MUTED)
        axes.set_xlim(0, len(labels))
    _style(axes, "x" if named else "y")
    if len(splits) > 1:
        axes.legend(frameon=False, labelcolor=_INK, loc="lower right" if named else "upper right")
    return _to_png(figure)


def draw_distributions(dataset: Dataset) -> bytes:
    """Returns a PNG of three histograms: seconds, frames per second, pixels of the short side."""
    facts = dataset.usable.values()
    figure = Figure(figsize=(9.6, 2.7), layout="constrained")
    distributions: dict[str, list[float]] = {
        "seconds": [seen.seconds for seen in facts],
        "frames per second": [seen.frame_rate for seen in facts],
        "pixels, shorter side": [seen.short_side for seen in facts],
    }
    for axes, (title, values) in zip(figure.subplots(1, 3), distributions.items(), strict=True):
        low, high = min(values), max(values)
        # Clips that are all alike make a bar, not a wall.
        margin = 0.25 * high if high - low < 0.02 * high else 0.0
        axes.hist(values, _BINS, (low - margin, high + margin), color=_COLORS["all"])
        axes.set_title(title, fontsize=11, color=_INK, loc="left")
        _style(axes, "y")
        axes.yaxis.set_major_locator(ticker.MaxNLocator(nbins=4, integer=True))
    figure.supylabel("clips", fontsize=10, color=_MUTED)
    return _to_png(figure)


def _style(axes: Axes, grid: Literal["x", "y"]) -> None:
    axes.grid(axis=grid, color=_GRID)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _to_png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # Names in any writing.
        figure.savefig(buffer, format="png", dpi=110, facecolor="white")
    return buffer.getvalue()

"""Pictures of a training run: the confusion matrix and the curves of loss, accuracy and learning
rate.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colors, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from movinet import files

MAX_LABELLED_CLASSES = 40
MAX_COUNTED_CLASSES = 20
_TRAIN, _VALIDATION, _RATE, _GRID = "#8a9bb0", "#c2410c", "#475569", "#e2e8f0"


def draw_confusion_matrix(
    path: pathlib.Path, confusion: np.ndarray, class_names: Sequence[str], title: str
) -> None:
    """Draws the share of each true class by prediction.

    Args: confusion: clips [K, K], rows true, columns predicted. With many classes names and counts
    are left out.
    """
    classes = len(class_names)
    clips = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, clips, out=np.zeros(confusion.shape), where=clips > 0)
    labelled = classes <= MAX_LABELLED_CLASSES
    side = min(max(4.0, 0.52 * classes), 13.0) if labelled else 9.0
    figure = Figure(figsize=(side + 2.6, side + 1.6), layout="constrained")
    axes = figure.subplots()
    # Cells too small to read singly are drawn darker, or a diagonal one pixel wide would not show.
    scale = colors.PowerNorm(1.0 if labelled else 0.4, vmin=0, vmax=1)
    image = axes.imshow(shares, norm=scale, cmap="Blues", interpolation="nearest")
    if labelled:
        size = 11 if classes <= MAX_COUNTED_CLASSES else 7
        ticks = range(classes)
        axes.set_xticks(
            ticks, class_names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size
        )
        axes.set_yticks(ticks, class_names, fontsize=size)
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="both", length=0)
    if classes <= MAX_COUNTED_CLASSES:
        for row, column in np.argwhere(confusion > 0):
            color = "white" if shares[row, column] > 0.55 else "#1e293b"
            axes.text(
                column,
                row,
                str(confusion[row, column]),
                ha="center",
                va="center",
                color=color,
                fontsize=11,
            )
    axes.set_xlabel("predicted class", fontsize=12)
    axes.set_ylabel("true class", fontsize=12)
    axes.set_title(title, fontsize=14, pad=12)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(
        image, ax=axes, shrink=0.8, format=ticker.PercentFormatter(1.0, decimals=0)
    )
    bar.set_label("share of the true class", fontsize=11)
    bar.outline.set_visible(False)
    _save(figure, path)


def draw_training_curves(path: pathlib.Path, history: Sequence[dict[str, Any]], title: str) -> None:
    """Draws loss, accuracy and learning rate by step from the records of `history.jsonl`."""
    figure = Figure(figsize=(13.0, 4.2), layout="constrained")
    figure.suptitle(title, fontsize=14)
    for axes, name in zip(
        figure.subplots(1, 3), ("loss", "accuracy", "learning_rate"), strict=True
    ):
        _style(axes, name.replace("_", " "))
        for split, color in (("train", _TRAIN), ("validation", _VALIDATION)):
            points = [
                (record["step"], record[name])
                for record in history
                if record.get("split") == split and name in record
            ]
            if not points:
                continue
            steps, values = zip(*points, strict=True)
            marker = "o" if split == "validation" and len(points) <= 60 else None
            color = _RATE if name == "learning_rate" else color
            axes.plot(
                steps, values, color=color, label=split, linewidth=2, marker=marker, markersize=5
            )
        if name == "accuracy":
            axes.set_ylim(0, 1.03)
            axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=0))
        else:
            axes.set_ylim(bottom=0)
        if name == "learning_rate":
            axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        elif axes.lines:
            axes.legend(frameon=False, fontsize=11)
    _save(figure, path)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=13, loc="left")
    axes.set_xlabel("step", fontsize=11)
    axes.grid(color=_GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=True))


def _save(figure: Figure, path: pathlib.Path) -> None:
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=150, format="png", facecolor="white")

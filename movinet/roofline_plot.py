"""A picture of the roofline: every operation of a network under the roofs of devices.

Needs matplotlib (`pip install "movinet[plot]"`).
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from movinet import files, roofline
from movinet.devices import Device
from movinet.operation_counts import Operation
from movinet.streaming.plot_style import COLORS, GRID, INK, MUTED, PAPER, percent

_BLUE, _ORANGE, _GREEN, _PINK, _BROWN, _SKY = COLORS
# Circles are dense products, diamonds depthwise convolutions, squares move data and little else.
_STYLES = {
    "stem": (_SKY, "o"),
    "expansion": (_BLUE, "o"),
    "depthwise": (_PINK, "D"),
    "temporal": (_GREEN, "D"),
    "pool": (MUTED, "s"),
    "excitation": ("#a3a500", "o"),
    "gate": (_BROWN, "s"),
    "projection": (_ORANGE, "o"),
    "skip": ("#8da0cb", "o"),
    "head": ("#b3589a", "o"),
    "classifier": (INK, "o"),
}
_WIDTH, _HEIGHT = 8.6, 8.2
_LARGEST_AREA, _SMALLEST_AREA = 5000, 22
_LETTER_SHARE = 0.0125  # Of the width of a bar, that a letter of its label takes.


def draw(
    path: str | os.PathLike[str],
    operations: Sequence[Operation],
    devices: Mapping[str, Device],
    dtype: str,
    title: str,
) -> None:
    """Draws a column a device: its roofs, and how the time by them divides among kinds."""
    figure = Figure(figsize=(_WIDTH * len(devices), _HEIGHT), facecolor=PAPER, layout="constrained")
    figure.suptitle(title, fontsize=17, color=INK)
    panels = figure.subplots(2, len(devices), squeeze=False, height_ratios=[9, 1])
    for (roof, bar), device in zip(panels.T, devices.values(), strict=True):
        _panel(roof, bar, operations, device, dtype)
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", markersize=9, label=kind)
        for kind, (color, marker) in _STYLES.items()
        if any(kind == operation.kind for operation in operations)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=6 if len(devices) == 1 else len(handles),
        frameon=False,
        fontsize=13,
        labelcolor=INK,
        handletextpad=0.1,
        columnspacing=1.2,
    )
    with files.write_aside(path) as aside:
        figure.savefig(aside, dpi=110, format="png")


def _panel(
    axes: Axes, bar: Axes, operations: Sequence[Operation], device: Device, dtype: str
) -> None:
    # Operations of one kind and intensity are one point: their arithmetic, bytes and time.
    points: dict[tuple[str, str], np.ndarray] = {}
    for operation in operations:
        key = operation.kind, f"{operation.arithmetic / operation.bytes:.1e}"
        time = roofline.bound(operation, device, dtype).seconds
        amounts = np.array([operation.arithmetic, operation.bytes, time], float)
        points[key] = points.get(key, 0) + amounts
    kinds = [kind for kind, _ in points]
    arithmetic, moved, times = np.array(list(points.values())).T
    intensities, rates, whole = arithmetic / moved, arithmetic / times, times.sum()
    # The largest first, so that small ones stay on top.
    for index in np.argsort(-times):
        color, marker = _STYLES[kinds[index]]
        axes.scatter(
            intensities[index],
            rates[index],
            s=_SMALLEST_AREA + _LARGEST_AREA * times[index] / whole,
            c=color,
            marker=marker,
            alpha=0.75,
            edgecolors=PAPER,
            zorder=3,
        )
    matrix, vector, bandwidth = device.matrix_rate(dtype), device.vector, device.bandwidth
    left, right = intensities.min() / 3, 4 * max(intensities.max(), matrix / bandwidth)
    split = vector < 0.9 * matrix
    words = "dense products" if split else "arithmetic"
    _roof(axes, left, right, bandwidth, matrix, f"{dtype} {words}: {_rate(matrix)}")
    if split:
        _roof(axes, left, right, bandwidth, vector, f"all else: {_rate(vector)}")
    axes.annotate(
        f"memory: {bandwidth / 1e9:,.0f} GB/s",
        (1.25 * left, 1.25 * left * bandwidth),
        (16, -3),
        textcoords="offset points",
        fontsize=13,
        color=MUTED,
    )
    axes.set(xscale="log", yscale="log", xlim=(left, right))
    axes.set_ylim(min(rates.min(), left * bandwidth) / 2, 4 * matrix)
    axes.set_title(
        f"{device.title}: {_time(whole)} by the roofline",
        fontsize=15,
        color=INK,
        loc="left",
        pad=10,
    )
    axes.set_xlabel("operations a byte", fontsize=13, color=MUTED)
    axes.set_ylabel("operations a second, at most", fontsize=13, color=MUTED)
    axes.tick_params(which="both", length=0, labelsize=12, labelcolor=MUTED)
    axes.grid(color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    _shares(bar, kinds, times / whole)


def _shares(axes: Axes, kinds: Sequence[str], shares: np.ndarray) -> None:
    """Draws how the time divides among the kinds."""
    left = 0.0
    for kind, (color, _) in _STYLES.items():
        share = sum(part for name, part in zip(kinds, shares, strict=True) if name == kind)
        axes.barh(0, share, left=left, color=color, edgecolor=PAPER, linewidth=1.5)
        if share > _LETTER_SHARE * len(kind):
            words = f"{kind}\n{percent(share)}"
            axes.text(
                left + share / 2, 0, words, ha="center", va="center", color=PAPER, fontsize=12
            )
        left += share
    axes.set(xlim=(0, 1))
    axes.set_axis_off()


def _roof(axes: Axes, left: float, right: float, bandwidth: float, peak: float, label: str) -> None:
    line = [left, peak / bandwidth, right]
    axes.plot(line, [left * bandwidth, peak, peak], color=INK, linewidth=1.6, zorder=2)
    axes.annotate(
        label,
        (right, peak),
        (-6, 14),
        textcoords="offset points",
        ha="right",
        fontsize=13,
        color=MUTED,
    )


def _rate(value: float) -> str:
    return f"{value / 1e12:.3g} T/s" if value >= 1e12 else f"{value / 1e9:.3g} G/s"


def _time(value: float) -> str:
    return f"{1e3 * value:.3g} ms" if value >= 1e-3 else f"{1e6 * value:.3g} µs"

"""The time that the peak rates of a device permit for the arithmetic and the traffic counted.

The roofline model, https://doi.org/10.1145/1498765.1498785: an operation takes as long as its
arithmetic at the peak rate, or as its bytes at the peak bandwidth, whichever is longer. Operations
run one after another. Launching one costs nothing here, but microseconds on a real GPU, so that
small workloads stay far above their time; and where activations stay in a cache, as those of a few
frames do in a CPU, the time can be shorter than that of their bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from movinet.devices import Device
from movinet.operation_counts import VECTOR_KINDS, Operation, total


class Bound(NamedTuple):
    """The seconds of an operation's arithmetic, and of its traffic."""

    arithmetic: float
    memory: float

    @property
    def seconds(self) -> float:
        """The longer."""
        return max(self)


def bound(operation: Operation, device: Device, dtype: str) -> Bound:
    """Returns the time of one operation."""
    dense = 0 if operation.kind in VECTOR_KINDS else 2 * operation.multiply_adds
    matrix_rate = device.matrix_rate(dtype)
    parts = dense / matrix_rate, (operation.arithmetic - dense) / device.vector
    # Different units work at the same time. Equal rates are those of the same units.
    arithmetic = sum(parts) if matrix_rate == device.vector else max(parts)
    return Bound(arithmetic, operation.bytes / device.bandwidth)


_COUNTS = ("multiply_adds", "element_wise", "activation_bytes", "weight_bytes", "state_bytes")
_GROUPS = {"operation": ("layer", "kind"), "layer": ("layer",), "kind": ("kind",), "": ()}
GROUPINGS = ("layer", "kind", "operation")


def records(
    operations: Sequence[Operation], devices: Mapping[str, Device], dtype: str, by: str
) -> Iterator[dict[str, Any]]:
    """Yields counts, and for each device the seconds and the share of them that memory limits.

    Args: by: what is summed up, one of `GROUPINGS`; nothing for a single record of everything.
    """
    groups: dict[tuple[str, ...], list[Operation]] = {}
    for operation in operations:
        key = tuple(getattr(operation, name) for name in _GROUPS[by])
        groups.setdefault(key, []).append(operation)
    for key, group in groups.items():
        record: dict[str, Any] = dict(zip(_GROUPS[by], key, strict=True))
        record |= {field: total(group, field) for field in (*_COUNTS, "bytes")}
        record["operations_a_byte"] = total(group, "arithmetic") / record["bytes"]
        for name, device in devices.items():
            bounds = [bound(operation, device, dtype) for operation in group]
            whole = sum(b.seconds for b in bounds)
            record[f"{name}_seconds"] = whole
            limited = sum(b.seconds for b in bounds if b.memory > b.arithmetic)
            record[f"{name}_memory_share"] = limited / whole
        yield record


def table(
    operations: Sequence[Operation], devices: Mapping[str, Device], dtype: str, by: str
) -> Iterator[str]:
    """Yields the lines of a table, the last of them for everything."""
    header = [*_GROUPS[by], "multiply-adds, M", "element-wise, M"]
    header += ["activations, MB", "weights, MB", "states, MB", "operations / byte"]
    for name in devices:
        header += [f"{name}, µs", "of it memory"]
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    everything = list(records(operations, devices, dtype, ""))
    for record in (*records(operations, devices, dtype, by), *everything):
        names = [record.get(name, "all") for name in _GROUPS[by]]
        cells = [f"{record[field] / 1e6:,.2f}" for field in _COUNTS]
        cells.append(f"{record['operations_a_byte']:.1f}")
        for name in devices:
            cells += [f"{1e6 * record[name + '_seconds']:,.1f}"]
            cells += [f"{record[name + '_memory_share']:.0%}".replace("%", " %")]
        yield f"| {' | '.join(names + cells)} |"

r"""Counts arithmetic and memory traffic of a variant, and the time a device's peaks permit.

    python3 tools/count_operations.py --preset=a0_stream --frames=1 --device=a100 --dtype=bfloat16
    python3 tools/count_operations.py --preset=a0_base --training --device=a100,tpu_v5e \
        --batch_size=64 --dtype=bfloat16 --plot=roofline.png

Everything is computed from the architecture; nothing is built or run, but for --device=this, which
measures this CPU for a second. docs/scaling.md says what is counted.
"""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli, complexity, devices, files, operation_counts, roofline
from movinet.errors import InputError
from movinet.operation_counts import Workload
from movinet.presets import PRESETS

_PRESET = flags.DEFINE_enum("preset", "a0_base", sorted(PRESETS), "Variant (default a0_base).")
_FRAMES = flags.DEFINE_integer("frames", None, "Frames a clip (default: as evaluated).", 1)
_SIZE = flags.DEFINE_integer("image_size", None, "Height and width (default: as evaluated).", 1)
_BATCH = flags.DEFINE_integer("batch_size", 1, "Clips (default 1).", 1)
_CLASSES = flags.DEFINE_integer("num_classes", 600, "Number of classes (default 600).", 1)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", list(operation_counts.DTYPES), "Type of a value (default float32)."
)
_TRAINING = flags.DEFINE_bool("training", False, "A training step, not inference.")
_WHOLE = flags.DEFINE_bool("whole_kernels", False, "Depthwise 3-D kernels run in one pass.")
_FUSED = flags.DEFINE_bool("fused", True, "Element-wise chains move nothing (default).")
_BY = flags.DEFINE_enum("by", "layer", list(roofline.GROUPINGS), "What a row is (default layer).")
_DEVICES = flags.DEFINE_list(
    "device", ["a100"], f"Of {', '.join(devices.DEVICES)}, this (default a100)."
)
_OUTPUT = flags.DEFINE_string("output", None, "File for all operations: .csv or .json.")
_PLOT = flags.DEFINE_string("plot", None, "File for a roofline plot (.png).")


def main() -> None:
    """Prints the table and writes the files."""
    preset = PRESETS[_PRESET.value]
    if _TRAINING.value and _DTYPE.value == "int8":
        raise InputError("Nothing trains in int8: leave out --training or choose another --dtype.")
    if _OUTPUT.value and not _OUTPUT.value.endswith((".csv", ".json")):
        raise InputError(f"--output must end in .csv or .json, not {_OUTPUT.value!r}.")
    draw = _import_plot() if _PLOT.value else None
    work = Workload(
        _FRAMES.value or preset.num_frames,
        _SIZE.value or preset.image_size,
        _BATCH.value,
        _DTYPE.value,
        _TRAINING.value,
        _WHOLE.value,
    )
    operations = complexity.operations(preset, work, _CLASSES.value)
    if not _FUSED.value:
        operations = [operation.unfused() for operation in operations]
    chosen = {name: devices.find(name) for name in _DEVICES.value}
    clips = f"{work.batch_size} x {work.num_frames} x {work.image_size} x {work.image_size}"
    what = "training step" if work.training else "inference"
    title = f"{preset.name}, {what}, clips {clips}, {work.dtype}"
    print(f"{title}\n")
    for line in roofline.table(operations, chosen, work.dtype, _BY.value):
        print(line)
    for device in chosen.values():
        print(f"\n{device.title}: {device.source}.")
    if _OUTPUT.value:
        files.write_text(
            _OUTPUT.value,
            _dump(list(roofline.records(operations, chosen, work.dtype, "operation"))),
        )
        print(f"\noperations: {_OUTPUT.value}")
    if draw:
        draw(_PLOT.value, operations, chosen, work.dtype, title)
        print(f"plot: {_PLOT.value}")


def _dump(records: list[dict[str, Any]]) -> str:
    if _OUTPUT.value.endswith(".json"):
        return json.dumps(records, indent=1) + "\n"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _import_plot() -> Callable[..., None]:
    try:
        from movinet import roofline_plot
    except ImportError as error:
        raise InputError(
            f'--plot needs matplotlib ({error}): pip install "movinet[plot]".'
        ) from error
    return roofline_plot.draw


if __name__ == "__main__":
    cli.run(main)

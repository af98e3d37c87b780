"""Smaller numbers for an exported model, without losing what it knows.

The work is done by AI Edge Quantizer; here is which layer gets what. Three things decide whether a
MoViNet survives integers (`benchmarks/formats.py` has the figures):

- Ranges are the extremes ever seen while whole videos stream through the model with their states
  (`movinet.export.calibration`). The quantizer's own moving average of them cuts off what layers
  rarely say, and it is the rare that tells classes apart.
- What a pool sums and divides stays in float32: the sum grows as long as the video lasts.
- A kernel over time is one depthwise convolution, with a scale for each channel.
"""

import contextlib
import io
import re
from collections.abc import Sequence

import numpy as np
from ai_edge_quantizer import qtyping, quantizer

from movinet.errors import InputError
from movinet.export.calibration import Ranges
from movinet.export.integer_ends import make_integer
from movinet.export.litert_file import Graph, list_outputs
from movinet.export.litert_settings import CALIBRATED, PRECISIONS

_POOLS = "_pool/"
_ACTIVATION_BITS = {"int_float_fallback": 8, "int8": 8, "int16x8": 16}
_NO_QUANTIZATION = quantizer.AlgorithmName.NO_QUANTIZE
_ALL = qtyping.TFLOperationName.ALL_SUPPORTED
_CONVOLUTIONS = (
    qtyping.TFLOperationName.CONV_2D,
    qtyping.TFLOperationName.DEPTHWISE_CONV_2D,
    qtyping.TFLOperationName.FULLY_CONNECTED,
)


def quantize(
    content: bytes,
    precision: str,
    ranges: Ranges | None = None,
    *,
    only: str = "",
    keep_float: Sequence[str] = (),
) -> bytes:
    """Returns a float32 model in another precision.

    Args:
      content: of the `.tflite` file; for integers one converted with `split_hard_swish`.
      precision: one of PRECISIONS.
      ranges: of all tensors, for the precisions that are CALIBRATED.
      only: regular expression of the layers to quantise; '' for all.
      keep_float: regular expressions of layers to leave in float32.

    Raises: InputError for an unknown precision, or one that needs ranges without them.
    """
    if precision == "float32":
        return content
    if precision not in PRECISIONS:
        raise InputError(f"No precision {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    if precision in CALIBRATED and ranges is None:
        raise InputError(f"The precision {precision} needs videos to calibrate with.")
    scope = only or ".*"
    work = quantizer.Quantizer(bytearray(content))
    bits = _ACTIVATION_BITS.get(precision)
    if bits:
        work.add_static_config(scope, _ALL, bits, 8)
    for operation in () if bits else _CONVOLUTIONS:
        if precision == "float16":
            casting = quantizer.AlgorithmName.FLOAT_CASTING
            work.add_weight_only_config(scope, operation, 16, algorithm_key=casting)
        elif precision == "int8_weights":
            work.add_weight_only_config(scope, operation, 8)
        elif operation != qtyping.TFLOperationName.DEPTHWISE_CONV_2D:
            # No fast kernel has a depthwise convolution of this kind, and its weights are few.
            work.add_dynamic_config(scope, operation, 8)
    for kept in (_POOLS, *_pool_states(content), *keep_float):
        work.update_quantization_recipe(kept, _ALL, None, _NO_QUANTIZATION)
    ends = (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT)
    for end in ends:
        work.update_quantization_recipe(".*", end, None, _NO_QUANTIZATION)
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        result = work.quantize(
            _statistics(ranges) if bits and ranges is not None else None,
            enable_progress_bar=False,
            enable_progress_report=False,
        )
    quantised = list_outputs(bytes(result.quantized_model))
    return make_integer(quantised) if precision == "int8" else quantised


def _pool_states(content: bytes) -> list[str]:
    """Returns what matches the ops that make the sums and counters of the next frame.

    The converter names them after the output, not after the layer that they belong to.
    """
    graph = Graph(content)
    return [
        f"^{re.escape(graph.name(tensor))}(;|$)"
        for name, tensor in graph.outputs().items()
        if name.endswith(("_pool_buffer", "_frame_count"))
    ]


def _statistics(ranges: Ranges) -> dict[str, dict[str, np.ndarray]]:
    """Ranges in the form of the quantizer."""
    return {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ranges.items()
    }

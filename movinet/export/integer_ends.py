"""Integer images and stream buffers for a quantised model: no conversion on the way in and out.

The quantizer leaves either all ends of a graph in float or none. A stream needs both: buffers pass
from frame to frame as the integers that they are, while the sums of the pools stay in float.
"""

from typing import Any

from movinet.export.litert_file import Graph
from movinet.streaming.video_model import IMAGE

_MOVES = {"RESHAPE", "STRIDED_SLICE", "CONCATENATION", "SPLIT", "PAD"}
"""Ops that move values and compute none."""


def is_integer_end(name: str) -> bool:
    """Whether an input or output of that name becomes an integer."""
    return name == IMAGE or "_stream_buffer" in name


def moved_together(graph: Graph) -> list[set[str]]:
    """Returns groups of tensors, by name, that hold the same values at other places or times.

    What an op only moves, and what goes out as a state and comes in again with the next frame, must
    be quantised alike, or it would be rounded anew on each way.
    """
    pairs = [
        (first, second)
        for operation in graph.operations()
        if operation.name in _MOVES
        for first in operation.outputs[:1]
        for second in (*_data_inputs(operation), *operation.outputs[1:])
    ]
    outputs = graph.outputs()
    pairs += [(index, outputs[name]) for name, index in graph.inputs().items() if name in outputs]
    leader = list(range(len(graph.subgraph.tensors)))

    def find(tensor: int) -> int:
        while leader[tensor] != tensor:
            tensor = leader[tensor]
        return tensor

    for first, second in pairs:
        leader[find(second)] = find(first)
    groups: dict[int, set[str]] = {}
    for tensor in {tensor for pair in pairs for tensor in pair}:
        groups.setdefault(find(tensor), set()).add(graph.name(tensor))
    return list(groups.values())


def _data_inputs(operation: Any) -> tuple[int, ...]:
    """Returns the inputs that hold values, not shapes or axes."""
    if operation.name == "CONCATENATION":
        return operation.inputs
    return operation.inputs[1:2] if operation.name == "SPLIT" else operation.inputs[:1]


def make_integer(content: bytes) -> bytes:
    """Returns the model with its image and its stream buffers as integers.

    A buffer around which layers stay in float stays in float too.
    """
    graph = Graph(content)
    # Backwards, since what goes out as one frame of a buffer may be what came in as the next one.
    for name, index in sorted(graph.inputs().items(), reverse=True):
        quantizes = _quantize_behind(graph, index)
        if not is_integer_end(name) or not quantizes:
            continue
        output = graph.outputs().get(name)
        dequantize = None if output is None else _dequantize_before(graph, output)
        source = output if dequantize is None else dequantize.inputs[0]
        steps = _steps(graph, quantizes[0].outputs[0])
        if source is not None and _steps(graph, source) != steps:
            continue
        _skip_quantize(graph, index, quantizes)
        if dequantize is not None:
            _skip_dequantize(graph, name, dequantize)
    return graph.content()


def _quantize_behind(graph: Graph, tensor: int) -> list[Any]:
    """Returns the QUANTIZE ops that read a tensor, if nothing else does."""
    readers = [operator for operator in graph.subgraph.operators if tensor in operator.inputs]
    quantizes = [operator for operator in readers if graph.operation_name(operator) == "QUANTIZE"]
    return quantizes if len(quantizes) == len(readers) else []


def _dequantize_before(graph: Graph, tensor: int) -> Any:
    """Returns the DEQUANTIZE op that makes a tensor, None if another op does."""
    makers = [operator for operator in graph.subgraph.operators if tensor in operator.outputs]
    if makers and graph.operation_name(makers[0]) == "DEQUANTIZE":
        return makers[0]
    return None


def _skip_quantize(graph: Graph, index: int, quantizes: list[Any]) -> None:
    """Makes an input what the QUANTIZE ops behind it made of it."""
    quantized = graph.subgraph.tensors[quantizes[0].outputs[0]]
    tensor = graph.subgraph.tensors[index]
    tensor.type, tensor.quantization = quantized.type, quantized.quantization
    replaced = {quantize.outputs[0] for quantize in quantizes}
    graph.subgraph.operators = [
        operator for operator in graph.subgraph.operators if operator not in quantizes
    ]
    for operator in graph.subgraph.operators:
        operator.inputs = [index if used in replaced else used for used in operator.inputs]


def _skip_dequantize(graph: Graph, name: str, dequantize: Any) -> None:
    """Makes an output what the DEQUANTIZE op before it reads."""
    old, new = dequantize.outputs[0], dequantize.inputs[0]
    for entry in graph.signature.outputs:
        if entry.name.decode() == name:
            entry.tensorIndex = new
    graph.subgraph.outputs = [new if used == old else used for used in graph.subgraph.outputs]
    graph.subgraph.operators.remove(dequantize)


def _steps(graph: Graph, tensor: int) -> tuple[int, float, int] | None:
    """Returns type, scale and zero point of a quantised tensor, None of one in float."""
    found = graph.subgraph.tensors[tensor]
    if found.quantization is None or found.quantization.scale is None:
        return None
    return int(found.type), float(found.quantization.scale[0]), int(found.quantization.zeroPoint[0])

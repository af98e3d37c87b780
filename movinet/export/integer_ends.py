"""Integer images and stream buffers for a quantised model: no conversion on the way in and out.

The quantizer leaves either all ends of a graph in float or none. A stream needs both: buffers pass
from frame to frame as the integers that they are, while the sums of the pools stay in float.
"""

from typing import Any

from movinet.errors import VerificationError
from movinet.export.litert_file import Graph

_MOVES = {"RESHAPE", "STRIDED_SLICE", "CONCATENATION", "SPLIT", "PAD"}
"""Ops that move values and compute none."""


def is_integer_end(name: str) -> bool:
    """Whether an input or output of that name becomes an integer."""
    return name == "image" or "_stream_buffer" in name


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

    Raises: VerificationError if a state would come out in other steps than it goes in.
    """
    graph = Graph(content)
    for name, index in graph.inputs().items():
        if is_integer_end(name):
            _skip_quantize(graph, index)
    producers = {
        output: operation for operation in graph.subgraph.operators for output in operation.outputs
    }
    for entry in graph.signature.outputs:
        producer = producers.get(entry.tensorIndex)
        if producer is None or not is_integer_end(entry.name.decode()):
            continue
        if graph.operation_name(producer) == "DEQUANTIZE":
            _replace_output(graph, entry, int(producer.inputs[0]))
            graph.subgraph.operators.remove(producer)
    _check_steps(graph)
    return graph.content()


def _skip_quantize(graph: Graph, index: int) -> None:
    """Makes an input what the QUANTIZE op behind it made of it."""
    behind = [operator for operator in graph.subgraph.operators if index in list(operator.inputs)]
    quantizes = [operator for operator in behind if graph.operation_name(operator) == "QUANTIZE"]
    if not quantizes or len(quantizes) != len(behind):
        return
    quantized = graph.subgraph.tensors[quantizes[0].outputs[0]]
    tensor = graph.subgraph.tensors[index]
    tensor.type, tensor.quantization = quantized.type, quantized.quantization
    for quantize in quantizes:
        for operator in graph.subgraph.operators:
            operator.inputs = [
                index if used == quantize.outputs[0] else used for used in operator.inputs
            ]
        graph.subgraph.operators.remove(quantize)


def _replace_output(graph: Graph, entry: Any, tensor: int) -> None:
    old = entry.tensorIndex
    entry.tensorIndex = tensor
    graph.subgraph.outputs = [tensor if used == old else used for used in graph.subgraph.outputs]


def _check_steps(graph: Graph) -> None:
    outputs, tensors = graph.outputs(), graph.subgraph.tensors
    for name, index in graph.inputs().items():
        if name not in outputs:
            continue
        steps = [_steps(tensors[tensor]) for tensor in (index, outputs[name])]
        if steps[0] != steps[1]:
            raise VerificationError(
                f"The state {name} goes in as {steps[0]} and comes out as {steps[1]} (type, scale, "
                "zero point): it would be rounded anew with every frame."
            )


def _steps(tensor: Any) -> tuple[int, float, int]:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return int(tensor.type), 0.0, 0
    return int(tensor.type), float(quantization.scale[0]), int(quantization.zeroPoint[0])

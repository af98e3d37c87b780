"""The content of a `.tflite` file: what is in its graph, and what travels at its end."""

import collections
import dataclasses
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from movinet.model_info import INFO_NAME, LABELS_NAME, ModelInfo, State
from movinet.streaming.video_model import IMAGE

# What TensorFlow Lite's GPU delegate takes, by tensorflow/lite/tools/versioning/
# gpu_compatibility.cc of TensorFlow 2.20, as far as a graph of ours could hold it.
GPU_OPS = frozenset(
    "ABS ADD AVERAGE_POOL_2D CAST CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DEQUANTIZE DIV "
    "FLOOR_MOD FULLY_CONNECTED HARD_SWISH LOGISTIC MEAN MUL PAD QUANTIZE RELU RELU6 RESHAPE "
    "RESIZE_BILINEAR SIN SLICE SPLIT STRIDED_SLICE SUB TANH TILE TRANSPOSE".split()
)
_GPU_RANK = 4
_BUILTIN_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items()}
_TYPE_NAMES = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()
}
# The oldest date that a zip archive can hold: the same model gives the same bytes.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class Operation:
    """One op: its name, and the indices of its tensors (-1 for one left out)."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def list_outputs(content: bytes) -> bytes:
    """Returns the file with the outputs of its signature listed as those of its graph.

    The quantizer lists, in place of an output that is an input as well, the integers behind it. The
    list is changed where it stands: packing a file anew takes seconds.
    """
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed)
    signature, listed = model.SignatureDefs(0), model.Subgraphs(0).OutputsAsNumpy()
    named = [signature.Outputs(i).TensorIndex() for i in range(signature.OutputsLength())]
    if set(named) != set(listed):
        listed[:] = named
    return bytes(changed)


class Graph:
    """The graph of a model's one signature, for looking at and for changing.

    Args: content: of the file.

    Attributes: branches: the graphs that run on a condition.
    """

    def __init__(self, content: bytes) -> None:
        self.model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        (self.signature,) = self.model.signatureDefs
        self.subgraph, *self.branches = self.model.subgraphs

    def operations(self, subgraph: Any = None) -> Iterator[Operation]:
        """Yields the ops in order, of the graph itself or of a branch."""
        for operator in (subgraph or self.subgraph).operators:
            yield Operation(
                self.operation_name(operator), tuple(operator.inputs), tuple(operator.outputs)
            )

    def operation_name(self, operator: Any) -> str:
        """Returns the name of an op, `FLEX` for one of TensorFlow, `CUSTOM` for another."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        # Files from before there were more than 127 ops have the code in the older field.
        name = _BUILTIN_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "CUSTOM" and (code.customCode or b"").startswith(b"Flex"):
            return "FLEX"
        return name

    def inputs(self) -> dict[str, int]:
        """Returns the tensors of the signature's inputs by name."""
        return _tensors(self.signature.inputs)

    def outputs(self) -> dict[str, int]:
        """Returns the tensors of the signature's outputs by name."""
        return _tensors(self.signature.outputs)

    def name(self, tensor: int) -> str:
        """Returns the name of a tensor."""
        return self.subgraph.tensors[tensor].name.decode()

    def states(self) -> tuple[State, ...]:
        """Returns the states in the order of the signature."""
        found = []
        for name, index in self.inputs().items():
            if name != IMAGE:
                tensor = self.subgraph.tensors[index]
                shape = tuple(int(size) for size in tensor.shape)
                found.append(State(name, shape, _TYPE_NAMES[tensor.type]))
        return tuple(found)

    def content(self) -> bytes:
        """Returns the file's content, with all changes."""
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))


@dataclasses.dataclass(frozen=True)
class Census:
    """What a graph is made of.

    Attributes:
      ops: how many of each, most frequent first.
      max_rank: largest rank of a tensor.
      dynamic: whether a shape is open.
      outside_gpu: ops that the GPU delegate does not take, or takes not with such tensors.
    """

    ops: Mapping[str, int]
    max_rank: int
    dynamic: bool
    outside_gpu: tuple[str, ...]

    @property
    def total(self) -> int:
        """Number of ops."""
        return sum(self.ops.values())


def census(content: bytes) -> Census:
    """Counts the ops of a model, those of branches too."""
    graph = Graph(content)
    counts: collections.Counter[str] = collections.Counter()
    outside, max_rank, dynamic = set(), 0, False
    for subgraph in (graph.subgraph, *graph.branches):
        tensors = subgraph.tensors
        ranks = [0 if tensor.shape is None else len(tensor.shape) for tensor in tensors]
        max_rank = max([max_rank, *ranks])
        dynamic |= any(
            tensor.shapeSignature is not None and -1 in list(tensor.shapeSignature)
            for tensor in tensors
        )
        for operation in graph.operations(subgraph):
            counts[operation.name] += 1
            used = [index for index in (*operation.inputs, *operation.outputs) if index >= 0]
            if operation.name not in GPU_OPS:
                outside.add(operation.name)
            elif max(ranks[index] for index in used) > _GPU_RANK:
                outside.add(f"{operation.name} of rank {max(ranks[index] for index in used)}")
    return Census(dict(counts.most_common()), max_rank, dynamic, tuple(sorted(outside)))


def attach(content: bytes, info: ModelInfo) -> bytes:
    """Returns the file with what belongs to the model in a zip archive at its end.

    That is where TensorFlow Lite keeps associated files: its runtimes do not read that far, and any
    zip tool lists `movinet.json` and `labels.txt`.
    """
    buffer = io.BytesIO(content)
    buffer.seek(0, io.SEEK_END)
    entries = {INFO_NAME: info.to_json()}
    if info.labels:
        entries[LABELS_NAME] = "".join(f"{label}\n" for label in info.labels)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), text)
    return buffer.getvalue()


def _tensors(maps: Any) -> dict[str, int]:
    return {entry.name.decode(): int(entry.tensorIndex) for entry in maps}

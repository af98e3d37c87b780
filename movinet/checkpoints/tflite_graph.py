"""The graph of a `.tflite` file as its convolutions, and where the input of each comes from.

Files may be anyone's: LiteRT verifies all offsets in a file before anything else is read, the
numbers of things are bounded, and a constant must be as long as its shape says.
"""

import collections
import dataclasses
import re
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from movinet.checkpoints.tflite_constants import Constants
from movinet.errors import InputError
from movinet.export.litert_file import Graph
from movinet.streaming.video_model import IMAGE, LOGITS

POSITIONS = "positions"
"""The source of what is computed from the numbers of frames alone."""

Sources = frozenset[int | str]
"""Indices of convolutions; IMAGE, POSITIONS, and states as `block0_layer0/pool_buffer`."""

MOST_BYTES = 1 << 30
"""Of a file that is read; A5 in float32 has an eighth of it."""

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# What lies between the convolutions of a MoViNet, as converters write it.
_BETWEEN = frozenset(
    "ADD AVERAGE_POOL_2D CAST CONCATENATION CUMSUM DEQUANTIZE DIV EXPAND_DIMS FILL GATHER "
    "HARD_SWISH LOGISTIC MAXIMUM MEAN MINIMUM MUL PACK PAD RANGE RELU RELU6 RESHAPE SHAPE SLICE "
    "SPLIT SPLIT_V SQUEEZE STRIDED_SLICE SUB SUM TILE TRANSPOSE UNPACK".split()
)
_STATE = re.compile(r"state_(block\d+_layer\d+|head)_(stream_buffer|pool_buffer)(?:_\d+)?")
_COUNTER = re.compile(r"state_(?:\w+_)?frame_count")
_WAVES = ("SIN", "COS")
_FUSED = {value: name for name, value in vars(schema.ActivationFunctionType).items()}
_MOST_TABLES = 20_000  # A5 has less than a third of it.
_LONGEST_LIST = 1_000


@dataclasses.dataclass(frozen=True)
class Operation:
    """One op: its place, its tensors (-1 for one left out), and the activation fused into it."""

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    fused: str


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution and the sources of its input.

    kernel: [out, height, width, in], or [1, height, width, C] if depthwise; bias: [out].
    """

    operation: Operation
    kernel: np.ndarray
    bias: np.ndarray
    sources: Sources

    @property
    def index(self) -> int:
        """The op's place in the graph."""
        return self.operation.index

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a kernel of its own."""
        return self.operation.name == "DEPTHWISE_CONV_2D"


class ConvolutionGraph:
    """A graph of single frames with states.

    Attributes:
      convolutions: in order.
      sources: of every tensor.
      users: the ops that read a tensor.
      producers: the op that makes a tensor.
      precision: of the weights, in words.
      frame_size: height and width of the image in pixels.

    Raises: InputError if it is no such graph.
    """

    def __init__(self, graph: Graph, where: str) -> None:
        self._where = where
        self._graph = graph
        self._tensors = self._graph.subgraph.tensors
        self._constants = Constants(graph)
        self._floats = dict(self._constants.floats)
        self.precision = self._constants.precision
        self._used: set[int] = set()
        self.users: dict[int, list[Operation]] = collections.defaultdict(list)
        self.producers: dict[int, Operation] = {}
        self.convolutions: list[Convolution] = []
        self.sources: dict[int, Sources] = self._sources_of_inputs()
        for operation in self._operations():
            self._meet(operation)
        self.frame_size = self._frame_size()

    def error(self, words: str) -> InputError:
        """Returns an error that says of the file what is wrong with it."""
        return InputError(f"{self._where} {words}: it is not read as a MoViNet that streams.")

    def constant(self, tensor: int) -> np.ndarray | None:
        """Returns a constant as float32, and remembers that it is used; None for other tensors."""
        if tensor in self._floats:
            self._used.add(tensor)
        return self._floats.get(tensor)

    def logits(self) -> Sources:
        """Returns the sources of the logits."""
        outputs = self._graph.outputs()
        if outputs.get(LOGITS) not in self.sources:
            raise self.error(f"has no output {LOGITS!r}")
        return self.sources[outputs[LOGITS]]

    def check_all_used(self) -> None:
        """Raises InputError if an op reads a constant of several floats that nobody asked for."""
        for tensor in self._floats.keys() - self._used:
            for operation in self.users[tensor]:
                frequencies = self.sources[operation.outputs[0]] <= {POSITIONS}
                if self._floats[tensor].size > 1 and not frequencies:
                    name, shape = self._name(tensor), list(self._floats[tensor].shape)
                    raise self.error(f"holds {name!r} {shape}, which is no weight that is known")

    def _operations(self) -> list[Operation]:
        """The ops, all of whose tensors exist."""
        found = []
        operators = self._graph.subgraph.operators
        for index, operation in enumerate(self._graph.operations()):
            code = getattr(operators[index].builtinOptions, "fusedActivationFunction", 0)
            tensors = (*operation.inputs, *operation.outputs)
            if not operation.outputs or not all(-1 <= i < len(self._tensors) for i in tensors):
                raise self.error(f"has a {operation.name} without its tensors")
            found.append(
                Operation(
                    index,
                    operation.name,
                    operation.inputs,
                    operation.outputs,
                    _FUSED.get(code, "?"),
                )
            )
        return found

    def _meet(self, operation: Operation) -> None:
        """Notes where the outputs of an op come from."""
        inputs = [tensor for tensor in operation.inputs if tensor >= 0]
        for tensor in inputs:
            self.users[tensor].append(operation)
            if tensor not in self.sources:
                raise self.error(f"reads {self._name(tensor)!r} before it is computed")
        if any(map(self._constants.computed_in_integers, (*inputs, *operation.outputs))):
            raise self.error(
                "computes in integers, from which the weights cannot be told exactly; float32, "
                "float16 and dynamic range can be read"
            )
        if operation.name == "DEQUANTIZE" and inputs[0] in self._floats:
            self._floats[operation.outputs[0]] = self._floats[inputs[0]]
        sources = frozenset[int | str]().union(*(self.sources[tensor] for tensor in inputs))
        if operation.name in _CONVOLUTIONS:
            self.convolutions.append(self._convolution(operation))
            sources = frozenset({operation.index})
        elif operation.name in _WAVES:
            sources = frozenset({POSITIONS})
        elif operation.name not in _BETWEEN:
            raise self.error(f"has the op {operation.name}")
        for tensor in operation.outputs:
            if tensor in self.sources:
                raise self.error(f"computes {self._name(tensor)!r} twice")
            self.sources[tensor] = sources
            self.producers[tensor] = operation

    def _convolution(self, operation: Operation) -> Convolution:
        image, kernel_index, *rest = operation.inputs
        if kernel_index in self._used:
            raise self.error(f"uses the kernel {self._name(kernel_index)!r} twice")
        kernel = self.constant(kernel_index)
        if kernel is not None and operation.name == "FULLY_CONNECTED" and kernel.ndim == 2:
            kernel = kernel[:, None, None, :]
        if kernel is None or kernel.ndim != 4:
            raise self.error(f"has a {operation.name} without a kernel of four axes")
        depthwise = operation.name == "DEPTHWISE_CONV_2D"
        filters = kernel.shape[-1 if depthwise else 0]
        if depthwise and kernel.shape[0] != 1:
            raise self.error(f"has a {operation.name} with more than one kernel")
        bias = self.constant(rest[0]) if rest and rest[0] >= 0 else np.zeros(filters, np.float32)
        if bias is None or bias.shape != (filters,):
            raise self.error(f"has a {operation.name} whose bias does not fit its kernel")
        return Convolution(operation, kernel, bias, self.sources[image])

    def _sources_of_inputs(self) -> dict[int, Sources]:
        """The sources of what is there before the first op: constants and inputs."""
        found = {index: frozenset[int | str]() for index in self._constants.indices}
        inputs = self._graph.inputs()
        if not any(_STATE.fullmatch(name) for name in inputs):
            raise self.error(
                "has no states; read the checkpoint or the SavedModel that it was made from"
            )
        for name, tensor in inputs.items():
            state = _STATE.fullmatch(name)
            if not 0 <= tensor < len(self._tensors) or tensor in found:
                raise self.error(f"has no tensor for its input {name!r}")
            if name == IMAGE:
                found[tensor] = frozenset({IMAGE})
            elif state:
                found[tensor] = frozenset({"/".join(state.groups())})
            elif _COUNTER.fullmatch(name):
                found[tensor] = frozenset()
            else:
                raise self.error(f"has the input {name!r}")
        return found

    def _frame_size(self) -> tuple[int, int]:
        index = self._graph.inputs().get(IMAGE)
        shape = [] if index is None else [int(size) for size in self._tensors[index].shape]
        if len(shape) not in (4, 5) or shape[:-3] != [1] * (len(shape) - 3) or shape[-1] != 3:
            raise self.error(f"takes an image {shape} instead of one frame")
        return shape[-3], shape[-2]

    def _name(self, tensor: int) -> str:
        return (self._tensors[tensor].name or b"").decode(errors="replace")


def parse(content: bytes, where: str) -> ConvolutionGraph:
    """Reads a file.

    Args: where: names it in errors.
    Raises: InputError if it is damaged, or no graph of single frames with states.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"{where} has more than {MOST_BYTES >> 20} MiB.")
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(model_content=content, experimental_op_resolver_type=plain)
        _check_numbers(schema.Model.GetRootAs(content))
        return ConvolutionGraph(Graph(content), where)
    except InputError:
        raise
    except Exception as error:  # Of a damaged file flatbuffers raises anything.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{where} is damaged, or no model that can be read ({reason}).") from error


def _check_numbers(model: Any) -> None:
    """Raises ValueError if a file says that it holds more than any network does.

    What is listed many times would be read many times.
    """
    if model.SubgraphsLength() != 1 or model.SignatureDefsLength() != 1:
        raise ValueError("it has not one graph with one signature")
    graph = model.Subgraphs(0)
    tables = (
        *(model.OperatorCodesLength(), model.BuffersLength(), model.MetadataLength()),
        *(graph.TensorsLength(), graph.OperatorsLength()),
    )
    operators = map(graph.Operators, range(graph.OperatorsLength()))
    if max(tables) > _MOST_TABLES or any(
        max(operator.InputsLength(), operator.OutputsLength(), operator.IntermediatesLength())
        > _LONGEST_LIST
        for operator in operators
    ):
        raise ValueError("it lists more things than a network has")

"""The constants of a `.tflite` file as the floats that they stand for."""

import math
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from movinet.export.litert_file import Graph

_FLOATS = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
_INTEGERS = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}
_TYPES: dict[int, Any] = {**_FLOATS, **_INTEGERS}
_INTEGERS_OF_LAYERS = (*_INTEGERS, schema.TensorType.INT16, schema.TensorType.INT4)


class Constants:
    """All constants of a graph.

    Attributes:
      indices: of their tensors, whatever their type.
      floats: float32 values by tensor; of integers, what they stand for by their scales.
      precision: that they are held in, in words.

    Raises: ValueError if one is not as its shape or its scales say.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        count = len(graph.subgraph.tensors)
        self.indices = frozenset(i for i in range(count) if self._data(i) is not None)
        self.floats = {index: self._value(index) for index in self.indices if self._is_float(index)}
        types = {graph.subgraph.tensors[index].type for index in self.floats}
        self.precision = "float16" if schema.TensorType.FLOAT16 in types else "float32"
        if types & _INTEGERS.keys():
            self.precision = "dynamic range"

    def computed_in_integers(self, tensor: int) -> bool:
        """Whether a tensor that is no constant has the short integers of a quantised layer."""
        is_short = self._graph.subgraph.tensors[tensor].type in _INTEGERS_OF_LAYERS
        return is_short and tensor not in self.indices

    def _is_float(self, index: int) -> bool:
        tensor = self._graph.subgraph.tensors[index]
        scaled = tensor.quantization is not None and tensor.quantization.scale is not None
        return tensor.type in _FLOATS or (tensor.type in _INTEGERS and scaled)

    def _data(self, index: int) -> Any:
        """The bytes of a constant; None for what is computed or given."""
        tensor, buffers = self._graph.subgraph.tensors[index], self._graph.model.buffers
        data = buffers[tensor.buffer].data
        return None if tensor.isVariable or data is None or len(data) == 0 else data

    def _value(self, index: int) -> np.ndarray:
        tensor = self._graph.subgraph.tensors[index]
        shape = () if tensor.shape is None else tuple(map(int, tensor.shape))
        value = np.frombuffer(bytes(bytearray(self._data(index))), _TYPES[tensor.type])
        if min(shape, default=1) < 1 or value.size != math.prod(shape) or tensor.sparsity:
            raise ValueError(f"a constant of shape {list(shape)} holds {value.size} numbers")
        value = value.reshape(shape).astype(np.float32)
        return _dequantize(value, tensor.quantization) if tensor.type in _INTEGERS else value


def _dequantize(value: np.ndarray, quantization: Any) -> np.ndarray:
    """What integers stand for; scales are of the whole tensor or along one axis."""
    scales, axis = np.asarray(quantization.scale, np.float32), quantization.quantizedDimension
    zeros = np.zeros(1) if quantization.zeroPoint is None else np.asarray(quantization.zeroPoint)
    along = [1] * value.ndim
    if scales.size > 1:
        if not 0 <= axis < value.ndim or value.shape[axis] != scales.size:
            raise ValueError(f"a constant {list(value.shape)} has {scales.size} scales")
        along[axis] = scales.size
    if zeros.size not in (1, scales.size) or quantization.details is not None:
        raise ValueError(f"a constant {list(value.shape)} has {zeros.size} zero points")
    zeros = np.broadcast_to(zeros.astype(np.float32), scales.shape)
    return (value - zeros.reshape(along)) * scales.reshape(along)

"""PaddlePaddle's .pdparams files without Paddle: one pickle of names and numpy arrays."""

import math
import pathlib
from typing import Any

import numpy as np

from movinet.checkpoints import opcodes
from movinet.checkpoints.opcodes import Unfinished, whole
from movinet.checkpoints.pytorch_files import read_bytes
from movinet.errors import InputError

# Among the tensors: the names of parameters in a static graph, and what was cut because pickles of
# protocols 2 and 3 hold no array of more than a gigabyte.
_PARAMETER_NAMES = "StructuredToParameterName@@"
_SLICED = "UnpackBigParamInfor@@"
_KINDS = {"f2", "f4", "f8"}
_ORDERS = {"<", ">"}
_MOST_AXES = 8


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dict by their names.

    Raises: InputError if the file cannot be read, is damaged, holds no state dict, or asks for what
    none needs; nothing was run then.
    """
    data = read_bytes(path)
    found = opcodes.read(data, _names(len(data)), str(path))
    if type(found) is not dict or not all(type(name) is str for name in found):
        raise InputError(f"{path} holds no state dict: save model.state_dict().")
    found = dict(found)
    found.pop(_PARAMETER_NAMES, None)
    try:
        _join(found, found.pop(_SLICED, {}), len(data))
        return {name: _array(value) for name, value in found.items()}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} holds no state dict of arrays ({reason}).") from error


class _Type(Unfinished):
    """The type of an array's numbers."""

    def __init__(self, kind: str, *_: Any) -> None:
        if kind not in _KINDS:
            raise ValueError("it holds an array of what are no floating point numbers")
        self._kind, self._order = kind, "<"

    def finish(self, state: Any) -> None:
        """Takes numpy's (version, order of bytes, ...)."""
        if state[1] not in _ORDERS:
            raise ValueError("it holds numbers in an order of bytes that is unknown")
        self._order = state[1]

    @property
    def dtype(self) -> np.dtype:
        """As numpy has it."""
        return np.dtype(self._order + self._kind)


class _Array(Unfinished):
    """An array, which a pickle makes empty first."""

    def __init__(self, *_: Any) -> None:
        self.value: np.ndarray | None = None

    def finish(self, state: Any) -> None:
        """Takes numpy's (version, shape, type, whether columns come first, content)."""
        _, shape, kind, columns_first, content = state
        if not isinstance(kind, _Type) or type(content) is not bytes or len(shape) > _MOST_AXES:
            raise TypeError("it holds an array that is none")
        flat = np.frombuffer(content, kind.dtype)
        self.value = flat.reshape(
            [whole(size) for size in shape], order="F" if columns_first else "C"
        )


def _names(limit: int) -> dict[str, object]:
    """What the names in a file of that many bytes stand for."""
    left = limit

    def encode(text: str, encoding: str) -> bytes:
        # Protocol 2 keeps bytes as text. More than all of the file is text told twice.
        nonlocal left
        left -= len(text)
        if left < 0 or encoding not in ("latin1", "latin-1"):
            raise ValueError("its bytes are not written as numpy does")
        return text.encode("latin-1")

    builtins = {f"{module}.tuple": _tuple for module in ("builtins", "__builtin__")}
    arrays = {f"numpy.{core}.multiarray._reconstruct": _Array for core in ("core", "_core")}
    return {
        **builtins,
        **arrays,
        "numpy.ndarray": None,
        "numpy.dtype": _Type,
        "_codecs.encode": encode,
        "collections.OrderedDict": _dict,
    }


def _tuple(items: Any = ()) -> tuple[Any, ...]:
    if type(items) is not tuple:
        raise TypeError("it makes a tuple of something else")
    return items


def _dict() -> dict[Any, Any]:
    return {}


def _join(found: dict[str, Any], sliced: Any, limit: int) -> None:
    """Puts arrays together that were cut, in place; each slice belongs to one of them."""
    for name, parts in sliced.items():
        arrays = [_array(found.pop(part)) for part in parts["slices"]]
        shape = [whole(size) for size in parts["OriginShape"]]
        size = sum(array.nbytes for array in arrays)
        # One array under many names would be more than the file has.
        if size > limit or sum(array.size for array in arrays) != math.prod(shape):
            raise ValueError(f"the slices of {name} are not all of it")
        limit -= size
        found[name] = np.concatenate(arrays).reshape(shape)


def _array(value: Any) -> np.ndarray:
    """An array that stands alone or, since Paddle 2.1, behind its name in a tuple."""
    if type(value) is tuple and len(value) == 2:
        value = value[1]
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, _Array) or value.value is None:
        raise TypeError("there is something else among them")
    return value.value

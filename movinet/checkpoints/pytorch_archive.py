"""The archives that torch.save writes, read without PyTorch.

Such a file is a zip archive, not compressed, of one folder. The pickle `data.pkl` in it says of
each tensor where its numbers lie; they are in `data/0`, `data/1`, ...
"""

import dataclasses
import io
import math
import stat
import zipfile
from typing import Any

import numpy as np

from movinet.checkpoints import opcodes
from movinet.checkpoints.opcodes import whole
from movinet.errors import InputError

SIGNATURE = b"PK\3\4"
DESCRIPTION = "data.pkl"
BFLOAT16 = "bfloat16"
KINDS = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""The kind of numbers in a storage, as numpy names it, by the name of its class in PyTorch."""
# Where scripts of training keep the state dict among other things.
_KEYS = ("state_dict", "model_state_dict", "model")
_ENTRY_SIGNATURE = b"PK\1\2"
_MOST_ENTRIES = 20_000
_MOST_AXES = 8


@dataclasses.dataclass(frozen=True)
class _Kind:
    """Of the numbers in a storage: a value of KINDS."""

    name: str


@dataclasses.dataclass(frozen=True)
class _Storage:
    """A run of numbers: the entry `data/{key}` of the archive."""

    kind: str
    key: str
    count: int


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """Numbers of a storage; offset and strides count them from its start."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        """The place behind its last number."""
        steps = zip(self.shape, self.strides, strict=True)
        last = sum((size - 1) * stride for size, stride in steps)
        return self.offset + last + 1 if self.count else self.offset


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage) or not type(shape) is type(strides) is tuple:
        raise TypeError("a tensor has no storage or no shape")
    if not len(shape) == len(strides) <= _MOST_AXES:
        raise ValueError("a tensor has a shape that no weight has")
    places = [tuple(whole(size) for size in sizes) for sizes in (shape, strides)]
    tensor = _Tensor(storage, whole(offset), *places)
    # With strides of 0 one number can stand for many: a small file would fill the memory.
    if max(tensor.end, tensor.count) > storage.count:
        raise ValueError(f"a tensor reaches beyond its storage {storage.key}")
    return tensor


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _storage(identifier: Any) -> _Storage:
    word, kind, key, _, count = identifier
    if word != "storage" or not isinstance(kind, _Kind) or type(key) is not str:
        raise TypeError("what is referred to is no storage")
    return _Storage(kind.name, key, whole(count))


_NAMES = {
    "collections.OrderedDict": lambda: {},
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": lambda sizes: sizes,
    **{f"torch.{storage}": _Kind(kind) for storage, kind in KINDS.items()},
}


def read(data: bytes, where: str) -> dict[str, np.ndarray]:
    """Returns the tensors of the state dict in an archive, by their names.

    Args: where: names the archive in errors.
    Raises: InputError if it is damaged, holds no state dict, or asks for what none needs.
    """
    return _Archive(data, where).tensors()


def numbers(content: bytes, kind: str, order: str = "<") -> np.ndarray:
    """Returns the numbers that bytes hold, as a run of them.

    Args:
      kind: of numpy, or BFLOAT16, of which numpy knows nothing: that becomes float32.
      order: of the bytes: `<` if the least comes first, else `>`.

    Raises: ValueError if the last number is cut off.
    """
    if kind == BFLOAT16:
        halves = np.frombuffer(content, f"{order}u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    return np.frombuffer(content, order + kind)


class _Archive:
    """An archive; its storages are read when a tensor needs them, each once."""

    def __init__(self, data: bytes, where: str) -> None:
        self._where = where
        self._size = len(data)
        if data.count(_ENTRY_SIGNATURE) > _MOST_ENTRIES:
            raise InputError(f"{where} has more than {_MOST_ENTRIES:,} entries; no MoViNet has.")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except Exception as error:  # Of a damaged archive zipfile raises anything.
            raise self._damaged(error) from error
        self._names = set(self._archive.namelist())
        self._check()
        folders = [
            name.removesuffix(DESCRIPTION)
            for name in self._names
            if name.count("/") == 1 and name.endswith(f"/{DESCRIPTION}")
        ]
        if len(folders) != 1:
            raise InputError(f"{where} is no archive of torch.save: it lacks {DESCRIPTION}.")
        self._folder = folders[0]
        if any(name.startswith(f"{self._folder}code/") for name in self._names):
            raise InputError(
                f"{where} is a program (TorchScript). Save model.state_dict() of its model instead."
            )
        big = f"{self._folder}byteorder" in self._names and self._read("byteorder") == b"big"
        self._order = ">" if big else "<"
        self._storages: dict[_Storage, np.ndarray] = {}

    def tensors(self) -> dict[str, np.ndarray]:
        """All of the state dict."""
        where = f"{DESCRIPTION} in {self._where}"
        found = _state_dict(opcodes.read(self._read(DESCRIPTION), _NAMES, where, _storage))
        if not found or not all(isinstance(value, _Tensor) for value in found.values()):
            raise InputError(f"{self._where} holds no state dict: save model.state_dict().")
        return {str(name): self._array(tensor) for name, tensor in found.items()}

    def _check(self) -> None:
        """Refuses what torch.save does not write: names and sizes by which archives do harm."""
        entries = self._archive.infolist()
        plain = all(
            entry.compress_type == zipfile.ZIP_STORED
            and entry.compress_size == entry.file_size
            and not entry.flag_bits & 1  # Encrypted.
            and not stat.S_ISLNK(entry.external_attr >> 16)
            and not {"..", ""} & set(entry.filename.replace("\\", "/").split("/"))
            for entry in entries
        )
        total = sum(entry.file_size for entry in entries)
        if not plain or len(self._names) != len(entries) or total > self._size:
            raise InputError(
                f"{self._where} is no archive of torch.save: entries are compressed, overlap, are "
                "links, or have names that lead elsewhere."
            )

    def _array(self, tensor: _Tensor) -> np.ndarray:
        """A view of the storage."""
        flat = self._flat(tensor.storage)
        steps = [stride * flat.itemsize for stride in tensor.strides]
        try:
            return np.lib.stride_tricks.as_strided(
                flat[tensor.offset :], tensor.shape, steps, writeable=False
            )
        except (ValueError, OverflowError) as error:  # Of nothing, but with huge axes.
            raise self._damaged(error) from error

    def _flat(self, storage: _Storage) -> np.ndarray:
        if storage not in self._storages:
            content = self._read(f"data/{storage.key}")
            try:
                found = numbers(content, storage.kind, self._order)
            except ValueError as error:
                raise self._damaged(error) from error
            if found.size != storage.count:
                raise InputError(
                    f"{self._where} is damaged: data/{storage.key} holds {found.size:,} numbers, "
                    f"not {storage.count:,}."
                )
            self._storages[storage] = found
        return self._storages[storage]

    def _read(self, name: str) -> bytes:
        try:
            return self._archive.read(self._folder + name)
        except Exception as error:  # As above.
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        reason = " ".join(str(error).split())[:200]
        return InputError(f"{self._where} is a damaged archive of torch.save ({reason}).")


def _state_dict(value: Any) -> dict[Any, Any]:
    """The state dict in what was saved; empty if there is no dict at all."""
    for _ in _KEYS:
        inside = value if type(value) is dict else {}
        value = next((inside[key] for key in _KEYS if type(inside.get(key)) is dict), inside)
    return value

"""Files of PyTorch's state dicts, read and written without PyTorch: .pt, and .safetensors."""

import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from movinet import files
from movinet.checkpoints import pytorch_archive
from movinet.checkpoints.pytorch_archive import BFLOAT16, DESCRIPTION, KINDS, SIGNATURE
from movinet.errors import InputError

MOST_BYTES = 2 << 30
SAFETENSORS = ".safetensors"
SUFFIXES = (".pt", ".pth", SAFETENSORS)
# How torch.save began a file before PyTorch 1.6: the pickle of a long number.
_OLD_SIGNATURE = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_LONGEST_HEADER = 10_000_000
_SAFETENSORS_KINDS = {
    **{"F64": "f8", "F32": "f4", "F16": "f2", "BF16": BFLOAT16},
    **{"I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1", "BOOL": "?"},
}
# Of which numbers are written, the name of PyTorch.
_STORAGES = {np.dtype(KINDS[name]): name for name in ("FloatStorage", "LongStorage")}
_FOLDER = "archive/"  # As torch.save calls it where it does not know the name of the file.


def recognises(path: pathlib.Path) -> bool:
    """Whether a path is a file of PyTorch, by its name or by how it begins."""
    try:
        if not path.is_file():
            return False
        if path.suffix in SUFFIXES:
            return True
        with open(path, "rb") as file:
            start = file.read(len(_OLD_SIGNATURE))
        if not start.startswith(SIGNATURE):
            return start == _OLD_SIGNATURE
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(f"/{DESCRIPTION}") for name in archive.namelist())
    except Exception:  # Of a damaged archive zipfile raises anything.
        return False


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dict by their names.

    Raises: InputError if the file cannot be read, is damaged, holds no state dict, or asks for what
    none needs; nothing was run then.
    """
    data = read_bytes(path)
    if data.startswith(_OLD_SIGNATURE):
        raise InputError(
            f"{path} is in the format of PyTorch before 1.6. Write it anew with PyTorch: "
            "torch.save(torch.load(path, weights_only=True), new_path)."
        )
    if data.startswith(SIGNATURE):
        return pytorch_archive.read(data, str(path))
    if path.suffix == SAFETENSORS:
        return _read_safetensors(data, str(path))
    raise InputError(f"{path} is neither an archive of torch.save nor {SAFETENSORS}.")


def read_bytes(path: pathlib.Path) -> bytes:
    """Returns the content of a file of at most MOST_BYTES. Raises InputError if it cannot."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than {MOST_BYTES >> 30} GiB; no MoViNet is.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error


def write(path: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a state dict of float32 and int64 as .safetensors, or as torch.save does.

    Raises: InputError if it cannot be written, or if the suffix is another.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: the name of a state dict ends in {', '.join(SUFFIXES)}.")
    # Without gaps; numpy.ascontiguousarray would make rows of single numbers.
    tensors = {name: np.array(tensor, order="C") for name, tensor in tensors.items()}
    with files.write_aside(path) as aside:
        if path.suffix == SAFETENSORS:
            import safetensors.numpy

            aside.write_bytes(safetensors.numpy.save(tensors, metadata={"format": "pt"}))
        else:
            _write_archive(aside, tensors)


def _read_safetensors(data: bytes, where: str) -> dict[str, np.ndarray]:
    import safetensors

    if int.from_bytes(data[:8], "little") > _LONGEST_HEADER:
        raise InputError(f"{where} is damaged, or not {SAFETENSORS} (its header is too long).")
    try:
        return {
            name: pytorch_archive.numbers(
                tensor["data"], _SAFETENSORS_KINDS[tensor["dtype"]]
            ).reshape(tensor["shape"])
            for name, tensor in safetensors.deserialize(data)
        }
    except (safetensors.SafetensorError, ValueError, OverflowError) as error:
        raise InputError(f"{where} is damaged, or not {SAFETENSORS} ({error}).") from error
    except KeyError as error:
        raise InputError(f"{where} holds numbers of the kind {error}: save it as F32.") from error


def _write_archive(path: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    places = {name: str(index) for index, name in enumerate(tensors)}
    described = b"".join(
        _opcodes(name) + _describe(tensor, places[name]) for name, tensor in tensors.items()
    )
    entries = {
        DESCRIPTION: b"\x80\x02" + _opcodes(_EMPTY_DICT) + b"(" + described + b"u.",
        "byteorder": b"little",
        **{f"data/{places[name]}": tensor.tobytes() for name, tensor in tensors.items()},
        "version": b"3\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            # With a date of its own the same weights are the same file.
            archive.writestr(zipfile.ZipInfo(_FOLDER + name), content)


class _Name(NamedTuple):
    """What a pickle names."""

    module: str
    name: str


class _Call(NamedTuple):
    """What it calls."""

    function: _Name
    arguments: tuple[Any, ...]


class _Reference(NamedTuple):
    """What lies outside of it."""

    identifier: tuple[Any, ...]


_EMPTY_DICT = _Call(_Name("collections", "OrderedDict"), ())
_REBUILD = _Name("torch._utils", "_rebuild_tensor_v2")


def _describe(tensor: np.ndarray, place: str) -> bytes:
    """A tensor as torch.save pickles it."""
    kind = _Name("torch", _STORAGES[tensor.dtype])
    storage = _Reference(("storage", kind, place, "cpu", tensor.size))
    strides = tuple(stride // tensor.itemsize for stride in tensor.strides)
    arguments = (storage, 0, tensor.shape, strides, False, _EMPTY_DICT)
    return _opcodes(_Call(_REBUILD, arguments))


def _opcodes(value: Any) -> bytes:
    """The instructions of protocol 2 that put a value on the stack."""
    if isinstance(value, _Name):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, _Call):
        return _opcodes(value.function) + _opcodes(value.arguments) + b"R"
    if isinstance(value, _Reference):
        return _opcodes(value.identifier) + b"Q"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_opcodes, value)) + b"t"
    if isinstance(value, str):
        return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    return b"J" + int(value).to_bytes(4, "little", signed=True)

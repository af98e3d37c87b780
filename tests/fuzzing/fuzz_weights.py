"""The readers of weights that others may have made, each as a function of the folder where they
lie.
"""

import contextlib
import pathlib
import zipfile
from typing import Any

import numpy as np
from fuzz_readers import Read

from movinet.errors import InputError


def pytorch(suffix: str) -> Read:
    """A state dict of PyTorch."""
    from movinet.checkpoints import pytorch, pytorch_files

    def read(folder: pathlib.Path) -> None:
        path = folder / f"weights{suffix}"
        assert pytorch_files.recognises(path)
        with contextlib.suppress(InputError):
            pytorch.read(path)
        _check(pytorch_files.read(path), path)

    return read


def paddle() -> Read:
    """A file of PaddlePaddle."""
    from movinet.checkpoints import paddle, paddle_files

    def read(folder: pathlib.Path) -> None:
        path = folder / "weights.pdparams"
        assert paddle.recognises(path)
        with contextlib.suppress(InputError):
            paddle.read(path)
        _check(paddle_files.read(path), path)

    return read


def as_archive(data: bytes, folder: pathlib.Path) -> None:
    """Lays out an input as the description in an archive that is right otherwise."""
    entries = {"data.pkl": data, "data/0": bytes(24), "data/1": bytes(8), "version": b"3\n"}
    with zipfile.ZipFile(folder / "weights.pt", "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"archive/{name}", content)


def _check(tensors: dict[str, Any], path: pathlib.Path) -> None:
    """Arrays of numbers that can all be read, and that are little more than the file has."""
    for name, tensor in tensors.items():
        assert isinstance(name, str) and isinstance(tensor, np.ndarray)
        assert tensor.size <= path.stat().st_size, tensor.shape
        assert tensor.dtype.kind in "fiub"
        np.isfinite(tensor).all()

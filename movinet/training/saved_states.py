"""The files of saved states: found by their names, verified by reading, published by renaming.

A state is `NAME.index` and `NAME.data-00000-of-00001`, TensorFlow's own format, whose every tensor
carries a checksum. The file `checkpoint`, in which TensorFlow keeps the names, is written for its
tools, but never needed: what is there is what counts.
"""

import contextlib
import os
import pathlib
import re
import shutil
from typing import NamedTuple

import tensorflow as tf

from movinet import files
from movinet.checkpoints import loading
from movinet.errors import InputError

_FILE = re.compile(
    r"(?P<name>ckpt-(?P<step>\d{1,18})(-again)?)\.(?P<part>index|data-\d{5}-of-\d{5})", re.ASCII
)
_ASIDE = ".saving"
INDEX = "checkpoint"


class SavedState(NamedTuple):
    """A state in a folder. parts: the endings of its files, sorted."""

    step: int
    path: str
    parts: tuple[str, ...]


def find(folder: str | os.PathLike[str]) -> list[SavedState]:
    """The states in a folder, the one of the most steps first, whole or not."""
    found: dict[tuple[int, str], list[str]] = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            if (matched := _FILE.fullmatch(entry.name)) and entry.is_file():
                key = int(matched["step"]), os.path.join(folder, matched["name"])
                found.setdefault(key, []).append(matched["part"])
    return [SavedState(*key, tuple(sorted(found[key]))) for key in sorted(found, reverse=True)]


def name(step: int, unlike: str = "") -> str:
    """The name of a state after `step` steps; another one if the first is `unlike`, which is in
    use and must stay whole until this one is there.
    """
    plain = f"ckpt-{step}"
    return f"{plain}-again" if plain == unlike else plain


def problem(state: SavedState) -> str:
    """What is wrong with the files of a state, in words; '' if every tensor can be read."""
    if "index" not in state.parts:
        return f"{os.path.basename(state.path)}.index is missing"
    if len(state.parts) < 2:
        return f"{os.path.basename(state.path)}.data-* is missing"
    return unreadable(state.path)


def unreadable(path: str) -> str:
    """What keeps TensorFlow from reading each tensor of a checkpoint; '' if nothing does."""
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except loading.UNREADABLE as error:
        return " ".join(str(error).split())[:200] or type(error).__name__
    return ""


def save(checkpoint: tf.train.Checkpoint, folder: str, name: str) -> str:
    """Writes a state aside, reads it back, and gives it its name; returns its path.

    A stop at any moment leaves a whole state of that name or none.

    Raises: InputError if it cannot be written or read back; what was there before is still there.
    """
    aside = pathlib.Path(folder, _ASIDE)
    try:
        clean(folder)
        aside.mkdir()
        checkpoint.write(str(aside / name))
        if reason := unreadable(str(aside / name)):
            raise InputError(f"what was written cannot be read back ({reason})")
        parts = sorted(aside.iterdir())  # The data comes before the index, which makes it a state.
        for part in parts:
            files.flush(part)
        for part in parts:
            os.replace(part, pathlib.Path(folder, part.name))
        files.flush(folder)
    except (OSError, tf.errors.OpError, InputError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
        raise InputError(
            f"Cannot save {name} in {folder}: {' '.join(str(reason).split())[:300]}. Nothing saved "
            "before is lost: mend that, and the same command goes on from there."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return os.path.join(folder, name)


def write_index(folder: str, names: list[str]) -> None:
    """Names the states, the newest last, in the file `checkpoint`, for TensorFlow's own tools."""
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    files.write_text(os.path.join(folder, INDEX), "\n".join(lines) + "\n")


def remove(state: SavedState) -> None:
    """Removes the files of a state, the index first, without which it is none."""
    for part in sorted(state.parts, reverse=True):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{state.path}.{part}")


def clean(folder: str) -> None:
    """Removes what a stop in the middle of saving left."""
    shutil.rmtree(os.path.join(folder, _ASIDE), ignore_errors=True)

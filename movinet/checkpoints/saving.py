"""Writing checkpoints in the official layout, so that a reader never meets half of one."""

import os
import pathlib

import tensorflow as tf

from movinet import files
from movinet.classifier import MovinetClassifier
from movinet.errors import InputError

# The data before the index: a checkpoint exists when its index does.
_SUFFIXES = (".data-00000-of-00001", ".index")
_STATE_FILE = "checkpoint"


def save(model: MovinetClassifier, path: str | os.PathLike[str]) -> str:
    """Writes the model and its backbone as `{path}-1`, named as `tf.train.Checkpoint.save` names
    the first, and returns that name.

    The file `checkpoint`, by which `tf.train.latest_checkpoint` finds it, is written too if the
    folder has none: that of a training run must go on naming its own.

    Raises: InputError if it cannot be written.
    """
    target = pathlib.Path(f"{os.fspath(path)}-1")
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
        # Without it `Checkpoint.restore` finds something that is not matched.
        checkpoint.save_counter.assign_add(1)
        checkpoint.write(str(aside))
        for suffix in _SUFFIXES:
            os.replace(f"{aside}{suffix}", f"{target}{suffix}")
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    except tf.errors.OpError as error:
        raise InputError(f"Cannot write {target}: {error.message.splitlines()[0]}.") from error
    finally:
        for left in aside.parent.glob(f"{aside.name}*"):
            left.unlink()
    state = target.with_name(_STATE_FILE)
    if not state.exists():
        files.write_text(state, f'model_checkpoint_path: "{target.name}"\n')
    return str(target)

"""Which checkpoint of a folder is the newest, as its file `checkpoint` says."""

import os

import tensorflow as tf

from movinet.errors import InputError

RECORD = "checkpoint"


def newest(folder: str) -> str:
    """The path of the newest checkpoint.

    Nothing is guessed and nothing outside of the folder is followed: other weights than those that
    were meant would go unnoticed.

    Raises: InputError if there is none, or if the file is missing, is damaged, or names something
    else; it lists what there is.
    """
    record = os.path.join(folder, RECORD)
    names = sorted(
        name.removesuffix(".index")
        for name in tf.io.gfile.listdir(folder)
        if name.endswith(".index")
    )
    named, problem = "", "is missing"
    if tf.io.gfile.exists(record):
        named, problem = _read(folder, record)
        if named in names:
            return os.path.join(folder, named)
    if not names and not named:
        best = os.path.join(folder, "best")
        hint = f"; try {best}" if tf.io.gfile.isdir(best) else ""
        raise InputError(f"There is no checkpoint in the folder {folder}{hint}.")
    there = f"name one of {', '.join(names)} itself" if names else "there is no checkpoint there"
    raise InputError(f"The file {record}, which names the newest checkpoint, {problem}: {there}.")


def _read(folder: str, record: str) -> tuple[str, str]:
    """The name of the newest checkpoint, and what is wrong if it is not in the folder."""
    try:
        state = tf.train.get_checkpoint_state(folder)
    except (ValueError, tf.errors.OpError):
        state = None
    # TensorFlow names the newest twice, the second time as the last of all.
    if state is None or (
        state.all_model_checkpoint_paths
        and state.all_model_checkpoint_paths[-1] != state.model_checkpoint_path
    ):
        return "", "is damaged"
    where, name = os.path.split(state.model_checkpoint_path)
    if os.path.abspath(where) != os.path.abspath(folder):
        return state.model_checkpoint_path, f"names {state.model_checkpoint_path!r}, elsewhere"
    return name, f"names {name!r}, which is not there"

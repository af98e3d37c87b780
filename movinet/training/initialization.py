"""Starting from a checkpoint: a published one, one of ours, or one of the official trainer's; all
of it or the backbone.
"""

import os
from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from movinet.errors import InputError

MODULES = ("all", "backbone")
_SHOWN = 3


def load(model: tf_keras.Model, path: str, modules: str | Sequence[str] = "all") -> str:
    """Reads the checkpoint into `model` and returns one sentence about what was read.

    Args:
        path: a checkpoint (`.../ckpt-100`) or a folder, of which the latest is taken.
        modules: 'all', or 'backbone' to leave the classifier's head as it is.

    Raises:
        InputError: there is no readable checkpoint, or it does not hold every variable in its
        shape.
    """
    chosen = [modules] if isinstance(modules, str) else list(modules)
    if len(chosen) != 1 or chosen[0] not in MODULES:
        raise InputError(
            f"task.init_checkpoint_modules is {', '.join(chosen)!r}; it must be 'all' or "
            "'backbone'."
        )
    found = find(path)
    view = _open(found)
    root = _root(model, view, chosen[0], found)
    _check_variables(view, root, _variables(model, chosen[0]), found)
    root.read(found).expect_partial().assert_existing_objects_matched()
    what = "the model" if chosen[0] == "all" else "the backbone; the head starts anew"
    return f"Initialised {len(_variables(model, chosen[0]))} variables from {found}: {what}."


def find(path: str) -> str:
    """The checkpoint that `path` names: itself, or the latest of a folder. Raises InputError."""
    if tf.io.gfile.isdir(path):
        latest = tf.train.latest_checkpoint(path)
        if latest is None:
            best = os.path.join(path, "best")
            hint = f"; try {best}" if tf.io.gfile.isdir(best) else ""
            raise InputError(f"There is no checkpoint in the folder {path}{hint}.")
        return latest
    for suffix in (".index", ".data-00000-of-00001"):
        path = path.removesuffix(suffix)
    if not tf.io.gfile.exists(f"{path}.index"):
        raise InputError(f"There is no checkpoint {path} ({path}.index is missing).")
    return path


def _open(path: str) -> tf.train.CheckpointView:
    try:
        return tf.train.CheckpointView(path)
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise InputError(
            f"The checkpoint {path} cannot be read: {str(error).splitlines()[0]}."
        ) from error


def _variables(model: tf_keras.Model, module: str) -> list[tf.Variable]:
    return (model if module == "all" else model.backbone).variables


def _root(
    model: tf_keras.Model, view: tf.train.CheckpointView, module: str, path: str
) -> tf.train.Checkpoint:
    """The objects to read, arranged as the checkpoint has them."""
    parts = view.children(0)
    if module == "all":
        if "model" not in parts:
            raise InputError(
                f"{path} holds no whole model (it holds {', '.join(sorted(parts))}); "
                "set task.init_checkpoint_modules=backbone if it holds a backbone."
            )
        return tf.train.Checkpoint(model=model)
    if "backbone" in parts:
        return tf.train.Checkpoint(backbone=model.backbone)
    if "model" in parts:
        return tf.train.Checkpoint(
            model=tf.train.Checkpoint(**{"layer_with_weights-0": model.backbone})
        )
    raise InputError(
        f"{path} holds neither a model nor a backbone (it holds {', '.join(sorted(parts))})."
    )


def _check_variables(
    view: tf.train.CheckpointView,
    root: tf.train.Checkpoint,
    variables: list[tf.Variable],
    path: str,
) -> None:
    reader = tf.train.load_checkpoint(path)
    shapes = reader.get_variable_to_shape_map()
    matched = {id(trackable): node for node, trackable in view.match(root).items()}
    missing, misshapen = [], []
    for variable in variables:
        node = matched.get(id(variable))
        if node is None:
            missing.append(variable.name)
            continue
        shape = shapes[view._object_graph_proto.nodes[node].attributes[0].checkpoint_key]
        if list(variable.shape) != shape:
            misshapen.append(f"{variable.name} is {shape} there and {list(variable.shape)} here")
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of the model's {len(variables)} variables: "
            f"{_first(missing)}; "
            "is it the same model_id, conv_type, se_type, causal and positional encoding?"
        )
    if misshapen:
        raise InputError(
            f"{path} has {len(misshapen)} variables of another shape: {_first(misshapen)}; "
            "for another number of classes set task.init_checkpoint_modules=backbone."
        )


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

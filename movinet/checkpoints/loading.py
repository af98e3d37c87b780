"""Reading a checkpoint into a model: a published one, one of ours, or one of the official
trainer's; all of it or the backbone.
"""

import os

import tensorflow as tf

from movinet.classifier import MovinetClassifier
from movinet.errors import InputError

MODULES = ("all", "backbone")
UNREADABLE = (tf.errors.OpError, ValueError, IndexError)
# The name under which the Model Garden's optimizer keeps the moving average of a weight.
_AVERAGE = "average"
_SHOWN = 3


def load(
    model: MovinetClassifier,
    path: str,
    module: str = "all",
    *,
    complete: bool = True,
    partial_hint: str = "",
) -> str:
    """Reads the checkpoint into `model` and returns one sentence about what was read.

    Args:
      path: a checkpoint (`.../ckpt-100`) or a folder, of which the latest is taken.
      module: 'all', or 'backbone' to leave the classifier's head as it is.
      complete: whether the checkpoint must hold every variable; if not, those that it lacks stay as
        they are.
      partial_hint: how the user asks for the backbone alone, such as `set x=backbone`; '' if there
        is no way.

    Raises: InputError if there is no readable checkpoint, or if a variable is missing or has
    another shape; nothing is read then.
    """
    if module not in MODULES:
        raise InputError(f"No module {module!r}; it must be 'all' or 'backbone'.")
    found = find(path)
    view = _open(found)
    root = _root(model, view, module, found, partial_hint)
    variables = (model if module == "all" else model.backbone).variables
    missing, misshapen = _compare(view, root, variables, found)
    if missing and complete:
        raise InputError(
            f"{found} lacks {len(missing)} of the model's {len(variables)} variables: "
            f"{_first(missing)}; "
            "is it the same model_id, conv_type, se_type, causal and positional encoding?"
        )
    if misshapen:
        hint = "is it the same num_classes, model_id, conv_type and se_type?"
        if partial_hint:
            hint = f"for another number of classes {partial_hint}."
        raise InputError(
            f"{found} has {len(misshapen)} variables of another shape: {_first(misshapen)}; {hint}"
        )
    root.read(found).expect_partial()
    what = "the model" if module == "all" else "the backbone; the head starts anew"
    return f"Initialised {len(variables) - len(missing)} variables from {found}: {what}."


def load_averages(model: MovinetClassifier, path: str) -> int:
    """Puts the moving averages that a training state holds in the place of the model's weights.

    An evaluation of such a run uses them. Weights that are not averaged, such as the statistics of
    batch norms, stay as they are.

    Returns: how many variables it replaced: 0 if the checkpoint holds no averages.

    Raises: InputError as `load` does.
    """
    found = find(path)
    view = _open(found)
    nodes = view._object_graph_proto.nodes
    averages = {
        slot.original_variable_node_id: nodes[slot.slot_variable_node_id]
        for node in nodes
        for slot in node.slot_variables
        if slot.slot_name == _AVERAGE
    }
    if not averages:
        return 0
    matched = {
        id(item): node for node, item in view.match(_root(model, view, "all", found)).items()
    }
    reader = tf.train.load_checkpoint(found)
    replaced = 0
    for variable in model.variables:
        average = averages.get(matched.get(id(variable), -1))
        if average is not None:
            variable.assign(reader.get_tensor(average.attributes[0].checkpoint_key))
            replaced += 1
    return replaced


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
        near = f"; do you mean {path}-1?" if tf.io.gfile.exists(f"{path}-1.index") else "."
        raise InputError(f"There is no checkpoint {path} ({path}.index is missing){near}")
    return path


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    """The shape of every variable of a model in a checkpoint, by its key; none of an optimizer's.

    Raises: InputError if the checkpoint cannot be read.
    """
    try:
        found = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    ending = "/.ATTRIBUTES/VARIABLE_VALUE"
    return {
        key.removesuffix(ending): tuple(shape)
        for key, shape in found.items()
        if key.startswith(("model/", "backbone/"))
        and key.endswith(ending)
        and "/.OPTIMIZER_SLOT/" not in key
    }


def _open(path: str) -> tf.train.CheckpointView:
    try:
        return tf.train.CheckpointView(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> InputError:
    return InputError(f"The checkpoint {path} cannot be read: {str(error).splitlines()[0]}.")


def _root(
    model: MovinetClassifier,
    view: tf.train.CheckpointView,
    module: str,
    path: str,
    partial_hint: str = "",
) -> tf.train.Checkpoint:
    """The objects to read, arranged as the checkpoint has them."""
    parts = view.children(0)
    if module == "all":
        if "model" not in parts:
            hint = f"; {partial_hint} if it holds a backbone" if partial_hint else ""
            raise InputError(
                f"{path} holds no whole model (it holds {', '.join(sorted(parts))}){hint}."
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


def _compare(
    view: tf.train.CheckpointView,
    root: tf.train.Checkpoint,
    variables: list[tf.Variable],
    path: str,
) -> tuple[list[str], list[str]]:
    """Names the variables that the checkpoint lacks, and those that have another shape there."""
    reader = tf.train.load_checkpoint(path)
    stored = reader.get_variable_to_shape_map()
    matched = {id(trackable): node for node, trackable in view.match(root).items()}
    missing, misshapen = [], []
    for variable in variables:
        node = matched.get(id(variable))
        if node is None:
            missing.append(variable.name)
            continue
        shape = stored[view._object_graph_proto.nodes[node].attributes[0].checkpoint_key]
        if list(variable.shape) != shape:
            misshapen.append(f"{variable.name} is {shape} there and {list(variable.shape)} here")
    return missing, misshapen


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

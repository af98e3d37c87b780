"""Reading a checkpoint into a model: a published one, one of ours, or one of the official
trainer's; all of it or the backbone.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from movinet.checkpoints import folder
from movinet.classifier import MovinetClassifier
from movinet.errors import InputError

MODULES = ("all", "backbone")
# What damaged files raise, from the table of names to the numbers.
UNREADABLE = (
    tf.errors.OpError,
    ValueError,
    IndexError,
    KeyError,
    RuntimeError,
    MemoryError,
    DecodeError,
)
# The name under which the Model Garden's optimizer keeps the moving average of a weight.
_AVERAGE = "average"
_SHOWN = 3
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# Where a checkpoint keeps the variables of a module.
_PREFIXES = {
    "all": ("model/", "backbone/"),
    "backbone": ("backbone/", "model/layer_with_weights-0/"),
}
# What a compiled model keeps beside its weights.
_NO_WEIGHT = re.compile("/(?:[.]OPTIMIZER_SLOT|optimizer|keras_api)/")


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
      complete: whether the checkpoint must hold all variables and no others; if not, those that it
        lacks stay as they are, and the others are left out.
      partial_hint: how the user asks for the backbone alone, such as `set x=backbone`; '' if there
        is no way.

    Raises: InputError if there is no checkpoint all of which can be read, or if variables are
    missing, are too many, or have another shape; nothing is read then.
    """
    if module not in MODULES:
        raise InputError(f"No module {module!r}; it must be 'all' or 'backbone'.")
    found = find(path)
    view = open_view(found)
    root = _root(model, view, module, found, partial_hint)
    variables = (model if module == "all" else model.backbone).variables
    match = _match(view, root, variables, stored_shapes(found), module)
    _check(match, found, len(variables), complete, partial_hint)
    # All of it before the first variable changes: what is damaged changes none.
    read_values(found, list(match.keys.values()))
    try:
        root.read(found).expect_partial()
    except UNREADABLE as error:
        raise _unreadable(found, error) from error
    what = "the model" if module == "all" else "the backbone; the head starts anew"
    counts = f"Initialised {len(variables) - len(match.missing)} variables from {found}: {what}"
    if match.missing or match.extra:
        counts += (
            f"; {len(match.missing)} that it lacks stay as they are, {len(match.extra)} others in "
            "it are left out"
        )
    return f"{counts}."


def load_averages(model: MovinetClassifier, path: str) -> int:
    """Puts the moving averages that a training state holds in the place of the model's weights.

    An evaluation of such a run uses them. Weights that are not averaged, such as the statistics of
    batch norms, stay as they are.

    Returns: how many variables it replaced: 0 if the checkpoint holds no averages.

    Raises: InputError as `load` does.
    """
    found = find(path)
    view = open_view(found)
    averages = average_keys(view)
    if not averages:
        return 0
    matched = {
        id(item): node for node, item in view.match(_root(model, view, "all", found)).items()
    }
    pairs = [
        (variable, averages[matched[id(variable)]])
        for variable in model.variables
        if matched.get(id(variable)) in averages
    ]
    values = read_values(found, [key for _, key in pairs])
    for (variable, _), value in zip(pairs, values, strict=True):
        variable.assign(value)
    return len(pairs)


def average_keys(view: tf.train.CheckpointView) -> dict[int, str]:
    """The keys of the moving averages in a checkpoint, by the nodes of their variables."""
    nodes = view._object_graph_proto.nodes
    return {
        slot.original_variable_node_id: key
        for node in nodes
        for slot in node.slot_variables
        if slot.slot_name == _AVERAGE and (key := node_key(nodes, slot.slot_variable_node_id))
    }


def node_key(nodes: Sequence[Any], index: int) -> str:
    """The key of the numbers of a node in an object graph; '' if it has none, or is not there."""
    attributes = nodes[index].attributes if 0 <= index < len(nodes) else ()
    return attributes[0].checkpoint_key if attributes else ""


def find(path: str) -> str:
    """The checkpoint that `path` names: itself, or the latest of a folder. Raises InputError."""
    if tf.io.gfile.isdir(path):
        return folder.newest(path)
    path = re.sub(r"\.(index|data-\d{5}-of-\d{5})\Z", "", path)
    if not tf.io.gfile.exists(f"{path}.index"):
        near = f"; do you mean {path}-1?" if tf.io.gfile.exists(f"{path}-1.index") else "."
        raise InputError(f"There is no checkpoint {path} ({path}.index is missing){near}")
    return path


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    """The shape of every variable of a model in a checkpoint, by its key; none of an optimizer's.

    Raises: InputError if the checkpoint cannot be read.
    """
    found = stored_shapes(path)
    return {key.removesuffix(_VALUE): tuple(found[key]) for key in weight_keys(found, "all")}


def stored_shapes(path: str) -> dict[str, list[int]]:
    """The shape of everything in a checkpoint, by its key. Raises InputError."""
    try:
        return tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def weight_keys(stored: Iterable[str], module: str) -> set[str]:
    """Those of the keys of a checkpoint that are weights of a model."""
    return {
        key
        for key in stored
        if key.startswith(_PREFIXES[module]) and key.endswith(_VALUE) and not _NO_WEIGHT.search(key)
    }


def read_values(path: str, keys: list[str]) -> list[np.ndarray]:
    """The values of variables; TensorFlow compares each with its checksum. Raises InputError."""
    values, key = [], ""
    try:
        reader = tf.train.load_checkpoint(path)
        for key in keys:
            values.append(reader.get_tensor(key))
    except UNREADABLE as error:
        raise InputError(
            f"The checkpoint {path} is damaged: {key.removesuffix(_VALUE)} cannot be read from "
            f"{path}.data-* ({reason(error)})."
        ) from error
    return values


def open_view(path: str) -> tf.train.CheckpointView:
    """The objects in a checkpoint. Raises InputError."""
    try:
        return tf.train.CheckpointView(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> InputError:
    return InputError(f"The checkpoint {path} cannot be read ({reason(error)}).")


def reason(error: Exception) -> str:
    """What an error says, in one line of a sentence."""
    return " ".join(str(error).split())[:200] or type(error).__name__


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


class _Match(NamedTuple):
    """How the variables of a model and those of a checkpoint belong together.

    keys: of the checkpoint, by the id of the variable. missing, extra, misshapen: what does not
    fit, in words.
    """

    keys: dict[int, str]
    missing: list[str]
    extra: list[str]
    misshapen: list[str]


def _match(
    view: tf.train.CheckpointView,
    root: tf.train.Checkpoint,
    variables: list[tf.Variable],
    stored: dict[str, list[int]],
    module: str,
) -> _Match:
    matched = {id(trackable): node for node, trackable in view.match(root).items()}
    keys, missing, misshapen = dict[int, str](), [], []
    for variable in variables:
        key = node_key(view._object_graph_proto.nodes, matched.get(id(variable), -1))
        if key not in stored:
            missing.append(variable.name)
            continue
        keys[id(variable)] = key
        there, here = stored[key], list(variable.shape)
        if there != here:
            misshapen.append(f"{variable.name} is {there} there and {here} here")
    extra = weight_keys(stored, module) - set(keys.values())
    names = sorted(key.removesuffix(_VALUE) for key in extra)
    return _Match(keys, missing, names, misshapen)


def _check(match: _Match, path: str, count: int, complete: bool, partial_hint: str) -> None:
    """Raises InputError, with how many there are of each kind, if the two do not fit."""
    problems, hint = [], "is it the same num_classes, model_id, conv_type and se_type?"
    if match.missing and complete:
        problems.append(
            f"lacks {len(match.missing)} of the model's {count} variables: {_first(match.missing)}"
        )
    if match.extra and complete:
        problems.append(
            f"holds {len(match.extra)} variables that the model lacks: {_first(match.extra)}"
        )
    if problems:
        hint = "is it the same model_id, conv_type, se_type, causal and positional encoding?"
    elif partial_hint:
        hint = f"for another number of classes {partial_hint}."
    if match.misshapen:
        problems.append(
            f"has {len(match.misshapen)} variables of another shape: {_first(match.misshapen)}"
        )
    if problems:
        raise InputError(f"{path} {'; it '.join(problems)}; {hint}")


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

"""Which SavedModels may be run, by all that their graphs would do, and running them."""

import collections
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from movinet import comparison
from movinet.checkpoints import loading, official
from movinet.errors import InputError
from movinet.inputs import IMAGE
from movinet.layers.base import States

LOGITS = "logits"
_CALLS, _INIT_STATES = ("call", "serving_default"), "init_states"
# Arithmetic, shapes, reading variables and calling functions: what the official exports and ours
# hold. Nothing among them reads or writes a file, opens a connection, or calls Python.
ALLOWED_OPERATIONS = frozenset(
    """
    Add AddN AddV2 AvgPool AvgPool3D BiasAdd BroadcastTo Cast ConcatV2 Const Conv2D Conv3D Cos
    Cumsum DepthwiseConv2dNative Equal ExpandDims Fill FloorDiv FloorMod FusedBatchNormV3 Greater
    GreaterEqual Identity IdentityN Less LessEqual MatMul Maximum Mean Minimum Mul Neg NoOp Pack Pad
    PadV2 PartitionedCall Placeholder Pow Prod Range ReadVariableOp RealDiv Relu Relu6 Reshape Rsqrt
    Select SelectV2 Shape Sigmoid Sin Slice Softmax Split SplitV Square Squeeze
    StatefulPartitionedCall StopGradient StridedSlice Sub Sum Tile Transpose Unpack ZerosLike
    """.split()
)
MOST_OPERATIONS = 500_000  # The largest of all has some ten thousand.
_ALLOWED_OBJECTS = {
    *("user_object", "function", "bare_concrete_function", "variable", "constant"),
    "captured_tensor",
}
_SIDE, _FRAMES, _BATCH = 64, 6, 2  # Where the signature leaves them open.


@dataclasses.dataclass(frozen=True)
class Signature:
    """How a SavedModel is called.

    Attributes:
      name: of the signature.
      image, logits: names of the clip among its inputs and of the logits among its outputs.
      states: names, shapes and dtypes of the others, which are inputs and outputs alike.
      video_shape: of videos that it takes.
      frames: that one call takes; 0 for any number.
      makes_states: whether another signature makes the first states.
    """

    name: str
    image: str
    logits: str
    states: Mapping[str, tuple[tuple[int, ...], int]]
    video_shape: tuple[int, int, int, int, int]
    frames: int
    makes_states: bool


def signature(graph: Any) -> Signature | None:
    """Returns the signature that classifies; None if none does."""
    signatures = graph.signature_def
    name = next((name for name in _CALLS if name in signatures), "")
    if not name:
        return None
    inputs, outputs = signatures[name].inputs, dict(signatures[name].outputs)
    shapes = {
        key: tuple(dimension.size for dimension in tensor.tensor_shape.dim)
        for key, tensor in inputs.items()
    }
    image = IMAGE if IMAGE in inputs or len(inputs) != 1 else next(iter(inputs))
    logits = LOGITS if LOGITS in outputs or len(outputs) != 1 else next(iter(outputs))
    states = {key: (shapes[key], inputs[key].dtype) for key in inputs if key != image}
    clip = shapes.get(image, ())
    if len(clip) != 5 or logits not in outputs or outputs.keys() - {logits} != states.keys():
        return None
    open_sizes = (_BATCH, _FRAMES, _SIDE, _SIDE, 3)
    batch, frames, height, width, channels = (
        size if size > 0 else default for size, default in zip(clip, open_sizes, strict=True)
    )
    fixed = max(clip[1], 0)
    if states:  # Streams are compared frame by frame.
        frames = _FRAMES
    return Signature(
        name=name,
        image=image,
        logits=logits,
        states=states,
        video_shape=(batch, frames, height, width, channels),
        frames=fixed,
        makes_states=_INIT_STATES in signatures,
    )


def problem(graph: Any, found: Signature) -> str:
    """Returns why a SavedModel is not run, in words; '' if it may be.

    Loading one makes its objects, reads its variables and runs nothing else, unless it has objects
    of other kinds; a call runs what its function reaches.
    """
    if found.states and found.frames > 1:
        return f"it takes {found.frames} frames at a time"
    if found.states and not found.makes_states:
        if any(size < 1 for shape, _ in found.states.values() for size in shape):
            return "nothing tells the shapes of its states"
    nodes = graph.object_graph_def.nodes
    for node in nodes:
        kind = node.WhichOneof("kind")
        if kind not in _ALLOWED_OBJECTS:
            return f"it holds an object of the kind {kind!r}, which would run when it is loaded"
        if node.saveable_objects or node.registered_saver or node.registered_name:
            return "it holds an object with functions of its own to load it"
    if graph.asset_file_def:
        return "it names files"
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    entries = _signature_functions(nodes)
    if not {found.name} <= entries.keys():
        return "its signature has no function"
    operations = _operations(library, list(entries.values()))
    if operations.total() > MOST_OPERATIONS:
        return "its functions call one another more often than those of any MoViNet"
    if refused := operations.keys() - ALLOWED_OPERATIONS:
        return f"its graph holds {', '.join(sorted(refused))}, which no MoViNet needs"
    return ""


def runner(path: pathlib.Path, found: Signature) -> Callable[[], comparison.Network]:
    """Returns what loads a SavedModel in which `problem` has found none."""

    def load() -> comparison.Network:
        try:
            root = tf.saved_model.load(str(path))
        except (OSError, *loading.UNREADABLE) as error:
            raise InputError(f"{path} cannot be loaded ({loading.reason(error)}).") from error
        return lambda inputs: _call(root, found, inputs, path)

    return load


def _call(
    root: Any, found: Signature, inputs: Mapping[str, tf.Tensor], path: pathlib.Path
) -> tuple[tf.Tensor, States]:
    """Runs the signature on `{**states, 'image': clip}`; without states a new video begins."""
    clip = inputs[IMAGE]
    states = {name: value for name, value in inputs.items() if name != IMAGE}
    try:
        if found.states and not states:
            states = _first_states(root, found, clip)
        outputs = dict(root.signatures[found.name](**states, **{found.image: clip}))
    except (TypeError, *loading.UNREADABLE) as error:
        raise InputError(f"{path} cannot be run ({loading.reason(error)}).") from error
    return outputs.pop(found.logits), outputs


def _first_states(root: Any, found: Signature, clip: tf.Tensor) -> States:
    if found.makes_states:
        function = root.signatures[_INIT_STATES]
        (argument,) = function.structured_input_signature[1]
        return dict(function(**{argument: tf.shape(clip)}))
    return {
        name: tf.zeros(shape, tf.as_dtype(dtype)) for name, (shape, dtype) in found.states.items()
    }


def _signature_functions(nodes: Any) -> dict[str, str]:
    """The functions behind the signatures, by their names."""
    signatures = official.children(nodes, official.children(nodes, 0).get("signatures", -1))
    return {
        name: nodes[node].bare_concrete_function.concrete_function_name
        for name, node in signatures.items()
    }


def _operations(library: Mapping[str, Any], entries: list[str]) -> collections.Counter[str]:
    """How often each operation runs in all that functions reach; a function that is not there
    counts as one. Ends when there are more than a MoViNet could need.
    """
    found, total = collections.Counter[str](), 0
    called = functools.cache(lambda name: _called(library[name]))
    stack = [(name, 1) for name in entries]
    while stack and total <= MOST_OPERATIONS:
        name, times = stack.pop()
        total += times
        if name in library:
            stack += [(inner, times * count) for inner, count in called(name).items()]
        else:
            found[name] += times
    return found + collections.Counter({"NoOp": total - found.total()})


def _called(function: Any) -> collections.Counter[str]:
    """The operations and functions in a function, those that are attributes of others too."""
    found = collections.Counter[str]()
    for node in function.node_def:
        found[node.op] += 1
        for value in node.attr.values():
            names = [value.func.name, *(inner.name for inner in value.list.func)]
            found.update(name for name in names if name)
    return found

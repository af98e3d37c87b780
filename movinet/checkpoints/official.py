"""Checkpoints of the Model Garden: those it published, those its trainer writes, and ours."""

import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from movinet.architectures import Architecture
from movinet.checkpoints import foreign, gates, layouts, loading, weights
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.weights import Network, Weight
from movinet.errors import InputError
from movinet.presets import PRESETS

KIND = "a checkpoint of the Model Garden"
CONV_TYPES = ("3d", *layouts.SPLIT_TYPES)
_BACKBONE, _HEAD = "backbone", "model/layer_with_weights-1"
_LAYER = re.compile(r"layer_with_weights-\d{1,4}\Z")
# What the archives of streams were called, those of before July 2021 with another ending.
_LEGACY = re.compile(r"_legacy\Z")
_STREAM = re.compile(r"movinet_[at]\d_stream")


@dataclasses.dataclass(frozen=True)
class OfficialLayout:
    """The official names, as the path from the model through its attributes, and shapes."""

    conv_type: str

    def name(self, weight: Weight, network: Network) -> str:
        """The path to a weight."""
        path = weight.path(self.conv_type)
        if weight.layer == weights.CLASSIFIER_HEAD:
            return f"{_HEAD}/{path}"
        index = _layers(network.architecture)[weight.layer]
        return f"{_BACKBONE}/layer_with_weights-{index}/{path}"

    def read(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Its value in our shape, `weight.shape`."""
        if weight.depthwise and value.ndim == len(weight.shape):
            value = value.swapaxes(-1, -2)
        return value.reshape(weight.shape)

    def write(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Our value in the official shape."""
        if weight.kind != "kernel":
            return value
        if self.conv_type == "2plus1d":  # [frames, 1, in, out] or [height, width, in, out]
            return value[:, :, 0] if weight.temporal else value[0]
        return value.swapaxes(-1, -2) if weight.depthwise else value


def recognises(path: pathlib.Path) -> bool:
    """Whether it is a checkpoint, by any of its names, or a folder of some."""
    try:
        if path.is_dir():
            return (path / "checkpoint").is_file() or any(path.glob("*.index"))
        named = re.sub(r"\.(index|data-\d{5}-of-\d{5})\Z", "", path.name)
        return path.with_name(f"{named}.index").is_file()
    except (OSError, ValueError):
        return False


def read(path: pathlib.Path) -> Source:
    """Reads a checkpoint of a whole model, with the moving averages of its weights if it has them.

    Raises: InputError if it is damaged, or of no network that is known.
    """
    found = loading.find(str(path))
    view = loading.open_view(found)
    nodes = view._object_graph_proto.nodes
    averages = loading.average_keys(view)
    places = {
        name: (node, loading.node_key(nodes, node)) for name, node in _paths(nodes, found).items()
    }
    keys = {name: averages.get(node, key) for name, (node, key) in places.items()}
    stored = loading.stored_shapes(found)
    others = loading.weight_keys(stored, "all") - {key for _, key in places.values()}
    keys |= {key.partition("/.ATTRIBUTES")[0]: key for key in others}
    tensors = dict(zip(keys, loading.read_values(found, list(keys.values())), strict=True))
    parts = pathlib.Path(found).parts[-3:]
    legacy = any(map(_LEGACY.search, parts))
    called_a_stream = legacy or any(map(_STREAM.search, parts))
    network, layout = identify(tensors, str(path), called_a_stream=called_a_stream)
    notes = [
        f"The head's activation, {network.classifier_activation}, is the documented one: a "
        "checkpoint does not tell it.",
        *legacy_notes(network),
    ]
    if network.gating_activation == "hard_sigmoid":
        notes.append(
            f"Its gates are taken for those of today's Model Garden, of slope {gates.OURS}, unless "
            f"--gate_slope says otherwise: {gates.KERAS} for weights that were trained with "
            "Keras's, as TensorFlow Hub's streams of 2021 were."
        )
    if legacy and not legacy_notes(network):
        notes.append(
            "It is called legacy, but has the layout of today's streams, not the undivided 3D "
            "kernels of those before July 2021; it is read as one of today's."
        )
    if averaged := sum(node in averages for node, _ in places.values()):
        notes.append(f"{averaged} weights are their moving averages, which an evaluation uses.")
    return Source(KIND, str(path), tensors, layout, network, notes=tuple(notes))


def identify(
    tensors: Mapping[str, np.ndarray],
    where: str,
    layout: type[OfficialLayout] = OfficialLayout,
    *,
    causal: bool | None = None,
    called_a_stream: bool = False,
) -> tuple[Network, OfficialLayout]:
    """Returns the network whose weights these are, and their layout.

    Args:
      layout: how they are named.
      causal: whether it streams; None if nothing says so.
      called_a_stream: whether their name says so, for where a legacy stream and a base model have
        the same weights.

    Raises: InputError if they are of none that is known.
    """
    shapes = {name: value.shape for name, value in tensors.items()}
    conv_type = layouts.conv_type(shapes)
    networks = [
        network for network in candidates(conv_type) if causal is None or network.causal == causal
    ]
    if called_a_stream:
        networks.sort(key=lambda network: not network.causal)
    found = layout(conv_type)
    return foreign.identify(shapes, found, networks, where), found


def candidates(conv_type: str) -> list[Network]:
    """All networks that a layout may be of, the likeliest of those with the same weights first."""
    base, stream = (Network.of(PRESETS[name]) for name in ("a0_base", "a0_stream"))
    kinds = [base, stream]
    if conv_type == "3d":  # The streams before July 2021 were the base models, made causal.
        kinds.append(dataclasses.replace(base, causal=True))
    return [
        dataclasses.replace(
            kind, model_id=model_id, conv_type=conv_type, use_positional_encoding=positions
        )
        for kind, model_id, positions in itertools.product(
            kinds, weights.model_ids(), (False, True)
        )
        if kind.causal or not positions
    ]


def legacy_notes(network: Network) -> list[str]:
    """What to know of a stream with undivided kernels, if it is one."""
    if not (network.causal and network.conv_type == "3d"):
        return []
    return [
        "It is causal with undivided 3D kernels, as the streams published before July 2021 "
        "(`_legacy`) were. Those were trained with another padding of convolutions that stride in "
        "space (tensorflow/models issue 10062), which nothing here computes: expect a lower "
        "accuracy than theirs until they are trained further. Today's streams are divided into "
        "space and time."
    ]


def attribute_paths(nodes: Sequence[Any], start: int = 0) -> dict[str, int]:
    """The nodes of an object graph by their paths from one of them, `_stem/_conv/kernel`.

    Only the attributes that lead to weights are followed: the same weight has many other paths.
    """
    paths, stack, seen = dict[str, int](), [(start, "")], set[int]()
    while stack:
        index, path = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        paths[path] = index
        below = children(nodes, index)
        # A model of layers holds them under the names of its attributes too.
        layers = [name for name in below if _LAYER.match(name)]
        for name in layers or below.keys() & _attributes():
            stack.append((below[name], f"{path}/{name}".lstrip("/")))
    return paths


def children(nodes: Sequence[Any], index: int) -> dict[str, int]:
    """The nodes that a node of an object graph leads to, by the names of its attributes."""
    found = nodes[index].children if 0 <= index < len(nodes) else ()
    return {child.local_name: child.node_id for child in found if 0 <= child.node_id < len(nodes)}


def official_name(path: str) -> str:
    """The name in this layout of what has that path from the model."""
    return re.sub(r"\A(model/)?layer_with_weights-0/", f"{_BACKBONE}/", path)


def _paths(nodes: Sequence[Any], where: str) -> dict[str, int]:
    """The nodes of all weights of the model and the backbone in a checkpoint, by their names."""
    parts = children(nodes, 0)
    roots = [name for name in ("model", _BACKBONE) if name in parts]
    if not roots:
        held = ", ".join(sorted(parts)) or "nothing"
        raise InputError(f"{where} holds neither a model nor a backbone (it holds {held}).")
    return {
        official_name(f"{root}/{path}"): node
        for root in roots
        for path, node in attribute_paths(nodes, parts[root]).items()
        if loading.node_key(nodes, node)
    }


@functools.cache
def _layers(architecture: Architecture) -> dict[str, int]:
    """The index of each layer among those of the backbone that own weights."""
    names = [weights.STEM, *(spec.name for spec in architecture.walk()), weights.HEAD]
    return {name: index for index, name in enumerate(names)}


@functools.cache
def _attributes() -> frozenset[str]:
    """All attributes on the paths of weights."""

    def parts(conv_type: str) -> Iterable[str]:
        for network in candidates(conv_type):
            for weight in weights.walk(network):
                yield from weight.path(conv_type).split("/")

    return frozenset(itertools.chain.from_iterable(map(parts, CONV_TYPES)))

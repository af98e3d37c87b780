"""SavedModels of MoViNet: of TensorFlow Hub and Kaggle, of the official export, and ours.

A SavedModel is a program. Its weights are read without loading it; it is run, to compare, only
after its graph has been looked through.
"""

import pathlib
import re
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from movinet.checkpoints import loading, official, saved_model_runs
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.official import OfficialLayout
from movinet.checkpoints.weights import CLASSIFIER_HEAD, HEAD, STEM, Network, Weight
from movinet.errors import InputError
from movinet.streaming import model_files

KIND = "a SavedModel"
GRAPH_NAME = "saved_model.pb"
_MOST_BYTES = 256 << 20
# In names of layers, and in those of weights: what they are called here.
_NUMBERED = re.compile(r"_\d+\Z")
_BLOCK = re.compile(r"block(\d+)_layer(\d+)\Z")
_OLD_BLOCK, _OLD_LAYER = re.compile(r"b(\d+)\Z"), re.compile(r"l(\d+)\Z")
_PARTS = {
    name: name
    for name in (
        *("stem", "expansion", "feature", "pos_encoding", "se_reduce", "se_expand", "projection"),
        *("project", "head", "classifier"),
    )
} | {"skip_project": "skip"}


class NamedLayout(OfficialLayout):
    """The official shapes under `Weight.name`, into which names of variables are read."""

    def name(self, weight: Weight, network: Network) -> str:
        """That of the weight."""
        return weight.name


def recognises(path: pathlib.Path) -> bool:
    """Whether it is the folder of a SavedModel."""
    try:
        return (path / GRAPH_NAME).is_file()
    except (OSError, ValueError):
        return False


def read(path: pathlib.Path) -> Source:
    """Reads the weights of a SavedModel by the paths of its objects, or by their names.

    Raises: InputError if it is damaged, holds no weights, or is of no network that is known.
    """
    graph = _graph(path)
    signature = saved_model_runs.signature(graph)
    tensors, layout = _tensors(path, graph)
    causal = bool(signature.states) if signature else None
    network, found = official.identify(tensors, str(path), layout, causal=causal)
    notes = official.legacy_notes(network)
    run = None
    if signature is None:
        notes.append("It has no signature from a video to logits, so it was not run.")
    elif problem := saved_model_runs.problem(graph, signature):
        notes.append(f"It was not run, and so not compared with the result: {problem}.")
    else:
        run = saved_model_runs.runner(path, signature)
    attached = model_files.read_folder_info(path)  # Exports of ours have it.
    info = attached[0] if attached else None
    first = network.classifier_activation
    others = [name for name in ("swish", "hard_swish") if name != first]
    return Source(
        KIND,
        str(path),
        tensors,
        found,
        network,
        activations=(first, *others),
        preprocessing=info.preprocessing if info else None,
        labels=info.labels if info else (),
        multilabel=info.multilabel if info else False,
        run=run,
        video_shape=signature.video_shape if signature else Source.video_shape,
        notes=tuple(notes),
    )


def _graph(path: pathlib.Path) -> meta_graph_pb2.MetaGraphDef:
    try:
        file = path / GRAPH_NAME
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(f"{file} is larger than {_MOST_BYTES >> 20} MiB; no MoViNet's is.")
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).") from error
    except DecodeError as error:
        raise InputError(f"{path / GRAPH_NAME} is damaged: it cannot be parsed.") from error
    if len(saved.meta_graphs) != 1 or not saved.meta_graphs[0].object_graph_def.nodes:
        raise InputError(f"{path} is not a SavedModel of TensorFlow 2 with one graph.")
    return saved.meta_graphs[0]


def _tensors(
    path: pathlib.Path, graph: meta_graph_pb2.MetaGraphDef
) -> tuple[dict[str, np.ndarray], type[OfficialLayout]]:
    """All weights, by official names where the objects' paths tell them, else by `Weight.name`."""
    nodes = graph.object_graph_def.nodes
    variables = _weights(nodes)
    if not variables:
        raise InputError(
            f"{path} holds no weights as variables: exports of single frames have them folded into "
            "their graph. Convert the checkpoint that it was exported from."
        )
    checkpoint = str(path / "variables" / "variables")
    keys = _keys(nodes, loading.open_view(checkpoint)._object_graph_proto.nodes)
    if lost := [nodes[index].variable.name for index in variables if not keys.get(index)]:
        raise InputError(f"{path} is damaged: it holds no numbers of {lost[0]!r}.")
    values = loading.read_values(checkpoint, [keys[index] for index in variables])
    places = {node: name for name, node in official.attribute_paths(nodes).items()}
    if any(index in places for index in variables):
        names = [
            official.official_name(f"model/{places[index]}")
            if index in places
            else nodes[index].variable.name
            for index in variables
        ]
        layout = OfficialLayout
    else:
        names, layout = (
            weight_names([nodes[index].variable.name for index in variables]),
            NamedLayout,
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path} holds several weights called {doubled[0]!r}.")
    return dict(zip(names, values, strict=True)), layout


def _weights(nodes: Any) -> list[int]:
    """The nodes of the variables that are weights, in the order in which they were made.

    A model of Keras lists them; others own nothing else. What it keeps besides are its optimizer
    and its metrics.
    """
    listed = official.children(nodes, 0).get("variables")
    indices = range(len(nodes)) if listed is None else official.children(nodes, listed).values()
    return [
        index for index in dict.fromkeys(indices) if nodes[index].WhichOneof("kind") == "variable"
    ]


def _keys(nodes: Any, stored: Any) -> dict[int, str]:
    """The keys of nodes in the checkpoint: both graphs are walked along the same names."""
    pairs, found = [(0, 0)], dict[int, str]()
    for index, there in pairs:
        if index in found:
            continue
        found[index] = loading.node_key(stored, there)
        ours, theirs = official.children(nodes, index), official.children(stored, there)
        pairs += [(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    return found


def weight_names(names: list[str]) -> list[str]:
    """Returns `Weight.name` for names of variables; a name that tells of no weight stays.

    Those of the Hub models are read (`b0/l0/bneck/feature/bn/gamma:0`), those of today's official
    code (`block0_layer0/bneck/feature/conv2d/bn/gamma`), and ours. A positional encoding calls its
    variable `scale` alone: it is made behind the features of its layer, so that the variable before
    it names the layer.

    Args: names: in the order in which the variables were made.
    """
    found, layer = [], ""
    for name in names:
        *path, kind = name.removesuffix(":0").split("/")
        if kind == "scale" and not path and layer:
            found.append(f"{layer}/pos_encoding/scale")
            continue
        layer, rest = _split(path)
        parts = [_PARTS[token] for token in rest if token in _PARTS]
        if kind == "scale":
            parts = ["pos_encoding" if "pos_encoding" in parts else "rezero"]
        if not layer or not parts:
            found.append(name)
            continue
        half = ["temporal"] if any(token.endswith("_temporal") for token in path) else []
        kind = kind.removeprefix("depthwise_")
        found.append("/".join((layer, parts[-1], *half, kind)))
    return found


def _split(path: list[str]) -> tuple[str, list[str]]:
    """The layer that a path names, '' if none, and what follows."""
    for index, token in enumerate(path):
        rest = path[index + 1 :]
        if _BLOCK.match(token):
            return token, rest
        if (block := _OLD_BLOCK.match(token)) and rest and (layer := _OLD_LAYER.match(rest[0])):
            return f"block{block[1]}_layer{layer[1]}", rest[1:]
        if _NUMBERED.sub("", token) in (STEM, HEAD, CLASSIFIER_HEAD):
            return _NUMBERED.sub("", token), rest
    return "", []

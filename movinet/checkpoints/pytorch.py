"""State dicts of MoViNet-pytorch (https://github.com/Atze00/MoViNet-pytorch), to us and from us."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from movinet.architectures import ARCHITECTURES
from movinet.checkpoints import foreign, gates, pytorch_files, weights
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.pytorch_files import recognises as recognises
from movinet.checkpoints.weights import Network, Weight
from movinet.errors import InputError

KIND = "a state dict of MoViNet-pytorch"
_MODULES = {
    "stem": "conv1",
    "expansion": "expand",
    "feature": "deep",
    "se_reduce": "se.fc1",
    "se_expand": "se.fc2",
    "projection": "project",
    "skip": "res",
    "rezero": "alpha",
    "project": "conv7",
    "head": "classifier.0",
    "classifier": "classifier.3",
}
_LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Of the training: how many steps a batch norm has seen.
_COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class PytorchLayout:
    """The names of the port.

    Attributes:
      prefix: before every name, such as the `module.` of DataParallel.
      split: whether convolutions are of conv_type `2plus1d`.
      own_head: whether the last layer is a `torch.nn.Conv3d` that a user has put there.
    """

    prefix: str = ""
    split: bool = False
    own_head: bool = False

    def name(self, weight: Weight, network: Network) -> str:
        """Its name for a weight."""
        place = self.prefix + module(weight, network, "b{}_l{}".format)
        if weight.kind == "scale":
            return place
        leaf = _LEAVES.get(weight.kind, weight.kind)
        if self._is_own(weight):
            return f"{place}.{leaf}"
        convolution = "conv2d" if self.split else "conv3d"
        holder = "norm" if weight.kind in weights.NORM_KINDS else convolution
        return f"{place}.{half(weight)}.{holder}.{leaf}"

    def read(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Its value in our shape, for our gates."""
        if self.split and gates.is_before(weight):
            value = gates.to_ours(value, weight, gates.KERAS)
        if weight.kind != "kernel":
            return value
        frames, height, width, inputs, outputs = weight.shape
        if weight.depthwise:
            inputs, outputs = outputs, inputs
        whole = value.reshape(outputs, inputs, frames, height, width)
        return whole.transpose(2, 3, 4, *((0, 1) if weight.depthwise else (1, 0)))

    def write(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Our value in its shape, for its gates."""
        if self.split and gates.is_before(weight):
            value = gates.from_ours(value, weight, gates.KERAS)
        if weight.kind != "kernel":
            return value
        value = value.transpose(*((3, 4) if weight.depthwise else (4, 3)), 0, 1, 2)
        if not self.split or self._is_own(weight):
            return value
        outputs, inputs, frames, height, width = value.shape
        window = (frames, 1) if weight.temporal else (height, width)
        return value.reshape(outputs, inputs, *window)

    def _is_own(self, weight: Weight) -> bool:
        return self.own_head and weight.part == "classifier"


def module(weight: Weight, network: Network, block_name: Callable[[int, int], str]) -> str:
    """Returns the module of a weight in the port; PaddleVideo has the same.

    Args: block_name: of a bottleneck, by the places of its block and of itself in that.
    """
    name = _MODULES[weight.part]
    if weight.layer in (weights.STEM, weights.HEAD, weights.CLASSIFIER_HEAD):
        return name
    block, layer = map(int, weight.layer.removeprefix("block").split("_layer"))
    if weight.part == "skip":
        strided = layer == 0 and network.architecture.blocks[block].stride > 1
        name += ".1" if strided else ".0"  # Behind a pool.
    return f"blocks.{block_name(block, layer)}.{name}"


def half(weight: Weight) -> str:
    """Returns the name of the half of a split convolution, or of the only one."""
    return "conv_2" if weight.temporal else "conv_1"


def candidates(split: bool, causal: Iterable[bool] = (False, True)) -> Iterator[Network]:
    """Yields the networks that the port can build, of 600 classes."""
    for model_id in weights.model_ids():
        yield from (network_of(model_id, streams, split) for streams in causal)


def network_of(model_id: str, causal: bool, split: bool) -> Network:
    """Returns what `MoViNet(config, causal=causal, conv_type='2plus1d' or '3d')` computes."""
    return Network(
        model_id=model_id,
        causal=causal,
        conv_type="2plus1d" if split else "3d",
        se_type="2plus3d" if causal else "3d",
        activation="hard_swish" if split else "swish",
        gating_activation="hard_sigmoid" if split else "sigmoid",
        classifier_activation="swish",
        use_positional_encoding=False,
        num_classes=600,
    )


def prefix_before(names: Iterable[str], first: str) -> str:
    """Returns what stands before the name of the first weight; '' if there is no such name."""
    return next((name.removesuffix(first) for name in names if name.endswith(first)), "")


def padded_as(network: Network, project: str, where: str) -> Network:
    """Returns a network with the padding of another project, whose weights are the same.

    Raises: InputError if that project has no such network.
    """
    model_id = f"{network.model_id}_{project}"
    if model_id not in ARCHITECTURES:
        raise InputError(f"{where} holds {network.name}, of which {project} has no network.")
    return dataclasses.replace(network, model_id=model_id)


def read(path: pathlib.Path, tf_like: bool = True) -> Source:
    """Reads a state dict.

    Args: tf_like: what the network was built with, which its weights do not say: True pads as
    TensorFlow does, and so do all published weights.

    Raises: InputError if it cannot be read or holds no MoViNet.
    """
    tensors = pytorch_files.read(path)
    split = any(name.endswith(".conv2d.weight") for name in tensors)
    first = f"conv1.conv_1.{'conv2d' if split else 'conv3d'}.weight"
    prefix = prefix_before(tensors, first)
    layout = PytorchLayout(prefix, split, own_head=f"{prefix}classifier.3.weight" in tensors)
    counters = frozenset(name for name in tensors if name.endswith(f".norm.{_COUNTER}"))
    shapes = {name: value.shape for name, value in tensors.items() if name not in counters}
    network = foreign.identify(shapes, layout, candidates(split), str(path))
    if not tf_like:
        network = padded_as(network, "pytorch", str(path))
    return Source(
        KIND,
        str(path),
        tensors,
        layout,
        network,
        ignored=counters,
        activations=(network.classifier_activation,),
        notes=tuple(_notes(tf_like, split)),
    )


def _notes(tf_like: bool, split: bool) -> Iterator[str]:
    if tf_like:
        yield (
            "A state dict does not say how its network pads: taken for tf_like=True, which equals "
            "TensorFlow and which all published weights were made with."
        )
    else:
        yield "Taken for a network with tf_like=False, which pads both sides alike."
    if split:
        yield (
            f"The gates of squeeze-excitation have the slope {gates.KERAS} there and {gates.OURS} "
            "here: the difference is in the weights before them (a gate that is wide open is "
            "1.00002 instead of 1)."
        )


def write(path: pathlib.Path, values: Mapping[Weight, np.ndarray], network: Network) -> None:
    """Writes our weights as a state dict that the port loads with `strict=True`.

    Args:
      path: ends in .safetensors, .pt or .pth.
      values: of all weights, in our shapes.

    Raises: InputError if the port has no such network, or if it cannot be written.
    """
    _check(network)
    layout = PytorchLayout(split=network.conv_type != "3d")
    tensors = {}
    for weight in weights.walk(network):
        name = layout.name(weight, network)
        tensors[name] = layout.write(values[weight], weight)
        if weight.kind == "moving_variance":
            counter = f"{name.rpartition('.')[0]}.{_COUNTER}"
            tensors[counter] = np.zeros((), np.int64)
    pytorch_files.write(path, tensors)


def _check(network: Network) -> None:
    """Raises InputError naming the first choice that the port does not have."""
    split = network.conv_type != "3d"
    theirs = dataclasses.asdict(network_of(network.model_id, network.causal, split))
    # A stream's two layouts of split convolutions hold the same weights.
    free = {"num_classes", "conv_type"}
    for name, ours in dataclasses.asdict(network).items():
        if name not in free and ours != theirs[name]:
            raise InputError(
                f"MoViNet-pytorch has no {network.name} of conv_type {theirs['conv_type']} with "
                f"{name}={ours!r}: there it is {theirs[name]!r}."
            )
    if network.model_id.endswith("_paddle"):
        raise InputError(f"MoViNet-pytorch has no network that pads as {network.model_id} does.")

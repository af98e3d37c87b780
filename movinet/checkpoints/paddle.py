"""PaddleVideo's MoViNet (https://github.com/PaddlePaddle/PaddleVideo), to us.

Its code follows that of MoViNet-pytorch, but modules in a sequence have numbers for names.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from movinet.checkpoints import foreign, paddle_files, weights
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.pytorch import (
    PytorchLayout,
    candidates,
    half,
    module,
    padded_as,
    prefix_before,
)
from movinet.checkpoints.weights import Network, Weight
from movinet.data.pipeline import sampling_names
from movinet.data.pipeline.normalisation import Normalisation
from movinet.errors import InputError
from movinet.model_info import Preprocessing

KIND = "a .pdparams file of PaddleVideo"
SUFFIX = ".pdparams"
# configs/recognition/movinet/movinet_k400_frame.yaml
PREPROCESSING = Preprocessing(
    height=172,
    width=172,
    short_side=192,
    num_frames=50,
    sampling=sampling_names.SEGMENTS,
    normalisation=Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)
_FIRST = "conv1.conv_1.0.weight"
_LEAVES = {
    "kernel": "0.weight",
    "bias": "0.bias",
    "gamma": "1.weight",
    "beta": "1.bias",
    "moving_mean": "1._mean",
    "moving_variance": "1._variance",
}
_OUR_EPSILON, _THEIR_EPSILON = 1e-3, 1e-5


@dataclasses.dataclass(frozen=True)
class PaddleLayout(PytorchLayout):
    """The names of PaddleVideo."""

    def name(self, weight: Weight, network: Network) -> str:
        """Its name for a weight."""

        def counted(block: int, layer: int) -> str:
            """Bottlenecks are counted through all blocks."""
            before = network.architecture.blocks[:block]
            return str(sum(len(others.layers) for others in before) + layer)

        place = self.prefix + module(weight, network, counted)
        if weight.kind == "scale":
            return place
        return f"{place}.{half(weight)}.{_LEAVES[weight.kind]}"

    def read(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Its value in our shape; scales have an axis there."""
        return value.reshape(()) if weight.kind == "scale" else super().read(value, weight)

    def write(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Our value in its shape."""
        return value.reshape(1) if weight.kind == "scale" else super().write(value, weight)


def recognises(path: pathlib.Path) -> bool:
    """Whether a path is a .pdparams file, by its name."""
    return path.suffix == SUFFIX


def read(path: pathlib.Path) -> Source:
    """Reads the weights of a network that does not stream.

    Raises: InputError if the file cannot be read or holds no such network.
    """
    tensors = paddle_files.read(path)
    prefix = prefix_before(tensors, _FIRST)
    stem = tensors.get(prefix + _FIRST)
    layout = PaddleLayout(prefix, split=stem is not None and stem.ndim == 4)
    shapes = {name: value.shape for name, value in tensors.items()}
    network = foreign.identify(shapes, layout, candidates(layout.split), str(path))
    if network.causal or layout.split:
        raise InputError(
            f"{path} holds a network that is causal or of conv_type 2plus1d, for which PaddleVideo "
            "has code but no recipe; those of its recipe (causal: False, conv_type: 3d) are read."
        )
    network = padded_as(network, "paddle", str(path))
    return Source(
        KIND,
        str(path),
        _fold(tensors, layout, network),
        layout,
        network,
        activations=(network.classifier_activation,),
        preprocessing=PREPROCESSING,
        notes=(
            f"The epsilon of PaddleVideo's batch norms is {_THEIR_EPSILON:g}, ours is "
            f"{_OUR_EPSILON:g}: the difference is in their gains (gamma).",
            "Pixels are normalised with the mean and deviation of ImageNet, and 50 frames are "
            "taken of the whole video, as its recipe for Kinetics 400 does.",
        ),
    )


def _fold(
    tensors: Mapping[str, np.ndarray], layout: PaddleLayout, network: Network
) -> dict[str, np.ndarray]:
    """Returns the tensors with gains by which our epsilon gives what theirs gave."""
    folded = dict(tensors)
    for weight in weights.walk(network):
        if weight.kind != "moving_variance":
            continue
        name = layout.name(weight, network)
        gain = layout.name(dataclasses.replace(weight, kind="gamma"), network)
        if name in tensors and gain in tensors and tensors[name].shape == tensors[gain].shape:
            variance = tensors[name].astype(np.float64)
            with np.errstate(all="ignore"):  # What is not finite is refused by name.
                ratio = np.sqrt(variance + _OUR_EPSILON) / np.sqrt(variance + _THEIR_EPSILON)
                folded[gain] = (tensors[gain] * ratio).astype(np.float32)
    return folded

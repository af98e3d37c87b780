"""Weights in the layout of another project: which network they are of, and all of them into it."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

import numpy as np

from movinet.architectures import ARCHITECTURES
from movinet.checkpoints import weights
from movinet.checkpoints.weights import Network, Weight
from movinet.classifier import MovinetClassifier
from movinet.comparison import Network as Runner
from movinet.errors import InputError
from movinet.model_info import Preprocessing

_SHOWN = 5
_LEAST_KNOWN = 0.5  # The part of the weights that must fit for a file to be of a network at all.


class Layout(Protocol):
    """How another project names and shapes weights."""

    def name(self, weight: Weight, network: Network) -> str:
        """Its name for a weight."""
        ...

    def read(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Its value in our shape, `weight.shape`."""
        ...

    def write(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Our value in its shape."""
        ...


class OwnLayout:
    """Our shapes under `Weight.name`, for sources that name nothing themselves."""

    def name(self, weight: Weight, network: Network) -> str:
        """Its name for a weight."""
        return weight.name

    def read(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Its value in our shape."""
        return value

    def write(self, value: np.ndarray, weight: Weight) -> np.ndarray:
        """Our value in its shape."""
        return value


@dataclasses.dataclass(frozen=True)
class Source:
    """What a file or folder of another project holds.

    Attributes:
      kind: in words, such as `a state dict of MoViNet-pytorch`.
      path: as the user named it.
      tensors: all that it holds, by its own names.
      layout: of the names and shapes.
      network: that the weights are of.
      ignored: names among the tensors that are no weights.
      activations: of the classifier's hidden layer, between which running the source decides; the
        first is taken where it cannot be run.
      preprocessing: from a video to the input, where the project has its own.
      labels: class names, if the source brings them.
      multilabel: whether scores are sigmoids of their own instead of one softmax.
      run: makes what runs the source itself; None if nothing here can.
      video_shape: [B, T, H, W, 3] of the videos that it takes.
      tolerance: largest difference of its logits from ours, as a part of the largest.
      notes: sentences for the user.
    """

    kind: str
    path: str
    tensors: Mapping[str, np.ndarray]
    layout: Layout
    network: Network
    ignored: frozenset[str] = frozenset()
    activations: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] = ()
    multilabel: bool = False
    run: Callable[[], Runner] | None = None
    video_shape: tuple[int, int, int, int, int] = (2, 6, 64, 64, 3)
    tolerance: float = 1e-4
    notes: tuple[str, ...] = ()


def identify(
    shapes: Mapping[str, tuple[int, ...]], layout: Layout, networks: Iterable[Network], where: str
) -> Network:
    """Returns the network whose weights these are, by names and shapes.

    Args:
      shapes: of all tensors, by their own names.
      networks: to choose from; the number of classes of each is taken from the classifier's bias.
      where: names the source in errors.

    Raises: InputError if fewer than half of the weights fit any of them.
    """
    best, most = None, 0.0
    for candidate in networks:
        network = dataclasses.replace(candidate, num_classes=_classes(shapes, layout, candidate))
        expected = {
            layout.name(weight, network): foreign_shape(layout, weight)
            for weight in weights.walk(network)
        }
        fitting = sum(shapes.get(name) == shape for name, shape in expected.items())
        part = fitting / max(len(expected), len(shapes))
        if part > most:
            best, most = network, part
    if best is None or most < _LEAST_KNOWN:
        raise InputError(
            f"{where} holds no MoViNet that is known ({most:.0%} of the weights fit the nearest "
            f"of {', '.join(ARCHITECTURES)})."
        )
    return best


def foreign_shape(layout: Layout, weight: Weight) -> tuple[int, ...]:
    """Returns the shape that a weight has in a layout."""
    return layout.write(np.broadcast_to(np.float32(0), weight.shape), weight).shape


def values(source: Source, allowed: Collection[str] = ()) -> dict[Weight, np.ndarray]:
    """Returns the value of every weight in our shape, having accounted for all that there is.

    Args: allowed: names, the source's or `Weight.name`, that may be unknown, missing or misshapen;
    such weights are left out.

    Raises: InputError naming what is unknown, missing, misshapen, or not a number.
    """
    found: dict[Weight, np.ndarray] = {}
    problems: dict[str, list[str]] = {"missing": [], "misshapen": [], "not finite": []}
    known, used = set(source.ignored), set[str]()
    for weight in weights.walk(source.network):
        name = source.layout.name(weight, source.network)
        known.add(name)
        if {name, weight.name} & set(allowed):
            used |= {name, weight.name} & set(allowed)
            continue
        expected = foreign_shape(source.layout, weight)
        value = source.tensors.get(name)
        if value is None:
            problems["missing"].append(name)
        elif value.shape != expected:
            problems["misshapen"].append(f"{name} {list(value.shape)} instead of {list(expected)}")
        elif not np.isfinite(value).all():
            problems["not finite"].append(name)
        else:
            found[weight] = source.layout.read(value, weight).astype(np.float32, copy=False)
    unknown = sorted(source.tensors.keys() - known)
    problems["unknown"] = [name for name in unknown if name not in allowed]
    _check(source, problems)
    if idle := sorted(set(allowed) - used - set(unknown)):
        raise InputError(f"{source.path} has no weight {idle[0]!r} that could be allowed for.")
    return found


def _check(source: Source, problems: Mapping[str, list[str]]) -> None:
    words = [
        f"{len(names)} {problem}: {', '.join(names[:_SHOWN])}"
        + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        for problem, names in problems.items()
        if names
    ]
    if words:
        raise InputError(
            f"{source.path}, read as {source.kind} of {source.network.name} with "
            f"{source.network.num_classes} classes, does not fit it; {'; '.join(words)}. "
            "(--allow=NAME,... lets single ones pass.)"
        )


def network_of(model: MovinetClassifier) -> Network:
    """Returns the network that a model is. Raises InputError if its architecture has no name."""
    backbone = model.backbone
    if not isinstance(backbone.model_id, str):
        raise InputError("The model is of an architecture of its own: register it under a name.")
    config = backbone.layer_config
    return Network(
        model_id=backbone.model_id,
        causal=config.causal,
        conv_type=config.conv_type,
        se_type=config.se_type,
        activation=config.activation,
        gating_activation=config.gating_activation,
        classifier_activation=model.get_config()["activation"],
        use_positional_encoding=config.use_positional_encoding,
        num_classes=model.num_classes,
    )


def variables(model: MovinetClassifier, network: Network) -> dict[Weight, tuple[object, str]]:
    """Returns, for every weight of a network, the layer of a model that holds it, and its name."""
    backbone = model.backbone
    layers = {layer.name: layer for layer in (backbone._stem, *backbone._blocks, backbone._head)}
    layers[weights.CLASSIFIER_HEAD] = model._classifier_head
    found: dict[Weight, tuple[object, str]] = {}
    for weight in weights.walk(network):
        holder: object = layers[weight.layer]
        *path, name = weight.path(network.conv_type).split("/")
        for attribute in path:
            holder = getattr(holder, attribute)
        found[weight] = (holder, name)
    return found


def assign(model: MovinetClassifier, network: Network, found: Mapping[Weight, np.ndarray]) -> None:
    """Puts values in our shapes into the variables of a model; others stay as they are."""
    for weight, (holder, name) in variables(model, network).items():
        if weight in found:
            variable = getattr(holder, name)
            variable.assign(found[weight].reshape(variable.shape))


def read(model: MovinetClassifier, network: Network) -> dict[Weight, np.ndarray]:
    """Returns the values of all weights of a model in our shapes."""
    return {
        weight: getattr(holder, name).numpy().reshape(weight.shape)
        for weight, (holder, name) in variables(model, network).items()
    }


def _classes(shapes: Mapping[str, tuple[int, ...]], layout: Layout, candidate: Network) -> int:
    """The number of classes, by the classifier's bias; the candidate's if there is none."""
    bias = Weight(weights.CLASSIFIER_HEAD, "classifier", "bias", (candidate.num_classes,))
    shape = shapes.get(layout.name(bias, candidate), ())
    return shape[-1] if shape else candidate.num_classes

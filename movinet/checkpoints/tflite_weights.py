"""From the convolutions of a graph to the weights of a network, and the choices that it shows.

The converter folds batch norms, and often other scales, into kernels and biases. Here they become
the bias of a norm that does nothing else.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from movinet.checkpoints import gates, tflite_places
from movinet.checkpoints.tflite_graph import POSITIONS, Convolution, ConvolutionGraph
from movinet.checkpoints.tflite_places import Place
from movinet.checkpoints.weights import CLASSIFIER_HEAD, STEM
from movinet.layers import activations
from movinet.layers.config import LayerConfig

_BIASED = ("se_reduce", "se_expand", "head", "classifier")
_LINEAR = ("projection", "skip", "classifier")
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_ACTIVATIONS = {"NONE": "", "HARD_SWISH": "hard_swish", "LOGISTIC": "sigmoid", "RELU6": "relu6"}
# Keras's hard sigmoid: a linear function, cut off at 0 and 1.
_CLIPPED = "clipped"
_HARD_GATES = ("relu6", _CLIPPED)
_BOUNDS = {"MINIMUM": 1.0, "MAXIMUM": 0.0}


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a graph shows of the choices of its network; the words are those of `Network`."""

    se_type: str
    activation: str
    gating_activation: str
    classifier_activation: str
    use_positional_encoding: bool


@dataclasses.dataclass
class _Folded:
    """A convolution with what directly follows it: `slope * activation(scale * y + bias)`."""

    kernel: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    activation: str
    slope: float = 1.0
    bounds: set[float] = dataclasses.field(default_factory=set)

    def cut(self, bound: float) -> None:
        """Cuts it off at 0 from below or at 1 from above."""
        self.bounds.add(bound)
        if self.bounds == {0.0, 1.0}:
            self.activation = _CLIPPED


@np.errstate(all="ignore")  # `foreign.values` names what is no number.
def read(graph: ConvolutionGraph) -> tuple[dict[str, np.ndarray], Choices]:
    """Returns the weights of a stream in our shapes, by `Weight.name`, and its choices.

    Raises: InputError if the graph is no stream, or computes what none does.
    """
    places = tflite_places.find(graph)
    folded = {place: _fold(graph, place, one) for place, one in places.items()}
    choices = _choices(graph, places, folded)
    tensors: dict[str, np.ndarray] = {}
    for place, one in folded.items():
        if place.part == "se_expand":
            _move_gate(one, folded[dataclasses.replace(place, part="projection")])
    for place, one in folded.items():
        tensors |= _values(place, one)
        if place.part == "se_reduce" and choices.use_positional_encoding:
            name = dataclasses.replace(place, part="pos_encoding").name("scale")
            tensors[name] = _encoding_scale(graph, places[place])
    graph.check_all_used()
    return tensors, choices


def _fold(graph: ConvolutionGraph, place: Place, convolution: Convolution) -> _Folded:
    """Follows a convolution up to what is not its own."""
    operation = convolution.operation
    found = _Folded(
        kernel=_kernel(place, convolution).astype(np.float64),
        bias=convolution.bias.astype(np.float64),
        scale=np.ones(1),
        activation=_activation(operation.fused),
    )
    while True:
        (tensor,) = operation.outputs
        users = sorted(graph.users[tensor], key=lambda user: user.name)
        if [user.name for user in users] == ["LOGISTIC", "MUL"] and not found.activation:
            found.activation = "swish"
            return found
        if len(users) != 1:
            return found
        (operation,) = users
        constants = [graph.constant(other) for other in operation.inputs if other != tensor]
        if operation.name in ("MUL", "ADD") and len(constants) == 1 and constants[0] is not None:
            _absorb(graph, found, operation.name, constants[0].astype(np.float64).ravel())
        elif operation.name in _ACTIVATIONS and not found.activation:
            found.activation = _ACTIVATIONS[operation.name]
        elif operation.name in _BOUNDS and _BOUNDS[operation.name] in constants:
            found.cut(_BOUNDS[operation.name])
        elif operation.name == "RELU":
            found.cut(0.0)
        elif operation.name not in _RESHAPES:
            return found
        found.activation = found.activation or _activation(operation.fused)


def _kernel(place: Place, convolution: Convolution) -> np.ndarray:
    """The kernel with its axes as `Weight.shape` has them."""
    kernel = convolution.kernel
    if not convolution.depthwise:
        return kernel.transpose(1, 2, 3, 0)[None]  # [out, h, w, in] -> [1, h, w, in, out]
    if place.temporal:
        return kernel[0, :, None, :, :, None]  # [1, frames, 1, C] -> [frames, 1, 1, C, 1]
    return kernel[..., None]  # [1, h, w, C] -> [1, h, w, C, 1]


def _activation(fused: str) -> str:
    return _ACTIVATIONS.get(fused, fused.lower())


def _absorb(graph: ConvolutionGraph, found: _Folded, name: str, value: np.ndarray) -> None:
    """Takes a multiplication by a constant, or its addition, into a convolution."""
    if value.size not in (1, found.bias.size):
        raise graph.error(f"has a {name} of {value.size} numbers behind a convolution")
    if not found.activation and name == "MUL":
        found.scale = found.scale * value
    elif not found.activation:
        found.bias = found.bias + value / found.scale
    elif name == "MUL" and value.size == 1:
        found.slope *= float(value[0])
    else:
        raise graph.error(f"has a {name} of {value.size} numbers behind {found.activation}")


def _choices(
    graph: ConvolutionGraph,
    places: Mapping[Place, Convolution],
    folded: Mapping[Place, _Folded],
) -> Choices:
    """What the graph computes besides its weights. Raises InputError if its layers differ in it."""
    stem = folded[Place(STEM, "stem")].activation
    hidden = folded[Place(CLASSIFIER_HEAD, "head")].activation
    found = {one.activation for place, one in folded.items() if place.part == "se_expand"}
    gate = found.pop() if len(found) == 1 else ""
    expected = dict.fromkeys(_LINEAR, "") | {"se_expand": gate, "head": hidden}
    for place, one in folded.items():
        wanted = expected.get(place.part, stem)
        known = one.activation in (*activations.NAMES, "", _CLIPPED)
        known &= (one.activation == "") == (place.part in _LINEAR)
        known &= one.activation != _CLIPPED or place.part == "se_expand"
        if one.activation != wanted or not known or (one.slope != 1 and place.part != "se_expand"):
            has = f"{one.slope:g} x {one.activation or 'no activation'}"
            raise graph.error(f"has {has} behind {place.name('kernel')}")
    reduces = {place: one for place, one in places.items() if place.part == "se_reduce"}
    encoded = {POSITIONS in one.sources for one in reduces.values()}
    widths = {
        one.kernel.shape[3] / folded[dataclasses.replace(place, part="se_expand")].bias.size
        for place, one in reduces.items()
    }
    se_type = {(1.0,): "3d", (2.0,): "2plus3d"}.get(tuple(widths))
    if gate not in (*_HARD_GATES, "sigmoid") or se_type is None or len(encoded) != 1:
        raise graph.error("has a squeeze-excitation that no network has")
    return Choices(
        se_type=se_type,
        activation=stem,
        gating_activation="hard_sigmoid" if gate in _HARD_GATES else gate,
        classifier_activation=hidden,
        use_positional_encoding=encoded.pop(),
    )


def _move_gate(expand: _Folded, projection: _Folded) -> None:
    """Writes a gate as the network has it, relu6(x + 3) times a slope; a factor that is left goes
    into the projection.
    """
    factor = expand.slope
    if expand.activation == _CLIPPED:
        expand.scale = expand.scale / gates.OURS
    elif expand.activation == "relu6":
        factor /= gates.OURS
    if expand.activation in _HARD_GATES:
        expand.bias = expand.bias - 3.0 / expand.scale
    projection.kernel = projection.kernel * factor


def _values(place: Place, one: _Folded) -> dict[str, np.ndarray]:
    """The weights of a convolution and of the norm behind it, by their names."""
    scale, values = one.scale, {}
    if place.part == "projection":
        rezero = scale[0] if scale.size == 1 else 1.0
        scale = scale / rezero if scale.size > 1 else np.ones(1)
        values[dataclasses.replace(place, part="rezero").name("scale")] = np.array(rezero)
    along = scale[:, None] if place.part == "feature" else scale
    values[place.name("kernel")] = one.kernel * along
    bias = one.bias * scale
    if place.part in _BIASED:
        values[place.name("bias")] = bias
    else:
        values[place.name("gamma")] = np.ones_like(bias)
        values[place.name("beta")] = bias
        values[place.name("moving_mean")] = np.zeros_like(bias)
        # With epsilon, the root of which is divided by, it is 1.
        values[place.name("moving_variance")] = np.full_like(bias, 1 - LayerConfig().norm_epsilon)
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def _encoding_scale(graph: ConvolutionGraph, reduce: Convolution) -> np.ndarray:
    """The factor of the positional encoding that squeeze-excitation reads.

    Raises: InputError if it cannot be told.
    """
    found, waiting = set(), [reduce.operation.inputs[0]]
    while waiting:
        operation = graph.producers.get(tensor := waiting.pop())
        if operation is None or POSITIONS not in graph.sources[tensor]:
            continue
        constants = [graph.constant(other) for other in operation.inputs]
        scales = [scale for scale in constants if scale is not None]
        if operation.name == "MUL" and len(scales) == 1 and scales[0].size == 1:
            found.add(float(scales[0].ravel()[0]))
        elif operation.name in ("SIN", "COS"):
            found.add(1.0)
        else:
            waiting += operation.inputs
    if len(found) != 1:
        raise graph.error("has positional encodings whose scale cannot be told")
    return np.array(found.pop(), np.float32)

"""Every weight of a network by its place and shape: the common ground of all layouts.

A layout of another project is a table from these to its own names. Nothing here needs TensorFlow or
a model that is built.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from movinet.architectures import (
    ARCHITECTURES,
    Architecture,
    BottleneckSpec,
    squeeze_excitation_filters,
)
from movinet.presets import Preset

STEM, HEAD, CLASSIFIER_HEAD = "stem", "head", "classifier_head"
NORM_KINDS = ("gamma", "beta", "moving_mean", "moving_variance")
_INPUT_CHANNELS = 3
# Where the parts of a layer lie in it: the path in a checkpoint, and in the layer itself.
_PATHS = {
    "stem": "_stem",
    "expansion": "_expansion",
    "feature": "_feature",
    "pos_encoding": "_attention/_pos_encoding/_rezero",
    "se_reduce": "_attention/_se_reduce",
    "se_expand": "_attention/_se_expand",
    "projection": "_projection",
    "skip": "_skip/_projection",
    "rezero": "_mobile_bottleneck/_rezero",
    "project": "_project",
    "head": "_head",
    "classifier": "_classifier",
}


@dataclasses.dataclass(frozen=True)
class Network:
    """What decides which weights a network has and what it computes with them.

    Attributes: as the arguments of `Movinet` and `MovinetClassifier`; `classifier_activation` is
    that of the classifier's hidden layer.
    """

    model_id: str
    causal: bool
    conv_type: str
    se_type: str
    activation: str
    gating_activation: str
    classifier_activation: str
    use_positional_encoding: bool
    num_classes: int

    @classmethod
    def of(cls, preset: Preset, num_classes: int = 600) -> "Network":
        """The network of a published variant."""
        return cls(
            **preset.backbone_arguments(),
            classifier_activation=preset.classifier_activation,
            num_classes=num_classes,
        )

    @property
    def name(self) -> str:
        """Of the variant, such as `a0_stream`."""
        return f"{self.model_id}_{'stream' if self.causal else 'base'}"

    @property
    def architecture(self) -> Architecture:
        """Its geometry."""
        return ARCHITECTURES[self.model_id]

    def backbone_arguments(self) -> dict[str, Any]:
        """Returns the keyword arguments of `Movinet`."""
        fields = dataclasses.asdict(self)
        return {
            key: fields[key] for key in fields.keys() - {"classifier_activation", "num_classes"}
        }


@dataclasses.dataclass(frozen=True)
class Weight:
    """One weight.

    Attributes:
      layer: `stem`, `block0_layer0`, ..., `head` or `classifier_head`.
      part: of the layer: `stem`; `expansion`, `feature`, `pos_encoding`, `se_reduce`, `se_expand`,
        `projection`, `skip`, `rezero`; `project`; `head`, `classifier`.
      kind: `kernel`, `bias`, `scale`, or one of NORM_KINDS.
      shape: kernels are [frames, height, width, in, out], depthwise ones [..., C, 1]; others [C];
        a scale is [].
      temporal: whether it belongs to the second, temporal half of a split convolution.
      depthwise: whether it is the kernel of a depthwise convolution.
    """

    layer: str
    part: str
    kind: str
    shape: tuple[int, ...]
    temporal: bool = False
    depthwise: bool = False

    @property
    def name(self) -> str:
        """In words that no layout changes: `block0_layer0/feature/temporal/gamma`."""
        half = ("temporal",) if self.temporal else ()
        return "/".join((self.layer, self.part, *half, self.kind))

    def path(self, conv_type: str) -> str:
        """Where it lies in its layer, as attributes and official checkpoints name it."""
        suffix, leaf = "_temporal" if self.temporal else "", self.kind
        if self.kind == "scale":
            return f"{_PATHS[self.part]}/scale"
        if self.kind in NORM_KINDS:
            return f"{_PATHS[self.part]}/_batch_norm{suffix}/{leaf}"
        inner = ""
        if conv_type == "2plus1d":  # Holds its convolutions one level down.
            inner, leaf = "/_conv", "depthwise_kernel" if self.depthwise else leaf
        return f"{_PATHS[self.part]}/_conv{suffix}{inner}/{leaf}"


def model_ids() -> list[str]:
    """Architectures that weights tell apart: padding, which other projects have of their own, is no
    weight.
    """
    return [name for name, one in ARCHITECTURES.items() if one.stem.padding is None]


def walk(network: Network) -> Iterator[Weight]:
    """Yields all weights of a network, from the stem to the classifier."""
    architecture = network.architecture
    stem = architecture.stem
    kernel = (*stem.kernel_size, _INPUT_CHANNELS, stem.filters)
    yield from _block(network, STEM, "stem", kernel)
    for bottleneck in architecture.walk():
        yield from _bottleneck(network, bottleneck)
    hidden = architecture.head.head_filters
    projected = architecture.head.project_filters
    yield from _block(network, HEAD, "project", (1, 1, 1, architecture.output_filters, projected))
    for part, inputs, outputs in (
        ("head", projected, hidden),
        ("classifier", hidden, network.num_classes),
    ):
        yield from _biased(CLASSIFIER_HEAD, part, inputs, outputs)


def _bottleneck(network: Network, spec: BottleneckSpec) -> Iterator[Weight]:
    name, width = spec.name, spec.expand_filters
    yield from _block(network, name, "expansion", (1, 1, 1, spec.input_filters, width))
    yield from _block(network, name, "feature", (*spec.kernel_size, width, 1))
    if network.se_type != "none":
        if network.causal and network.use_positional_encoding:
            yield Weight(name, "pos_encoding", "scale", ())
        hidden = squeeze_excitation_filters(width, network.se_type)
        pooled = 2 * width if network.se_type == "2plus3d" else width
        yield from _biased(name, "se_reduce", pooled, hidden)
        yield from _biased(name, "se_expand", hidden, width)
    yield from _block(network, name, "projection", (1, 1, 1, width, spec.filters))
    if spec.needs_skip_projection:
        yield from _block(network, name, "skip", (1, 1, 1, spec.input_filters, spec.filters))
    yield Weight(name, "rezero", "scale", ())


def _block(network: Network, layer: str, part: str, kernel: tuple[int, ...]) -> Iterator[Weight]:
    """A convolution and its norm; two of each if the kernel spans time and is split."""
    depthwise = part == "feature"
    frames, *window = kernel[:3]
    widths = kernel[3:]
    filters = widths[0] if depthwise else widths[1]
    halves = [(kernel, False)]
    if frames > 1 and network.conv_type != "3d":
        inputs = widths if depthwise else (filters, filters)
        halves = [((1, *window, *widths), False), ((frames, 1, 1, *inputs), True)]
    for shape, temporal in halves:
        yield Weight(layer, part, "kernel", shape, temporal, depthwise)
        for kind in NORM_KINDS:
            yield Weight(layer, part, kind, (filters,), temporal)


def _biased(layer: str, part: str, inputs: int, outputs: int) -> Iterator[Weight]:
    yield Weight(layer, part, "kernel", (1, 1, 1, inputs, outputs))
    yield Weight(layer, part, "bias", (outputs,))

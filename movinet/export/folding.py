"""A trained network as plain arrays, with everything constant folded into kernels and biases.

In inference a batch norm scales and shifts, and so does ReZero: both disappear into the convolution
before them. What is left is what a graph for a device is made of, whatever the layout in which the
network was trained.
"""

import dataclasses
from typing import Any

import numpy as np

from movinet.classifier import MovinetClassifier
from movinet.layers.bottleneck import MovinetBlock
from movinet.layers.config import LayerConfig
from movinet.layers.convolution import ConvBlock
from movinet.layers.padding import temporal_padding
from movinet.layers.pooling import WindowAverage
from movinet.layers.squeeze_excitation import SqueezeExcitation


@dataclasses.dataclass(frozen=True)
class FoldedConvolution:
    """A convolution, its bias and its activation.

    Attributes:
      name: unique in the network.
      kernel: [frames, height, width, in, out], or [frames, height, width, C, 1] if depthwise.
      bias: [out].
      stride: in space.
      pixels: of zeros on each side of a frame; None for `SAME`.
      padding: frames of zeros before and after a clip; (frames - 1, 0) if causal.
      state_name: of the stream buffer of frames - 1 frames, if it streams.
    """

    name: str
    kernel: np.ndarray
    bias: np.ndarray
    stride: int
    depthwise: bool
    activation: str
    pixels: int | None = None
    padding: tuple[int, int] = (0, 0)
    state_name: str = ""

    @property
    def pixelwise(self) -> bool:
        """Whether a frame of the kernel is one factor a channel."""
        return self.depthwise and self.kernel.shape[1:3] == (1, 1) and self.stride == 1

    def scaled(self, factor: float) -> "FoldedConvolution":
        """Returns the convolution with its output, before the activation, times `factor`."""
        return dataclasses.replace(self, kernel=self.kernel * factor, bias=self.bias * factor)


@dataclasses.dataclass(frozen=True)
class FoldedAttention:
    """Squeeze-excitation: its two convolutions, and the prefix of its states' names.

    encoding_scale: of the positional encoding; None without one.
    """

    name: str
    reduce: FoldedConvolution
    expand: FoldedConvolution
    state_prefix: str
    encoding_scale: float | None


@dataclasses.dataclass(frozen=True)
class FoldedBlock:
    """One bottleneck; ReZero is part of the projection."""

    name: str
    expansion: FoldedConvolution
    features: tuple[FoldedConvolution, ...]
    attention: FoldedAttention | None
    projection: FoldedConvolution
    skip: FoldedConvolution | None
    skip_pool: WindowAverage | None


@dataclasses.dataclass(frozen=True)
class FoldedNetwork:
    """A whole classifier in inference."""

    config: LayerConfig
    stem: tuple[FoldedConvolution, ...]
    blocks: tuple[FoldedBlock, ...]
    project: FoldedConvolution
    hidden: FoldedConvolution
    classifier: FoldedConvolution


def fold(model: MovinetClassifier) -> FoldedNetwork:
    """Reads the weights of a classifier.

    Layers are reached by the names under which checkpoints hold them, which never change.
    """
    backbone, head = model.backbone, model._classifier_head
    (project,) = _fold_block(backbone._head._project, "head_project")
    (hidden,) = _fold_block(head._head, "classifier_hidden")
    (classifier,) = _fold_block(head._classifier, "classifier_logits")
    return FoldedNetwork(
        config=backbone.layer_config,
        stem=_fold_block(backbone._stem._stem, "stem"),
        blocks=tuple(_fold_bottleneck(block) for block in backbone._blocks),
        project=project,
        hidden=hidden,
        classifier=classifier,
    )


def _fold_bottleneck(block: MovinetBlock) -> FoldedBlock:
    name = block.spec.bottleneck.name
    (expansion,) = _fold_block(block._expansion, f"{name}_expansion")
    (projection,) = _fold_block(block._projection, f"{name}_projection")
    skip = None
    if block._skip is not None:
        (skip,) = _fold_block(block._skip._projection, f"{name}_skip")
    return FoldedBlock(
        name=name,
        expansion=expansion,
        features=_fold_block(block._feature, f"{name}_feature"),
        attention=None if block._attention is None else _fold_attention(block._attention, name),
        projection=projection.scaled(float(block._mobile_bottleneck._rezero.scale)),
        skip=skip,
        skip_pool=WindowAverage.of(block.spec.bottleneck),
    )


def _fold_attention(attention: SqueezeExcitation, name: str) -> FoldedAttention:
    (reduce,) = _fold_block(attention._se_reduce, f"{name}_reduce")
    (expand,) = _fold_block(attention._se_expand, f"{name}_expand")
    encoding = attention._pos_encoding
    return FoldedAttention(
        name=f"{name}_attention",
        reduce=reduce,
        expand=expand,
        state_prefix=attention.spec.state_prefix,
        encoding_scale=None if encoding is None else float(encoding._rezero.scale),
    )


def _fold_block(block: ConvBlock, name: str) -> tuple[FoldedConvolution, ...]:
    """Returns the one or two convolutions of a block; the last has the temporal kernel, if any."""
    pairs = [(block._conv, block._batch_norm)]
    if block._conv_temporal is not None:
        pairs.append((block._conv_temporal, block._batch_norm_temporal))
    folded = []
    for index, (convolution, batch_norm) in enumerate(pairs):
        kernel, bias = _fold_norm(getattr(convolution, "_conv", convolution), batch_norm)
        frames, buffer = kernel.shape[0], block._stream_buffer
        folded.append(
            FoldedConvolution(
                name=f"{name}_temporal" if index else name,
                kernel=kernel,
                bias=bias,
                stride=1 if index else block.spec.stride,
                pixels=None if index else block.spec.padding,
                depthwise=block.spec.depthwise,
                activation=block.spec.activation,
                padding=temporal_padding(frames, block.config.causal),
                state_name=buffer.state_name if frames > 1 and buffer is not None else "",
            )
        )
    return tuple(folded)


def _fold_norm(convolution: Any, batch_norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel and bias of a convolution with the batch norm behind it, if there is one."""
    kernel = convolution.kernel_5d().numpy().astype(np.float64)
    if batch_norm is None:
        return kernel.astype(np.float32), convolution.bias.numpy().astype(np.float32)
    variables = (batch_norm.gamma, batch_norm.beta, batch_norm.moving_mean)
    gamma, beta, mean = (variable.numpy().astype(np.float64) for variable in variables)
    scale = gamma / np.sqrt(batch_norm.moving_variance.numpy() + batch_norm.epsilon)
    # The outputs of a depthwise kernel [frames, height, width, C, 1] are its last but one axis.
    kernel = kernel * (scale[:, None] if convolution.spec.depthwise else scale)
    return kernel.astype(np.float32), (beta - mean * scale).astype(np.float32)

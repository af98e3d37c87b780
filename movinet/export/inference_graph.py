"""The graph of a folded network for devices: static shapes, builtin ops, 4-D tensors.

Both graphs, one frame with states and a whole clip, run the same layers; they differ in how they
see time (`movinet.export.time_axis`). Where a hard swish stands, `split_hard_swish` leaves out its
factor 1/6 and scales what reads it instead: integer kernels exist for x * relu6(x + 3), but not for
HARD_SWISH, which makes the whole graph four times slower.
"""

import dataclasses
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from movinet.export.folding import (
    FoldedAttention,
    FoldedBlock,
    FoldedConvolution,
    FoldedNetwork,
)
from movinet.layers import activations
from movinet.layers.padding import beside


class Signal(NamedTuple):
    """A tensor [N, H, W, C] that stands for `tensor * scale`."""

    tensor: tf.Tensor
    scale: float = 1.0

    def value(self) -> tf.Tensor:
        """Returns what it stands for; for small tensors."""
        return self.tensor if self.scale == 1.0 else self.tensor * self.scale


class TimeAxis(Protocol):
    """How a graph sees other frames than the present one."""

    def convolve(self, x: tf.Tensor, convolution: FoldedConvolution) -> tf.Tensor:
        """Applies a kernel of several frames, without its bias."""

    def average(self, frame_means: tf.Tensor, prefix: str) -> tf.Tensor:
        """Averages frame means [T, 1, 1, C] over the video so far, or the clip: [1, 1, 1, C]."""

    def positions(self) -> tf.Tensor:
        """Returns the index of each frame in its video, float32 [T, 1, 1, 1]."""


def convolve_frame(x: tf.Tensor, kernel: np.ndarray, convolution: FoldedConvolution) -> tf.Tensor:
    """Applies one frame [height, width, in, out] of a kernel to `padded` frames [T, H, W, C]."""
    if convolution.pixelwise:
        return x * kernel.reshape([1, 1, 1, -1])
    strides = [1, convolution.stride, convolution.stride, 1]
    convolve = tf.nn.depthwise_conv2d if convolution.depthwise else tf.nn.conv2d
    return convolve(x, kernel, strides, "SAME" if convolution.pixels is None else "VALID")


def padded(x: tf.Tensor, convolution: FoldedConvolution) -> tf.Tensor:
    """Puts the zeros beside frames [T, H, W, C] that are not those of `SAME`."""
    return tf.pad(x, beside(convolution.pixels)) if convolution.pixels else x


class InferenceGraph:
    """The layers of a folded network over frames [T, H, W, 3] of one video.

    Args:
      network: the weights.
      time: how layers see other frames.
      split_hard_swish: whether hard swish is written without its factor.
    """

    def __init__(self, network: FoldedNetwork, time: TimeAxis, split_hard_swish: bool) -> None:
        self._network = network
        self._time = time
        self._split_hard_swish = split_hard_swish

    def logits(self, frames: tf.Tensor) -> tf.Tensor:
        """Classifies: [T, H, W, 3] -> [1, num_classes]."""
        network = self._network
        x = Signal(frames)
        for convolution in network.stem:
            x = self._convolve(x, convolution)
        for block in network.blocks:
            x = self._bottleneck(x, block)
        x = self._convolve(x, network.project)
        with tf.name_scope("head_pool"):
            pooled = self._time.average(_frame_means(x), "state_head")
        x = self._convolve(Signal(pooled), network.hidden)
        x = self._convolve(x, network.classifier)
        return tf.reshape(x.value(), [1, -1])

    def _convolve(self, x: Signal, convolution: FoldedConvolution) -> Signal:
        """Convolution, bias, activation."""
        gate = convolution.activation == "hard_sigmoid"
        scaled = dataclasses.replace(
            convolution,
            kernel=convolution.kernel * np.float32(x.scale),
            # relu6(x + 3) needs no op of its own for the 3.
            bias=convolution.bias + np.float32(3.0 if gate else 0.0),
        )
        with tf.name_scope(convolution.name):
            if len(scaled.kernel) > 1:
                y = self._time.convolve(x.tensor, scaled)
            else:
                y = convolve_frame(padded(x.tensor, scaled), scaled.kernel[0], scaled)
            return self._activate(tf.nn.bias_add(y, scaled.bias), convolution.activation)

    def _activate(self, x: tf.Tensor, name: str) -> Signal:
        if name == "hard_sigmoid":
            return Signal(tf.nn.relu6(x), activations.HARD_SIGMOID_SLOPE)
        if name == "hard_swish" and self._split_hard_swish:
            return Signal(x * tf.nn.relu6(x + 3.0), 1.0 / 6.0)
        name = "simple_swish" if name == "swish" else name
        return Signal(activations.get(name)(x))

    def _bottleneck(self, x: Signal, block: FoldedBlock) -> Signal:
        skip = self._skip(x, block)
        x = self._convolve(x, block.expansion)
        for convolution in block.features:
            x = self._convolve(x, convolution)
        if block.attention is not None:
            x = self._gate(x, block.attention)
        branch = self._convolve(x, block.projection)
        with tf.name_scope(f"{block.name}_add"):
            return Signal(branch.tensor + skip)

    def _skip(self, x: Signal, block: FoldedBlock) -> tf.Tensor:
        if block.skip is None:
            return x.value()
        if block.skip_pool is not None:
            with tf.name_scope(f"{block.name}_skip_average"):
                x = Signal(block.skip_pool(x.tensor), x.scale)
        return self._convolve(x, block.skip).tensor

    def _gate(self, x: Signal, attention: FoldedAttention) -> Signal:
        """Squeeze-excitation; its sums and divisions have the scope `_pool`."""
        se_type = self._network.config.se_type
        with tf.name_scope(f"{attention.name}_pool"):
            pooled = frame_means = _frame_means(x)
            if se_type != "2d":
                pooled = self._time.average(frame_means, attention.state_prefix)
            if se_type == "2plus3d":
                pooled = tf.concat([_repeat(pooled, frame_means), frame_means], axis=-1)
            if attention.encoding_scale is not None:
                pooled += self._encoding(pooled.shape[-1], attention)
        gate = self._convolve(self._convolve(Signal(pooled), attention.reduce), attention.expand)
        with tf.name_scope(f"{attention.name}_scale"):
            return Signal(x.tensor * gate.tensor, x.scale * gate.scale)

    def _encoding(self, filters: int, attention: FoldedAttention) -> tf.Tensor:
        """The sinusoid of section 3.5 of https://arxiv.org/abs/1706.03762: [T, 1, 1, filters]."""
        exponents = 2 * (np.arange(filters) // 2) / filters
        frequencies = (1.0 / 10_000.0**exponents).astype(np.float32)
        positions = self._time.positions()
        sines = tf.sin(positions * frequencies[0::2])
        cosines = tf.cos(positions * frequencies[1::2])
        return tf.concat([sines, cosines], axis=-1) * np.float32(attention.encoding_scale)


def _frame_means(x: Signal) -> tf.Tensor:
    """Averages each frame: [T, H, W, C] -> [T, 1, 1, C]."""
    return Signal(tf.reduce_mean(x.tensor, [1, 2], keepdims=True), x.scale).value()


def _repeat(pooled: tf.Tensor, frame_means: tf.Tensor) -> tf.Tensor:
    repeats = frame_means.shape[0] // pooled.shape[0]
    return pooled if repeats == 1 else tf.tile(pooled, [repeats, 1, 1, 1])

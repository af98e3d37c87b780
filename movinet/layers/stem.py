"""The first layer of the network."""

import tensorflow as tf

from movinet.architectures import StemSpec
from movinet.layers.base import Dimension, Size, SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig
from movinet.layers.convolution import ConvBlock, ConvSpec

INPUT_CHANNELS = 3


class Stem(SpecLayer):
    """A full convolution of the video frames.

    Call:     x [B*T, H, W, 3]; streams if its kernel spans time, as no published one does.
    Returns:  ([B*T, H / stride, W / stride, C], new states).
    """

    def create(self, spec: StemSpec, config: LayerConfig) -> None:
        """Makes the convolution."""
        self._stem = ConvBlock(
            ConvSpec(
                INPUT_CHANNELS,
                spec.filters,
                spec.kernel_size,
                spec.stride,
                spec.padding,
                activation=config.activation,
                state_prefix="state_stem",
            ),
            config,
            "stem",
        )

    def call(
        self, x: tf.Tensor, num_frames: Dimension, states: States | None = None
    ) -> tuple[tf.Tensor, States]:
        """Convolves."""
        return self._stem(x, num_frames, states)

    def output_size(self, size: Size) -> Size:
        """Returns the height or width of the output for that of the input."""
        return self._stem.output_size(size)

    def state_specs(self, batch: Size, height: Size, width: Size) -> dict[str, StateSpec]:
        """Returns the states for frames of that size."""
        return self._stem.state_specs(batch, height, width)

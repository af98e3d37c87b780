"""The MoViNet block: an inverted bottleneck with squeeze-excitation and a scaled residual."""

import dataclasses

import tensorflow as tf

from movinet.architectures import BottleneckSpec
from movinet.layers import noise
from movinet.layers.base import Dimension, Size, SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig
from movinet.layers.convolution import ConvBlock, ConvSpec
from movinet.layers.frames import dimensions, scale_clips
from movinet.layers.pooling import WindowAverage
from movinet.layers.rezero import ReZero
from movinet.layers.squeeze_excitation import SqueezeExcitation, SqueezeExcitationSpec


@dataclasses.dataclass(frozen=True)
class SkipSpec:
    """Widths of a residual connection, and the pool by which it strides, if it does."""

    input_filters: int
    filters: int
    pool: WindowAverage | None


class SkipBlock(SpecLayer):
    """The residual connection where the shape changes: average pool, then projection.

    Call:     x [B*T, H, W, C].
    Returns:  [B*T, H', W', C'].
    """

    def create(self, spec: SkipSpec, config: LayerConfig) -> None:
        """Makes the projection."""
        self._projection = ConvBlock(
            ConvSpec(spec.input_filters, spec.filters), config, "skip_project"
        )

    def call(self, x: tf.Tensor, num_frames: Dimension) -> tf.Tensor:
        """Pools and projects."""
        if self.spec.pool is not None:
            x = self.spec.pool(x)
        return self._projection(x, num_frames)[0]


class ScaledResidual(SpecLayer):
    """Adds a branch to its skip, scaled by ReZero and dropped by stochastic depth in training.

    Stochastic depth drops the branch of whole clips; https://arxiv.org/abs/1603.09382.

    Call:     branch and skip [B*T, H, W, C].
    Returns:  [B*T, H, W, C].
    """

    def create(self, spec: float, config: LayerConfig) -> None:
        """Makes the scale; the spec is the drop rate."""
        self._rezero = ReZero(None, config, "rezero")
        self._keep_rate = 1.0 - spec

    def call(
        self,
        branch: tf.Tensor,
        skip: tf.Tensor,
        num_frames: Dimension,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Scales, drops and adds."""
        branch = self._rezero(branch)
        if training and self._keep_rate < 1.0:
            batch = dimensions(branch)[0] // num_frames
            factor = tf.cast(noise.keep([batch, 1, 1, 1], self._keep_rate), branch.dtype)
            branch = scale_clips(branch, factor, num_frames)
        return branch + skip


@dataclasses.dataclass(frozen=True)
class MovinetBlockSpec:
    """A bottleneck of the architecture and its stochastic depth drop rate, in [0, 1)."""

    bottleneck: BottleneckSpec
    drop_rate: float


class MovinetBlock(SpecLayer):
    """Expansion, depthwise features, squeeze-excitation, projection, and a scaled residual.

    Figure 2 and table 1 of https://arxiv.org/abs/2103.11511.

    Call:     x [B*T, H, W, C]; reads and writes the states of its features and its pool.
    Returns:  ([B*T, H', W', C'], new states).
    """

    def create(self, spec: MovinetBlockSpec, config: LayerConfig) -> None:
        """Makes the five parts."""
        geometry = spec.bottleneck
        prefix = f"state_{geometry.name}"
        width = geometry.expand_filters
        self._expansion = ConvBlock(
            ConvSpec(geometry.input_filters, width, activation=config.activation),
            config,
            "expansion",
        )
        self._feature = ConvBlock(
            ConvSpec(
                width,
                width,
                geometry.kernel_size,
                geometry.stride,
                geometry.padding,
                depthwise=True,
                activation=config.activation,
                state_prefix=prefix,
            ),
            config,
            "feature",
        )
        self._attention = None
        if config.se_type != "none":
            self._attention = SqueezeExcitation(
                SqueezeExcitationSpec(width, prefix), config, "attention"
            )
        self._projection = ConvBlock(ConvSpec(width, geometry.filters), config, "projection")
        self._skip = None
        if geometry.needs_skip_projection:
            skip = SkipSpec(geometry.input_filters, geometry.filters, WindowAverage.of(geometry))
            self._skip = SkipBlock(skip, config, "skip")
        self._mobile_bottleneck = ScaledResidual(spec.drop_rate, config, "mobile_bottleneck")

    def call(
        self, x: tf.Tensor, num_frames: Dimension, states: States | None = None
    ) -> tuple[tf.Tensor, States]:
        """Runs the block; see the class."""
        skip = x if self._skip is None else self._skip(x, num_frames)
        x, _ = self._expansion(x, num_frames)
        x, new_states = self._feature(x, num_frames, states)
        if self._attention is not None:
            x, attention_states = self._attention(x, num_frames, states)
            new_states |= attention_states
        x, _ = self._projection(x, num_frames)
        return self._mobile_bottleneck(x, skip, num_frames), new_states

    def output_size(self, size: Size) -> Size:
        """Returns the height or width of the output for that of the input."""
        return self._feature.output_size(size)

    def state_specs(self, batch: Size, height: Size, width: Size) -> dict[str, StateSpec]:
        """Returns the states for frames of that size at the input."""
        specs = self._feature.state_specs(batch, height, width)
        if self._attention is not None:
            specs |= self._attention.state_specs(batch)
        return specs

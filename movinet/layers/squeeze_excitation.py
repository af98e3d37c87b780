"""Squeeze-excitation over frames, clips, or the video so far."""

import dataclasses

import tensorflow as tf

from movinet.architectures import squeeze_excitation_filters
from movinet.layers.base import Dimension, Size, SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig
from movinet.layers.convolution import ConvBlock, ConvSpec
from movinet.layers.frames import dimensions, scale_clips
from movinet.layers.pooling import RunningAverage, spatial_average
from movinet.layers.positional_encoding import PositionalEncoding, PositionalEncodingSpec


@dataclasses.dataclass(frozen=True)
class SqueezeExcitationSpec:
    """Width of the gated frames and prefix of the states' names."""

    filters: int
    state_prefix: str


class SqueezeExcitation(SpecLayer):
    """Gates channels by what a global average pool sees of them.

    `3d` pools over time and space (up to each frame if causal), `2d` over space, and `2plus3d` sees
    the 3d pool followed by the 2d one. Section 3.2 of https://arxiv.org/abs/2103.11511.

    Call:     x [B*T, H, W, C]; reads and writes the states of its pool and positional encoding.
    Returns:  ([B*T, H, W, C], new states).
    """

    def create(self, spec: SqueezeExcitationSpec, config: LayerConfig) -> None:
        """Makes the pool, the positional encoding, and two pointwise convolutions."""
        hidden = squeeze_excitation_filters(spec.filters, config.se_type)
        pooled = 2 * spec.filters if config.se_type == "2plus3d" else spec.filters
        self._pool = self._pos_encoding = None
        if config.causal and config.se_type != "2d":
            self._pool = RunningAverage(spec.filters, spec.state_prefix, per_frame=True)
        if config.causal and config.use_positional_encoding:
            encoding = PositionalEncodingSpec(pooled, spec.state_prefix)
            self._pos_encoding = PositionalEncoding(encoding, config, "pos_encoding")
        self._se_reduce = ConvBlock(
            ConvSpec(pooled, hidden, activation=config.activation, normalised=False),
            config,
            "se_reduce",
        )
        self._se_expand = ConvBlock(
            ConvSpec(hidden, spec.filters, activation=config.gating_activation, normalised=False),
            config,
            "se_expand",
        )

    def call(
        self, x: tf.Tensor, num_frames: Dimension, states: States | None = None
    ) -> tuple[tf.Tensor, States]:
        """Gates; see the class."""
        states = states or {}
        new_states: States = {}
        pooled = frame_average = spatial_average(x, num_frames)
        if self.config.se_type != "2d":
            if self._pool is not None:
                pooled, new_states = self._pool(frame_average, states)
            else:
                pooled = tf.reduce_mean(frame_average, axis=1, keepdims=True)
        if self.config.se_type == "2plus3d":
            pooled = tf.broadcast_to(pooled, tf.shape(frame_average))
            pooled = tf.concat([pooled, frame_average], axis=-1)
        if self._pos_encoding is not None:
            pooled, encoding_states = self._pos_encoding(pooled, states)
            new_states |= encoding_states
        # [B, T or 1, C] -> [B*T or B, 1, 1, C]
        pooled_frames = dimensions(pooled)[1]
        gate = tf.reshape(pooled, [-1, 1, 1, pooled.shape[-1]])
        gate, _ = self._se_reduce(gate, pooled_frames)
        gate, _ = self._se_expand(gate, pooled_frames)
        clip_wise = self._pool is None and self.config.se_type == "3d"
        return (scale_clips(x, gate, num_frames) if clip_wise else x * gate), new_states

    def state_specs(self, batch: Size) -> dict[str, StateSpec]:
        """Returns the states of the pool and the positional encoding."""
        specs = self._pool.state_specs(batch) if self._pool is not None else {}
        if self._pos_encoding is not None:
            specs |= self._pos_encoding.state_specs()
        return specs

"""Where a frame is in its video, added to what squeeze-excitation pools."""

import dataclasses

import tensorflow as tf

from movinet.layers.base import SpecLayer, States, StateSpec
from movinet.layers.config import LayerConfig
from movinet.layers.frames import dimensions
from movinet.layers.rezero import ReZero


@dataclasses.dataclass(frozen=True)
class PositionalEncodingSpec:
    """Width of the encoding and prefix of its state's name."""

    filters: int
    state_prefix: str


class PositionalEncoding(SpecLayer):
    """Adds a sinusoid of the frame's index, weighted by a learned scalar that starts at zero.

    Section 3.5 of https://arxiv.org/abs/1706.03762; sines fill the first half of the channels and
    cosines the second.

    Call:     x [B, T, C]; reads and writes `{prefix}_pos_enc_frame_count` [1] or [B], int32.
    Returns:  ([B, T, C], new states).
    """

    def create(self, spec: PositionalEncodingSpec, config: LayerConfig) -> None:
        """Makes the scalar."""
        self._rezero = ReZero(None, config, "rezero")
        self._count_name = f"{spec.state_prefix}_pos_enc_frame_count"

    def call(self, x: tf.Tensor, states: States) -> tuple[tf.Tensor, States]:
        """Adds the encoding; see the class."""
        num_frames, filters = dimensions(x)[1], self.spec.filters
        count = tf.zeros([1], tf.int32)
        if self._count_name in states:
            count = tf.cast(states[self._count_name], tf.int32)
        positions = tf.cast(count[:, None] + tf.range(num_frames)[None, :], tf.float32)
        channels = tf.range(filters)
        exponents = tf.cast(2 * (channels // 2), tf.float32) / tf.cast(filters, tf.float32)
        # [1 or B, T, C]
        radians = positions[:, :, None] * (1.0 / tf.pow(10_000.0, exponents))
        encoding = tf.concat([tf.sin(radians[..., 0::2]), tf.cos(radians[..., 1::2])], axis=-1)
        x += self._rezero(tf.cast(encoding, x.dtype))
        return x, {self._count_name: count + num_frames}

    def state_specs(self) -> dict[str, StateSpec]:
        """Returns the state."""
        return {self._count_name: StateSpec((1,), "int32")}

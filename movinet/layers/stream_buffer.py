"""The stream buffer: what makes a network read a video piece by piece."""

import tensorflow as tf

from movinet.layers.base import Dimension, Size, States, StateSpec
from movinet.layers.frames import dimensions, fold, unfold


class StreamBuffer:
    """Prepends the last `size` frames of the previous clip.

    Stream buffer, section 3.2 of https://arxiv.org/abs/2103.11511: makes clip-by-clip output equal
    whole-video output.

    Args:     size: frames kept, the temporal kernel minus one.
    Call:     x [B*T, H, W, C]; reads the state `{prefix}_stream_buffer` [B, size, H, W, C], or
              zeros if there is none.
    Returns:  ([B*(size + T), H, W, C], size + T, new states).
    """

    def __init__(self, size: int, prefix: str) -> None:
        self.size = size
        self.state_name = f"{prefix}_stream_buffer"

    def __call__(
        self, x: tf.Tensor, num_frames: Dimension, states: States
    ) -> tuple[tf.Tensor, Dimension, States]:
        """Prepends the buffer; see the class."""
        clip = unfold(x, num_frames)
        if self.state_name in states:
            # tf.concat, which LiteRT has for every type and device, unlike tf.pad.
            buffer = tf.cast(states[self.state_name], clip.dtype)
            clip = tf.concat([buffer, clip], axis=1)
        else:
            clip = tf.pad(clip, [[0, 0], [self.size, 0], [0, 0], [0, 0], [0, 0]])
        new_states = {self.state_name: clip[:, -self.size :]}
        return fold(clip), dimensions(clip)[1], new_states

    def state_specs(self, shape: tuple[Size, ...], dtype: str) -> dict[str, StateSpec]:
        """Returns the state for input frames of shape (batch, height, width, filters)."""
        batch, *rest = shape
        return {self.state_name: StateSpec((batch, self.size, *rest), dtype)}

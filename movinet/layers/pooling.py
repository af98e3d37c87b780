"""Average pools: over windows, and global ones, whose running sums make them stream."""

import dataclasses

import tensorflow as tf

from movinet.architectures import POOL_WINDOW, BottleneckSpec
from movinet.layers.base import Dimension, Size, States, StateSpec
from movinet.layers.frames import dimensions, unfold
from movinet.layers.padding import beside, strided_size

# Running sums need the precision even where activations are in half: a bfloat16 sum of frames
# stalls after 256 of them.
SUM_DTYPE = "float32"


def spatial_average(x: tf.Tensor, num_frames: Dimension) -> tf.Tensor:
    """Averages each frame: [B*T, H, W, C] -> [B, T, C]."""
    return unfold(tf.reduce_mean(x, axis=[1, 2]), num_frames)


@dataclasses.dataclass(frozen=True)
class WindowAverage:
    """Averages windows of `POOL_WINDOW` pixels squared.

    Attributes:
      padding: pixels of zeros on each side, 0 or 1; None for `SAME`.
      counts_padding: whether those zeros count as pixels; `SAME` never counts its own.

    Call:     x [N, H, W, C].
    Returns:  [N, H', W', C], sizes as `strided_size` has them.
    """

    stride: int
    padding: int | None
    counts_padding: bool

    @classmethod
    def of(cls, bottleneck: BottleneckSpec) -> "WindowAverage | None":
        """Returns the pool beside a bottleneck that strides; None for any other."""
        if bottleneck.stride == 1:
            return None
        return cls(bottleneck.stride, bottleneck.pool_padding, bottleneck.pool_counts_padding)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Averages; see the class."""
        if not self.padding:
            return self._average(x, "SAME" if self.padding is None else "VALID")
        if self.counts_padding:
            return self._average(tf.pad(x, beside(self.padding)), "VALID")
        # `SAME` itself leaves out one zero on each side of frames of n * stride + 1 pixels. Frames
        # become such by zeros behind, which nothing sees but the outputs that are cut off.
        _, height, width, _ = dimensions(x)
        missing = [(1 - size) % self.stride for size in (height, width)]
        if all(isinstance(zeros, int) and not zeros for zeros in missing):
            return self._average(x, "SAME")
        rows, columns = (
            strided_size(size, self.stride, POOL_WINDOW, self.padding) for size in (height, width)
        )
        x = tf.pad(x, [[0, 0], *([0, zeros] for zeros in missing), [0, 0]])
        return self._average(x, "SAME")[:, :rows, :columns]

    def _average(self, x: tf.Tensor, borders: str) -> tf.Tensor:
        return tf.nn.avg_pool2d(x, POOL_WINDOW, self.stride, borders)


class RunningAverage:
    """Averages frames with all frames of the video so far.

    Causal pooling, section 3.2 of https://arxiv.org/abs/2103.11511.

    Args:
      filters: C.
      prefix: of the states' names.
      per_frame: whether each frame gets the average up to itself, or the clip one average.

    Call:     x [B, T, C]; reads and writes `{prefix}_pool_buffer` [B, 1, 1, 1, C], the sum in
              float32, and `{prefix}_pool_frame_count` [1] or [B], int32.
    Returns:  ([B, T, C], or [B, 1, C] if not per frame, new states).
    """

    def __init__(self, filters: int, prefix: str, per_frame: bool) -> None:
        self.filters = filters
        self.per_frame = per_frame
        self.buffer_name = f"{prefix}_pool_buffer"
        self.count_name = f"{prefix}_pool_frame_count"

    def __call__(self, x: tf.Tensor, states: States) -> tuple[tf.Tensor, States]:
        """Averages; see the class."""
        num_frames = dimensions(x)[1]
        sums = tf.cast(x, SUM_DTYPE)
        if self.per_frame:
            sums = tf.cumsum(sums, axis=1)
        else:
            sums = tf.reduce_sum(sums, axis=1, keepdims=True)
        if self.buffer_name in states:
            sums += tf.reshape(tf.cast(states[self.buffer_name], SUM_DTYPE), [-1, 1, self.filters])
        count = tf.zeros([1], tf.int32)
        if self.count_name in states:
            count = tf.cast(states[self.count_name], tf.int32)
        divisors = tf.range(1, num_frames + 1) if self.per_frame else tf.fill([1], num_frames)
        divisors = tf.cast(count[:, None, None] + divisors[None, :, None], SUM_DTYPE)
        new_states = {
            # A slice that adds three axes at once has more of them than LiteRT can cut.
            self.buffer_name: tf.reshape(sums[:, -1], [-1, 1, 1, 1, self.filters]),
            self.count_name: count + num_frames,
        }
        return tf.cast(sums / divisors, x.dtype), new_states

    def state_specs(self, batch: Size) -> dict[str, StateSpec]:
        """Returns the states."""
        return {
            self.buffer_name: StateSpec((batch, 1, 1, 1, self.filters), SUM_DTYPE),
            self.count_name: StateSpec((1,), "int32"),
        }

"""The two ways in which an exported graph sees time: one frame with states, or a whole clip."""

import functools
from typing import cast

import numpy as np
import tensorflow as tf

from movinet.export.folding import FoldedConvolution
from movinet.export.inference_graph import convolve_frame, padded
from movinet.layers.base import States, StateSpec

FRAME_COUNT = "state_frame_count"
"""The one counter of the 4d layout; float32, since integer ops would leave a GPU."""


def state_specs(official: dict[str, StateSpec], layout: str) -> dict[str, StateSpec]:
    """Returns the states of a graph of single frames.

    Args:
      official: the states of the model, with static shapes.
      layout: `5d` for those as they are. `4d` for tensors of rank 4: a stream buffer is one state
        [1, H, W, C] a frame, oldest first, the sum of a pool is [1, 1, 1, C], and one counter
        [1, 1, 1, 1] serves all.
    """
    if layout == "5d":
        return official
    specs = {FRAME_COUNT: StateSpec((1, 1, 1, 1), "float32")}
    for name, (shape, dtype) in official.items():
        if name.endswith("_frame_count"):
            continue
        batch, size, *frame = cast(tuple[int, ...], shape)
        names = _frame_names(name, size) if name.endswith("_stream_buffer") else [name]
        specs |= {part: StateSpec((batch, *frame), dtype) for part in names}
    return specs


def _frame_names(buffer: str, size: int) -> list[str]:
    """Returns the states of the layout 4d that hold the frames of a stream buffer."""
    return [f"{buffer}_{index}" for index in range(size)]


class FrameByFrame:
    """One frame at a time; what was before it is in states, as `state_specs` has them.

    All counters of a video are equal, so one of them serves all layers: integer ops stay out of the
    way of delegates. Afterwards `new_states` holds the states for the next frame.
    """

    def __init__(self, states: States) -> None:
        self._states = states
        counters = [name for name in states if name.endswith("_frame_count")]
        with tf.name_scope("frame_count_pool"):
            self.new_states = {name: states[name] + 1 for name in counters}
            frames = tf.cast(self.new_states[counters[-1]], tf.float32)
            self._frames = tf.reshape(frames, [1, 1, 1, 1])
            self._share = 1.0 / self._frames

    def convolve(self, x: tf.Tensor, convolution: FoldedConvolution) -> tf.Tensor:
        """See `TimeAxis`. One factor a channel and frame is a depthwise kernel over time."""
        frames = len(convolution.kernel)
        pixels = self._with_buffer(x, convolution.state_name, frames - 1)
        if convolution.pixelwise:
            kernel = convolution.kernel.reshape([frames, 1, -1, 1])
            y = tf.nn.depthwise_conv2d(pixels, kernel, [1, 1, 1, 1], "VALID")
            return tf.reshape(y, x.shape)
        outputs = [
            convolve_frame(padded(tf.reshape(frame, x.shape), convolution), kernel, convolution)
            for frame, kernel in zip(tf.split(pixels, frames, 1), convolution.kernel, strict=True)
        ]
        return functools.reduce(tf.add, outputs)

    def _with_buffer(self, x: tf.Tensor, name: str, size: int) -> tf.Tensor:
        """Returns buffer and frame [1, size + 1, H*W, C], and keeps the new buffer."""
        _, height, width, filters = x.shape
        if name in self._states:
            old = self._states[name]
            # In the shape of the state: a reshape copies, and so there is none of the buffer.
            frames = tf.concat([old, tf.reshape(x, [1, 1, *old.shape[2:]])], axis=1)
            self.new_states[name] = frames[:, 1:]
        else:
            # No frame of the buffer moves: each goes out under the name of the one before it.
            names = _frame_names(name, size)
            seen = [*(self._states[part] for part in names), x]
            self.new_states |= dict(zip(names, seen[1:], strict=True))
            frames = tf.concat(seen, axis=1)
        return tf.reshape(frames, [1, size + 1, height * width, filters])

    def average(self, frame_means: tf.Tensor, prefix: str) -> tf.Tensor:
        """See `TimeAxis`."""
        buffer = f"{prefix}_pool_buffer"
        total = tf.reshape(self._states[buffer], frame_means.shape) + frame_means
        self.new_states[buffer] = tf.reshape(total, self._states[buffer].shape)
        return total * self._share

    def positions(self) -> tf.Tensor:
        """See `TimeAxis`."""
        return self._frames - 1.0


class WholeClip:
    """All T frames of a clip at once, with zeros before and after it."""

    def __init__(self, num_frames: int) -> None:
        self._num_frames = num_frames

    def convolve(self, x: tf.Tensor, convolution: FoldedConvolution) -> tf.Tensor:
        """See `TimeAxis`. Each frame of the kernel meets the frames that it reaches."""
        x = padded(x, convolution)
        outputs = []
        for index, kernel in enumerate(convolution.kernel):
            # The output at frame t reads the input at t + shift.
            shift = index - convolution.padding[0]
            if abs(shift) >= self._num_frames:
                continue
            reached = x[max(shift, 0) : self._num_frames + min(shift, 0)]
            output = convolve_frame(reached, kernel, convolution)
            if shift:
                output = tf.pad(output, [[max(-shift, 0), max(shift, 0)], [0, 0], [0, 0], [0, 0]])
            outputs.append(output)
        return functools.reduce(tf.add, outputs)

    def average(self, frame_means: tf.Tensor, prefix: str) -> tf.Tensor:
        """See `TimeAxis`."""
        # [T, 1, 1, C] -> [1, T, 1, C]: means over height and width are fast everywhere.
        clip = tf.reshape(frame_means, [1, self._num_frames, 1, frame_means.shape[3]])
        return tf.reduce_mean(clip, [1, 2], keepdims=True)

    def positions(self) -> tf.Tensor:
        """See `TimeAxis`."""
        frames = np.arange(self._num_frames, dtype=np.float32)
        return tf.constant(frames.reshape([-1, 1, 1, 1]))

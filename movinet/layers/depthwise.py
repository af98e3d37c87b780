"""Depthwise convolutions over time, built from fused 2-D ones.

TensorFlow runs a depthwise 3-D convolution as a grouped `Conv3D`, on a CPU through XLA only, which
makes a base network some 50 times slower (`benchmarks/run.py`). Here each frame of the
kernel is one 2-D depthwise convolution over all frames of all clips; its outputs are moved in time
and added. The gradient is written out in the same ops because the built-in gradient of a slice
costs more than the convolutions do (33 ms against 3 ms for 3x3x3 on [4, 8, 22, 22, 80], as
`benchmarks/depthwise.py` prints).
"""

from collections.abc import Callable

import tensorflow as tf

from movinet.layers.base import Dimension
from movinet.layers.frames import dimensions, fold, unfold


def _clamp(value: Dimension, low: Dimension, high: Dimension) -> Dimension:
    if any(isinstance(size, tf.Tensor) for size in (value, low, high)):
        return tf.clip_by_value(value, low, high)
    return max(low, min(value, high))


def window(clip: tf.Tensor, start: int, excess: int) -> tf.Tensor:
    """Returns frames `start` to `start + T + excess` of a clip, zeros where it has none.

    [B, T, H, W, C] -> [B, T + excess, H, W, C]. Both numbers may be negative, and the clip may be
    shorter than the window is moved.
    """
    if start == 0 and excess == 0:
        return clip
    batch, num_frames, height, width, filters = dimensions(clip)
    length = num_frames + excess
    first = _clamp(start, 0, num_frames)
    last = _clamp(start + length, first, num_frames)
    before = _clamp(-start, 0, length)
    # Whole frames as rows: slicing 3-D copies long runs, slicing 5-D does not.
    rows = tf.reshape(clip, [batch, num_frames, height * width * filters])[:, first:last]
    rows = tf.pad(rows, [[0, 0], [before, length - before - (last - first)], [0, 0]])
    return tf.reshape(rows, [batch, length, height, width, filters])


def depthwise_conv3d(
    clip: tf.Tensor,
    kernel: tf.Tensor,
    stride: int,
    padding: tuple[int, int],
    bias: tf.Tensor | None = None,
    borders: str = "SAME",
) -> tf.Tensor:
    """Convolves each channel by its own kernel over time and space.

    Args:
      clip: [B, T, H, W, C].
      kernel: [frames, height, width, C, 1], its number of frames static.
      stride: in space.
      padding: frames of zeros before and after the clip.
      bias: [C].
      borders: `SAME`, or `VALID` for frames that have their zeros beside them.

    Returns: [B, T + sum(padding) - frames + 1, H', W', C].
    """
    strides = [1, stride, stride, 1]
    excess = sum(padding) - kernel.shape[0] + 1
    starts = [tap - padding[0] for tap in range(kernel.shape[0])]

    @tf.custom_gradient
    def convolve(
        clip: tf.Tensor, kernel: tf.Tensor, *bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        num_frames, frames = dimensions(clip)[1], fold(clip)

        def tap_output(tap: int) -> tf.Tensor:
            output = tf.nn.depthwise_conv2d(frames, kernel[tap], strides, borders)
            # The outputs of this one stay where they are and reach every frame; the op of its own
            # that a bias would be otherwise takes a twentieth of a clip.
            if starts[tap] == 0 and bias:
                output = tf.nn.bias_add(output, *bias)
            return window(unfold(output, num_frames), starts[tap], excess)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            frame_gradients, tap_gradients = [], []
            for tap, start in enumerate(starts):
                moved = fold(window(upstream, -start, -excess))
                frame_gradients.append(
                    tf.nn.depthwise_conv2d_backprop_input(
                        tf.shape(frames), kernel[tap], moved, strides, borders
                    )
                )
                tap_gradients.append(
                    tf.nn.depthwise_conv2d_backprop_filter(
                        frames, tf.shape(kernel[tap]), moved, strides, borders
                    )
                )
            clip_gradient = unfold(tf.add_n(frame_gradients), num_frames)
            bias_gradient = [tf.reduce_sum(upstream, [0, 1, 2, 3]) for _ in bias]
            return clip_gradient, tf.stack(tap_gradients), *bias_gradient

        return tf.add_n([tap_output(tap) for tap in range(len(starts))]), gradient

    return convolve(clip, kernel) if bias is None else convolve(clip, kernel, bias)


def depthwise_conv1d(clip: tf.Tensor, kernel: tf.Tensor, padding: tuple[int, int]) -> tf.Tensor:
    """Convolves each channel of each pixel over time: one 2-D depthwise convolution.

    Args:
      clip: [B, T, H, W, C].
      kernel: [frames, 1, C, 1].
      padding: frames of zeros before and after the clip.

    Returns: [B, T + sum(padding) - frames + 1, H, W, C].
    """
    batch, num_frames, height, width, filters = dimensions(clip)
    pixels = tf.reshape(clip, [batch, num_frames, height * width, filters])
    explicit = [[0, 0], list(padding), [0, 0], [0, 0]] if any(padding) else "VALID"
    output = tf.nn.depthwise_conv2d(pixels, kernel, [1, 1, 1, 1], explicit)
    return tf.reshape(output, [batch, dimensions(output)[1], height, width, filters])

"""Folding the frames of clips into the batch, and unfolding them where an op spans time."""

import tensorflow as tf

from movinet.layers.base import Dimension


def dimensions(x: tf.Tensor) -> list[Dimension]:
    """Returns the shape of `x`, as numbers where they are known and tensors where not."""
    sizes = x.shape.as_list()
    if None not in sizes:
        return sizes
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(sizes)]


def fold(clip: tf.Tensor) -> tf.Tensor:
    """[B, T, H, W, C] -> [B*T, H, W, C]."""
    return tf.reshape(clip, [-1, *dimensions(clip)[2:]])


def unfold(frames: tf.Tensor, num_frames: Dimension) -> tf.Tensor:
    """[B*T, ...] -> [B, T, ...] for clips of `num_frames` frames."""
    return tf.reshape(frames, [-1, num_frames, *dimensions(frames)[1:]])


def scale_clips(frames: tf.Tensor, factor: tf.Tensor, num_frames: Dimension) -> tf.Tensor:
    """Multiplies frames [B*T, H, W, C] by one factor a clip, [B, 1, 1, C] or [B, 1, 1, 1]."""
    batch, height, width, filters = dimensions(frames)
    # [B*T, H, W, C] -> [B, T*H, W, C]
    clips = tf.reshape(frames, [-1, num_frames * height, width, filters])
    return tf.reshape(clips * factor, [batch, height, width, filters])

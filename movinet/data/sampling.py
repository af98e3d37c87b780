"""Which frames of a video make a clip: indices only, so that no other frame is ever decoded.

A video shorter than the clip is looped. By stride, the clips are those of the Model Garden
(`preprocess_ops_3d`), except that the random stride reaches both ends of its range; by frame rate,
every clip starts on a frame and takes the frame nearest to each wanted time.
"""

import tensorflow as tf

MICROSECONDS = 1_000_000


def draw_stride(stride: int, random_stride_range: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws a stride of at least 1 from `stride` +- `random_stride_range`, both ends included."""
    lowest = max(stride - random_stride_range, 1)
    highest = stride + random_stride_range
    return tf.random.stateless_uniform([], seed, lowest, highest + 1, dtype=tf.int32)


def random_clip(
    video_frames: tf.Tensor, num_frames: int, stride: tf.Tensor | int, seed: tf.Tensor
) -> tf.Tensor:
    """Indices [T] of a clip that starts anywhere it fits; if it fits nowhere, anywhere."""
    choices = video_frames - (num_frames - 1) * stride
    choices = tf.where(choices > 0, choices, video_frames)
    start = tf.random.stateless_uniform([], seed, 0, choices, dtype=tf.int32)
    return (start + tf.range(num_frames) * stride) % video_frames


def evaluation_clips(
    video_frames: tf.Tensor, num_frames: int, stride: int, num_clips: int = 1
) -> tf.Tensor:
    """Indices [num_clips * T] of the centre clip, or of several with evenly spaced starts."""
    slack = tf.maximum(0, video_frames - num_frames * stride)
    if num_clips == 1:
        starts = slack[tf.newaxis] // 2
    else:
        starts = tf.cast(tf.linspace(0.0, tf.cast(slack, tf.float32), num_clips), tf.int32)
    indices = starts[:, tf.newaxis] + tf.range(num_frames) * stride
    return tf.reshape(indices % video_frames, [num_clips * num_frames])


def random_clip_at_rate(
    timestamps: tf.Tensor, num_frames: int, target_fps: float, seed: tf.Tensor
) -> tf.Tensor:
    """Indices [T] of a random clip of `target_fps` frames per second.

    Args:
        timestamps: presentation times [N] in microseconds, increasing.
    """
    times, _, duration = _timeline(timestamps)
    choices = duration - (num_frames - 1) * MICROSECONDS / target_fps
    choices = tf.where(choices > 0, choices, duration)
    start = tf.random.stateless_uniform([], seed, dtype=tf.float64) * choices
    return _nearest_frames(times, duration, start[tf.newaxis], num_frames, target_fps)


def evaluation_clips_at_rate(
    timestamps: tf.Tensor, num_frames: int, target_fps: float, num_clips: int = 1
) -> tf.Tensor:
    """Indices [num_clips * T] of the centre clip, or of several, at `target_fps` frames per second.

    Args:
        timestamps: presentation times [N] in microseconds, increasing.
    """
    times, interval, duration = _timeline(timestamps)
    slack = tf.maximum(
        tf.constant(0, tf.float64), duration - num_frames * MICROSECONDS / target_fps
    )
    if num_clips == 1:
        starts = slack[tf.newaxis] / 2
    else:
        starts = tf.linspace(tf.constant(0, tf.float64), slack, num_clips)
    # A quarter of a frame absorbs the rounding of times: a start meant for a frame meets it.
    return _nearest_frames(times, duration, starts + interval / 4, num_frames, target_fps)


def _timeline(timestamps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Frame times from 0 [N], their mean interval, and the duration with the last frame's."""
    times = tf.cast(timestamps - timestamps[0], tf.float64)
    intervals = tf.cast(tf.maximum(tf.size(times) - 1, 1), tf.float64)
    interval = tf.where(tf.size(times) > 1, times[-1] / intervals, tf.constant(1, tf.float64))
    return times, interval, times[-1] + interval


def _nearest_frames(
    times: tf.Tensor,
    duration: tf.Tensor,
    starts: tf.Tensor,
    num_frames: int,
    target_fps: float,
) -> tf.Tensor:
    """Indices nearest to the wanted times, the earlier of two as near; the end is frame 0 again."""
    first = tf.searchsorted(times, starts, side="right") - 1
    period = tf.constant(MICROSECONDS / target_fps, tf.float64)
    steps = tf.range(num_frames, dtype=tf.float64) * period
    wanted = tf.gather(times, first)[:, tf.newaxis] + steps
    wanted = tf.reshape(wanted % duration, [-1])
    looped = tf.concat([times, duration[tf.newaxis]], axis=0)
    halfway = (looped[:-1] + looped[1:]) / 2
    return tf.searchsorted(halfway, wanted, side="left") % tf.size(times)

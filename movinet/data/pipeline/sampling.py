"""Which frames of a video make a clip: indices only, so that no other frame is ever decoded.

A video shorter than the clip is looped. By stride, the clips are those of the Model Garden
(`preprocess_ops_3d`), except that the random stride reaches both ends of its range; by frame rate,
every clip starts on a frame and takes the frame nearest to each wanted time; by segments the frames
are those of PaddleVideo's `Sampler` with one frame a segment, as temporal segment networks have
them (https://arxiv.org/abs/1608.00859).
"""

from typing import NamedTuple

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


def random_segments(video_frames: tf.Tensor, num_frames: int, seed: tf.Tensor) -> tf.Tensor:
    """Indices [T]: of each of `num_frames` equal segments of the video any frame."""
    length = _segment_length(video_frames, num_frames)
    offsets = tf.random.stateless_uniform([num_frames], seed, 0, length, dtype=tf.int32)
    return (tf.range(num_frames) * length + offsets) % video_frames


def middle_of_segments(video_frames: tf.Tensor, num_frames: int) -> tf.Tensor:
    """Indices [T]: of each of `num_frames` equal segments of the video the frame in its middle, of
    two the earlier one.
    """
    length = _segment_length(video_frames, num_frames)
    return (tf.range(num_frames) * length + (length - 1) // 2) % video_frames


def _segment_length(video_frames: tf.Tensor, num_frames: int) -> tf.Tensor:
    """Frames of a segment, as many in each; those left over at the end of the video are in none."""
    return tf.maximum(video_frames // num_frames, 1)


def random_clip_at_rate(
    timestamps: tf.Tensor, num_frames: int, target_fps: float, seed: tf.Tensor
) -> tf.Tensor:
    """Indices [T] of a random clip of `target_fps` frames per second.

    Args:
        timestamps: presentation times [N] in microseconds, increasing.
    """
    timeline = _Timeline.of(timestamps, (num_frames - 1) * MICROSECONDS / target_fps)
    latest = tf.where(timeline.is_short, timeline.duration, timeline.duration - timeline.span)
    start = tf.random.stateless_uniform([], seed, dtype=tf.float64) * latest
    return timeline.nearest_frames(start[tf.newaxis], num_frames)


def evaluation_clips_at_rate(
    timestamps: tf.Tensor, num_frames: int, target_fps: float, num_clips: int = 1
) -> tf.Tensor:
    """Indices [num_clips * T] of the centre clip, or of several, at `target_fps` frames per second.

    Args:
        timestamps: presentation times [N] in microseconds, increasing.
    """
    timeline = _Timeline.of(timestamps, (num_frames - 1) * MICROSECONDS / target_fps)
    zero = tf.constant(0, tf.float64)
    slack = tf.maximum(zero, timeline.duration - num_frames * MICROSECONDS / target_fps)
    starts = slack[tf.newaxis] / 2 if num_clips == 1 else tf.linspace(zero, slack, num_clips)
    return timeline.nearest_frames(starts + timeline.tolerance, num_frames)


class _Timeline(NamedTuple):
    """When the frames of a video are shown, and the length of the clip that is wanted of it.

    times: [N] from 0, in microseconds as all; duration: to the end of the last frame; tolerance: a
    quarter of a frame, so that rounded times meet the frame they mean; span: from the first to the
    last frame of the clip; is_short: the clip does not fit and the video is looped.
    """

    times: tf.Tensor
    duration: tf.Tensor
    tolerance: tf.Tensor
    span: tf.Tensor
    is_short: tf.Tensor

    @classmethod
    def of(cls, timestamps: tf.Tensor, span: float) -> "_Timeline":
        times = tf.cast(timestamps - timestamps[0], tf.float64)
        intervals = tf.cast(tf.maximum(tf.size(times) - 1, 1), tf.float64)
        interval = tf.where(tf.size(times) > 1, times[-1] / intervals, tf.constant(1, tf.float64))
        duration, tolerance = times[-1] + interval, interval / 4
        return cls(
            times, duration, tolerance, tf.constant(span, tf.float64), span > duration - tolerance
        )

    def nearest_frames(self, starts: tf.Tensor, num_frames: int) -> tf.Tensor:
        """Indices [clips * T] of clips that begin with the frames on show at `starts` [clips].

        Of two frames as near to a wanted time it is the earlier one.
        """
        first = tf.gather(self.times, tf.searchsorted(self.times, starts, side="right") - 1)
        steps = tf.linspace(tf.constant(0, tf.float64), self.span, num_frames)
        wanted = tf.reshape(first[:, tf.newaxis] + steps, [-1])
        rounds = tf.floor((wanted + self.tolerance) / self.duration)
        wanted = tf.where(self.is_short, wanted - self.duration * rounds, wanted)
        return tf.searchsorted((self.times[:-1] + self.times[1:]) / 2, wanted, side="left")

"""Which frames of a video a model sees: the numpy form of `movinet.data.pipeline.sampling`."""

import numpy as np

from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.model_info import Preprocessing

MICROSECONDS = 1_000_000


def clips_to_see(
    video_frames: int,
    times: np.ndarray,
    settings: Preprocessing,
    num_frames: int,
    num_clips: int = 1,
) -> np.ndarray:
    """Indices [num_clips, T] of the clips that a model with these settings sees in an evaluation.

    Args:
      video_frames: frames of the video.
      times: presentation times [N] in microseconds, increasing; only a frame rate needs them.
      num_frames: T.
      num_clips: evenly spaced ones; 1 where the settings are for segments of the whole video.
    """
    if settings.sampling == SEGMENTS:
        return middle_of_segments(video_frames, num_frames)[np.newaxis]
    if settings.fps:
        return clips_at_rate(times, num_frames, settings.fps, num_clips)
    return clips_by_stride(video_frames, num_frames, settings.temporal_stride, num_clips)


def clips_by_stride(
    video_frames: int, num_frames: int, stride: int, num_clips: int = 1
) -> np.ndarray:
    """Indices [num_clips, T] of the centre clip, or of several with evenly spaced starts.

    A video shorter than the clip is looped.
    """
    slack = max(0, video_frames - num_frames * stride)
    if num_clips == 1:
        starts = np.array([slack // 2])
    else:
        # In float32 and rounded down, as TensorFlow computes it.
        step = np.float32(slack) / np.float32(num_clips - 1)
        starts = (step * np.arange(num_clips, dtype=np.float32)).astype(np.int64)
        starts[-1] = slack
    return (starts[:, np.newaxis] + np.arange(num_frames) * stride) % video_frames


def clips_at_rate(times: np.ndarray, num_frames: int, fps: float, num_clips: int = 1) -> np.ndarray:
    """Indices [num_clips, T] of the centre clip, or of several, at `fps` frames per second.

    A clip starts on a frame and takes the frame nearest to each wanted time; of two as near, the
    earlier one. A video shorter than the clip is looped.

    Args: times: presentation times [N] in microseconds, increasing.
    """
    times = np.asarray(times, np.float64) - float(times[0])
    interval = mean_interval(times)
    duration, tolerance = times[-1] + interval, interval / 4
    span = (num_frames - 1) * MICROSECONDS / fps
    slack = max(0.0, duration - num_frames * MICROSECONDS / fps)
    starts = np.array([slack / 2]) if num_clips == 1 else np.linspace(0, slack, num_clips)
    first = times[np.searchsorted(times, starts + tolerance, side="right") - 1]
    wanted = first[:, np.newaxis] + np.linspace(0, span, num_frames)
    if span > duration - tolerance:
        wanted -= duration * np.floor((wanted + tolerance) / duration)
    return np.searchsorted((times[:-1] + times[1:]) / 2, wanted, side="left")


def middle_of_segments(video_frames: int, num_frames: int) -> np.ndarray:
    """Indices [T]: of each of `num_frames` equal segments of the video the frame in its middle.

    A video with fewer frames than segments is looped.
    """
    length = max(video_frames // num_frames, 1)
    return (np.arange(num_frames) * length + (length - 1) // 2) % video_frames


def mean_interval(times: np.ndarray) -> float:
    """Returns microseconds from frame to frame; 1 if there is but one frame."""
    return float(times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0

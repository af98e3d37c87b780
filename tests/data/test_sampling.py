"""Frame indices against the Model Garden's functions and against formulas in numpy."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.ops import preprocess_ops_3d

from movinet.data.pipeline import sampling

SEEDS = [tf.constant([3, position], tf.int64) for position in range(200)]


@pytest.mark.parametrize(
    ("stride", "stride_range", "expected"), [(2, 1, {1, 2, 3}), (1, 3, {1, 2, 3, 4}), (5, 0, {5})]
)
def test_random_stride_reaches_both_ends(stride, stride_range, expected):
    assert {int(sampling.draw_stride(stride, stride_range, seed)) for seed in SEEDS} == expected


def test_random_clips_start_wherever_they_fit():
    clips = np.array([sampling.random_clip(tf.constant(20), 4, 5, seed) for seed in SEEDS])
    assert set(clips[:, 0]) == {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(np.diff(clips, axis=1), 5)


def test_random_clips_of_a_short_video_loop():
    clips = np.array([sampling.random_clip(tf.constant(6), 4, 3, seed) for seed in SEEDS])
    assert set(clips[:, 0]) == set(range(6))
    np.testing.assert_array_equal(clips, (clips[:, :1] + 3 * np.arange(4)) % 6)


@pytest.mark.parametrize("num_clips", [1, 2, 5, 10])
@pytest.mark.parametrize("frames", [1, 2, 7, 24, 25, 301])
def test_evaluation_clips_equal_the_model_garden(frames, num_clips):
    sequence = tf.range(frames)
    if num_clips == 1:
        expected = preprocess_ops_3d.sample_sequence(sequence, 5, False, 5)
    else:
        expected = preprocess_ops_3d.sample_linspace_sequence(sequence, num_clips, 5, 5)
    found = sampling.evaluation_clips(tf.constant(frames), 5, 5, num_clips)
    np.testing.assert_array_equal(found, expected)


def paddle_sampler(video_frames: int, num_seg: int, draw=None) -> list[int]:
    """The frames that PaddleVideo's `Sampler` takes with seg_len 1, of a video file: `draw(n)` of
    the n frames of each segment in training, the middle one in validation.
    """
    frames, average = [], video_frames // num_seg
    for segment in range(num_seg):
        if average == 0:
            frames.append(segment % video_frames)
        else:
            offset = (average - 1) // 2 if draw is None else draw(average)
            frames.append(segment * average + offset)
    return frames


@pytest.mark.parametrize("frames", [1, 2, 49, 50, 51, 99, 100, 149, 250, 299, 300])
def test_middles_of_segments_are_paddlevideos(frames):
    found = sampling.middle_of_segments(tf.constant(frames), 50)
    np.testing.assert_array_equal(found, paddle_sampler(frames, 50))
    if frames > 100:  # The negative control: a clip as long takes other frames.
        clip = sampling.evaluation_clips(tf.constant(frames), 50, frames // 50)
        assert not np.array_equal(clip, found)


@pytest.mark.parametrize("frames", [3, 4, 7, 12, 30])
def test_random_frames_of_segments_are_any_of_their_own_segment(frames):
    clips = np.array([sampling.random_segments(tf.constant(frames), 4, seed) for seed in SEEDS])
    average = max(frames // 4, 1)
    for segment, drawn in enumerate(clips.T):
        expected = {
            paddle_sampler(frames, 4, lambda _, offset=offset: offset)[segment]
            for offset in range(average)
        }
        assert set(drawn) == expected
    if average > 1:  # Each segment draws for itself.
        assert len(np.unique(clips - average * np.arange(4), axis=0)) > average


def nearest(times: np.ndarray, start_frame: int, num_frames: int, fps: float) -> np.ndarray:
    """The frames nearest to the wanted times, in plain words; a video that ends begins anew."""
    interval = times[-1] / (len(times) - 1) if len(times) > 1 else 1
    is_short = (num_frames - 1) * 1e6 / fps > times[-1] + 0.75 * interval
    frames = []
    for wanted in times[start_frame] + np.arange(num_frames) * 1e6 / fps:
        if is_short:
            wanted -= (wanted + interval / 4) // (times[-1] + interval) * (times[-1] + interval)
        frames.append(np.abs(times - wanted).argmin())
    return np.array(frames)


VARIABLE = np.cumsum(np.random.default_rng(1).integers(15_000, 90_000, 60)) + 7_000
RATES = {
    "constant": (np.arange(60) * 1e6 / 30).round().astype(np.int64),
    "variable": VARIABLE,
    "slow": (np.arange(10) * 1e6 / 4).astype(np.int64),
    "single": np.array([0]),
}


@pytest.mark.parametrize("fps", [5.0, 7.3, 23.0])
@pytest.mark.parametrize("rate", RATES)
def test_random_clip_at_rate_takes_the_nearest_frames(rate, fps):
    times = (RATES[rate] - RATES[rate][0]).astype(float)
    last_start = times[-1] - 7 * 1e6 / fps
    for seed in SEEDS[:20]:
        found = sampling.random_clip_at_rate(tf.constant(RATES[rate]), 8, fps, seed).numpy()
        np.testing.assert_array_equal(found, nearest(times, found[0], 8, fps))
        if last_start > 0:
            assert times[found[0]] <= last_start + times[-1] / (len(times) - 1)
            assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("rate", ["variable", "slow"])
def test_centre_clip_at_rate_is_in_the_centre(rate):
    times = (RATES[rate] - RATES[rate][0]).astype(float)
    interval = times[-1] / (len(times) - 1)
    start = max(0.0, times[-1] + interval - 6 * 1e6 / 10) / 2
    start_frame = np.flatnonzero(times <= start + interval / 4)[-1]
    found = sampling.evaluation_clips_at_rate(tf.constant(RATES[rate]), 6, 10.0)
    np.testing.assert_array_equal(found, nearest(times, start_frame, 6, 10.0))


def test_a_target_below_or_above_the_video_rate():
    slow = tf.constant(RATES["slow"])
    repeated = sampling.evaluation_clips_at_rate(slow, 8, 8.0).numpy()
    np.testing.assert_array_equal(np.diff(repeated) > 0, [False, True] * 3 + [False])
    assert (np.diff(sampling.evaluation_clips_at_rate(slow, 4, 2.0)) == 2).all()


@pytest.mark.parametrize("num_clips", [1, 4])
@pytest.mark.parametrize("frames", [9, 20, 61, 250])
def test_a_rate_that_divides_the_video_rate_is_a_stride(frames, num_clips):
    times = tf.constant((np.arange(frames) * 1e6 / 29.97).round().astype(np.int64))
    by_rate = sampling.evaluation_clips_at_rate(times, 6, 29.97 / 3, num_clips)
    by_stride = sampling.evaluation_clips(tf.constant(frames), 6, 3, num_clips)
    if num_clips == 1:
        np.testing.assert_array_equal(by_rate, by_stride)
    else:  # evenly spaced starts fall between frames, where rounding may differ by one
        difference = np.abs(by_rate.numpy() - by_stride.numpy())
        assert np.minimum(difference, frames - difference).max() <= 1

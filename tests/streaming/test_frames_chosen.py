"""Which frames a model sees: equal to the training pipeline's choice."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from video_files import grey_steps, write_video

from movinet.data.pipeline import sampling
from movinet.data.videos.video_files import VideoError
from movinet.model_info import Preprocessing
from movinet.streaming import clip_sampling
from movinet.streaming.frame_source import SlowVideoWarning, frames_on_show, sampled_frames


def settings(**choices):
    return Preprocessing(8, 8, 8, **choices)


def number(frame):
    """The number of a frame of `grey_steps`."""
    return round((float(frame.mean()) - 10) / 6)


@pytest.mark.parametrize("num_clips", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_clips_by_stride(num_clips, stride):
    for video_frames in (*range(1, 40), 317, 9_999):
        expected = sampling.evaluation_clips(tf.constant(video_frames), 8, stride, num_clips)
        actual = clip_sampling.clips_by_stride(video_frames, 8, stride, num_clips)
        assert actual.shape == (num_clips, 8)
        np.testing.assert_array_equal(actual.reshape(-1), expected)


@pytest.mark.parametrize("num_clips", [1, 2, 3])
@pytest.mark.parametrize("fps", [2.5, 5.0, 12.5, 25.0])
def test_clips_at_rate(num_clips, fps):
    generator = np.random.default_rng(0)
    regular = [np.round(np.arange(n) * 1e6 / 29.97).astype(np.int64) for n in (1, 2, 9, 200)]
    irregular = [np.cumsum(generator.integers(1_000, 90_000, n)) for n in (3, 50, 130)]
    for times in (*regular, *irregular):
        expected = sampling.evaluation_clips_at_rate(tf.constant(times), 8, fps, num_clips)
        actual = clip_sampling.clips_at_rate(times, 8, fps, num_clips)
        assert actual.shape == (num_clips, 8)
        np.testing.assert_array_equal(actual.reshape(-1), expected)


REGULAR = [100 * index for index in range(30)]
IRREGULAR = np.cumsum([0, *np.random.default_rng(1).integers(20, 180, 29)]).tolist()


@pytest.mark.parametrize("fps", [2.0, 3.7, 5.0, 10.0, 17.0])
@pytest.mark.parametrize("times", [REGULAR, IRREGULAR], ids=["regular", "irregular"])
def test_a_stream_takes_the_nearest_frame_as_training_does(tmp_path, times, fps):
    path = write_video(tmp_path / "video.ffv1.mkv", grey_steps(30), times=times)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SlowVideoWarning)
        frames = list(sampled_frames(path, settings(fps=fps)))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(len(frames)) / fps)
    microseconds = tf.constant(times, tf.int64) * 1000
    expected = sampling.evaluation_clips_at_rate(microseconds, len(frames), fps)
    assert [number(frame.frame) for frame in frames] == expected.numpy().tolist()
    # The whole video is seen, and nothing beyond its end.
    duration = times[-1] / 1000 * 30 / 29
    assert frames[-1].time < duration <= frames[-1].time + 1 / fps + 0.03


def test_middles_of_segments():
    for num_frames in (1, 4, 50):
        for video_frames in (*range(1, 120), 317, 9_999):
            expected = sampling.middle_of_segments(tf.constant(video_frames), num_frames)
            actual = clip_sampling.middle_of_segments(video_frames, num_frames)
            np.testing.assert_array_equal(actual, expected)


def test_what_the_settings_choose():
    times = np.arange(100) * 40_000
    chosen = [
        clip_sampling.clips_to_see(100, times, settings(**choices), 4)[0].tolist()
        for choices in ({"sampling": "segments"}, {"fps": 5.0}, {"temporal_stride": 3})
    ]
    assert chosen == [[12, 37, 62, 87], [40, 45, 50, 55], [44, 47, 50, 53]]


@pytest.mark.parametrize("count", [1, 3, 4, 9, 30])
def test_a_stream_takes_the_frames_of_segments_as_training_does(tmp_path, count):
    path = write_video(tmp_path / "video.ffv1.mkv", grey_steps(count))
    frames = list(sampled_frames(path, settings(sampling="segments", num_frames=4)))
    expected = sampling.middle_of_segments(tf.constant(count), 4)
    assert [number(frame.frame) for frame in frames] == expected.numpy().tolist()
    # 10 frames a second; a short video goes on after its end.
    seconds = [frame.time for frame in frames]
    assert (np.diff(seconds) > 0).all()
    if count >= 3:
        rounds = np.arange(4) // count
        np.testing.assert_allclose(seconds, (expected.numpy() + rounds * count) / 10, atol=1e-3)


def test_of_two_frames_as_near_it_is_the_earlier(tmp_path):
    path = write_video(tmp_path / "v.ffv1.mkv", grey_steps(5), times=[0, 200, 400, 600, 800])
    frames = sampled_frames(path, settings(fps=10.0))
    with pytest.warns(SlowVideoWarning):
        assert [number(frame.frame) for frame in frames] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_slow_video_warns_once_and_a_fast_one_does_not(tmp_path):
    path = write_video(tmp_path / "video.h264.mp4", grey_steps(12))  # 10 a second
    with pytest.warns(SlowVideoWarning, match="10 frames per second, fewer than the 25") as caught:
        list(sampled_frames(path, settings(fps=25.0)))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(sampled_frames(path, settings(fps=10.0)))) == 12
        assert len(list(sampled_frames(path, settings(fps=5.0)))) == 6


def test_by_stride(tmp_path):
    path = write_video(tmp_path / "video.ffv1.mkv", grey_steps(10))
    frames = list(sampled_frames(path, settings(temporal_stride=3)))
    assert [number(frame.frame) for frame in frames] == [0, 3, 6, 9]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.3, 0.6, 0.9], atol=1e-3)


def test_frames_are_reduced_as_stored(tmp_path):
    path = write_video(tmp_path / "video.h264.mp4", grey_steps(3, 48, 64))
    whole = next(sampled_frames(path, settings(fps=5.0)))
    stored = next(sampled_frames(path, settings(fps=5.0, stored_short_side=24)))
    assert whole.frame.shape == (48, 64, 3) and stored.frame.shape == (24, 32, 3)


@pytest.mark.parametrize("fps", [0.0, 5.0])
def test_one_frame_is_a_video(tmp_path, fps):
    path = write_video(tmp_path / "video.gif.gif", grey_steps(1))
    assert len(list(sampled_frames(path, settings(fps=fps)))) == 1


@pytest.mark.parametrize("fps", [0.0, 5.0])
def test_what_is_no_video_raises(tmp_path, fps):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError):
        list(sampled_frames(tmp_path / "text.mp4", settings(fps=fps)))


def test_frames_on_show(tmp_path):
    path = write_video(tmp_path / "v.ffv1.mkv", grey_steps(4), times=[0, 100, 200, 300])
    frames = frames_on_show(path, [0, 0.05, 0.1, 0.29, 0.3, 9.0])
    assert [number(frame) for frame in frames] == [0, 0, 1, 2, 3, 3]

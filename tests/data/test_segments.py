"""Clips of one frame of each part of a video, from records to batches."""

import dataclasses

import numpy as np
import pytest
from file_pipeline import build
from record_files import encode_jpeg, grey_frames, sequence_example, write_records

from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

SEGMENTS = ClipSettings(4, 16, 16, num_classes=2, min_image_size=16, sampling="segments")


def write_video(folder, frames: int, readable=None) -> str:
    """A record of grey frames that tell their number; only some are images."""
    jpegs = [encode_jpeg(5 * frame) for frame in grey_frames(frames, 16, 24)]
    kept = range(frames) if readable is None else readable
    jpegs = [jpeg if index in kept else b"no image" for index, jpeg in enumerate(jpegs)]
    return write_records(folder / f"{frames}.tfrecord", [sequence_example(jpegs, [0])])


def frames_seen(path, clips: int = 1, settings: ClipSettings = SEGMENTS, **options) -> np.ndarray:
    """Numbers of the frames [clips, T]."""
    options = {"is_training": False, "batch_size": 1, "seed": 1, **options}
    dataset = build([path], settings, **options).take(clips)
    images = np.concatenate([features["image"] for features, _ in dataset])
    return np.round(images.mean((2, 3, 4)) * 255 / 5).astype(int)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (20, [2, 7, 12, 17]),
        (22, [2, 7, 12, 17]),
        (24, [2, 8, 14, 20]),
        (4, [0, 1, 2, 3]),
        (3, [0, 1, 2, 0]),
        (1, [0] * 4),
    ],
)
def test_evaluation_sees_the_middle_of_each_part(tmp_path, frames, expected):
    path = write_video(tmp_path, frames)
    np.testing.assert_array_equal(frames_seen(path), [expected])
    # The negative control: a clip of frames that follow each other.
    clip = dataclasses.replace(SEGMENTS, sampling="clip", temporal_stride=2)
    assert frames == 1 or frames_seen(path, settings=clip).tolist() != [expected]


def test_training_sees_a_random_frame_of_each_part(tmp_path):
    seen = frames_seen(write_video(tmp_path, 13), clips=60, is_training=True)
    for segment, frames in enumerate(seen.T):
        assert set(frames) == {3 * segment, 3 * segment + 1, 3 * segment + 2}
    assert len(np.unique(seen, axis=0)) > 30


def test_only_sampled_frames_are_decoded(tmp_path):
    path = write_video(tmp_path, 20, readable=(2, 7, 12, 17))
    np.testing.assert_array_equal(frames_seen(path), [[2, 7, 12, 17]])


def test_three_crops_see_the_same_frames(tmp_path):
    settings = dataclasses.replace(SEGMENTS, num_test_crops=3)
    path = write_video(tmp_path, 20)
    np.testing.assert_array_equal(frames_seen(path, settings=settings), [[2, 7, 12, 17]] * 3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sampling": "uniform"}, "sampling is 'uniform': it is 'clip' or 'segments'"),
        ({"target_fps": 5.0}, "target_fps is 5.0: .* set it to 0 with sampling 'segments'"),
        ({"random_stride_range": 1}, "random_stride_range is 1: .* set it to 0"),
        ({"num_test_clips": 3}, "num_test_clips is 3: .* shows the whole video already"),
    ],
    ids=str,
)
def test_settings_that_segments_leave_no_room_for(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(SEGMENTS, **changes)

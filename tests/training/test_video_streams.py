"""Videos as streams side by side: their frames, their order, and what of them is in memory."""

import weakref

import numpy as np
import pytest
import stream_dataset
import tensorflow as tf
from record_files import encode_jpeg, smooth_frames
from stream_dataset import grey_clip, write_stream_dataset

from movinet import InputError
from movinet.data.pipeline import decoding, views
from movinet.model_info import ModelInfo, Preprocessing
from movinet.training import video_streams
from movinet.training.video_streams import FrameDecoder, VideoSplit, frames_to_see, side_by_side

LABELS = ("a", "b", "c")
SETTINGS = Preprocessing(height=16, width=16, short_side=16, fps=10.0)


def make_info(settings=SETTINGS, labels=LABELS, num_classes=3):
    return ModelInfo("tiny_stream", num_classes, settings, labels=labels, causal=True)


def grey_dataset(folder, lengths, labels=LABELS):
    """Video n has the grey levels n + 20, n + 40, ..."""
    clips = [
        grey_clip([number + 20 * (1 + frame % 10) for frame in range(length)], number % 3)
        for number, length in enumerate(lengths)
    ]
    return write_stream_dataset(folder, clips, labels)


@pytest.mark.parametrize("fps", [3.0, 10.0, 12.5, 25.0, 40.0])
@pytest.mark.parametrize("jitter", [0, 9_000])
def test_frames_are_the_nearest_to_their_times(fps, jitter):
    rng = np.random.default_rng(0)
    times = 40_000 * np.arange(30) + rng.integers(0, jitter + 1, 30) + 5_000_000
    chosen, seconds = frames_to_see(times, Preprocessing(16, 16, 16, fps=fps))
    assert seconds == pytest.approx(np.arange(len(seconds)) / fps)
    wanted = 1e6 * np.arange(len(seconds)) / fps
    nearest = [int(np.argmin(np.abs(times - times[0] - time))) for time in wanted]
    assert chosen.tolist() == nearest
    # As many as the video is long.
    assert len(seconds) == pytest.approx(30 * 0.04 * fps, abs=1)
    assert (len(set(nearest)) < len(nearest)) == (fps > 25)


def test_by_stride_frames_keep_their_own_times():
    times = np.array([0, 40_000, 90_000, 120_000, 170_000])
    chosen, seconds = frames_to_see(times, Preprocessing(16, 16, 16, temporal_stride=2))
    assert chosen.tolist() == [0, 2, 4] and seconds.tolist() == [0.0, 0.09, 0.17]


def test_a_single_frame_is_a_video():
    for settings in (SETTINGS, Preprocessing(16, 16, 16)):
        chosen, seconds = frames_to_see(np.array([70_000]), settings)
        assert chosen.tolist() == [0] and seconds.tolist() == [0.0]


def test_every_frame_of_every_video_is_played_once_and_in_order(tmp_path):
    lengths = [3, 1, 7, 2, 2, 5, 1]
    split = VideoSplit(grey_dataset(tmp_path, lengths), "test", make_info())
    played, batch = {}, 3
    running = [None] * batch
    for step in side_by_side(split, batch, FrameDecoder(SETTINGS)):
        assert step.frames.shape == (batch, 16, 16, 3) and len(step.turns) == batch
        for place, turn in enumerate(step.turns):
            if turn is None:
                continue
            # A place plays one video to its end before the next begins.
            assert turn.is_first or running[place] == turn.video.place
            running[place] = turn.video.place
            levels = played.setdefault(turn.video.place, [])
            levels.append(round(step.frames[place].mean()))
            assert turn.seconds == pytest.approx((len(levels) - 1) / 10)
            assert turn.is_last == (len(levels) == len(turn.video.frames))
    # Dicts keep the order in which videos began: that of the records.
    expected = [
        [number + 20 * (1 + frame % 10) for frame in range(length)]
        for number, length in enumerate(lengths)
    ]
    assert [len(levels) for levels in played.values()] == lengths
    assert np.allclose(np.concatenate(list(played.values())), np.concatenate(expected), atol=1)
    assert len(split) == 7 and split.name == "test"


def test_frames_are_cut_as_in_the_evaluation_of_clips():
    rng = np.random.default_rng(0)
    jpegs = [encode_jpeg(frame) for frame in smooth_frames(rng, 4, 40, 60)]
    video = video_streams.Video(np.array(jpegs, object), np.arange(4) / 10, 0, "record 0")
    turns = [video_streams.Turn(video, index) for index in range(4)]
    none = tf.zeros([0], tf.int64)
    record = decoding.Record(tf.constant(jpegs), none, none, tf.constant(""), tf.constant(0))
    for short_side in (40, 30):
        settings = Preprocessing(height=24, width=28, short_side=short_side)
        clip = views.ClipSettings(4, 24, 28, num_classes=2, min_image_size=short_side)
        frames = FrameDecoder(settings).decode(turns)
        assert frames.dtype == np.uint8
        assert np.array_equal(frames, views.evaluation_views(record, clip)[0])
        assert not np.array_equal(frames[0], frames[1])


class Alive:
    """Adds up the sizes of those arrays that are still in memory, and keeps the largest sum."""

    def __init__(self, size):
        self.size, self.arrays, self.peak = size, [], 0

    def add(self, array):
        self.arrays = [found for found in self.arrays if found() is not None]
        self.arrays.append(weakref.ref(array))
        self.peak = max(self.peak, sum(self.size(found()) for found in self.arrays))
        return array


def peaks(folder, monkeypatch, play):
    """The most decoded frames, and the most videos, in memory at once."""
    frames, videos = Alive(len), Alive(lambda _: 1)
    decode, read = FrameDecoder.decode, VideoSplit._read

    def read_and_note(*arguments):
        video = read(*arguments)
        videos.add(video.frames)
        return video

    with monkeypatch.context() as patch:
        patch.setattr(FrameDecoder, "decode", lambda *arguments: frames.add(decode(*arguments)))
        patch.setattr(VideoSplit, "_read", read_and_note)
        play(side_by_side(VideoSplit(folder, "test", make_info()), 3, FrameDecoder(SETTINGS)))
    return frames.peak, videos.peak


def test_memory_depends_on_neither_the_number_nor_the_length_of_videos(tmp_path, monkeypatch):
    few = grey_dataset(tmp_path / "few", [4] * 6)
    many = grey_dataset(tmp_path / "many", [3, 40, 5] * 8)

    def play(steps):
        for _ in steps:
            pass

    found = [peaks(folder, monkeypatch, play) for folder in (few, many)]
    assert found[0][0] == found[1][0] <= 2 * 3
    assert all(videos <= 2 * 3 for _, videos in found)
    # The negative control: whoever keeps the steps holds all frames.
    kept = peaks(many, monkeypatch, list)
    assert kept[0] > 10 * found[1][0] and kept[1] > 2 * 3


@pytest.mark.parametrize("names", [("c", "a", "b"), ("b", "x", "c", "a")])
def test_classes_are_met_by_name(tmp_path, names):
    folder = grey_dataset(tmp_path, [1, 1, 1])
    videos = VideoSplit(folder, "test", make_info(labels=names, num_classes=len(names)))
    assert [names[video.label] for video in videos] == ["a", "b", "c"]
    unnamed = VideoSplit(folder, "test", make_info(labels=()))
    assert [video.label for video in unnamed] == [0, 1, 2]


@pytest.mark.parametrize(
    ("split", "info", "says"),
    [
        ("training", {}, "has no split 'training'"),
        ("test", {"labels": ("a", "b", "d")}, "has the class 'c', which the model does not know"),
        ("test", {"labels": (), "num_classes": 5}, "has 3 classes, but the model has 5"),
    ],
)
def test_data_of_another_model_is_refused(tmp_path, split, info, says):
    folder = grey_dataset(tmp_path, [1, 1, 1])
    with pytest.raises(InputError, match=says):
        VideoSplit(folder, split, make_info(**info))
    with pytest.raises(InputError, match=r"Cannot read .*missing"):
        VideoSplit(tmp_path / "missing", "test", make_info())


def broken(folder, monkeypatch, *, jpeg=None, times=None, label=0):
    """A dataset whose second video has something wrong."""
    clips = [grey_clip([50, 60], 0), grey_clip([70, 80], label)]
    clips[1] = clips[1]._replace(times=times or clips[1].times)
    if jpeg:
        encode = stream_dataset.encode_jpeg
        monkeypatch.setattr(
            stream_dataset, "encode_jpeg", lambda f: jpeg if f.max() == 80 else encode(f)
        )
    return write_stream_dataset(folder, clips, LABELS, shards=1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"jpeg": b"no image"}, r"record 1 of .*tfrecord cannot be read"),
        ({"times": [100, 0]}, "do not increase"),
        ({"label": 7}, "Label outside"),
    ],
)
def test_broken_records_are_named(tmp_path, monkeypatch, wrong, says):
    folder = broken(tmp_path, monkeypatch, **wrong)
    if "label" in wrong:
        # The manifest counts clips of known classes alone.
        manifest = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(manifest.replace('"a": 1', '"a": 2'))
    split = VideoSplit(folder, "test", make_info())
    with pytest.raises(InputError, match=says) as raised:
        list(side_by_side(split, 2, FrameDecoder(SETTINGS)))
    assert "Build the dataset again" in str(raised.value)

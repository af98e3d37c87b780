"""Streaming evaluation: answers beside those for whole clips, the numbers, the files."""

import csv
import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from models import SMALL, STREAM, build, relative_difference
from PIL import Image
from record_files import smooth_frames
from stream_dataset import Clip, grey_clip, write_stream_dataset

from movinet import InputError
from movinet.export import sources
from movinet.export.sources import Source
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming.preprocessing import FramePreparer
from movinet.training import streaming_evaluation
from movinet.training.streaming_evaluation import SharedStream, evaluate
from movinet.training.video_streams import FrameDecoder, VideoSplit, side_by_side

ROOT = pathlib.Path(__file__).parents[2]
SIZE = 24
SETTINGS = Preprocessing(SIZE, SIZE, short_side=SIZE, fps=10.0)
LABELS = tuple("abcdefgh")
LENGTHS = (5, 2, 9, 1, 4, 3)


def make_source(**choices):
    model = build(SMALL, num_classes=8, **{**STREAM, **choices})
    info = ModelInfo("small_stream", 8, SETTINGS, labels=LABELS, causal=choices.get("causal", True))
    return Source(model, info)


@pytest.fixture(scope="module")
def noisy_dataset(tmp_path_factory):
    rng = np.random.default_rng(0)
    clips = [
        Clip(smooth_frames(rng, length, SIZE, SIZE), [100 * n for n in range(length)], index)
        for index, length in enumerate(LENGTHS)
    ]
    return write_stream_dataset(tmp_path_factory.mktemp("noisy"), clips, LABELS)


def play(source, folder, batch_size, begins=lambda turn: turn.is_first):
    """The last logits of each video, and its clip of the same frames."""
    split = VideoSplit(folder, "test", source.info)
    stream = SharedStream(source.model, batch_size, SETTINGS)
    normalise = FramePreparer(SETTINGS).normalise
    seen, logits, clips = [[] for _ in range(batch_size)], {}, {}
    for step in side_by_side(split, batch_size, FrameDecoder(SETTINGS)):
        frames = normalise(step.frames)
        answers = stream.read(frames, [turn is not None and begins(turn) for turn in step.turns])
        for place, turn in enumerate(step.turns):
            if turn is None:
                continue
            seen[place] = [*([] if turn.is_first else seen[place]), frames[place]]
            # The class of a video is its number.
            logits[turn.video.label] = answers[place]
            clips[turn.video.label] = np.stack(seen[place])
    assert stream._step.experimental_get_tracing_count() == 1
    return np.stack([logits[number] for number in range(len(LENGTHS))]), clips


def test_answers_at_the_end_are_those_for_whole_clips(noisy_dataset):
    """With the positional encoding, which shows if a video is told the age of another."""
    source = make_source(use_positional_encoding=True)
    streamed, clips = play(source, noisy_dataset, 4)
    assert tuple(len(clips[number]) for number in range(len(LENGTHS))) == LENGTHS
    whole = np.concatenate([source.model(clips[n][np.newaxis]) for n in range(len(LENGTHS))])
    assert relative_difference(streamed, whole) < 1e-5
    assert relative_difference(play(source, noisy_dataset, 1)[0], whole) < 1e-5
    # The negative controls: states that are lost, and states of the video before.
    for begins in (lambda turn: True, lambda turn: False):
        wrong, _ = play(source, noisy_dataset, 4, begins)
        assert relative_difference(wrong, whole) > 1e-3


def test_the_numbers_are_those_of_the_evaluation_of_clips(trained, tiny_dataset):
    folder, reports = trained
    source = sources.from_model_dir(folder)
    report = evaluate(source, tiny_dataset, "test", batch_size=4)
    assert report.final.top_1 == pytest.approx(reports[1].top_1_accuracy)
    assert report.final.mean_class == pytest.approx(reports[1].mean_class_accuracy)
    assert (report.videos, report.frames) == (6, 36)
    # The negative control: other weights, other numbers.
    for variable in source.model.trainable_variables:
        variable.assign(-variable)
    changed = evaluate(source, tiny_dataset, "test", batch_size=4)
    assert changed.final.top_1 != report.final.top_1


# The class and what is shown: the level of grey, of which a class has 20.
SCRIPTS = [
    (3, [3, 3, 3]),
    (0, [5, 0, 5, 0, 0, 0]),
    (7, [0, 1]),
    (2, [2, 1, 1, 1]),
    (4, [4]),
    (1, [6]),
]


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """(source, dataset): a stream that names the class of each frame, nearer ones first."""

    def read(self, frames, begins):
        levels = 255 * frames.mean(axis=(1, 2, 3))
        return -np.abs(levels[:, np.newaxis] - (20 + 20 * np.arange(8)))

    monkeypatch.setattr(SharedStream, "read", read)
    clips = [grey_clip([20 + 20 * c for c in shown], label, size=SIZE) for label, shown in SCRIPTS]
    return make_source(), write_stream_dataset(tmp_path / "data", clips, LABELS)


def test_the_curve_and_its_files(scripted, tmp_path):
    told = []

    def watch(videos):
        told.append(videos)
        return lambda turns: told.append(sum(turn is not None for turn in turns))

    report = evaluate(*scripted, "test", batch_size=2, watch=watch)
    assert told[0] == 6 and sum(told[1:]) == report.frames == 17
    paths = report.write(str(tmp_path / "report"))
    found = json.loads(paths[0].read_text())
    curve = found["curve"]
    assert curve["seconds"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert curve["videos"] == [6, 4, 3, 2, 1, 1]
    assert curve["that_long"]["top_1"] == pytest.approx([3 / 6, 2 / 4, 1 / 3, 1 / 2, 1, 1])
    assert curve["all_videos"]["top_1"] == pytest.approx([3 / 6, 3 / 6, 2 / 6, 3 / 6, 3 / 6, 3 / 6])
    # Class 0 when 5 is shown and 7 when 0 or 1 is shown are not among the five nearest.
    assert curve["that_long"]["top_5"][:2] == pytest.approx([3 / 6, 3 / 4])
    assert found["top_1_accuracy"] == found["ends_wrong"] == 0.5
    assert found["never_right"] == pytest.approx(2 / 6)
    quartiles = found["seconds_until_right"]
    assert list(quartiles.values()) == pytest.approx([0, 0, 0.3])
    with open(paths[1], newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["that_long_top_1"]) for row in rows] == curve["that_long"]["top_1"]
    assert [int(row["videos"]) for row in rows] == curve["videos"]
    with Image.open(paths[2]) as picture:
        assert picture.size == (1920, 1080)
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50
    summary = report.summary()
    assert "top-1 50.00 %" in summary and "33.3 % are never right" in summary


def test_the_same_numbers_whatever_the_batch(scripted):
    first, *others = [evaluate(*scripted, "test", batch_size=size).to_json() for size in (1, 3, 8)]
    assert others == [first, first]


def test_a_single_frame_is_drawn_too(scripted, tmp_path):
    dataset = write_stream_dataset(tmp_path / "still", [grey_clip([20], 5, size=SIZE)] * 2, LABELS)
    report = evaluate(scripted[0], dataset, "test")
    *_, picture = report.write(str(tmp_path / "report"))
    assert picture.stat().st_size > 5000 and report.settling.quartiles == ()


def test_models_without_an_answer_after_each_frame_are_refused(noisy_dataset):
    with pytest.raises(InputError, match="is not causal"):
        evaluate(make_source(causal=False), noisy_dataset, "test")
    with pytest.raises(InputError, match="pools each frame by itself"):
        evaluate(make_source(average_pooling_type="2d"), noisy_dataset, "test")
    source = make_source()
    spread = dataclasses.replace(SETTINGS, fps=0.0, sampling="segments")
    spread = dataclasses.replace(source.info, preprocessing=spread)
    with pytest.raises(InputError, match="spread over whole videos"):
        evaluate(Source(source.model, spread), noisy_dataset, "test")
    several = dataclasses.replace(source.info, multilabel=True)
    with pytest.raises(InputError, match="several labels"):
        evaluate(Source(source.model, several), noisy_dataset, "test")
    source.model.variables[0].assign(source.model.variables[0] * np.nan)
    with pytest.raises(InputError, match=r"not numbers at .* of record 0"):
        evaluate(source, noisy_dataset, "test")


def test_equal_logits_rank_as_in_top_k():
    video = streaming_evaluation.Turn(None, 0)
    for label, rank in enumerate((1, 2, 0, 3)):
        turn = video._replace(video=type("Video", (), {"label": label, "place": "record 0"})())
        assert streaming_evaluation._rank(np.array([1.0, 1.0, 2.0, 1.0]), turn) == rank


WITH_TINY = """
import runpy, sys
sys.path[:0] = [{tests!r}, {tools!r}, {root!r}]
import conftest
sys.argv[0] = {tool!r}
runpy.run_path({tool!r}, run_name="__main__")
"""


def run(*arguments):
    tool = str(ROOT / "tools" / "evaluate_stream.py")
    folders = {name: str(ROOT / name) for name in ("tests", "tools")}
    program = WITH_TINY.format(root=str(ROOT), tool=tool, **folders)
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_the_command(trained, tmp_path):
    folder, reports = trained
    result = run(f"--model_dir={folder}", "--split=test", f"--output_dir={tmp_path}")
    assert result.returncode == 0, result.stderr
    assert "6 of 6 videos" in result.stdout and "frames/s" in result.stdout
    assert "at the end of 6 videos" in result.stdout and "Traceback" not in result.stderr
    found = json.loads((tmp_path / "accuracy_over_time.json").read_text())
    assert found["top_1_accuracy"] == pytest.approx(reports[1].top_1_accuracy)
    assert found["checkpoint"].startswith(reports[1].checkpoint)


def test_a_command_without_data_ends_in_a_sentence():
    result = run("--preset=a0_stream")
    assert result.returncode == 2 and "name a dataset (--data)" in result.stderr
    assert "Traceback" not in result.stderr

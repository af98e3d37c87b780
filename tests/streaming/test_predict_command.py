"""`predict.py`: what it prints and writes, exit codes and sentences."""

import json
import pathlib
import subprocess
import sys

import lite_models
import numpy as np
import pytest
from PIL import Image
from video_files import grey_steps, write_video

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "grey.ffv1.mkv", grey_steps(20))


def predict(*arguments):
    command = [sys.executable, str(ROOT / "predict.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def expected_probabilities():
    """Of a stream at 5 of 10 frames a second."""
    levels = (10 + 6 * np.arange(0, 20, 2)) / 255
    frames = np.broadcast_to(levels[:, None, None, None], (10, 1, 1, 3))
    return lite_models.mean_colour_probabilities(frames)


def test_table_and_top_1(video, stream_file, tmp_path):
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\nswimming in the sea\n")
    done = predict(video, "--model", stream_file, "--labels", tmp_path / "labels.txt", "--top_k=3")
    assert done.returncode == 0, done.stderr
    expected = expected_probabilities()
    order = np.argsort(-expected)
    names = np.array(["red", "green", "blue", "swimming in the sea"])[order]
    lines = done.stdout.splitlines()
    assert f"{video}: 10 frames with mean_stream" in lines[0]
    rows = [line.split() for line in lines if line.strip().startswith(("1 ", "2 ", "3 ", "4 "))]
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    assert [" ".join(row[1:-2]) for row in rows] == list(names[:3])
    assert [int(row[-2]) for row in rows] == order[:3].tolist()
    np.testing.assert_allclose([float(row[-1]) for row in rows], expected[order[:3]], atol=2e-3)
    assert f"top-1 class: {names[0]} ({order[0]})" in lines
    assert f"top-1 score: {rows[0][-1]}" in lines


def test_json_plot_and_running_predictions(video, stream_file, tmp_path):
    json_file, plot = tmp_path / "out/predictions.json", tmp_path / "plot.png"
    done = predict(
        f"--model={stream_file}", video, f"--json={json_file}", f"--plot={plot}", "--every=4"
    )
    assert done.returncode == 0, done.stderr
    assert f"predictions over time: {json_file}" in done.stdout and f"plot: {plot}" in done.stdout
    running = [line for line in done.stdout.splitlines() if " s  " in line]
    assert [float(line.split()[0]) for line in running] == [0.6, 1.4]
    content = json.loads(json_file.read_text())
    assert len(content["timeline"]) == 10
    scores = {entry["index"]: entry["score"] for entry in content["top"]}
    np.testing.assert_allclose(
        [scores[index] for index in range(4)], expected_probabilities(), atol=2e-3
    )
    with Image.open(plot) as image:
        assert image.size == (1920, 1080)


def test_json_alone_on_standard_output(video, clip_file):
    done = predict(video, f"--model={clip_file}", "--json=-", "--clips=2", "--every=1")
    content = json.loads(done.stdout)
    assert content["mode"] == "clips" and len(content["timeline"]) == 2
    assert done.stderr.count(" s  ") == 2


def test_a_slow_video_is_told(video, stream_file):
    done = predict(video, f"--model={stream_file}", "--fps=20")
    assert done.returncode == 0 and ": 40 frames with" in done.stdout
    assert "warning: " in done.stderr and "fewer than the 20" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["VIDEO"], "--model"),
        (["--model=MODEL"], "VIDEO is missing"),
        (["VIDEO", "other", "--model=MODEL"], "Unexpected argument 'other'"),
        (["nowhere.mp4", "--model=MODEL"], "nowhere.mp4 does not exist"),
        (["LABELS", "--model=MODEL"], "labels.txt: cannot be decoded"),
        (["EMPTY", "--model=MODEL"], "is empty"),
        (["VIDEO", "--model=LABELS"], "is no model"),
        (["VIDEO", "--model=nowhere.tflite"], "nowhere.tflite does not exist"),
        (["VIDEO", "--model=MODEL", "--plot=plot.jpg"], ".png, .gif or .mp4"),
        (["VIDEO", "--model=MODEL", "--clips=2"], "streams"),
        (["VIDEO", "--model=MODEL", "--labels=LABELS"], "1 labels for 4 classes"),
        (["VIDEO", "--model=MODEL", "--fps=0"], "--fps"),
        (["VIDEO", "--model=MODEL", "--json=FOLDER"], "Cannot write"),
    ],
)
def test_mistakes_end_with_a_sentence_and_2(video, stream_file, tmp_path, arguments, words):
    labels, empty = tmp_path / "labels.txt", tmp_path / "empty.mp4"
    labels.write_text("red\n")
    empty.touch()
    places = {
        "VIDEO": video,
        "MODEL": stream_file,
        "LABELS": labels,
        "EMPTY": empty,
        "FOLDER": tmp_path,
    }
    for word, path in places.items():
        arguments = [argument.replace(word, str(path)) for argument in arguments]
    done = predict(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert sum("error: " in line for line in done.stderr.splitlines()) == 1

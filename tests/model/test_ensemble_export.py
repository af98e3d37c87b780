"""An ensemble as a folder, and what predict.py, the exports and the evaluation make of it."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import ensemble_runs
import numpy as np
import pytest
import tensorflow as tf
from litert_runs import run as run_litert
from models import random_clip, relative_difference

from movinet import Ensemble, InputError
from movinet.ensemble_member import Member
from movinet.export import (
    ensemble_folder,
    ensemble_graph,
    litert,
    litert_file,
    quantization,
    saved_model,
)
from movinet.export.litert_settings import Settings
from movinet.streaming.litert_model import LiteRtModel
from movinet.streaming.loading import load_model
from movinet.training import clip_evaluation, streaming_evaluation

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIP = random_clip(1, 7, 24, 24, 3)
SIZES = (16, 24)
RATES = (25 / 2, 25 / 3)


@pytest.fixture(scope="module", params=[True, False], ids=["stream", "base"])
def folder(request, tmp_path_factory):
    """The folder of an ensemble of two members of different sizes and frame rates."""
    return made(tmp_path_factory.mktemp("ensemble"), request.param)


@pytest.fixture(scope="module")
def stream_folder(tmp_path_factory):
    return made(tmp_path_factory.mktemp("stream"), True)


@pytest.fixture(scope="module")
def stream(stream_folder):
    return ensemble_folder.from_folder(stream_folder)


def made(root, causal):
    members = [
        ensemble_runs.write(
            root / name, ensemble_runs.network(seed, causal), size, fps, num_frames=4 + seed
        )
        for seed, (name, size, fps) in enumerate(zip("ab", SIZES, RATES, strict=True))
    ]
    ensemble_folder.write(root / "both", members, offsets=(1, 0))
    return root / "both"


def by_hand(source, frames):
    """The mean of the members, which read frames that are cut out and resized here."""
    first, second = source.model.models
    clip = CLIP[:, :frames]
    answers = [second(clip[:, ::3])]
    if frames > 1:
        smaller = tf.image.resize(tf.reshape(clip[:, 1::2], [-1, 24, 24, 3]), [16, 16])
        answers.append(first(smaller[tf.newaxis]))
    return np.mean(answers, axis=0)


def test_a_folder_names_its_members(folder):
    content = json.loads((folder / "ensemble.json").read_text())
    assert [member["folder"] for member in content["members"]] == ["../a", "../b"]
    assert [(m["every"], m["offset"]) for m in content["members"]] == [(2, 1), (3, 0)]
    source = ensemble_folder.from_folder(folder)
    settings = source.info.preprocessing
    assert (settings.fps, settings.height, settings.num_frames) == (25.0, 24, 15)
    assert source.info.labels == ("blue", "green", "red")
    assert source.info.causal == source.model.causal
    model = load_model(folder)
    assert model.info == source.info
    logits, _ = model.run(CLIP.numpy(), model.initial_states())
    assert relative_difference(logits, by_hand(source, 7)[0]) < 1e-5
    moved = folder.parent.with_name(f"{folder.parent.name}-moved")
    folder.parent.rename(moved)
    again = ensemble_folder.from_folder(moved / "both").model
    moved.rename(folder.parent)
    assert relative_difference(again(CLIP)[0], logits) < 1e-5


def test_a_saved_model_is_the_ensemble(folder, tmp_path):
    source = ensemble_folder.from_folder(folder)
    exported = saved_model.export(source, tmp_path / "exported")
    assert exported.difference.relative < 1e-5
    model = load_model(tmp_path / "exported")
    assert model.info.preprocessing == source.info.preprocessing
    assert model.streams == source.model.causal
    states = model.initial_states()
    pieces = (1, 3, 1, 2) if model.streams else (7,)
    for piece in tf.split(CLIP, pieces, axis=1):
        logits, states = model.run(piece.numpy(), states)
    assert relative_difference(logits, by_hand(source, 7)[0]) < 1e-5
    specs = source.model.initial_state_specs([1, 1, 24, 24, 3])
    assert [(s.name, s.shape, s.dtype) for s in model.info.states] == [
        (name, tuple(spec.shape), spec.dtype) for name, spec in specs.items()
    ]


@pytest.mark.parametrize("layout", ["5d", "4d"])
def test_a_device_computes_it_frame_by_frame(stream, layout):
    content = ensemble_graph.convert(stream.model, (1, 24, 24), layout)
    for frames in range(1, 8):
        logits = run_litert(content, CLIP[:, :frames].numpy())
        assert relative_difference(logits, by_hand(stream, frames)) < 1e-5
    forgetful = run_litert(content, CLIP.numpy(), forget=True)
    assert relative_difference(forgetful, by_hand(stream, 7)) > 1e-3
    found = litert_file.census(content)
    always = [operation.name for operation in litert_file.Graph(content).operations()]
    assert found.ops["CONV_2D"] > 0 and not found.dynamic
    if layout == "4d":
        assert found.max_rank <= 4 and not found.outside_gpu
        assert always.count("CONV_2D") == found.ops["CONV_2D"]
    else:
        assert always.count("IF") == 2 and "CONV_2D" not in always


def test_a_device_runs_members_of_every_frame_without_branches():
    members = [ensemble_runs.network(seed, True) for seed in (0, 1)]
    model = Ensemble([members[0], Member(members[1], every=2)])
    content = ensemble_graph.convert(model, (1, 24, 24))
    always = [operation.name for operation in litert_file.Graph(content).operations()]
    assert always.count("IF") == 1 and "CONV_2D" in always
    assert relative_difference(run_litert(content, CLIP.numpy()), model(CLIP)) < 1e-5


@pytest.mark.parametrize("precision", ["float16", "dynamic", "int8_weights"])
def test_weights_of_branches_get_smaller(stream, precision):
    content = ensemble_graph.convert(stream.model, (1, 24, 24))
    smaller = quantization.quantize(content, precision)
    assert len(smaller) < 0.8 * len(content)
    found = run_litert(smaller, CLIP.numpy())
    assert relative_difference(found, by_hand(stream, 7)) < (1e-3 if "float" in precision else 0.02)


def test_a_litert_file_is_the_ensemble(folder, tmp_path):
    source = ensemble_folder.from_folder(folder)
    path, precision = tmp_path / "both.tflite", "int8_weights" if source.info.causal else "float32"
    exported = litert.export(source, path, Settings(precision=precision))
    assert exported.difference.relative < (1e-4 if precision == "float32" else 0.02)
    model = LiteRtModel(path)
    assert model.info == exported.info and model.streams == source.model.causal
    assert model.info.preprocessing == source.info.preprocessing


def test_integers_are_refused(stream, tmp_path):
    with pytest.raises(InputError, match="one by one and average"):
        litert.export(stream, tmp_path / "x.tflite", Settings(precision="int8", data="somewhere"))


def test_videos_run_side_by_side(stream):
    """A second one begins two frames after the first."""
    shared = streaming_evaluation.SharedStream(stream.model, 2, stream.info.preprocessing)
    for frame in range(7):
        frames = np.stack([CLIP[0, frame], CLIP[0, max(frame - 2, 0)]])
        logits = shared.read(frames, [frame == 0, frame in (0, 2)])
    assert relative_difference(logits[:1], by_hand(stream, 7)) < 1e-5
    assert relative_difference(logits[1:], by_hand(stream, 5)) < 1e-5
    assert relative_difference(logits[1:], by_hand(stream, 7)) > 1e-4


def test_evaluations_count_what_the_trainer_counts(trained, tiny_dataset, tmp_path):
    """The ensemble of a run with itself is that run."""
    folder, reports = trained
    source = ensemble_folder.write(tmp_path / "twice", [folder, folder])
    assert ensemble_folder.find_dataset(tmp_path / "twice") == str(tiny_dataset)
    clips = clip_evaluation.evaluate(source, tiny_dataset, "test")
    np.testing.assert_array_equal(clips.confusion, reports[1].confusion)
    stream = streaming_evaluation.evaluate(source, tiny_dataset, "test", batch_size=4)
    assert stream.final.top_1 == pytest.approx(reports[1].top_1_accuracy)
    # The negative control: classes in another order.
    info = dataclasses.replace(source.info, labels=("red", "blue", "green"))
    turned = clip_evaluation.evaluate(dataclasses.replace(source, info=info), tiny_dataset, "test")
    np.testing.assert_array_equal(turned.confusion, clips.confusion[[2, 0, 1]])
    assert turned.top_1_accuracy < clips.top_1_accuracy


def test_the_tool_makes_one(stream_folder, tmp_path):
    tool = ROOT / "tools/make_ensemble.py"
    code = (
        "import runpy, sys\n"
        f"sys.path[:0] = {[str(ROOT / 'tests'), str(ROOT / 'tools'), str(ROOT)]}\n"
        "import conftest\n"
        "sys.argv[0] = 'make_ensemble.py'\n"
        f"runpy.run_path({str(tool)!r}, run_name='__main__')\n"
    )
    members = ",".join(str(stream_folder.parent / name) for name in "ab")
    arguments = (f"--members={members}", f"--output={tmp_path / 'x'}", "--offset=1,0")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "reads 25 frames a second, 24 x 24" in done.stdout
    assert ensemble_folder.read(tmp_path / "x")[1][0].every == 2
    arguments = ("--members=a,b", "--output=c", "--offset=1,b")
    failed = subprocess.run(
        [sys.executable, tool, *arguments], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1] == "error: --offset=1,b: give whole numbers."


BROKEN = {
    "cannot be read as JSON": "{",
    "its format is not": '{"format": "movinet-model/2"}',
    "lacks the name": '{"format": "movinet-ensemble/1", "members": []}',
    "has 0 members": '{"format": "movinet-ensemble/1", "name": "x", "members": []}',
    "has not the fields": '{"format": "movinet-ensemble/1", "name": "x", "members": [{}]}',
    "every is True, not int": '{"format": "movinet-ensemble/1", "name": "x", "members": '
    '[{"folder": "a", "every": true, "offset": 0}]}',
    "there is no folder": '{"format": "movinet-ensemble/1", "name": "x", "members": '
    '[{"folder": "a", "every": 1, "offset": 0}]}',
    "is an ensemble itself": '{"format": "movinet-ensemble/1", "name": "x", "members": '
    '[{"folder": ".", "every": 1, "offset": 0}]}',
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_folder_is_refused(tmp_path, words):
    (tmp_path / "ensemble.json").write_text(BROKEN[words])
    with pytest.raises(InputError, match=words):
        ensemble_folder.from_folder(tmp_path)


def test_what_is_no_ensemble_is_not_written(folder, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        ensemble_folder.write(tmp_path / "x", [folder.parent / "c"])
    with pytest.raises(InputError, match="is an ensemble itself"):
        ensemble_folder.write(tmp_path / "x", [folder])
    members = [folder.parent / name for name in "ab"]
    with pytest.raises(InputError, match="No member reads the first frame"):
        ensemble_folder.write(tmp_path / "x", members, offsets=(1, 1))
    with pytest.raises(InputError, match="1 offsets for 2 members"):
        ensemble_folder.write(tmp_path / "x", members, offsets=(1,))
    assert not (tmp_path / "x").exists()
    with pytest.raises(InputError, match="whose members have checkpoints of their own"):
        ensemble_folder.from_folder(folder, "latest")
    (tmp_path / "x").mkdir()
    (tmp_path / "x/mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        ensemble_folder.write(tmp_path / "x", [folder.parent / "a"])
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["mine.txt"]

"""A trained model as a `.tflite` file: every precision keeps it, and no wrong one is written."""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from models import relative_difference

from movinet import model_info
from movinet.errors import InputError, VerificationError
from movinet.export import agreement, litert, prepared_videos, run_folder, sources
from movinet.export.litert_file import Graph
from movinet.export.litert_settings import CALIBRATED, PRECISIONS, Settings
from movinet.streaming import StreamClassifier
from movinet.streaming.litert_model import LiteRtModel

FLOAT32 = 0
INT8 = 9


@pytest.fixture(scope="module")
def source(trained):
    return sources.from_model_dir(trained[0])


@pytest.fixture(scope="module")
def export(source, tiny_dataset, tmp_path_factory):
    """Exports the trained model once for each combination that is asked for."""
    folder = tmp_path_factory.mktemp("litert")
    made = {}

    def make(precision="float32", state_layout="5d"):
        key = precision, state_layout
        if key not in made:
            settings = Settings(
                precision=precision,
                state_layout=state_layout,
                data=str(tiny_dataset),
                calibration_videos=8,
            )
            path = folder / f"{precision}_{state_layout}.tflite"
            made[key] = litert.export(source, path, settings)
        return made[key]

    return make


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_every_precision_keeps_the_model(export, precision):
    found = export(precision)
    assert found.agreement.of_videos == 1.0
    assert found.agreement.accuracy == found.agreement.reference_accuracy > 0.9
    assert found.info.precision == precision
    assert LiteRtModel(found.path).info == found.info


def test_smaller_numbers_make_smaller_files(export):
    sizes = {name: export(name).bytes for name in ("float32", "float16", "int8_weights")}
    # Weights take a half and a quarter; the graph itself takes what it took, and more.
    assert sizes["int8_weights"] < sizes["float16"] < sizes["float32"]


@pytest.mark.parametrize("layout", ["5d", "4d"])
def test_full_integers_keep_it_at_ten_times_the_length(export, tiny_dataset, layout):
    models = [LiteRtModel(export(name, layout).path) for name in ("float32", "int8")]
    videos = list(
        prepared_videos.read(tiny_dataset, models[0].info, split="validation", num_frames=60)
    )
    assert videos[0].frames.shape[0] == 60
    found = agreement.compare(*models, videos)
    assert found.of_videos == 1.0
    assert found.accuracy == found.reference_accuracy


@pytest.mark.parametrize("layout", ["5d", "4d"])
@pytest.mark.parametrize("precision", CALIBRATED)
def test_sums_and_counters_stay_in_float(export, precision, layout):
    graph = Graph(export(precision, layout).path.read_bytes())
    tensors = graph.subgraph.tensors
    operations = list(graph.operations())
    inputs, outputs = graph.inputs(), graph.outputs()
    pools = [name for name in inputs if name.endswith("_pool_buffer")]
    assert pools
    for name in pools:
        reached, tensor = set(), outputs[name]
        while tensor not in reached:  # Back from the new sum to the old one.
            reached.add(tensor)
            assert tensors[tensor].type == FLOAT32
            makers = [op for op in operations if tensor in op.outputs]
            tensor = makers[0].inputs[0] if makers else tensor
        assert inputs[name] in reached
    divisions = [op for op in operations if op.name == "DIV"]
    assert divisions
    assert all(tensors[i].type == FLOAT32 for op in divisions for i in (*op.inputs, *op.outputs))


def test_full_integers_pass_images_and_buffers_as_they_are(export):
    graph = Graph(export("int8").path.read_bytes())
    types = {name: graph.subgraph.tensors[index].type for name, index in graph.inputs().items()}
    integers = {name for name, kind in types.items() if kind == INT8}
    assert integers == {n for n in types if n == "image" or n.endswith("_stream_buffer")}
    for name in integers - {"image"}:
        steps = [
            (tensor.quantization.scale[0], tensor.quantization.zeroPoint[0])
            for tensor in (
                graph.subgraph.tensors[ends[name]] for ends in (graph.inputs(), graph.outputs())
            )
        ]
        assert steps[0] == steps[1]


def test_calibration_carries_states(source, tiny_dataset):
    from movinet.export import calibration, litert_graph

    content = litert_graph.convert(source.model, height=24, width=24)
    (video,) = prepared_videos.read(tiny_dataset, source.info, split="test", limit=1)
    frames = video.frames.astype(np.float32) / 255
    feeds = list(calibration.feeds(content, [frames]))
    stream = source.model.stream()
    states = stream.init_states([1, 1, 24, 24, 3])
    for frame, feed in zip(frames, feeds, strict=True):
        for name, value in states.items():
            np.testing.assert_allclose(feed[name], value, rtol=1e-4, atol=1e-5)
        _, states = stream({**states, "image": tf.constant(frame[None, None])})
    assert not np.allclose(feeds[-1]["state_head_pool_buffer"], 0)


def test_the_description_travels_in_the_file_and_beside_it(export, source):
    found = export()
    with zipfile.ZipFile(found.path) as archive:
        info = model_info.parse(archive.read("movinet.json").decode(), "the archive")
        labels = archive.read("labels.txt").decode().splitlines()
    assert info == found.info == model_info.read(found.path.with_suffix(".json"))
    assert tuple(labels) == info.labels == source.info.labels
    assert info.preprocessing == source.info.preprocessing
    assert [state.name for state in info.states] == [
        name for name in Graph(found.path.read_bytes()).inputs() if name != "image"
    ]
    tf.lite.Interpreter(str(found.path)).allocate_tensors()


def test_the_figures_are_written_beside_it(export):
    found = export("int8")
    report = json.loads(found.path.with_suffix(".report.json").read_text())
    assert report["agreement_with_float"]["of_videos"] == 1.0
    errors = [layer["error"] for layer in report["layers_worst_first"]]
    assert errors == sorted(errors, reverse=True) and errors[0] > 0
    assert {"stem", "block1_layer0_feature_temporal", "classifier_logits"} <= {
        layer["name"] for layer in report["layers_worst_first"]
    }
    picture = found.path.with_suffix(".layers.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    for word in ("MB, int8", "operations", "ms on this machine", "agreement", "exported to"):
        assert word in found.describe()


def test_layers_can_stay_in_float(source, tiny_dataset, tmp_path):
    settings = Settings(
        precision="int8", data=str(tiny_dataset), calibration_videos=4, keep_float=("^block1",)
    )
    kept = litert.export(source, tmp_path / "kept.tflite", settings)
    graph = Graph(kept.path.read_bytes())
    types = {
        graph.name(op.outputs[0]).split("/")[0]: graph.subgraph.tensors[op.outputs[0]].type
        for op in graph.operations()
        if op.name == "CONV_2D"
    }
    assert types["block1_layer0_expansion"] == FLOAT32
    assert types["block0_layer0_projection"] == INT8


@pytest.mark.parametrize(
    ("change", "message"),
    [({"min_agreement": 1.01}, "layers that hurt most"), ({"tolerance": 0.0}, "tolerance")],
)
def test_a_model_that_differs_is_not_written(source, tiny_dataset, tmp_path, change, message):
    settings = Settings(precision="int8", data=str(tiny_dataset), calibration_videos=2)
    with pytest.raises(VerificationError, match=message):
        litert.export(source, tmp_path / "m.tflite", dataclasses.replace(settings, **change))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "name", "message"),
    [
        ({"precision": "int7"}, "m.tflite", "int7"),
        ({"precision": "int8"}, "m.tflite", "calibrated on videos"),
        ({"state_layout": "3d"}, "m.tflite", "3d"),
        ({"num_frames": 4}, "m.tflite", "one frame at a time"),
        ({}, "m.lite", "tflite"),
    ],
)
def test_settings_that_do_not_fit_are_refused(source, tmp_path, settings, name, message):
    with pytest.raises(InputError, match=message):
        litert.export(source, tmp_path / name, Settings(**settings))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layout", ["5d", "4d"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_stream_classifier_runs_it(export, source, tiny_dataset, precision, layout):
    (video,) = prepared_videos.read(tiny_dataset, source.info, split="test", limit=1)
    classifier = StreamClassifier(export(precision, layout).path)
    said = [classifier.push(frame) for frame in video.frames]
    assert said[-1].label == source.info.labels[video.label]
    clip = tf.constant(video.frames[None] / np.float32(255))
    expected = tf.nn.softmax(source.model(clip))[0].numpy()
    tolerance = 1e-4 if precision == "float32" else 0.1
    assert relative_difference(said[-1].probabilities, expected) < tolerance
    classifier.reset()
    again = [classifier.push(frame).probabilities for frame in video.frames]
    np.testing.assert_array_equal(again, [one.probabilities for one in said])


def test_the_example_of_the_guide_runs(export, source, tiny_dataset, capsys):
    guide = pathlib.Path(__file__).parents[2] / "docs" / "checkpoint_to_phone.md"
    (example,) = re.findall(r"```python\n(.*?)```", guide.read_text(), flags=re.DOTALL)
    (video,) = prepared_videos.read(tiny_dataset, source.info, split="test", limit=1)
    example = example.replace("sample.tflite", str(export("int8").path))
    exec(compile(example, guide.name, "exec"), {"camera": video.frames})  # noqa: S102 (our text)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(video.frames)
    assert said[-1].startswith(source.info.labels[video.label])


def test_the_command_exports(tmp_path):
    output = tmp_path / "phone.tflite"
    done = subprocess.run(
        [
            *(sys.executable, "tools/export_litert.py", "--preset=t0_stream"),
            *("--allow_random_weights", f"--output={output}", "--image_size=32"),
            *("--precision=float16", "--state_layout=4d"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "not for GPUs   none" in done.stdout
    assert f"exported to    {output}" in done.stdout
    assert not done.stderr
    assert LiteRtModel(output).info.state_layout == "4d"


def test_a_training_run_says_where_its_data_is(trained, tiny_dataset, tmp_path):
    assert run_folder.find_dataset(trained[0]) == str(tiny_dataset)
    text = (trained[0] / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace(str(tiny_dataset), "/nowhere"))
    assert run_folder.find_dataset(tmp_path) == ""

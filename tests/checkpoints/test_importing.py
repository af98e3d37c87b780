"""From foreign files to folders that all commands take, whatever kind they are."""

import dataclasses
import json
import subprocess
import sys

import models
import numpy as np
import oracle
import pytest
import tensorflow as tf
import tf_keras

import movinet
from movinet import InputError
from movinet.checkpoints import foreign, gates, importing, weights
from movinet.errors import VerificationError
from movinet.export import converted, sources
from movinet.layers import activations
from movinet.presets import ENSEMBLES, PRESETS, EnsemblePreset

TOOL = "tools/convert_weights.py"
VIDEO = models.random_clip(1, 5, 32, 32, 3)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """An official stream with random weights, and its checkpoint."""
    model = oracle.build("small", 7, **models.LAYOUTS["stream_2plus1d"])
    models.randomise(model)
    folder = tmp_path_factory.mktemp("official")
    checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
    return model, checkpoint.save(str(folder / "ckpt"))


@pytest.fixture(scope="module")
def folder(official, tmp_path_factory):
    """What the conversion of that checkpoint writes."""
    path = tmp_path_factory.mktemp("converted") / "small"
    imported = converted.read(official[1])
    return converted.write(imported, path, converted.describe(imported))


@pytest.mark.parametrize(
    ("layout", "positions"),
    [*((layout, False) for layout in models.LAYOUTS), ("stream_2plus1d", True)],
)
def test_a_walk_meets_every_variable_under_its_official_key(layout, positions, tmp_path):
    choices = models.LAYOUTS[layout]
    model = models.build("small", **choices, use_positional_encoding=positions)
    network = foreign.network_of(model)
    found = foreign.read(model, network)
    assert len(found) == len(model.variables)
    path = tf.train.Checkpoint(model=model, backbone=model.backbone).write(str(tmp_path / "ckpt"))
    stored = {key: shape for key, shape in tf.train.list_variables(path) if "ATTRIBUTES" in key}
    layers = [weights.STEM, *(spec.name for spec in models.SMALL.walk()), weights.HEAD]
    for weight, value in found.items():
        prefix = (
            f"backbone/layer_with_weights-{layers.index(weight.layer)}"
            if (weight.layer in layers)
            else "model/layer_with_weights-1"
        )
        key = f"{prefix}/{weight.path(network.conv_type)}/.ATTRIBUTES/VARIABLE_VALUE"
        there = tf.train.load_variable(path, key)
        assert np.array_equal(there.ravel(), value.ravel()), weight.name
        del stored[key]
    assert not [key for key in stored if "layer_with_weights" in key]


@pytest.mark.parametrize("name", PRESETS)
def test_the_walk_of_a_variant_counts_its_parameters(name):
    shapes = [weight.shape for weight in weights.walk(weights.Network.of(PRESETS[name]))]
    assert sum(int(np.prod(shape)) for shape in shapes) == PRESETS[name].parameters


def test_the_folder_is_read_by_all_that_reads_a_run(official, folder):
    source = sources.from_model_dir(folder)
    assert models.relative_difference(source.model(VIDEO), official[0](VIDEO)) < 1e-5
    assert source.info.causal and source.info.num_classes == 7
    record = json.loads((folder / converted.RECORD).read_text())
    assert record["source"] == official[1] and record["largest_difference"] == {}
    again = converted.read(str(folder))
    assert again.source.kind == "a training run"
    assert np.array_equal(again.model(VIDEO), source.model(VIDEO))
    # What it wrote is an official checkpoint still.
    restored = oracle.build("small", 7, **models.LAYOUTS["stream_2plus1d"])
    latest = tf.train.latest_checkpoint(str(folder))
    tf.train.Checkpoint(model=restored).restore(latest).assert_existing_objects_matched()
    assert models.relative_difference(restored(VIDEO), official[0](VIDEO)) < 1e-6


def test_several_labels_of_a_video_stay_several(folder, tmp_path):
    one = converted.read(str(folder))
    several = dataclasses.replace(one, source=dataclasses.replace(one.source, multilabel=True))
    for imported, expected in ((one, False), (several, True)):
        path = converted.write(imported, tmp_path / str(expected), converted.describe(imported))
        assert sources.from_model_dir(path).info.multilabel is expected
        assert converted.describe(converted.read(str(path))).multilabel is expected


def test_a_folder_that_is_something_else_is_not_replaced(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "params.yaml").write_text("precious")
    imported = converted.read(str(folder))
    info = converted.describe(imported)
    with pytest.raises(InputError, match="holds something else"):
        converted.write(imported, tmp_path / "mine", info)
    assert (tmp_path / "mine" / "params.yaml").read_text() == "precious"
    written = converted.write(imported, tmp_path / "twice", info)
    assert converted.write(imported, tmp_path / "twice", info) == written
    with pytest.raises(InputError, match=r"weights are written as a folder"):
        converted.write(imported, tmp_path / "model.onnx", info)


def test_weights_go_to_keras_and_back(folder, tmp_path):
    imported = converted.read(str(folder))
    info = converted.describe(imported)
    whole = converted.write(imported, tmp_path / "model.keras", info)
    alone = converted.write(imported, tmp_path / "model.weights.h5", info)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "model.weights.h5"]
    loaded = tf_keras.models.load_model(whole)
    assert np.array_equal(loaded(VIDEO), imported.model(VIDEO))
    fresh = models.build("small", **models.LAYOUTS["stream_2plus1d"])
    models.randomise(fresh, seed=1)
    assert not np.array_equal(fresh(VIDEO), imported.model(VIDEO))
    fresh.load_weights(alone)
    assert np.array_equal(fresh(VIDEO), imported.model(VIDEO))


def _source(model, *, runs=None, **changes):
    """What a reader would return for a model of ours; `runs` is what runs the source."""
    network = foreign.network_of(model)
    tensors = {weight.name: value for weight, value in foreign.read(model, network).items()}
    return foreign.Source(
        "a test",
        "here",
        {**tensors, **changes},
        foreign.OwnLayout(),
        network,
        run=runs and (lambda: runs.run),
        activations=("swish", "hard_swish"),
        video_shape=(1, 4, 32, 32, 3),
    )


@pytest.fixture
def reader(monkeypatch):
    """Puts a source in the place of what the first reader reads."""

    def put(source):
        monkeypatch.setattr(importing, "_READERS", [reader])
        reader.recognises = lambda path: True
        reader.read = lambda path: source

    reader = type("Reader", (), {})()
    return put


@pytest.mark.parametrize("activation", ["swish", "hard_swish"])
def test_the_activation_of_the_head_is_the_one_that_the_source_computes(reader, activation):
    model = _with_head(activation)
    reader(_source(model, runs=model))
    found = importing.read("here")
    assert found.network.classifier_activation == activation
    (_, best), (_, other) = found.differences.items()
    assert best.relative < 1e-6 and other.relative > 1e-3
    assert models.relative_difference(found.model(VIDEO), model(VIDEO)) < 1e-6


def test_gates_of_another_slope_are_found_and_taken_into_the_weights(reader, monkeypatch):
    """TensorFlow Hub's streams of 2021 have Keras's hard sigmoid."""
    model = _with_head("swish")

    def runs(inputs):
        with monkeypatch.context() as patched:
            gate = tf_keras.activations.hard_sigmoid
            patched.setitem(activations._FUNCTIONS, "hard_sigmoid", gate)
            return model.run(inputs)

    reader(dataclasses.replace(_source(model), run=lambda: runs))
    found = importing.read("here")
    (choice, best), *others = found.differences.items()
    assert choice == importing.Choice("swish", gates.KERAS) and best.relative < 1e-4
    assert len(others) == 3 and all(other.relative > 1e-3 for _, other in others)


def _with_head(activation):
    backbone = movinet.Movinet("small", **models.LAYOUTS["stream_2plus1d"])
    model = movinet.MovinetClassifier(backbone, 7, activation=activation)
    models.randomise(model)
    return model


def test_a_source_that_computes_something_else_is_refused(reader):
    model = _with_head("swish")
    names = [f"block1_layer{index}/expansion/beta" for index in (0, 1)]
    values = foreign.read(model, foreign.network_of(model))
    first, second = (
        next(value for weight, value in values.items() if weight.name == name) for name in names
    )
    assert first.shape == second.shape
    reader(_source(model, runs=model, **{names[0]: second, names[1]: first}))
    with pytest.raises(VerificationError, match="nothing was written"):
        importing.read("here")


def test_every_weight_is_accounted_for(reader):
    model = _with_head("swish")
    whole = _source(model)
    beta = "stem/stem/beta"
    cases = {
        "1 missing: stem/stem/beta": {name: v for name, v in whole.tensors.items() if name != beta},
        "1 unknown: left_over": {**whole.tensors, "left_over": np.zeros(3)},
        r"1 misshapen: stem/stem/beta \[9\] instead of \[8\]": {**whole.tensors, beta: np.zeros(9)},
        "1 not finite: stem/stem/beta": {**whole.tensors, beta: np.full(8, np.nan)},
    }
    for words, tensors in cases.items():
        source = dataclasses.replace(whole, tensors=tensors)
        with pytest.raises(InputError, match=words):
            foreign.values(source)
        allowed = ["left_over" if "unknown" in words else beta]
        found = foreign.values(source, allowed)
        assert len(found) == len(model.variables) - (beta in allowed)
    with pytest.raises(InputError, match="no weight 'stme' that could be allowed for"):
        foreign.values(whole, ["stme"])


def test_load_gives_a_model_that_is_ready(tmp_path):
    fresh = movinet.load("a0_stream", num_classes=400)
    assert fresh.info.labels[0] == "abseiling" and fresh.info.preprocessing.height == 172
    models.randomise(fresh)
    path = tf.train.Checkpoint(model=fresh).save(str(tmp_path / "ckpt"))
    tuned = movinet.load("a0_stream", path, num_classes=3, labels=["a", "b", "c"])
    assert tuned.info.labels == ("a", "b", "c") and tuned.num_classes == 3
    network = foreign.network_of(tuned)
    before = foreign.read(fresh, foreign.network_of(fresh))
    after = {w.name: value for w, value in foreign.read(tuned, network).items()}
    kept = [np.array_equal(value, after[w.name]) for w, value in before.items()]
    assert kept.count(False) == 2 and after["classifier_head/classifier/bias"].shape == (3,)
    with pytest.raises(InputError, match="holds weights of a0_stream, not of a1_stream"):
        movinet.load("a1_stream", path)
    with pytest.raises(InputError, match="No variant 'a9'"):
        movinet.load("a9")


def test_load_makes_ensembles_of_the_weights_of_each_member(tmp_path, monkeypatch):
    twice = EnsemblePreset("a0_twice", (PRESETS["a0_stream"], PRESETS["a0_stream"]))
    monkeypatch.setitem(ENSEMBLES, "a0_twice", twice)
    model = movinet.load("a0_stream", num_classes=3, labels=["a", "b", "c"])
    models.randomise(model)
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    ensemble = movinet.load("a0_twice", [path, path], labels=["a", "b", "c"])
    assert ensemble.info.labels == ("a", "b", "c") and len(ensemble.members) == 2
    video = models.random_clip(1, 2, 172, 172, 3)
    assert models.relative_difference(ensemble(video), model(video)) < 1e-5
    for weights_of_one in (path, [path]):
        with pytest.raises(InputError, match="a0_twice is made of a0_stream and a0_stream: give"):
            movinet.load("a0_twice", weights_of_one)
    with pytest.raises(InputError, match="a0_stream is one model, not an ensemble"):
        movinet.load("a0_stream", [path, path])


def test_the_command_refuses_what_it_cannot_read(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing of the kind")
    for named in (tmp_path / "notes.txt", tmp_path / "absent" / "ckpt-1"):
        done = subprocess.run(
            [sys.executable, TOOL, str(named), str(tmp_path / "out")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
        assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()

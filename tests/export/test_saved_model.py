"""A SavedModel of ours as its users load it, and how it comes into its folder."""

import functools
import json
import pathlib

import models
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

from movinet import InputError
from movinet.errors import VerificationError
from movinet.export import exported_model, measurements, saved_model, sources
from movinet.export.sources import Source

STREAM = models.LAYOUTS["stream_2plus1d"]
VIDEO = models.random_clip(1, 8, 32, 32, 3)


def source(model, labels=("a", "b", "c")):
    return Source(model, sources.describe(model, "somewhere", labels))


load = functools.cache(measurements.load)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A model that streams and its export: (model, folder, what was measured)."""
    model = models.build("tiny", 3, **STREAM)
    folder = tmp_path_factory.mktemp("stream") / "exported"
    return model, str(folder), saved_model.export(source(model), folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model that does not stream, with a swish of its own gradient, and its export."""
    model = models.build("tiny", 3)
    folder = tmp_path_factory.mktemp("base") / "exported"
    return model, str(folder), saved_model.export(source(model), folder)


def test_the_hub_documentation_of_streams(stream):
    """The lines of the official tests and tutorials, with our folder as the handle."""
    model, folder, _ = stream
    encoder = hub.KerasLayer(folder, trainable=True)
    image_input = tf_keras.layers.Input(shape=[None, None, None, 3], dtype=tf.float32, name="image")
    init_states_fn = encoder.resolved_object.signatures["init_states"]
    state_shapes = {
        name: ([s if s > 0 else None for s in state.shape], state.dtype)
        for name, state in init_states_fn(tf.constant([0, 0, 0, 0, 3])).items()
    }
    states_input = {
        name: tf_keras.Input(shape[1:], dtype=dtype, name=name)
        for name, (shape, dtype) in state_shapes.items()
    }
    network = tf_keras.Model(
        inputs := {**states_input, "image": image_input}, encoder(inputs), name="movinet"
    )
    init_states = init_states_fn(tf.shape(VIDEO))
    whole, _ = network({**init_states, "image": VIDEO})
    states = init_states
    for frame in tf.split(VIDEO, VIDEO.shape[1], axis=1):
        output, states = network({**states, "image": frame})
    assert models.relative_difference(whole, model(VIDEO)) < 1e-5
    assert models.relative_difference(output, model(VIDEO)) < 1e-5
    forgetful, _ = network({**init_states, "image": frame})
    assert models.relative_difference(forgetful, model(VIDEO)) > 1e-3


def test_the_signatures_stream(stream):
    model, folder, _ = stream
    loaded = tf.saved_model.load(folder)
    call, init_states = loaded.signatures["call"], loaded.signatures["init_states"]
    states = init_states(tf.shape(VIDEO))
    for clip in tf.split(VIDEO, (3, 1, 4), axis=1):
        states = call(**states, image=clip)
        logits = states.pop("logits")
    assert models.relative_difference(logits, model(VIDEO)) < 1e-5


@pytest.mark.parametrize("shape", [(2, 1, 24, 40, 3), (1, 7, 33, 31, 3)])
@pytest.mark.parametrize("kind", ["base", "stream"])
def test_any_shape(request, kind, shape):
    model, folder, _ = request.getfixturevalue(kind)
    clip = models.random_clip(*shape)
    logits, _ = load(folder)({"image": clip})
    assert models.relative_difference(logits, model(clip)) < 1e-5


@pytest.mark.parametrize("kind", ["base", "stream"])
def test_keras_loads_it(request, kind):
    model, folder, _ = request.getfixturevalue(kind)
    loaded = tf_keras.models.load_model(folder)
    assert isinstance(loaded, tf_keras.Model)
    inputs = {"image": VIDEO}
    if kind == "stream":
        inputs |= model.init_states(VIDEO.shape)
    outputs = loaded(inputs)
    logits = outputs[0] if kind == "stream" else outputs
    assert models.relative_difference(logits, model(VIDEO)) < 1e-5
    assert loaded.count_params() == model.count_params()
    assert len(loaded.trainable_variables) == len(model.trainable_variables)


def test_the_export_can_be_trained_further(base):
    """Gradients and batch statistics as those of the model itself."""
    encoder = hub.KerasLayer(base[1], trainable=True)
    image = tf_keras.layers.Input(shape=[None, None, None, 3], dtype=tf.float32)
    network = tf_keras.Model(image, encoder({"image": image}))
    model = models.build("tiny", 3)
    clips = models.random_clip(4, 3, 32, 32, 3)
    before = model(clips)
    # Both hold the same random values, by which their variables are told.
    values, found = {}, []
    for trained in (model, network):
        for variable in trained.trainable_variables:
            values[variable.ref()] = variable.numpy().tobytes()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(trained(clips, training=True) ** 2)
        gradients = tape.gradient(loss, trained.trainable_variables)
        names = [values[variable.ref()] for variable in trained.trainable_variables]
        found.append(dict(zip(names, map(tf.convert_to_tensor, gradients), strict=True)))
    expected, actual = found
    assert expected.keys() == actual.keys() and len(expected) == len(model.trainable_variables)
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    for name, gradient in expected.items():
        np.testing.assert_allclose(actual[name], gradient, atol=1e-5 * largest)
    assert models.relative_difference(network(clips), model(clips)) < 1e-5
    assert models.relative_difference(network(clips), before) > 1e-4


def test_what_it_holds_besides(stream):
    model, folder, measured = stream
    extras = pathlib.Path(folder) / "assets.extra"
    assert (extras / "labels.txt").read_text() == "a\nb\nc\n"
    described = json.loads((extras / "movinet.json").read_text())
    assert described["labels"] == ["a", "b", "c"] and described["source"] == "somewhere"
    states = {state["name"]: state for state in described["states"]}
    for name, value in model.init_states((1, 1, 224, 224, 3)).items():
        assert (
            states[name]["shape"] == list(value.shape) and states[name]["dtype"] == value.dtype.name
        )
    files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    assert measured.bytes == sum(path.stat().st_size for path in files)
    assert 100 < measured.operations < 2000 and measured.seconds_per_frame > 0
    assert measured.difference.relative < 1e-6
    assert f"exported to    {folder}" in measured.describe()


def test_swish_has_no_gradient_of_its_own(base):
    _, folder, _ = base
    text = (pathlib.Path(folder) / "saved_model.pb").read_bytes()
    assert b"sigmoid" in text.lower() and b"swish_f32" not in text and b"_silu" not in text


def test_a_difference_is_noticed_and_leaves_nothing(tmp_path, monkeypatch):
    model = models.build("tiny", 3, **STREAM)
    with pytest.raises(VerificationError, match=r"largest difference .* nothing was written"):
        saved_model.export(source(model), tmp_path / "exported", tolerance=0.0)
    assert not list(tmp_path.iterdir())
    prepare = exported_model.prepare

    def spoil(*arguments):
        prepared = prepare(*arguments)
        scale = next(v for v in prepared.variables if "rezero" in v.name)
        scale.assign_add(1e-2)
        return prepared

    monkeypatch.setattr(exported_model, "prepare", spoil)
    with pytest.raises(VerificationError):
        saved_model.export(source(model), tmp_path / "exported")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_export_leaves_the_old_one(stream, tmp_path, monkeypatch):
    model = stream[0]
    target = tmp_path / "exported"
    target.mkdir()
    for name in ("saved_model.pb", "old"):
        (target / name).write_text("old")

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(measurements, "load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            saved_model.export(source(model), target)
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    assert (target / "old").read_text() == "old"
    saved_model.export(source(model), target)
    assert [path.name for path in tmp_path.iterdir()] == ["exported"]
    assert not (target / "old").exists() and measurements.load(target)({"image": VIDEO})


def test_what_is_refused(tmp_path):
    model = models.build("tiny", 3)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        saved_model.export(source(model), tmp_path)
    with pytest.raises(InputError, match="is a file"):
        saved_model.export(source(model), tmp_path / "notes.txt")
    for shape in ((1, 1, 32, 3), (1, 1, 32, 32, 4), (1, 0, 32, 32, 3)):
        with pytest.raises(InputError, match="shape of the input"):
            saved_model.export(source(model), tmp_path / "exported", shape)
    with pytest.raises(InputError, match="built otherwise"):
        saved_model.export_saved_model(
            model, saved_model.ANY_SHAPE, str(tmp_path / "x"), causal=True
        )
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

"""LiteRT files of streams, the Model Garden's and ours, read back into weights."""

import dataclasses

import models
import numpy as np
import official_streams
import oracle
import pytest
import tensorflow as tf
import tf_keras
from official.projects.movinet.modeling import movinet_model

import movinet
from movinet import comparison
from movinet.checkpoints import foreign, tflite
from movinet.checkpoints.weights import Network
from movinet.errors import VerificationError
from movinet.export import litert_graph, quantization
from movinet.layers import activations

FRAME = (1, 1, 32, 32, 3)
VIDEO = models.random_clip(1, 5, 32, 32, 3)
STREAM = models.LAYOUTS["stream_2plus1d"]
OTHER = {"se_type": "3d", "activation": "swish", "gating_activation": "sigmoid"}
TOLERANCES = {"float32": 1e-5, "float16": 2e-3, "dynamic": 0.1}
"""Of what is read from a model in float32, against that model."""


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """An official stream with positional encodings, exported as its README does."""
    choices = {**STREAM, "use_positional_encoding": True, "use_external_states": True}
    specs = tf_keras.layers.InputSpec(shape=FRAME)
    with oracle._architecture("tiny"):
        backbone = oracle.official_movinet.Movinet(
            "tiny", **choices, use_sync_bn=False, input_specs=specs
        )
    model = movinet_model.MovinetClassifier(
        backbone, 5, activation="hard_swish", output_states=True
    )
    folder = tmp_path_factory.mktemp("official") / "saved"
    official_streams.save(model, FRAME, folder)
    return model, folder


@pytest.fixture(scope="module")
def official_file(official):
    """Its `.tflite` file in float32."""
    path = official[1].with_name("official.tflite")
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(official[1])).convert())
    return path


@pytest.fixture(scope="module")
def own():
    """A stream of ours, and its export."""
    model = models.build("small", 5, output_states=True, **STREAM)
    return model, litert_graph.convert(model, height=32, width=32)


def build(source):
    """The model that a source makes."""
    network = source.network
    model = movinet.MovinetClassifier(
        movinet.Movinet(**network.backbone_arguments()),
        network.num_classes,
        activation=network.classifier_activation,
        output_states=True,
    )
    foreign.assign(model, network, foreign.values(source))
    return model


def stream(model, states=None):
    """Logits [frames, classes] of the video, frame by frame."""
    logits, states = [], states or {}
    for frame in tf.split(VIDEO, VIDEO.shape[1], axis=1):
        output, states = model({**states, "image": frame})
        logits.append(output[0])
    return np.stack(logits)


def verify(source, model):
    """Compares as an import does."""
    video = comparison.random_video(source.video_shape)
    cuts = [[1] * source.video_shape[1]]
    comparison.compare(source.run(), model.run, video, cuts).check(source.tolerance)


def swapped(source, first, second):
    """A source with two of its weights in the place of one another."""
    tensors = {**source.tensors, first: source.tensors[second], second: source.tensors[first]}
    return dataclasses.replace(source, tensors=tensors)


def test_the_official_export_is_read(official, official_file):
    model, _ = official
    source = tflite.read(official_file)
    assert source.network == Network(
        "tiny",
        **STREAM,
        use_positional_encoding=True,
        classifier_activation="hard_swish",
        num_classes=5,
    )
    assert source.activations == ("hard_swish",) and source.video_shape == (1, 6, 32, 32, 3)
    assert "float32" in source.kind and "norms start anew" in source.notes[0]
    ours, expected = build(source), stream(model, model.init_states(FRAME))
    assert models.relative_difference(stream(ours), expected) < TOLERANCES["float32"]
    verify(source, ours)
    # Scales that are no kernels are read, not assumed.
    for scale in ("block1_layer1/rezero/scale", "block1_layer1/pos_encoding/scale"):
        changed = dataclasses.replace(source, tensors={**source.tensors, scale: np.float32(0.5)})
        assert models.relative_difference(stream(build(changed)), expected) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "dynamic"])
def test_the_official_export_in_less_is_read(official, official_file, precision):
    model, saved = official
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    path = saved.with_name(f"{precision}.tflite")
    path.write_bytes(converter.convert())
    source, whole = tflite.read(path), tflite.read(official_file)
    assert precision in source.kind and source.network == whole.network
    ours, expected = build(source), stream(model, model.init_states(FRAME))
    assert 0 < models.relative_difference(stream(ours), expected) < TOLERANCES[precision]
    verify(source, ours)


@pytest.mark.parametrize(
    ("precision", "layout"),
    [("float32", "5d"), ("float32", "4d"), ("float16", "5d"), ("dynamic", "5d")],
)
def test_our_export_is_read(own, tmp_path, precision, layout):
    model, content = own
    if layout == "4d":
        content = litert_graph.convert(model, height=32, width=32, state_layout="4d")
    path = tmp_path / "own.tflite"
    path.write_bytes(quantization.quantize(content, precision))
    source = tflite.read(path)
    ours = build(source)
    difference = models.relative_difference(stream(ours), stream(model))
    assert difference < TOLERANCES[precision]
    verify(source, ours)
    # Two kernels in the place of one another; in dynamic range only what is coarse is noticed.
    names = ["block1_layer1/expansion/kernel", "block2_layer0/expansion/kernel"]
    wrong = swapped(source, *names)
    if precision == "dynamic":
        bias = "classifier_head/classifier/bias"
        tensors = {**source.tensors, bias: np.roll(source.tensors[bias], 1)}
        wrong = dataclasses.replace(source, tensors=tensors)
    with pytest.raises(VerificationError):
        verify(source, build(wrong))


def test_integer_kernels_become_what_they_stand_for(own, tmp_path):
    found = {}
    for precision in ("float32", "dynamic"):
        path = tmp_path / f"{precision}.tflite"
        path.write_bytes(quantization.quantize(own[1], precision))
        found[precision] = tflite.read(path).tensors
    rounded = 0
    for name, value in found["float32"].items():
        error = np.abs(found["dynamic"][name] - value)
        if name.endswith("/kernel") and "feature" not in name:
            # Eight bits for each channel that comes out, the last axis.
            steps = np.abs(value).max(axis=tuple(range(4)), keepdims=True) / 127
            assert (error <= 0.51 * steps).all(), name
            rounded += bool(error.any())
        else:
            assert not error.any(), name
    assert rounded > 10


def test_other_choices_are_read_from_the_graph(tmp_path):
    model = models.build("tiny", 5, output_states=True, **{**STREAM, **OTHER})
    path = tmp_path / "other.tflite"
    path.write_bytes(litert_graph.convert(model, height=32, width=32))
    source = tflite.read(path)
    choices = dataclasses.asdict(source.network)
    assert {name: choices[name] for name in OTHER} == OTHER
    assert models.relative_difference(stream(build(source)), stream(model)) < 1e-5


def test_gates_of_2021_are_read(tmp_path, monkeypatch):
    """Keras's hard sigmoid is 0.2 x + 0.5, cut off at 0 and 1."""
    model = models.build("small", 5, output_states=True, **STREAM)
    module = tf.Module()
    module.held = model.variables

    def predict(inputs):
        logits, states = model.run(inputs)
        return {**states, "logits": logits}

    inputs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for name, spec in model.initial_state_specs(FRAME).items()
    }
    inputs["image"] = tf.TensorSpec(FRAME, tf.float32, name="image")
    with monkeypatch.context() as patched:
        gate = tf_keras.activations.hard_sigmoid
        patched.setitem(activations._FUNCTIONS, "hard_sigmoid", gate)
        signature = tf.function(predict).get_concrete_function(inputs)
        expected = stream(model)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signature)
    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    source = tflite.read(path)
    assert source.network.gating_activation == "hard_sigmoid"
    ours = build(source)
    assert models.relative_difference(stream(ours), expected) < 1e-5
    verify(source, ours)
    # The same weights before gates of ours are another network.
    assert models.relative_difference(stream(model), expected) > 5e-4

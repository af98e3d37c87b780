"""The architectures that other projects pad otherwise: their sizes, numbers, costs and exports."""

import collections
import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from litert_runs import run
from models import (
    LAYOUTS,
    SMALL,
    build,
    random_clip,
    relative_difference,
    run_in_pieces,
)

from movinet import complexity
from movinet.architectures import ARCHITECTURES, Architecture
from movinet.checkpoints import foreign, weights
from movinet.export import litert_file, litert_graph, measurements, saved_model, sources
from movinet.export.sources import Source
from movinet.layers.padding import strided_size
from movinet.operation_counts import Workload, total
from movinet.presets import PRESETS

TOLERANCE = 1e-5
STREAM = LAYOUTS["stream_2plus1d"]


def _padded(*paddings, counted=True):
    """The small architecture with a padding a block."""
    blocks = [
        dataclasses.replace(block, padding=padding, pool_counts_padding=counted)
        for block, padding in zip(SMALL.blocks, paddings, strict=True)
    ]
    stem = dataclasses.replace(SMALL.stem, padding=1)
    return dataclasses.replace(SMALL, stem=stem, blocks=tuple(blocks))


VALID, SYMMETRIC = _padded(1, 0, None), _padded(2, 1, None)
EXCLUSIVE = _padded(2, 1, None, counted=False)
CLIP = random_clip(1, 4, 26, 35, 3)
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


def _sizes(architecture, size):
    """Of frames behind the stem and behind the first layer of every block."""
    stem = architecture.stem
    layers = [layer for layer in architecture.walk() if layer.name.endswith("layer0")]
    found = [strided_size(size, stem.stride, 3, stem.padding)]
    for layer in layers:
        found.append(strided_size(found[-1], layer.stride, layer.kernel_size[1], layer.padding))
    return found


# The numbers in the configurations of both projects: (padding, padding of the pool) of each layer
# that strides, and what they make of the published sizes of frames.
FIRST = [(2, 1), (0, 0), (0, 0), (1, 1)]
OTHERS = [(2, 1), (1, 1), (1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("name", "counted", "paddings", "size", "sizes"),
    [
        ("a0_pytorch", True, FIRST, 172, [86, 43, 21, 10, 10, 5]),
        ("a0_paddle", False, FIRST, 172, [86, 43, 21, 10, 10, 5]),
        ("a1_pytorch", True, FIRST, 172, [86, 43, 21, 10, 10, 5]),
        ("a2_pytorch", True, OTHERS, 224, [112, 56, 28, 14, 14, 7]),
        ("a3_pytorch", True, OTHERS, 256, [128, 64, 32, 16, 16, 8]),
        ("a4_pytorch", True, [(1, 0), *OTHERS[1:]], 290, [145, 72, 36, 18, 18, 9]),
        ("a5_pytorch", True, OTHERS, 320, [160, 80, 40, 20, 20, 10]),
    ],
)
def test_paddings_are_those_of_the_other_projects(name, counted, paddings, size, sizes):
    architecture, plain = ARCHITECTURES[name], ARCHITECTURES[name[:2]]
    strided = [layer for layer in architecture.walk() if layer.stride > 1]
    assert [(layer.padding, layer.pool_padding) for layer in strided] == paddings
    assert {layer.pool_counts_padding for layer in strided} == {counted}
    assert architecture.stem.padding == 1
    assert _sizes(architecture, size) == sizes
    unpadded = {"padding": None, "pool_counts_padding": False}
    assert [dataclasses.replace(layer, **unpadded) for layer in architecture.walk()] == list(
        plain.walk()
    )


def test_the_pytorch_port_itself_computed_this():
    """MoViNet-pytorch at 0bd24db, PyTorch 2.13, A0 base, tf_like=False, on the same weights."""
    network = dataclasses.replace(weights.Network.of(PRESETS["a0_base"], 5), model_id="a0_pytorch")
    generator = np.random.default_rng(7)
    found = {}
    for weight in weights.walk(network):
        value = generator.normal(0, 0.2, weight.shape)
        if weight.kind == "kernel":
            inputs = 1 if weight.depthwise else weight.shape[3]
            value *= 5 / math.sqrt(math.prod(weight.shape[:3]) * inputs)
        elif weight.kind in ("gamma", "moving_variance", "scale"):
            value = 1 + np.tanh(value)
        found[weight] = value.astype(np.float32)
    video = generator.random((1, 4, 64, 66, 3)).astype(np.float32)
    expected = [0.08074762, -0.1048101, -0.175018, 0.144038, -0.2371792]
    for model_id, least, most in (("a0_pytorch", 0, 1e-5), ("a0", 1e-2, 1)):
        model = build(model_id, 5)
        foreign.assign(model, network, found)
        difference = np.abs(model(tf.constant(video))[0] - expected).max()
        assert least <= difference < most, model_id


def test_symmetric_padding_of_odd_sizes_is_same():
    clip = random_clip(1, 3, 33, 41, 3)  # Then 17 x 21, and 9 x 11.
    expected = build()(clip)
    assert relative_difference(build(EXCLUSIVE)(clip), expected) < TOLERANCE
    assert relative_difference(build(SYMMETRIC)(clip), expected) > 1e-3
    even = clip[:, :, :32]
    assert relative_difference(build(EXCLUSIVE)(even), build()(even)) > 1e-3


@pytest.mark.parametrize(
    ("architecture", "conv_type"), [(VALID, "3d"), (EXCLUSIVE, "2plus1d")], ids=["3d", "2plus1d"]
)
def test_streaming_equals_the_whole_clip(architecture, conv_type):
    model = build(architecture, **{**STREAM, "conv_type": conv_type})
    whole, stream = model(CLIP), model.stream()
    for pieces in ((1, 2, 1), (3, 1)):
        logits, states = run_in_pieces(stream, CLIP, pieces)
        assert relative_difference(logits, whole) < TOLERANCE, pieces
    for name, value in model.init_states(CLIP.shape).items():
        assert states[name].shape == value.shape, name
    forgetful, _ = stream({"image": CLIP[:, -1:]})
    assert relative_difference(forgetful, whole) > 1e-3


@pytest.mark.parametrize(
    ("architecture", "choices"),
    [
        (SYMMETRIC, {}),
        (EXCLUSIVE, {**STREAM, "conv_type": "2plus1d"}),
        (VALID, {**STREAM, "conv_type": "3d"}),
    ],
    ids=["base", "stream", "stream_3d"],
)
def test_a_graph_for_devices_computes_the_same(architecture, choices):
    model = build(architecture, **choices)
    content = litert_graph.convert(model, height=26, width=35, num_frames=4, state_layout="4d")
    expected, backwards = model(CLIP), CLIP[:, ::-1].numpy()
    assert relative_difference(run(content, CLIP.numpy()), expected) < TOLERANCE
    assert relative_difference(run(content, backwards), expected) > 1e-4
    found = litert_file.census(content)
    assert not found.dynamic and not found.outside_gpu


def test_a_saved_model_computes_the_same(tmp_path):
    blocks = EXCLUSIVE.blocks[0], dataclasses.replace(SMALL.blocks[2], stride=2, padding=1)
    model = build(dataclasses.replace(EXCLUSIVE, blocks=blocks), **STREAM)
    source = Source(model, sources.describe(model, "somewhere"))
    saved_model.export(source, tmp_path / "exported")
    logits, _ = run_in_pieces(measurements.load(tmp_path / "exported"), CLIP, (1, 3))
    assert relative_difference(logits, model(CLIP)) < TOLERANCE


def test_configurations_go_round_and_old_ones_load():
    architecture = ARCHITECTURES["a4_pytorch"]
    config = json.loads(json.dumps(architecture.to_config()))
    assert Architecture.from_config(config) == architecture
    for part in (config["stem"], *config["blocks"]):
        del part["padding"]
        part.pop("pool_counts_padding", None)
    assert Architecture.from_config(config) == ARCHITECTURES["a4"]


def _ops(architecture, layout):
    """The ops of a network's graph in inference, and the values that go in first and come out."""
    model = build(architecture, **LAYOUTS[layout])
    inputs = {"image": tf.TensorSpec([2, 4, 24, 24, 3])}
    graph = tf.function(model.run, autograph=False).get_concrete_function(inputs).graph
    return graph.get_operations()


def _is_beside_frames(op):
    if op.type != "Pad" or op.outputs[0].shape.rank != 4:
        return False
    return bool(np.any(tf.get_static_value(op.inputs[1])[1:3]))


@pytest.mark.parametrize("layout", ["base_3d", "stream_2plus1d"])
def test_plain_networks_have_no_op_for_it(layout):
    plain, padded = _ops(SMALL, layout), _ops(SYMMETRIC, layout)
    assert not any(map(_is_beside_frames, plain))
    assert sum(map(_is_beside_frames, padded)) == 5  # Of the stem, two convolutions, two pools.
    more = collections.Counter(op.type for op in padded)
    more.subtract(op.type for op in plain)
    assert {kind: count for kind, count in more.items() if count} == {"Pad": 5, "Const": 5}
    borders = [
        {op.get_attr("padding") for op in ops if op.type == "AvgPool"} for ops in (plain, padded)
    ]
    assert borders == [{b"SAME"}, {b"VALID"}]


@pytest.mark.parametrize("architecture", [VALID, SYMMETRIC, EXCLUSIVE])
def test_costs_are_those_of_the_graph(architecture, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "padded", architecture)
    preset = dataclasses.replace(PRESETS["a0_base"], model_id="padded", conv_type="2plus1d")
    counted = complexity.operations(preset, Workload(4, 24, 2), 7)
    products, values = 0, collections.Counter()
    for op in _ops(architecture, "base_2plus1d"):
        scope = op.name.rpartition("/")[0]
        if op.type in CONVOLUTIONS:
            height, width, inputs, _ = op.inputs[1].shape
            if op.type == "DepthwiseConv2dNative":
                inputs = 1
            products += height * width * inputs * op.outputs[0].shape.num_elements()
        if op.type == "StridedSlice" and op.outputs[0].shape.rank == 4:
            values[scope] += 2 * op.outputs[0].shape.num_elements()
        elif op.type in (*CONVOLUTIONS, "AvgPool", "Pad"):
            values[scope] += sum(t.shape.num_elements() for t in (op.inputs[0], op.outputs[0]))
    assert total(counted, "multiply_adds") == products
    moved = {(operation.layer, operation.kind): operation.activation_bytes for operation in counted}
    assert moved["stem", "stem"] == 4 * values["stem/stem/conv/conv"]
    for layer in ("block0_layer0", "block1_layer0"):
        assert moved[layer, "depthwise"] == 4 * values[f"{layer}/feature/conv/conv"]
        # The last pool of a layer; the other is that of squeeze-excitation.
        assert moved[layer, "pool"] == 4 * values[f"{layer}/skip"]

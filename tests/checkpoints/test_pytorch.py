"""State dicts of MoViNet-pytorch are read and written as its own code has them."""

import dataclasses

import foreign_tables
import models
import numpy as np
import pytest
import pytorch_golden
import safetensors.numpy
import tensorflow as tf

import movinet
from movinet import InputError
from movinet.architectures import ARCHITECTURES
from movinet.checkpoints import foreign, pytorch, pytorch_files, weights
from movinet.presets import PRESETS

TABLES = pytorch_golden.TABLES
# How far the gates of the two are apart, as a part of a weight.
GATES = 2e-5


def save(path, tensors):
    safetensors.numpy.save_file({name: value.copy() for name, value in tensors.items()}, path)
    return path


@pytest.fixture(scope="module", params=TABLES)
def source(request):
    """What the real PyTorch has saved, read."""
    return request.param, pytorch.read(pytorch_golden.GOLDEN / f"pytorch_{request.param}.pt")


def test_every_tensor_of_the_golden_file_is_read(source):
    layout, found = source
    expected = foreign_tables.tensors(TABLES[layout])
    assert found.tensors.keys() == expected.keys()
    for name, value in expected.items():
        assert found.tensors[name].dtype == value.dtype
        np.testing.assert_array_equal(found.tensors[name], value)


def test_each_weight_is_the_one_of_the_table(source):
    layout, found = source
    expected = {ours: name for name, _, ours in foreign_tables.rows(TABLES[layout])}
    values = foreign.values(found)
    assert {weight.name for weight in values} == expected.keys()
    for weight, value in values.items():
        there = foreign_tables.ours(found.tensors[expected[weight.name]], weight)
        if layout == "stream_2plus1d" and weight.part == "se_expand":
            shift = 3.0 if weight.kind == "bias" else 0.0
            there = (0.2 * there + shift / 6) / 0.16667 - shift
        np.testing.assert_allclose(value, there, rtol=GATES, atol=2 * GATES)
        assert value.shape == weight.shape


def test_the_network_is_found(source):
    layout, found = source
    network = found.network
    assert (network.model_id, network.num_classes) == ("two_blocks", foreign_tables.NUM_CLASSES)
    assert network.conv_type == layout.partition("_")[2]
    assert network.causal is layout.startswith("stream")
    assert found.activations == ("swish",)
    assert any("tf_like=True" in note for note in found.notes)
    assert any("slope" in note for note in found.notes) is network.causal


def test_our_model_computes_what_the_port_did(source):
    layout, found = source
    model = _model(found.network)
    foreign.assign(model, found.network, foreign.values(found))
    expected = np.load(pytorch_golden.GOLDEN / f"pytorch_{layout}.npy")
    video = tf.constant(pytorch_golden.video())
    assert models.relative_difference(model(video), expected) < 1e-5
    assert models.relative_difference(model(video[:, ::-1]), expected) > 1e-4
    if found.network.causal:
        logits, _ = models.run_in_pieces(model.run, video, (1, 2, 1, 1))
        assert models.relative_difference(logits, expected) < 1e-5


def _model(network):
    backbone = movinet.Movinet(**network.backbone_arguments())
    return movinet.MovinetClassifier(
        backbone, network.num_classes, activation=network.classifier_activation
    )


@pytest.mark.parametrize("suffix", pytorch_files.SUFFIXES)
def test_what_we_write_has_the_names_and_values_of_the_port(source, suffix, tmp_path):
    layout, found = source
    expected = foreign_tables.tensors(TABLES[layout])
    path = tmp_path / f"weights{suffix}"
    pytorch.write(path, foreign.values(found), found.network)
    written = pytorch.read(path)
    assert written.tensors.keys() == expected.keys()
    for name, value in written.tensors.items():
        there = 0 if name.endswith("num_batches_tracked") else expected[name]
        assert value.shape == expected[name].shape and value.dtype == expected[name].dtype
        np.testing.assert_allclose(value, there, rtol=1e-6, atol=1e-6, err_msg=name)
    assert written.network == found.network
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("layout", TABLES)
@pytest.mark.parametrize("prefix", ["module.", "model.module."])
def test_other_words_before_the_names_are_passed_over(layout, prefix, tmp_path):
    tensors = foreign_tables.tensors(TABLES[layout])
    path = save(tmp_path / "a.safetensors", {prefix + k: v for k, v in tensors.items()})
    found = pytorch.read(path)
    plain = foreign.values(pytorch.read(save(tmp_path / "b.safetensors", tensors)))
    for weight, value in foreign.values(found).items():
        np.testing.assert_array_equal(value, plain[weight])


@pytest.mark.parametrize("layout", TABLES)
def test_a_last_layer_of_a_users_own_is_understood(layout, tmp_path):
    tensors = foreign_tables.tensors(TABLES[layout])
    tensors = {k: v for k, v in tensors.items() if not k.startswith("classifier.3.")}
    kernel, bias = np.random.default_rng(1).random((9, 17), np.float32)[:, :16], np.arange(9.0)
    tensors["classifier.3.weight"] = kernel.reshape(9, 16, 1, 1, 1)
    tensors["classifier.3.bias"] = bias.astype(np.float32)
    found = pytorch.read(save(tmp_path / "a.safetensors", tensors))
    assert found.network.num_classes == 9
    values = {weight.name: value for weight, value in foreign.values(found).items()}
    head = "classifier_head/classifier"
    np.testing.assert_array_equal(values[f"{head}/kernel"][0, 0, 0], kernel.T)
    np.testing.assert_array_equal(values[f"{head}/bias"], bias)


def test_what_is_missing_or_unknown_is_named(tmp_path):
    tensors = foreign_tables.tensors(foreign_tables.PYTORCH_BASE)
    del tensors["conv7.conv_1.norm.bias"]
    tensors["blocks.b1_l1.res.0.conv_1.norm.weight"] = np.ones(16, np.float32)
    found = pytorch.read(save(tmp_path / "a.safetensors", tensors))
    with pytest.raises(InputError, match=r"missing: conv7.*unknown: blocks\.b1_l1\.res"):
        foreign.values(found)


def test_another_padding_is_another_network(monkeypatch, tmp_path):
    tensors = foreign_tables.tensors(foreign_tables.PYTORCH_BASE)
    path = save(tmp_path / "a.safetensors", tensors)
    with pytest.raises(InputError, match="two_blocks_base, of which pytorch has no network"):
        pytorch.read(path, tf_like=False)
    monkeypatch.setitem(ARCHITECTURES, "two_blocks_pytorch", foreign_tables.TWO_BLOCKS)
    assert pytorch.read(path).network.model_id == "two_blocks"
    found = pytorch.read(path, tf_like=False)
    assert found.network.model_id == "two_blocks_pytorch"
    assert len(foreign.values(found)) == len(list(weights.walk(found.network)))
    assert any("tf_like=False" in note for note in found.notes)


@pytest.mark.parametrize("model_id", ["a0", "a1", "a2", "a3", "a4", "a5"])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_variants_are_told_apart_by_names_and_shapes(model_id, split, causal):
    network = dataclasses.replace(
        pytorch.network_of(model_id, causal, split), num_classes=foreign_tables.NUM_CLASSES
    )
    layout = pytorch.PytorchLayout(split=split)
    shapes = {
        layout.name(weight, network): foreign.foreign_shape(layout, weight)
        for weight in weights.walk(network)
    }
    assert foreign.identify(shapes, layout, pytorch.candidates(split), "it") == network


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("a3_stream", {}, "use_positional_encoding"),
        ("a0_stream", {"classifier_activation": "hard_swish"}, "classifier_activation='hard_swish"),
        ("a0_stream", {"conv_type": "3d"}, "activation='hard_swish'"),
        ("a0_base", {"se_type": "2d"}, "se_type='2d'"),
    ],
)
def test_networks_that_the_port_has_not_are_refused(name, changes, words, tmp_path):
    network = dataclasses.replace(weights.Network.of(PRESETS[name]), **changes)
    with pytest.raises(InputError, match=words):
        pytorch.write(tmp_path / "a.pt", {}, network)
    assert not list(tmp_path.iterdir())


def test_both_layouts_of_a_stream_are_written_alike(source, tmp_path):
    layout, found = source
    if layout != "stream_2plus1d":
        pytest.skip("it has one layout")
    values = foreign.values(found)
    other = dataclasses.replace(found.network, conv_type="3d_2plus1d")
    paths = [tmp_path / name for name in ("a.pt", "b.pt")]
    for path, network in zip(paths, (found.network, other), strict=True):
        pytorch.write(path, values, network)
    assert paths[0].read_bytes() == paths[1].read_bytes()

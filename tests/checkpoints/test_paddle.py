"""PaddleVideo's .pdparams are read as Paddle writes them, without Paddle."""

import dataclasses
import os
import pickle

import foreign_tables
import numpy as np
import pytest
from test_opcodes import Evil

from movinet import InputError
from movinet.architectures import ARCHITECTURES
from movinet.checkpoints import foreign, paddle, paddle_files, pytorch, weights

NAMES = "StructuredToParameterName@@"
SLICED = "UnpackBigParamInfor@@"


@pytest.fixture(autouse=True)
def two_blocks(monkeypatch):
    """The small architecture of the table, with a padding of Paddle's."""
    monkeypatch.setitem(ARCHITECTURES, "two_blocks_paddle", foreign_tables.TWO_BLOCKS)


def tensors():
    """A state dict, the variances above zero."""
    return foreign_tables.tensors(foreign_tables.PADDLE)


def save(folder, content, protocol=4):
    """What paddle.save does with a state dict (python/paddle/framework/io.py)."""
    path = folder / "a.pdparams"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


class Parameter:
    """Paddle's tensor in what is no state dict: pickled as its name and its numbers."""

    def __init__(self, name, value):
        self.pair = name, value

    def __reduce__(self):
        return tuple, (self.pair,)


def plain(content):
    return content


def with_names(content):
    return content | {NAMES: {name: f"conv3d_{i}.w_0" for i, name in enumerate(content)}}


def as_parameters(content):
    return {name: Parameter(f"p{i}", v) for i, (name, v) in enumerate(content.items())}


def sliced(content):
    """One array cut in three, as those above a gigabyte are by protocols 2 and 3."""
    content, name = dict(content), "classifier.0.conv_1.0.weight"
    whole = content.pop(name)
    parts = [f"{name}@@.{index}" for index in range(3)]
    content |= dict(zip(parts, np.split(whole.flatten(), [50, 90]), strict=True))
    return content | {SLICED: {name: {"OriginShape": whole.shape, "slices": parts}}}


def columns_first(content):
    return {name: np.asfortranarray(value).reshape(value.shape) for name, value in content.items()}


def big_endian(content):
    return {name: value.astype(">f4") for name, value in content.items()}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "form", [plain, with_names, as_parameters, sliced, columns_first, big_endian]
)
def test_all_forms_of_a_state_dict_are_read(form, protocol, tmp_path):
    found = paddle_files.read(save(tmp_path, form(tensors()), protocol))
    assert found.keys() == tensors().keys()
    for name, value in tensors().items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("prefix", ["", "backbone.", "_layers.backbone."])
def test_each_weight_is_the_one_of_the_table(prefix, tmp_path):
    content = tensors()
    path = save(tmp_path, with_names({prefix + name: v for name, v in content.items()}))
    assert paddle.recognises(path)
    values = foreign.values(paddle.read(path))
    expected = {ours: name for name, _, ours in foreign_tables.rows(foreign_tables.PADDLE)}
    assert {weight.name for weight in values} == expected.keys()
    for weight, value in values.items():
        there = foreign_tables.ours(content[expected[weight.name]], weight)
        if weight.kind != "gamma":
            np.testing.assert_array_equal(value, there)
        assert value.shape == weight.shape


def test_batch_norms_compute_what_they_did(tmp_path):
    content = tensors()
    # Where the two epsilons differ most: a channel that hardly varies.
    content["conv1.conv_1.1._variance"][0] = 1e-6
    found = paddle.read(save(tmp_path, content))
    values = {weight.name: value for weight, value in foreign.values(found).items()}
    x = np.linspace(-3, 3, 8)
    for name, norm in (("stem/stem", "conv1.conv_1.1"), ("head/project", "conv7.conv_1.1")):
        gain, shift, mean, variance = (
            content[f"{norm}.{leaf}"].astype(np.float64)
            for leaf in ("weight", "bias", "_mean", "_variance")
        )
        expected = (x - mean) / np.sqrt(variance + 1e-5) * gain + shift
        kinds = (values[f"{name}/{kind}"] for kind in weights.NORM_KINDS)
        gain, shift, mean, variance = (value.astype(np.float64) for value in kinds)
        np.testing.assert_allclose(
            (x - mean) / np.sqrt(variance + 1e-3) * gain + shift, expected, rtol=1e-6, atol=1e-6
        )
    assert not np.allclose(values["stem/stem/gamma"], content["conv1.conv_1.1.weight"], rtol=1e-4)
    assert any("epsilon" in note for note in found.notes)


def test_network_and_preprocessing_are_those_of_the_recipe(tmp_path):
    found = paddle.read(save(tmp_path, tensors()))
    network = found.network
    assert (network.model_id, network.num_classes) == ("two_blocks_paddle", 3)
    assert (network.causal, network.conv_type, network.gating_activation) == (
        False,
        "3d",
        "sigmoid",
    )
    assert found.preprocessing.sampling == "segments"
    assert found.preprocessing.num_frames == 50
    assert (found.preprocessing.short_side, found.preprocessing.width) == (192, 172)
    assert found.preprocessing.normalisation.mean == (0.485, 0.456, 0.406)
    assert found.preprocessing.normalisation.std == (0.229, 0.224, 0.225)


def test_the_published_variant_is_known():
    """A0 with its 400 classes, by names and shapes alone."""
    network = dataclasses.replace(next(paddle.candidates(False)), num_classes=400)
    assert network.model_id == "a0"
    layout = paddle.PaddleLayout("backbone.")
    shapes = {
        layout.name(weight, network): foreign.foreign_shape(layout, weight)
        for weight in weights.walk(network)
    }
    # Of the layers of all blocks, counted through.
    assert shapes["backbone.blocks.14.deep.conv_1.0.weight"] == (344, 1, 1, 5, 5)
    assert shapes["backbone.classifier.3.conv_1.0.bias"] == (400,)
    assert foreign.identify(shapes, layout, paddle.candidates(False), "it") == network
    assert "a0_paddle" in ARCHITECTURES


def test_a_variance_below_zero_is_named(tmp_path):
    content = tensors()
    content["conv7.conv_1.1._variance"][3] = -1
    with pytest.raises(InputError, match=r"not finite: conv7\.conv_1\.1\.weight"):
        foreign.values(paddle.read(save(tmp_path, content)))


@pytest.mark.parametrize(("causal", "split"), [(True, False), (False, True), (True, True)])
def test_networks_without_a_recipe_are_refused(causal, split, tmp_path):
    network = pytorch.network_of("two_blocks", causal, split)
    layout = paddle.PaddleLayout(split=split)
    content = {
        layout.name(weight, network): np.ones(foreign.foreign_shape(layout, weight), np.float32)
        for weight in weights.walk(network)
    }
    with pytest.raises(InputError, match="no recipe"):
        paddle.read(save(tmp_path, content))


def test_an_architecture_that_paddle_has_not_is_refused(monkeypatch, tmp_path):
    monkeypatch.delitem(ARCHITECTURES, "two_blocks_paddle")
    with pytest.raises(InputError, match="two_blocks_base, of which paddle has no network"):
        paddle.read(save(tmp_path, tensors()))


def test_nothing_is_run(tmp_path):
    marker = tmp_path / "run"
    for evil in (
        Evil(os.system, f"touch {marker}"),
        Evil(eval, f"open({str(marker)!r}, 'w')"),
        Evil(np.fromfile, "/etc/passwd"),
    ):
        for protocol in (2, 4):
            with pytest.raises(InputError, match=r"asks for .* nothing was run"):
                paddle_files.read(save(tmp_path, {"w": evil}, protocol))
    assert not marker.exists()


W = np.ones((2, 3), np.float32)
BROKEN = {
    "a list": [W],
    "a name that is a number": {1: W},
    "text": {"w": "hello"},
    "numbers in lists": {"w": [1.0, 2.0]},
    "objects": {"w": np.array([None])},
    "names": {"w": np.array(["a"])},
    "halves of Paddle": {"w": np.ones(3, np.uint16)},
    "slices that are not there": {SLICED: {"w": {"OriginShape": (2,), "slices": ["a"]}}},
    "slices for another shape": {
        "a": W,
        SLICED: {"w": {"OriginShape": (1 << 40,), "slices": ["a"]}},
    },
    "slices of one array": {
        **dict.fromkeys(map(str, range(1000)), np.ones(1000, np.float32)),
        SLICED: {"w": {"OriginShape": (1_000_000,), "slices": list(map(str, range(1000)))}},
    },
    "slices that are none": {"a": W, SLICED: [1]},
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_is_no_state_dict_is_refused(kind, protocol, tmp_path):
    with pytest.raises(InputError, match=r"a\.pdparams"):
        paddle_files.read(save(tmp_path, BROKEN[kind], protocol))


def test_text_is_not_told_twice(tmp_path):
    """Protocol 2 keeps bytes as text; one long text in many places would fill the memory."""
    path = tmp_path / "a.pdparams"
    again = b"c_codecs\nencode\n(" + b"h\x63" + b"X\6\0\0\0latin1tR0"
    text = b"X" + (4000).to_bytes(4, "little") + b"a" * 4000 + b"q\x63" + b"0"
    path.write_bytes(b"\x80\2" + text + again * 1000 + b"}.")
    with pytest.raises(InputError, match="not written as numpy does"):
        paddle_files.read(path)


def test_files_that_end_early_are_refused(tmp_path):
    path = save(tmp_path, tensors())
    data = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(data[: len(data) * tenth // 10])
        with pytest.raises(InputError, match="is damaged or cut off"):
            paddle.read(path)
    with pytest.raises(InputError, match="Cannot read"):
        paddle.read(tmp_path / "missing.pdparams")

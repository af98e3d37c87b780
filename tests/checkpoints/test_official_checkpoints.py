"""Checkpoints of the official classes and trainer, read without knowing what they are of."""

import pathlib
import shutil

import models
import numpy as np
import oracle
import pytest
import tensorflow as tf
import tf_keras
from official.modeling.optimization import ExponentialMovingAverage

import movinet
from movinet import InputError
from movinet.checkpoints import foreign, official, weights

POSITIONS = {"use_positional_encoding": True}
LEGACY = {"causal": True, **POSITIONS}
CASES = {**models.LAYOUTS, "positions": {**models.LAYOUTS["stream_2plus1d"], **POSITIONS}}


def build(**choices):
    model = oracle.build("small", 7, use_sync_bn=False, **choices)
    models.randomise(model)
    return model


def ours(source):
    """A model of ours with the weights of a source."""
    network = source.network
    backbone = movinet.Movinet(**network.backbone_arguments())
    model = movinet.MovinetClassifier(
        backbone, network.num_classes, activation=network.classifier_activation
    )
    foreign.assign(model, network, foreign.values(source))
    return model


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """An official stream and its checkpoint."""
    model = build(**CASES["positions"])
    path = tmp_path_factory.mktemp("movinet_a3_stream") / "ckpt"
    return model, tf.train.Checkpoint(model=model, backbone=model.backbone).save(str(path))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """An official base model and its checkpoint."""
    model = build()
    path = tmp_path_factory.mktemp("base") / "ckpt"
    return model, tf.train.Checkpoint(model=model, backbone=model.backbone).save(str(path))


def read(path):
    assert official.recognises(pathlib.Path(path))
    return official.read(pathlib.Path(path))


@pytest.mark.parametrize("case", CASES)
def test_what_it_is_and_computes(case, tmp_path):
    choices = CASES[case]
    model = build(**choices)
    read_as = read(tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt")))
    network = read_as.network
    assert {key: network.backbone_arguments()[key] for key in choices} == choices
    assert (network.model_id, network.num_classes) == ("small", 7)
    clip = models.random_clip(2, 4, 32, 32, 3)
    result = ours(read_as)
    assert models.relative_difference(result(clip), model(clip)) < 1e-5
    # Two weights of one shape that changed places are noticed.
    values = foreign.values(read_as)
    first, second = (
        weight
        for weight in values
        if weight.layer == "block1_layer1"
        and weight.part == "expansion"
        and weight.kind in "gamma beta"
    )
    foreign.assign(result, network, {first: values[second], second: values[first]})
    assert models.relative_difference(result(clip), model(clip)) > 1e-3


def test_names_are_those_in_the_file(stream):
    source = read(stream[1])
    stored = {key.partition("/.ATTR")[0] for key, _ in tf.train.list_variables(stream[1])}
    names = {source.layout.name(weight, source.network) for weight in weights.walk(source.network)}
    assert names == source.tensors.keys() <= stored
    assert len(names) == len(stream[0].variables)


@pytest.mark.parametrize("order", ["model", "backbone", "both", "trainer"])
def test_by_whatever_way_the_file_names_them(stream, order, tmp_path):
    """The first edge that was met names a variable in the file; the objects tell what it is."""
    model = stream[0]
    items = {"model": model, "backbone": model.backbone}
    if order == "model":
        del items["backbone"]
    if order == "backbone":  # The model of another name, before which the backbone comes.
        items = {"a_first": tf.train.Checkpoint(x=model.backbone), **items}
    if order == "trainer":
        optimizer = tf_keras.optimizers.legacy.SGD(momentum=0.9)
        optimizer._create_all_weights(model.trainable_variables)
        items |= {"optimizer": optimizer, "global_step": optimizer.iterations}
    source = read(tf.train.Checkpoint(**items).write(str(tmp_path / "ckpt")))
    expected = foreign.values(read(stream[1]))
    found = foreign.values(source)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[weight], expected[weight]) for weight in found)


def test_moving_averages_are_taken(base, tmp_path):
    model = base[0]
    optimizer = ExponentialMovingAverage(tf_keras.optimizers.legacy.SGD(), model)
    optimizer.shadow_copy(model)
    for variable in model.trainable_variables:
        optimizer.get_slot(variable, "average").assign(tf.fill(variable.shape, 7.0))
    checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone, optimizer=optimizer)
    source = read(checkpoint.write(str(tmp_path / "ckpt")))
    found, plain = foreign.values(source), foreign.values(read(base[1]))
    moving = {weight for weight in found if weight.kind.startswith("moving_")}
    assert all(np.all(found[weight] == 7.0) for weight in found.keys() - moving)
    assert all(np.array_equal(found[weight], plain[weight]) for weight in moving)
    count = len(model.trainable_variables)
    assert f"{count} weights are their moving averages, which an evaluation uses." in source.notes


def test_ours(tmp_path):
    model = models.build("small", 7, **CASES["positions"])
    path = tf.train.Checkpoint(model=model, backbone=model.backbone).write(str(tmp_path / "ckpt"))
    source = read(path)
    found, expected = foreign.values(source), foreign.read(model, source.network)
    assert all(np.array_equal(found[weight], expected[weight]) for weight in expected)


def test_a_backbone_alone_lacks_the_head(base, tmp_path):
    path = tf.train.Checkpoint(backbone=base[0].backbone).write(str(tmp_path / "ckpt"))
    source = read(path)
    with pytest.raises(
        InputError, match="4 missing: model/layer_with_weights-1/_head/_conv/kernel"
    ):
        foreign.values(source)


def test_what_does_not_fit_is_named(base, tmp_path):
    model = base[0]
    extra = tf.train.Checkpoint(mine=tf.Variable(1.0))
    model_with = tf.train.Checkpoint(**{"layer_with_weights-0": model.backbone, "added": extra})
    model_with.__setattr__("layer_with_weights-1", model.layers[-1])
    path = tf.train.Checkpoint(model=model_with).write(str(tmp_path / "ckpt"))
    with pytest.raises(InputError, match="1 unknown: model/added/mine"):
        foreign.values(read(path))
    other = tf.train.Checkpoint(step=tf.Variable(1)).write(str(tmp_path / "other"))
    with pytest.raises(InputError, match=r"neither a model nor a backbone \(it holds step\)"):
        read(other)
    other = tf.train.Checkpoint(model=extra).write(str(tmp_path / "other"))
    with pytest.raises(InputError, match="no MoViNet that is known"):
        read(other)


def test_damage(base, tmp_path):
    for name in tf.io.gfile.glob(f"{base[1]}*"):
        shutil.copy(name, tmp_path)
    (data,) = tmp_path.glob("*.data-*")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 255
    data.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        read(tmp_path / "ckpt-1")
    data.write_bytes(content[:1000])
    with pytest.raises(InputError, match=r"is damaged|cannot be read"):
        read(tmp_path / "ckpt-1")
    (tmp_path / "ckpt-1.index").write_bytes(b"none")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "ckpt-1")


def test_legacy_streams_are_named(base, stream, tmp_path):
    causal = build(**LEGACY)
    path = tf.train.Checkpoint(model=causal).write(str(tmp_path / "ckpt"))
    source = read(path)
    assert source.network.causal and source.network.conv_type == "3d"
    assert any("before July 2021" in note for note in source.notes)
    clip = models.random_clip(1, 3, 32, 32, 3)
    assert models.relative_difference(ours(source)(clip), causal(clip)) < 1e-5
    # Without positions a legacy stream has the weights of a base model: only its name tells.
    folder = tmp_path / "movinet_a0_stream_legacy"
    folder.mkdir()
    plain = tf.train.Checkpoint(model=base[0])
    assert read(plain.write(str(folder / "ckpt"))).network.causal
    plain = read(plain.write(str(tmp_path / "plain")))
    assert not plain.network.causal and len(plain.notes) == 1
    modern = read(tf.train.Checkpoint(model=stream[0]).write(str(folder / "new")))
    assert modern.network.conv_type == "2plus1d"
    assert any("called legacy, but has the layout of today's" in note for note in modern.notes)


def test_a_checkpoint_by_any_of_its_names(base, tmp_path):
    path = pathlib.Path(base[1])
    names = [path, path.parent, f"{path}.index", f"{path}.data-00000-of-00001"]
    assert all(official.recognises(pathlib.Path(name)) for name in names)
    assert not any(official.recognises(other) for other in (tmp_path, tmp_path / "x"))

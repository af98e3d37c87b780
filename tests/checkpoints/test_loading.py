"""Reading checkpoints of every kind, and what is said about those that do not fit."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling.optimization import ExponentialMovingAverage

import movinet
from movinet import InputError
from movinet.checkpoints import loading


def build(num_classes=3, **changes):
    backbone = movinet.Movinet("tiny", **changes)
    return movinet.MovinetClassifier(backbone, num_classes)


@pytest.fixture(scope="module")
def source():
    """A model all of whose variables are random, batch-norm statistics and ReZero scales too."""
    model = build()
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(rng.uniform(0.1, 1.0, variable.shape))
    return model


def same(first, second):
    pairs = zip(first.variables, second.variables, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def write(folder, **items):
    return tf.train.Checkpoint(**items).write(str(folder / "ckpt"))


def test_all_of_a_published_checkpoint(source, tmp_path):
    path = write(tmp_path, model=source, backbone=source.backbone)
    model = build()
    assert not same(model, source)
    sentence = loading.load(model, path, "all")
    assert same(model, source) and f"{len(source.variables)} variables" in sentence


@pytest.mark.parametrize("items", ["both", "backbone", "model", "trainer"])
def test_the_backbone_of_any_checkpoint_for_another_number_of_classes(source, tmp_path, items):
    held = {
        "both": {"model": source, "backbone": source.backbone},
        "backbone": {"backbone": source.backbone},
        "model": {"model": source},
        "trainer": {"model": source, "backbone": source.backbone, "global_step": tf.Variable(3)},
    }[items]
    path = write(tmp_path, **held)
    model = build(num_classes=5)
    head = [variable.numpy() for variable in model.variables if "classifier_head" in variable.name]
    loading.load(model, path, "backbone")
    assert same(model.backbone, source.backbone)
    now = [variable.numpy() for variable in model.variables if "classifier_head" in variable.name]
    assert head and all(np.array_equal(a, b) for a, b in zip(head, now, strict=True))


def test_a_folder_gives_its_latest(source, tmp_path):
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=source), str(tmp_path), 2)
    manager.save()
    latest = manager.save()
    assert loading.find(str(tmp_path)) == latest
    assert loading.find(f"{latest}.index") == latest


def test_another_number_of_classes_is_explained(source, tmp_path):
    path = write(tmp_path, model=source, backbone=source.backbone)
    with pytest.raises(InputError, match="2 variables of another shape") as refused:
        loading.load(build(num_classes=5), path)
    assert str(refused.value).endswith(
        "is it the same num_classes, model_id, conv_type and se_type?"
    )
    with pytest.raises(InputError, match=r"for another number of classes take the backbone\."):
        loading.load(build(num_classes=5), path, partial_hint="take the backbone")


@pytest.mark.parametrize("changes", [{"se_type": "2plus3d"}, {"conv_type": "2plus1d"}])
def test_another_network_is_named(source, tmp_path, changes):
    path = write(tmp_path, model=source, backbone=source.backbone)
    model = build(**changes)
    before = [variable.numpy() for variable in model.variables]
    with pytest.raises(
        InputError, match=r"(lacks \d+ of|\d+ variables of another shape)"
    ) as refused:
        loading.load(model, path, "backbone")
    assert "\n" not in str(refused.value) and "more" in str(refused.value)
    # Nothing was read.
    assert all(np.array_equal(a, b) for a, b in zip(before, model.variables, strict=True))


def test_what_is_no_checkpoint(source, tmp_path):
    model = build()
    with pytest.raises(InputError, match="no checkpoint in the folder"):
        loading.load(model, str(tmp_path))
    with pytest.raises(InputError, match="is missing"):
        loading.load(model, str(tmp_path / "ckpt-1"))
    with pytest.raises(InputError, match="'all' or 'backbone'"):
        loading.load(model, str(tmp_path), "head")
    path = write(tmp_path, backbone=source.backbone)
    with pytest.raises(InputError, match="holds no whole model"):
        loading.load(model, path)
    with pytest.raises(InputError, match="; take the backbone if it holds a backbone"):
        loading.load(model, path, partial_hint="take the backbone")
    other = tf.train.Checkpoint(step=tf.Variable(1)).write(str(tmp_path / "other"))
    with pytest.raises(InputError, match="neither a model nor a backbone"):
        loading.load(model, other, "backbone")
    (tmp_path / "bad.index").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="cannot be read"):
        loading.load(model, str(tmp_path / "bad"))
    with pytest.raises(InputError, match="cannot be read"):
        loading.shapes(str(tmp_path / "bad"))


def test_shapes_are_those_of_the_model_alone(source, tmp_path):
    optimizer = tf_keras.optimizers.Adam()
    optimizer.build(source.trainable_variables)
    path = write(tmp_path, model=source, backbone=source.backbone, optimizer=optimizer)
    found = loading.shapes(path)
    assert len(found) == len(source.variables)
    assert found["backbone/layer_with_weights-0/_stem/_conv/kernel"] == (1, 3, 3, 3, 8)


def test_moving_averages_take_the_place_of_weights(source, tmp_path):
    model = build()
    optimizer = ExponentialMovingAverage(tf_keras.optimizers.legacy.SGD(), model)
    optimizer.shadow_copy(model)
    for variable in model.trainable_variables:
        optimizer.get_slot(variable, "average").assign(tf.fill(variable.shape, 7.0))
    path = write(tmp_path, model=model, backbone=model.backbone, optimizer=optimizer)
    fresh = build()
    loading.load(fresh, path)
    assert same(fresh, model)
    assert loading.load_averages(fresh, path) == len(model.trainable_variables)
    assert all(np.all(variable == 7.0) for variable in fresh.trainable_variables)
    pairs = zip(fresh.non_trainable_variables, model.non_trainable_variables, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert loading.load_averages(fresh, write(tmp_path, model=source)) == 0

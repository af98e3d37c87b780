"""Starting from checkpoints of every kind, and what is said about those that do not fit."""

import numpy as np
import pytest
import tensorflow as tf

import movinet
from movinet import InputError
from movinet.training import initialization


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
    sentence = initialization.load(model, path, "all")
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
    initialization.load(model, path, ["backbone"])
    assert same(model.backbone, source.backbone)
    now = [variable.numpy() for variable in model.variables if "classifier_head" in variable.name]
    assert head and all(np.array_equal(a, b) for a, b in zip(head, now, strict=True))


def test_a_folder_gives_its_latest(source, tmp_path):
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=source), str(tmp_path), 2)
    manager.save()
    latest = manager.save()
    assert initialization.find(str(tmp_path)) == latest
    assert initialization.find(f"{latest}.index") == latest


def test_another_number_of_classes_is_explained(source, tmp_path):
    path = write(tmp_path, model=source, backbone=source.backbone)
    with pytest.raises(InputError, match=r"set task\.init_checkpoint_modules=backbone") as refused:
        initialization.load(build(num_classes=5), path, "all")
    assert "2 variables of another shape" in str(refused.value)


@pytest.mark.parametrize("changes", [{"se_type": "2plus3d"}, {"conv_type": "2plus1d"}])
def test_another_network_is_named(source, tmp_path, changes):
    path = write(tmp_path, model=source, backbone=source.backbone)
    model = build(**changes)
    before = [variable.numpy() for variable in model.variables]
    with pytest.raises(
        InputError, match=r"(lacks \d+ of|\d+ variables of another shape)"
    ) as refused:
        initialization.load(model, path, "backbone")
    assert "\n" not in str(refused.value) and "more" in str(refused.value)
    # Nothing was read.
    assert all(np.array_equal(a, b) for a, b in zip(before, model.variables, strict=True))


def test_what_is_no_checkpoint(source, tmp_path):
    model = build()
    with pytest.raises(InputError, match="no checkpoint in the folder"):
        initialization.load(model, str(tmp_path))
    with pytest.raises(InputError, match="is missing"):
        initialization.load(model, str(tmp_path / "ckpt-1"))
    with pytest.raises(InputError, match="'all' or 'backbone'"):
        initialization.load(model, str(tmp_path), "head")
    path = write(tmp_path, backbone=source.backbone)
    with pytest.raises(InputError, match="holds no whole model"):
        initialization.load(model, path, "all")
    other = tf.train.Checkpoint(step=tf.Variable(1)).write(str(tmp_path / "other"))
    with pytest.raises(InputError, match="neither a model nor a backbone"):
        initialization.load(model, other, "backbone")
    (tmp_path / "bad.index").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="cannot be read"):
        initialization.load(model, str(tmp_path / "bad"))

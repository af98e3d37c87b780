"""Where exports take their model from: runs, also of the official trainer, variants, flags."""

import dataclasses
import json

import models
import numpy as np
import oracle
import pytest
import tensorflow as tf
import tf_keras
from official.modeling.optimization import ExponentialMovingAverage
from official_runs import STREAM, tiny, write_run

from movinet import InputError, yaml_files
from movinet.data.pipeline.normalisation import CENTRED, Normalisation
from movinet.export import sources
from movinet.model_info import ModelInfo, Preprocessing

CLIP = models.random_clip(1, 3, 24, 24, 3)


def test_an_official_run(tmp_path):
    official = oracle.build("tiny", 3, **STREAM)
    models.randomise(official)
    write_run(tmp_path, official)
    text = (tmp_path / "params.yaml").read_text()
    tagged = text.replace(
        "[8, 172, 160, 3]", "!!python/tuple\n    - 8\n    - 172\n    - 160\n    - 3"
    )
    assert tagged != text
    (tmp_path / "params.yaml").write_text(tagged)
    found = sources.from_model_dir(str(tmp_path))
    assert models.relative_difference(found.model(CLIP), official(CLIP)) < 1e-5
    assert found.info == ModelInfo(
        name="tiny_stream",
        num_classes=3,
        preprocessing=Preprocessing(
            height=172,
            width=160,
            short_side=192,
            temporal_stride=5,
            num_frames=8,
            normalisation=CENTRED,
        ),
        causal=True,
        source=str(tmp_path / "ckpt-1"),
    )


def test_best_latest_and_paths(tmp_path):
    best, latest = tiny(1), tiny(2)
    write_run(tmp_path, best, best=True)
    for checkpoint in ("", "best", str(tmp_path / "best" / "ckpt-1")):
        assert same(sources.from_model_dir(str(tmp_path), checkpoint).model, best)
    with pytest.raises(InputError, match="no checkpoint in the folder"):
        sources.from_model_dir(str(tmp_path), "latest")
    write_run(tmp_path, latest)
    assert same(sources.from_model_dir(str(tmp_path)).model, best)
    assert same(sources.from_model_dir(str(tmp_path), "latest").model, latest)
    assert not same(best, latest)


def same(first, second):
    pairs = zip(first.variables, second.variables, strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_moving_averages_are_taken_where_validation_takes_them(tmp_path):
    """A training state holds them beside the weights; in official best weights they are swapped."""
    write_run(tmp_path, model := tiny())
    optimizer = ExponentialMovingAverage(tf_keras.optimizers.legacy.SGD(), model)
    optimizer.shadow_copy(model)
    for variable in model.trainable_variables:
        optimizer.get_slot(variable, "average").assign(tf.fill(variable.shape, 0.5))
    state = tf.train.Checkpoint(model=model, backbone=model.backbone, optimizer=optimizer)
    for folder in (tmp_path, tmp_path / "best"):
        tf.train.CheckpointManager(state, str(folder), 1).save()
    latest = sources.from_model_dir(str(tmp_path), "latest")
    assert all(np.all(variable == 0.5) for variable in latest.model.trainable_variables)
    assert latest.info.source.endswith(", moving average")
    assert same(sources.from_model_dir(str(tmp_path), "best").model, model)


def test_what_training_wrote_beside_the_weights_is_used(tmp_path):
    write_run(tmp_path, tiny())
    path = str(tmp_path)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    assert sources.from_model_dir(path).info.labels == ("a", "b", "c")
    info = ModelInfo("x", 3, Preprocessing(64, 64, 72, fps=12.5), labels=("d", "e", "f"))
    (tmp_path / "movinet.json").write_text(info.to_json())
    found = sources.from_model_dir(path).info
    assert found.labels == ("d", "e", "f") and found.preprocessing == info.preprocessing
    assert found.name == "tiny_stream" and found.causal
    (tmp_path / "movinet.json").write_text(dataclasses.replace(info, labels=()).to_json())
    assert sources.from_model_dir(path).info.labels == ("a", "b", "c")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match=r"labels\.txt: There are 2 labels for 3 classes"):
        sources.from_model_dir(path)
    (tmp_path / "movinet.json").write_text(ModelInfo("x", 4, info.preprocessing).to_json())
    with pytest.raises(InputError, match="there are 4 classes"):
        sources.from_model_dir(path)


def test_values_and_frames_as_the_run_has_them(tmp_path):
    write_run(tmp_path, tiny())
    params = tmp_path / "params.yaml"
    values = yaml_files.load(params).values
    validation = values["task"]["validation_data"]
    validation |= {"zero_centering_image": False, "sampling": "segments"}
    validation |= {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 1]}
    yaml_files.save(params, values)
    found = sources.from_model_dir(str(tmp_path)).info.preprocessing
    assert found.normalisation == Normalisation((0.5, 0.4, 0.3), (0.2, 0.25, 1.0))
    assert found.sampling == "segments" and found.num_frames == 8
    validation["image_std"] = None
    yaml_files.save(params, values)
    with pytest.raises(InputError, match=r"params\.yaml.*image_mean and image_std belong together"):
        sources.from_model_dir(str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("model_id: tiny", "model_id: a9", "params.yaml: Unknown model_id 'a9'"),
        ("model_id: tiny", "model_id: 3", "model_id: expected a word, got 3"),
        ("model_id: tiny", "kernel: 3", "movinet.kernel: no such setting"),
        ("model_id: tiny", "se_type: 2d", "se_type is set twice"),
        ("causal: true", "causal: 'yes'", "movinet.causal: expected true or false, got 'yes'"),
        ("[8, 172, 160, 3]", "[8, 172]", "feature_shape: expected frames, height"),
        ("num_classes: 3", "num_classes: -1", "train_data.num_classes: expected a number from 1"),
        ("temporal_stride: 5", "temporal_stride: x", "temporal_stride: expected a whole number"),
        ("num_classes: 3", "num_classes: 4", "2 variables of another shape"),
        ("se_type: 2plus3d", "se_type: 3d", "variables of another shape"),
        ("movinet:", "resnet_3d:", "task.model.backbone.movinet: is missing"),
    ],
)
def test_a_run_that_cannot_be_read_is_explained(tmp_path, old, new, says):
    write_run(tmp_path, tiny())
    text = (tmp_path / "params.yaml").read_text()
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    with pytest.raises(InputError) as refused:
        sources.from_model_dir(str(tmp_path))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_folder_of_no_run(tmp_path):
    with pytest.raises(InputError, match=r"There is no params\.yaml in"):
        sources.from_model_dir(str(tmp_path))
    write_run(tmp_path, tiny())
    with pytest.raises(InputError, match=r"There is no folder .*best"):
        sources.from_model_dir(str(tmp_path), "best")


@pytest.mark.parametrize("conv_type", ["3d_2plus1d", "2plus1d"])
def test_a_variant_from_a_checkpoint_in_its_own_layout(tmp_path, conv_type):
    saved = models.build("t0", 5, **{**STREAM, "conv_type": conv_type})
    path = tf.train.Checkpoint(model=saved).write(str(tmp_path / "c"))
    labels = ["a", "b", "c", "d", "e"]
    found = sources.from_preset("t0_stream", path, num_classes=5, labels=labels)
    assert found.model.backbone.conv_type == conv_type
    assert same(found.model, saved)
    assert sources.from_preset("t0_stream", path, num_classes=None).info.num_classes == 5
    assert found.info.labels == tuple(labels) and found.info.causal and found.info.source == path
    assert found.info.preprocessing == Preprocessing(
        height=160, width=160, short_side=176, fps=2.5, temporal_stride=10, num_frames=25
    )


def test_what_a_variant_refuses(tmp_path):
    with pytest.raises(InputError, match="No variant 'a9'; choose one of a0_base"):
        sources.from_preset("a9")
    with pytest.raises(InputError, match="allow random weights"):
        sources.from_preset("t0_base")
    with pytest.raises(InputError, match="There are 2 labels for 3 classes"):
        sources.from_preset("t0_base", num_classes=3, labels=["a", "b"], allow_random=True)
    path = tf.train.Checkpoint(model=tiny()).write(str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"lacks .* of the model's"):
        sources.from_preset("t0_stream", path, num_classes=3)
    other = tf.train.Checkpoint(step=tf.Variable(1)).write(str(tmp_path / "other"))
    with pytest.raises(InputError, match="holds no MoViNet"):
        sources.from_preset("t0_stream", other)


def test_flags_and_a_checkpoint_that_lacks_some(tmp_path):
    whole, headless = tiny(1), tiny(2)
    flags = {"model_id": "tiny", "num_classes": 3, "classifier_activation": "swish", **STREAM}
    path = tf.train.Checkpoint(model=whole).write(str(tmp_path / "whole"))
    assert same(sources.from_flags(**flags, checkpoint_path=path).model, whole)
    part = tf.train.Checkpoint(**{"layer_with_weights-0": headless.backbone})
    path = tf.train.Checkpoint(model=part).write(str(tmp_path / "part"))
    with pytest.raises(InputError, match="lacks 4 of the model's"):
        sources.from_flags(**flags, checkpoint_path=path)
    found = sources.from_flags(
        **flags, checkpoint_path=path, assert_checkpoint_objects_matched=False
    )
    assert same(found.model.backbone, headless.backbone)
    assert found.info.name == "tiny_stream" and found.info.preprocessing.height == 224
    with pytest.raises(InputError, match="the flags: Unknown se_type"):
        sources.from_flags(**{**flags, "se_type": "4d"}, allow_random=True)


def test_the_description_survives_its_file(tmp_path):
    found = sources.from_preset("t0_base", num_classes=2, labels=["é", "b"], allow_random=True)
    assert json.loads(found.info.to_json())["labels"] == ["é", "b"]

"""From a configuration to batches: what is filled in, what is accepted, and what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from official.vision.configs import common
from record_files import sequence_example, write_grey_clips, write_records

from movinet.data.pipeline.augmentation import Mix
from movinet.data.pipeline.normalisation import CENTRED, PLAIN, Normalisation
from movinet.errors import InputError
from movinet.training import datasets, inputs
from movinet.training.augmenters import AutoAugment, RandAugment
from movinet.training.inputs import DataConfig


@pytest.fixture
def config(tiny_dataset) -> DataConfig:
    return DataConfig(
        input_path=str(tiny_dataset),
        is_training=True,
        feature_shape=(3, 20, 20, 3),
        min_image_size=20,
        global_batch_size=4,
        seed=1,
    )


@pytest.fixture
def own_dataset(tiny_dataset, tmp_path):
    return shutil.copytree(tiny_dataset, tmp_path / "dataset")


def test_defaults_are_the_model_gardens():
    own = {
        "target_fps": 0.0,
        "sampling": "clip",
        "image_mean": None,
        "image_std": None,
        "random_flip": True,
        "verify_checksums": True,
        "on_bad_clip": "fail",
        "max_bad_clips": 100,
    }
    reference = inputs.video_classification.DataConfig().as_dict()
    assert DataConfig().as_dict() == {**reference, **own}


def test_sizes_come_from_the_manifest(config):
    resolved = inputs.resolve(config)
    assert (resolved.num_classes, resolved.num_examples) == (3, 24)
    assert config.num_classes == -1
    validation = inputs.resolve(config.replace(split="valid"))
    assert (validation.split, validation.num_examples) == ("validation", 9)
    assert inputs.resolve(resolved).as_dict() == resolved.as_dict()


def test_training_batches(config):
    dataset = inputs.build_inputs(config)
    assert dataset.element_spec[0]["image"].shape == [4, 3, 20, 20, 3]
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    features, labels = next(iter(dataset))
    # Colour is the class: blue, green, red.
    colours = 2 - features["image"].numpy().mean((1, 2, 3)).argmax(1)
    np.testing.assert_array_equal(labels.numpy().argmax(1), colours)


def test_evaluation_counts_every_clip_once(config):
    config = config.replace(
        split="val", is_training=False, drop_remainder=False, num_test_clips=2, num_test_crops=3
    )
    batches = list(inputs.build_inputs(config))
    assert [labels.shape[0] for _, labels in batches] == [4, 4, 1]
    assert [features["image"].shape[0] for features, _ in batches] == [24, 24, 6]
    counts = sum(labels.numpy().sum(0) for _, labels in batches)
    np.testing.assert_array_equal(counts, [3, 3, 3])


def test_files_may_be_given_as_patterns_or_lists(config, tiny_dataset):
    names = [f"{tiny_dataset}/test-0000{shard}-of-00002.tfrecord" for shard in (0, 1)]
    for given in (f"{tiny_dataset}/test-*", ", ".join(names), names, [f"{names[0]},{names[1]}"]):
        found = datasets.find_files(config.replace(input_path=given))
        assert found == names
    inputs.build_inputs(config.replace(input_path=names, num_classes=3))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("autoaug", AutoAugment),
        ({"type": "autoaug"}, AutoAugment),
        ({"type": "randaug", "randaug": {"num_layers": 1}}, RandAugment),
    ],
    ids=str,
)
def test_augmentation_may_be_a_name_or_a_mapping(config, given, expected):
    config.override({"aug_type": given})
    resolved = inputs.resolve(config)
    assert isinstance(resolved.aug_type, common.Augmentation)
    assert isinstance(inputs._augmenter(resolved.aug_type), expected)


def test_augmentation_changes_training_and_not_evaluation(config):
    def images(**changes) -> np.ndarray:
        features, _ = next(iter(inputs.build_inputs(config.replace(**changes))))
        return features["image"].numpy()

    randaug = {"aug_type": {"type": "randaug"}}
    assert np.abs(images(**randaug) - images()).max() > 0.05
    evaluation = {"is_training": False}
    np.testing.assert_array_equal(images(**evaluation, **randaug), images(**evaluation))


def test_mixed_labels_sum_to_one(config):
    config.override({"mixup_and_cutmix": {"label_smoothing": 0.0}})
    labels = np.concatenate([y for _, y in inputs.build_inputs(config).take(5)])
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    assert ((labels > 0.01) & (labels < 0.99)).any()


def test_mixing_options_reach_the_mix():
    given = common.MixupAndCutmix(
        mixup_alpha=0.1, cutmix_alpha=0.2, prob=0.3, switch_prob=0.4, label_smoothing=0.5
    )
    assert inputs._mix(given) == Mix(0.1, 0.2, 0.3, 0.4, 0.5)


def test_every_field_of_the_clip_settings_comes_from_the_configuration():
    changes = {
        "feature_shape": (5, 18, 18, 3),
        "num_classes": 7,
        "temporal_stride": 3,
        "target_fps": 6.0,
        "num_test_clips": 2,
        "num_test_crops": 3,
        "min_image_size": 30,
        "image_mean": (0.5, 0.4, 0.3),
        "image_std": (0.2, 0.25, 0.3),
        "aug_min_aspect_ratio": 0.6,
        "aug_max_aspect_ratio": 1.6,
        "aug_min_area_ratio": 0.4,
        "aug_max_area_ratio": 0.9,
        "random_flip": False,
        "aug_random_rotation": True,
        "is_multilabel": True,
        "label_dtype": "int64",
        "dtype": "bfloat16",
    }
    settings = inputs.clip_settings(DataConfig(**changes))
    assert (settings.num_frames, settings.height, settings.width) == (5, 18, 18)
    for name, value in changes.items():
        if name not in ("feature_shape", "image_mean", "image_std"):
            assert getattr(settings, name.replace("aug_", "")) == value
    defaults = inputs.clip_settings(DataConfig(num_classes=1))
    unchanged = {
        field.name
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) == getattr(defaults, field.name)
    }
    assert settings.normalisation == Normalisation((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    assert unchanged == {"random_stride_range", "one_hot", "sampling"}
    other = inputs.clip_settings(DataConfig(num_classes=1, random_stride_range=2, one_hot=False))
    segments = inputs.clip_settings(DataConfig(num_classes=1, sampling="segments"))
    assert (other.random_stride_range, other.one_hot) == (2, False)
    assert segments.sampling == "segments"
    centred = inputs.clip_settings(DataConfig(num_classes=1, zero_centering_image=True))
    assert centred.normalisation == CENTRED and segments.normalisation == PLAIN


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_classes": 4}, r"num_classes is 4, but .* has 3 classes"),
        ({"split": "holdout"}, "no split 'holdout'"),
        ({"input_path": ""}, "num_classes is -1"),
        ({"input_path": "", "num_classes": 3}, "input_path is empty"),
        ({"input_path": "/nowhere/x-*", "num_classes": 3}, "matches no file"),
        ({"tfds_name": "ucf101"}, "input_path and tfds_name are both set"),
        ({"tfds_as_supervised": True}, "tfds_as_supervised is True"),
        ({"enable_tf_data_service": True}, "without tf_data_service_address"),
        ({"output_audio": True}, "output_audio"),
        ({"input_image_format": "png"}, "input_image_format"),
        ({"global_batch_size": 32}, "24 clips .* fewer than one batch of 32"),
        ({"feature_shape": (3, 20, 20)}, "feature_shape"),
        ({"aug_type": {"type": "ssd_random_crop"}}, "autoaug or randaug"),
        ({"aug_type": "trivial"}, "autoaug or randaug"),
        ({"image_mean": [0.5, 0.5, 0.5]}, "image_mean and image_std belong together"),
        ({"sampling": "segments", "target_fps": 5.0}, "target_fps is 5.0: segments"),
    ],
    ids=str,
)
def test_refusals(config, changes, sentence):
    config.override(changes)
    with pytest.raises(InputError, match=sentence):
        inputs.build_inputs(config)


def test_a_dataset_that_does_not_match_its_manifest(config, own_dataset):
    config.override({"input_path": str(own_dataset)})
    shard = own_dataset / "train-00001-of-00002.tfrecord"
    content = bytearray(shard.read_bytes())
    content[-10] ^= 1
    shard.write_bytes(bytes(content))
    with pytest.raises(InputError, match="checksum"):
        inputs.resolve(config)
    with pytest.raises(InputError, match=r"train-00001-of-00002\.tfrecord, record 11: damaged"):
        inputs.build_inputs(config.replace(verify_checksums=False))
    shard.unlink()
    with pytest.raises(InputError, match="missing"):
        inputs.build_inputs(config)


def test_a_label_beyond_the_names_of_the_manifest(config, own_dataset):
    path = own_dataset / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["labels"].remove("red")
    for split in manifest["splits"].values():
        split["clips_per_class"]["green"] += split["clips_per_class"].pop("red")
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"record \d+: label 2 is outside 0\.\.1"):
        inputs.build_inputs(config.replace(input_path=str(own_dataset)))


def test_official_files_need_no_manifest(config, tmp_path):
    files = write_grey_clips(tmp_path, files=2, clips=3)
    with pytest.raises(InputError, match="num_classes is -1"):
        inputs.build_inputs(config.replace(input_path=files))
    features, labels = next(
        iter(inputs.build_inputs(config.replace(input_path=files, num_classes=5)))
    )
    assert features["image"].shape == [4, 3, 20, 20, 3]
    assert labels.shape == [4, 5]


def test_a_copy_among_plain_files_is_named(config, tmp_path):
    files = write_grey_clips(tmp_path, files=2, clips=3)
    shutil.copy(files[0], tmp_path / "clips-copy")
    config = config.replace(input_path=f"{tmp_path}/clips-*", num_classes=5)
    with pytest.raises(InputError, match=r"clips-copy is a copy of .*00000|00000.* is a copy of"):
        inputs.resolve(config)
    inputs.resolve(config.replace(verify_checksums=False))


def test_the_fingerprint_is_that_of_the_content(config, own_dataset, tmp_path):
    train = datasets.fingerprint(config)
    assert train == datasets.fingerprint(inputs.resolve(config))
    assert train == datasets.fingerprint(config.replace(input_path=str(own_dataset), seed=9))
    assert len(train) == 16 and train != datasets.fingerprint(config.replace(split="val"))
    manifest = json.loads((own_dataset / "manifest.json").read_text())
    manifest["splits"]["train"]["shards"][0]["sha256"] = "0"
    (own_dataset / "manifest.json").write_text(json.dumps(manifest))
    assert train != datasets.fingerprint(config.replace(input_path=str(own_dataset)))
    files = write_grey_clips(tmp_path, files=2, clips=3)
    plain = [datasets.fingerprint(config.replace(input_path=given)) for given in (files, files[:1])]
    assert len({train, *plain}) == 3


def test_start_and_the_list_of_bad_clips_reach_the_pipeline(config, tmp_path):
    whole, later = (
        np.concatenate([features["image"] for features, _ in dataset.take(count)])
        for dataset, count in (
            (inputs.build_inputs(config), 3),
            (inputs.build_inputs(config, start=8), 1),
        )
    )
    np.testing.assert_array_equal(later, whole[8:])
    bad = sequence_example([b"no image"], [0])
    files = [*write_grey_clips(tmp_path, files=1, clips=7), write_records(tmp_path / "bad", [bad])]
    config = config.replace(input_path=files, num_classes=5, on_bad_clip="skip", max_bad_clips=1)
    list(inputs.build_inputs(config, bad_clips=tmp_path / "bad_clips.csv").take(4))
    assert "neither a JPEG nor a PNG" in (tmp_path / "bad_clips.csv").read_text()
    with pytest.raises(InputError, match="on_bad_clip is 'drop'"):
        inputs.build_inputs(config.replace(on_bad_clip="drop"))


def test_compressed_files(config, tmp_path):
    files = write_grey_clips(tmp_path, files=2, clips=3, compression="GZIP")
    config = config.replace(input_path=files, num_classes=5, is_training=False)
    with pytest.raises(InputError, match="set compressed_input"):
        inputs.build_inputs(config)
    ((features, _),) = inputs.build_inputs(config.replace(compressed_input=True))
    greys = features["image"].numpy().mean((1, 2, 3, 4)) * 255
    np.testing.assert_allclose(greys, [0, 5, 10, 15], atol=0.5)

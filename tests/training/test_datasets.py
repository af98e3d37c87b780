"""A dataset of TensorFlow Datasets in a configuration: what it fills in, and what is refused."""

import pytest
from tfds_files import grey_examples, video_features, write_dataset

from movinet.errors import InputError
from movinet.training import datasets, inputs, preparation
from movinet.training.inputs import DataConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    splits = {"train": grey_examples(8), "validation": grey_examples(5), "test": grey_examples(4)}
    write_dataset(folder, "grey", video_features(), splits)
    return folder


@pytest.fixture
def config(folder) -> DataConfig:
    return DataConfig(
        tfds_name="grey:1.0.0",
        tfds_data_dir=str(folder),
        feature_shape=(2, 16, 16, 3),
        min_image_size=16,
        global_batch_size=4,
        seed=1,
    )


def test_sizes_and_names_come_from_the_dataset(config):
    resolved = inputs.resolve(config)
    assert (resolved.num_classes, resolved.num_examples) == (3, 8)
    assert inputs.resolve(resolved).as_dict() == resolved.as_dict()
    assert preparation.class_names(resolved) == ("jump", "run", "sit")
    validation = inputs.resolve(config.replace(split="valid"))
    assert (validation.split, validation.tfds_split) == ("validation", "validation")
    assert validation.num_examples == 5
    part = inputs.resolve(config.replace(tfds_split="train[:25%]"))
    assert part.num_examples == 2


def test_the_test_split_is_found(config):
    validation = inputs.resolve(config.replace(tfds_split="validation", is_training=False))
    (test,) = preparation.test_split(validation)
    assert (test.split, test.tfds_split, test.num_examples) == ("test", "test", 4)
    assert preparation.test_split(test) == []


def test_classes_without_names_have_numbers(config, tmp_path):
    import tensorflow_datasets as tfds

    features = video_features(label=tfds.features.ClassLabel(num_classes=3))
    write_dataset(tmp_path, "numbered", features, {"train": grey_examples(2)})
    resolved = inputs.resolve(config.replace(tfds_name="numbered", tfds_data_dir=str(tmp_path)))
    assert datasets.find_labels(resolved) == ()
    assert preparation.class_names(resolved) == ("0", "1", "2")


def test_batches(config):
    for is_training in (True, False):
        features, labels = next(iter(inputs.build_inputs(config.replace(is_training=is_training))))
        numbers = features["image"].numpy().mean((1, 2, 3, 4)) * 255 / 5
        assert labels.numpy().argmax(1).tolist() == [round(number) % 3 for number in numbers]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_classes": 4}, r"num_classes is 4, but grey:1\.0\.0 has 3 classes"),
        ({"target_fps": 5.0}, r"target_fps needs the times .*grey:1\.0\.0 does not have"),
        ({"tfds_split": "holdout"}, "no split 'holdout', only"),
        ({"split": "holdout"}, "no split 'holdout', only"),
        ({"tfds_name": "other"}, "`tfds build other --data_dir="),
        ({"compressed_input": True}, "compressed_input is for files"),
        ({"image_field_key": "frames"}, "no feature 'frames'"),
        ({"tfds_skip_decoding_feature": "label"}, "tfds_skip_decoding_feature is 'label'"),
        ({"global_batch_size": 9}, "8 clips .* fewer than one batch of 9"),
    ],
    ids=str,
)
def test_refusals(config, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        inputs.build_inputs(config.replace(**changes))


def test_the_decoder_that_is_skipped_may_be_named(config):
    inputs.resolve(config.replace(tfds_skip_decoding_feature="video", image_field_key="video"))

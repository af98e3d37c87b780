"""Clips and settings: evaluation and training against the Model Garden's own pipeline."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from official.vision.configs import video_classification
from official.vision.dataloaders import video_input
from record_files import encode_jpeg, sequence_example, smooth_frames, write_records

from movinet.data.pipeline.normalisation import CENTRED
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Landscape, portrait, shorter than any clip, and of the very size of the crop."""
    rng = np.random.default_rng(0)
    shapes = [(23, 48, 64), (30, 65, 49), (3, 48, 80), (11, 40, 40)]
    records = [
        sequence_example([encode_jpeg(f) for f in smooth_frames(rng, *shape)], [label])
        for label, shape in enumerate(shapes)
    ]
    return write_records(tmp_path_factory.mktemp("videos") / "videos.tfrecord", records)


def official_evaluation(path, settings: ClipSettings) -> tuple[np.ndarray, np.ndarray]:
    config = video_classification.DataConfig(
        is_training=False,
        feature_shape=(settings.num_frames, settings.height, settings.width, 3),
        temporal_stride=settings.temporal_stride,
        num_test_clips=settings.num_test_clips,
        num_test_crops=settings.num_test_crops,
        min_image_size=settings.min_image_size,
        num_classes=settings.num_classes,
        zero_centering_image=settings.normalisation == CENTRED,
    )
    parse = video_input.Parser(config).parse_fn(is_training=False)
    dataset = tf.data.TFRecordDataset(path).map(video_input.Decoder().decode).map(parse).batch(4)
    features, labels = next(iter(dataset.map(video_input.PostBatchProcessor(config))))
    return features["image"].numpy(), labels.numpy()


def evaluate(path, settings: ClipSettings) -> tuple[np.ndarray, np.ndarray]:
    dataset = build([path], settings, is_training=False, batch_size=4, drop_remainder=False)
    features, labels = next(iter(dataset))
    return features["image"].numpy(), labels.numpy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temporal_stride": 1},
        {"num_test_clips": 4},
        {"num_test_crops": 3},
        {"num_test_clips": 3, "num_test_crops": 3},
        {"min_image_size": 56, "height": 40, "width": 48},
        {"min_image_size": 48, "height": 41, "width": 36},
        {"min_image_size": 40, "height": 40, "width": 48},
        {"normalisation": CENTRED},
    ],
    ids=str,
)
def test_evaluation_equals_the_model_garden(videos, options):
    options = {"num_frames": 5, "height": 40, "width": 40, "temporal_stride": 3, **options}
    settings = ClipSettings(num_classes=4, **{"min_image_size": 40, **options})
    expected, expected_labels = official_evaluation(videos, settings)
    images, labels = evaluate(videos, settings)
    assert images.shape == expected.shape
    np.testing.assert_allclose(images, expected, atol=1e-6)
    np.testing.assert_array_equal(labels, expected_labels)


def test_the_comparison_notices_a_shift_by_one_frame(videos):
    settings = ClipSettings(5, 40, 40, num_classes=4, temporal_stride=3, min_image_size=40)
    other = ClipSettings(5, 40, 40, num_classes=4, temporal_stride=2, min_image_size=40)
    assert np.abs(evaluate(videos, settings)[0] - official_evaluation(videos, other)[0]).max() > 0.1


def test_frames_of_the_right_size_are_decoded_in_the_centre_only(tmp_path):
    frames = smooth_frames(np.random.default_rng(5), 3, 64, 48)
    jpegs = [encode_jpeg(frame) for frame in frames]
    settings = ClipSettings(3, 24, 24, num_classes=1, min_image_size=48)
    whole = write_records(tmp_path / "whole", [sequence_example(jpegs, [0])])
    # The last rows of a JPEG are its last bytes; without them, all of it cannot be decoded.
    cut = [jpeg[: len(jpeg) * 9 // 10] for jpeg in jpegs]
    broken = write_records(tmp_path / "broken", [sequence_example(cut, [0])])
    images, _ = evaluate(whole, settings)
    np.testing.assert_array_equal(evaluate(broken, settings)[0], images)
    with pytest.raises(tf.errors.InvalidArgumentError):
        evaluate(broken, dataclasses.replace(settings, min_image_size=36))


def test_training_equals_the_model_garden_where_nothing_is_left_to_chance(tmp_path):
    frames = smooth_frames(np.random.default_rng(3), 5, 48, 48)
    record = sequence_example([encode_jpeg(frame) for frame in frames], [0])
    path = write_records(tmp_path / "clip", [record])
    whole = {"min_aspect_ratio": 1.0, "max_aspect_ratio": 1.0, "min_area_ratio": 1.0}
    expected = video_input.process_image(
        video_input.Decoder().decode(record)["image/encoded"],
        num_frames=5,
        crop_size=32,
        **whole,
    ).numpy()
    mirrored = set()
    for seed in range(8):
        settings = ClipSettings(5, 32, 32, 1, **whole)
        dataset = build([path], settings, is_training=True, batch_size=1, seed=seed)
        found = next(iter(dataset))[0]["image"][0].numpy()
        same = [np.abs(found - clip).max() < 1e-6 for clip in (expected, expected[:, :, ::-1])]
        assert any(same)
        mirrored.add(same.index(True))
    assert mirrored == {0, 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"num_frames": 0},
        {"temporal_stride": 0},
        {"random_stride_range": -1},
        {"target_fps": 5.0, "random_stride_range": 1},
        {"num_test_crops": 2},
        {"min_area_ratio": 0.9, "max_area_ratio": 0.8},
        {"max_area_ratio": 1.1},
        {"random_rotation": True, "width": 20},
        {"is_multilabel": True, "one_hot": False},
    ],
    ids=str,
)
def test_settings_out_of_range(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        dataclasses.replace(ClipSettings(2, 16, 16, num_classes=5), **changes)

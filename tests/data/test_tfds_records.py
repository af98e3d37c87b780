"""Datasets of TensorFlow Datasets as a source of clips: what is read, shared, told and refused."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from record_files import encode_png, grey_frames, smooth_frames
from tfds_files import grey_examples, video_features, write_dataset

from movinet.data.pipeline import batches, tfds_records
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

GREY = ClipSettings(num_frames=2, height=16, width=16, num_classes=3, min_image_size=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`grey:1.0.0`: 12 clips of train in 3 files, 4 of test in one."""
    folder = tmp_path_factory.mktemp("tfds")
    splits = {"train": grey_examples(12), "test": grey_examples(4, first=12)}
    write_dataset(folder, "grey", video_features(), splits, shards=3)
    return folder


def open_grey(folder) -> tfds_records.TfdsDataset:
    return tfds_records.open_dataset("grey:1.0.0", str(folder))


def clip_numbers(dataset) -> list[int]:
    images = np.concatenate([features["image"] for features, _ in dataset])
    return np.round(images.mean((1, 2, 3, 4)) * 255 / 5).astype(int).tolist()


def test_evaluation_sees_every_clip_once_with_its_label(folder):
    source = open_grey(folder).records("train")
    dataset = batches.build(source, GREY, is_training=False, batch_size=5, drop_remainder=False)
    labels = np.concatenate([labels for _, labels in dataset]).argmax(1)
    numbers = clip_numbers(dataset)
    assert sorted(numbers) == list(range(12))
    np.testing.assert_array_equal(labels, np.array(numbers) % 3)
    decoded = tfds.builder("grey:1.0.0", data_dir=folder).as_dataset(split="train")
    order = [round(float(example["video"].mean()) / 5) for example in tfds.as_numpy(decoded)]
    assert sorted(order) == sorted(numbers)


def test_what_the_dataset_says_of_itself(folder):
    dataset = open_grey(folder)
    assert dataset.labels == ("jump", "run", "sit")
    assert set(dataset.splits) == {"train", "test"}
    assert [dataset.records(split).clips for split in ("train", "test")] == [12, 4]
    assert dataset.find_split("test") == "test"
    with pytest.raises(InputError, match=r"no split 'val', only .*set tfds_split"):
        dataset.find_split("val")


def test_parts_of_splits(folder):
    dataset = open_grey(folder)
    parts = [dataset.records(part) for part in ("train[:50%]", "train[50%:]", "train+test")]
    numbers = [
        clip_numbers(
            batches.build(part, GREY, is_training=False, batch_size=2, drop_remainder=False)
        )
        for part in parts
    ]
    assert [part.clips for part in parts] == [len(found) for found in numbers] == [6, 6, 16]
    assert sorted(numbers[0] + numbers[1]) == list(range(12))
    assert sorted(numbers[2]) == list(range(16))


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_share_the_clips_without_overlap(folder, workers):
    source, shares = open_grey(folder).records("train"), []
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, workers)
        options = {"batch_size": workers, "input_context": context, "drop_remainder": False}
        dataset = batches.build(source, GREY, is_training=False, **options)
        shares += [number for batch in dataset for number in clip_numbers([batch])]
    assert sorted(shares) == list(range(12))


def test_the_same_seed_gives_the_same_stream(folder):
    source = open_grey(folder).records("train")

    def numbers(seed: int) -> list[int]:
        dataset = batches.build(source, GREY, is_training=True, batch_size=4, seed=seed)
        return clip_numbers(dataset.take(6))

    assert numbers(1) == numbers(1) != numbers(2)
    assert sorted(numbers(1)[:12]) == list(range(12))


def test_only_sampled_frames_are_decoded(tmp_path):
    frames = [encode_png(frame) for frame in grey_frames(5)]
    frames[1] = frames[3] = b"no image"
    example = {"video": frames, "label": 0}
    write_dataset(tmp_path, "holes", video_features("png"), {"train": [example]})
    source = tfds_records.open_dataset("holes", str(tmp_path)).records("train")
    settings = ClipSettings(3, 16, 16, 3, temporal_stride=2, min_image_size=16)
    for is_training in (True, False):
        dataset = batches.build(source, settings, is_training=is_training, batch_size=1)
        ((features, _),) = dataset.take(1)
        found = features["image"].numpy().mean((0, 2, 3, 4)) * 255
        if is_training:  # Any frame may come first; none of the broken ones was touched.
            assert set(np.round(found)) <= {0, 2, 4}
        else:
            np.testing.assert_allclose(found, [0, 2, 4], atol=1e-4)


def test_png_frames_are_seen_as_they_are(tmp_path):
    frames = smooth_frames(np.random.default_rng(1), 3, 40, 56)
    example = {"video": [encode_png(frame) for frame in frames], "label": 2}
    write_dataset(tmp_path, "exact", video_features("png"), {"train": [example]})
    source = tfds_records.open_dataset("exact", str(tmp_path)).records("train")
    settings = ClipSettings(3, 24, 32, 3, min_image_size=40)
    ((features, _),) = batches.build(source, settings, is_training=False, batch_size=1)
    seen = np.round(features["image"].numpy()[0] * 255)
    np.testing.assert_array_equal(seen, frames[:, 8:32, 12:44])


def test_frame_times_are_used_where_there_are_any(tmp_path):
    times = tfds.features.Sequence(np.int64)
    frames = [encode_png(20 * frame) for frame in grey_frames(6)]
    example = {"video": frames, "label": 1, "timestamps": [100_000 * n for n in range(6)]}
    write_dataset(tmp_path, "timed", video_features("png", timestamps=times), {"train": [example]})
    dataset = tfds_records.open_dataset("timed", str(tmp_path))
    assert dataset.fields.times == "timestamps"
    settings = ClipSettings(3, 16, 16, 3, target_fps=5.0, min_image_size=16)
    source = dataset.records("train")
    ((features, _),) = batches.build(source, settings, is_training=False, batch_size=1)
    found = np.round(features["image"].numpy().mean((0, 2, 3, 4)) * 255 / 20)
    np.testing.assert_array_equal(np.diff(found), [2, 2])


def test_features_are_chosen_by_name_where_there_are_several(tmp_path):
    features = video_features(
        second=tfds.features.Sequence(tfds.features.Image(encoding_format="png")),
        depth=tfds.features.Video((None, 8, 8, 1), encoding_format="png", dtype=np.uint16),
    )
    depth = np.zeros((1, 8, 8, 1), np.uint16)
    examples = [{**grey_examples(1)[0], "second": [encode_png(grey_frames(8)[7])], "depth": depth}]
    write_dataset(tmp_path, "double", features, {"train": examples})
    with pytest.raises(InputError, match=r"not one feature .*second.*set image_field_key"):
        tfds_records.open_dataset("double", str(tmp_path))
    with pytest.raises(InputError, match="no feature 'depth' of videos of 8-bit images"):
        tfds_records.open_dataset("double", str(tmp_path), "depth")
    chosen = tfds_records.open_dataset("double", str(tmp_path), "second")
    (record,) = chosen.records("train").read_first(1)
    assert tf.io.decode_png(record.frames[0]).numpy().max() == 7


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "ucf101/ucf101_1:2.0.0",
            r"not built in .*`tfds build ucf101/ucf101_1:2\.0\.0 --data_dir=",
        ),
        ("grey:2.0.0", "is not built"),
        ("nothing_of_that_name", "is not built"),
        ("huggingface:grey", "give dataset, dataset/config"),
        ("../grey", "give dataset, dataset/config"),
        ("grey/x=1", "give dataset, dataset/config"),
    ],
)
def test_names_that_cannot_be_opened(folder, name, sentence):
    with pytest.raises(InputError, match=sentence):
        tfds_records.open_dataset(name, str(folder))


def test_a_missing_file_is_named(tmp_path):
    write_dataset(tmp_path, "gone", video_features(), {"train": grey_examples(2)})
    source = tfds_records.open_dataset("gone", str(tmp_path)).records("train")
    next((tmp_path / "gone" / "1.0.0").glob("*tfrecord*")).unlink()
    with pytest.raises(InputError, match=r"gone-train.*No such file"):
        batches.build(source, GREY, is_training=False, batch_size=1)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_description_cannot_have_code_imported(tmp_path, monkeypatch, hidden):
    """TFDS imports the module of a class that features.json names."""
    write_dataset(tmp_path / "data", "evil", video_features(), {"train": grey_examples(1)})
    path = tmp_path / "data" / "evil" / "1.0.0" / "features.json"
    features = json.loads(path.read_text())
    mark = tmp_path / "imported"
    (tmp_path / "evil_module.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    foreign = {"pythonClassName": "evil_module.Video"}
    if hidden:
        foreign = {
            **features,
            "jsonFeature": {"json": json.dumps({"a": {"type": "evil_module.V", "content": {}}})},
        }
        foreign.pop("featuresDict")
    path.write_text(json.dumps(foreign))
    with pytest.raises(InputError, match=r"evil_module.*its code is not run"):
        tfds_records.open_dataset("evil", str(tmp_path / "data"))
    assert not mark.exists() and "evil_module" not in sys.modules
    with pytest.raises(Exception):  # noqa: B017  (the control: TFDS itself does import it)
        tfds.builder_from_directory(path.parent)
    assert mark.exists()
    sys.modules.pop("evil_module", None)

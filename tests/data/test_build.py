"""Building a dataset: its bytes, what reads it, and what it refuses."""

import hashlib
import json

import numpy as np
import pytest
from dataset_builds import SMALL, build, contents
from video_files import grey_steps, write_video

from movinet.data.building import manifest as manifests
from movinet.data.building import shards
from movinet.data.building.planning import BuildSettings
from movinet.data.videos.clips import EncodingSettings
from movinet.errors import InputError


def read_examples(folder, pattern="*.tfrecord"):
    import tensorflow as tf

    for path in sorted(folder.glob(pattern)):
        for record in tf.data.TFRecordDataset(str(path)):
            yield tf.train.SequenceExample.FromString(record.numpy())


def test_what_is_on_disk(dataset):
    manifest = manifests.load(dataset)
    assert (dataset / "labels.txt").read_text() == "jump\nrun\n"
    assert {name: split.clips for name, split in manifest.splits.items()} == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    assert manifest.splits["train"].clips_per_class == {"jump": 4, "run": 4}
    expected = {f"{s}-0000{i}-of-00002.tfrecord" for s in manifest.splits for i in range(2)}
    assert {path.name for path in dataset.iterdir()} == expected | {"labels.txt", "manifest.json"}
    for split in manifest.splits:
        manifests.verify(dataset, split, checksums=True)


def test_records_hold_the_frames_of_the_videos(dataset, videos):
    import io

    from PIL import Image

    from movinet.data.videos.video_files import read_frames

    examples = list(read_examples(dataset, "train-*"))
    assert len(examples) == 8
    for example in examples:
        context = example.context.feature
        lists = example.feature_lists.feature_list
        source = context["clip/source"].bytes_list.value[0].decode()
        label = context["clip/label/text"].bytes_list.value[0].decode()
        assert source.startswith(f"train/{label}/")
        assert context["clip/label/index"].int64_list.value == [["jump", "run"].index(label)]
        assert context["clip/frames"].int64_list.value == [6]
        assert context["image/height"].int64_list.value == [24]
        assert context["image/width"].int64_list.value == [32]
        times = [entry.int64_list.value[0] for entry in lists["image/timestamp"].feature]
        assert times == [100_000 * index for index in range(6)]
        jpegs = [entry.bytes_list.value[0] for entry in lists["image/encoded"].feature]
        stored = np.stack([np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
        decoded = np.stack([frame for frame, _ in read_frames(videos / source, 24)])
        assert stored.shape == decoded.shape == (6, 24, 32, 3)
        near = np.abs(stored.astype(int) - decoded).mean()
        far = np.abs(stored.astype(int) - np.roll(decoded, 1, 0)).mean()
        assert near < 0.6 * far


def test_the_official_pipeline_reads_it(dataset):
    import tensorflow as tf
    from official.vision.configs import video_classification
    from official.vision.dataloaders import video_input

    config = video_classification.DataConfig(
        feature_shape=(4, 16, 16, 3), min_image_size=20, num_classes=2, temporal_stride=1
    )
    decoder = video_input.Decoder()
    parse = video_input.Parser(config).parse_fn(False)
    records = tf.data.TFRecordDataset(sorted(map(str, dataset.glob("train-*"))))
    labels = []
    for images, label in records.map(lambda record: parse(decoder.decode(record))):
        assert images["image"].shape == (4, 16, 16, 3)
        assert 0.2 < float(tf.reduce_mean(images["image"])) < 0.8
        labels.append(label.numpy())
    np.testing.assert_array_equal(np.sum(labels, 0), [4, 4])


def test_the_bytes_depend_neither_on_workers_nor_on_the_folder(videos, dataset, tmp_path):
    build(videos, tmp_path / "one", workers=1)
    assert contents(tmp_path / "one") == contents(dataset)
    other = BuildSettings(SMALL.encoding, shards=2, seed=1)
    build(videos, tmp_path / "two", other)
    assert contents(tmp_path / "two") != contents(dataset)


def test_again_is_nothing_and_other_settings_need_leave(videos, dataset, tmp_path, monkeypatch):
    output = tmp_path / "dataset"
    first = build(videos, output)
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    monkeypatch.setattr(shards, "map_in_processes", None)  # Nothing may be decoded.
    assert build(videos, output) == first
    assert before == {path: path.stat().st_mtime_ns for path in output.iterdir()}
    monkeypatch.undo()
    other = BuildSettings(EncodingSettings(short_side=16), shards=1)
    with pytest.raises(InputError, match="--overwrite"):
        build(videos, output, other)
    assert contents(output) == contents(dataset)
    build(videos, output, other, overwrite=True)
    assert len(list(output.glob("*.tfrecord"))) == 3
    manifests.verify(output, "train", checksums=True)


def test_a_damaged_dataset_is_not_taken_for_a_sound_one(videos, tmp_path):
    output = tmp_path / "dataset"
    build(videos, output)
    sound = contents(output)
    shard = output / "train-00001-of-00002.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(InputError, match="--overwrite"):
        build(videos, output)
    build(videos, output, overwrite=True)
    assert contents(output) == sound


def test_class_folders_are_split_by_the_seed(tmp_path):
    for label in ("jump", "run"):
        for index in range(10):
            frames = grey_steps(2, 16, 16)
            write_video(tmp_path / "videos" / label / f"{label} {index}.h264.mp4", frames)
    settings = BuildSettings(EncodingSettings(short_side=16), test_fraction=0.2)
    manifest = build(tmp_path / "videos", tmp_path / "dataset", settings)
    for split, clips in (("train", 7), ("validation", 1), ("test", 2)):
        assert manifest.splits[split].clips_per_class == {"jump": clips, "run": clips}


def test_the_output_may_not_lie_in_the_source(videos):
    with pytest.raises(InputError, match="outside"):
        build(videos, videos / "dataset")
    assert not (videos / "dataset").exists()


def test_the_output_must_be_a_folder_that_workers_can_share(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="gs://bucket/dataset is not a folder"):
        build(videos, "gs://bucket/dataset")
    assert list(tmp_path.iterdir()) == []


def test_json_of_the_manifest_is_that_of_the_contract(dataset):
    content = json.loads((dataset / "manifest.json").read_text())
    assert content["format"] == "movinet-dataset/1"
    assert set(content) == {
        "format", "labels", "splits", "settings", "source", "skipped", "versions",
    }  # fmt: skip
    shard = content["splits"]["train"]["shards"][0]
    digest = hashlib.sha256((dataset / shard["name"]).read_bytes()).hexdigest()
    assert shard["sha256"] == digest

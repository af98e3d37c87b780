"""Our videos as TensorFlow datasets: what `tfds build` makes of a folder, told by TFDS itself."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from video_files import noise, write_class_folders, write_video

from movinet.data.sources.splits import SourceClip
from movinet.data.tfds_builders.kinetics import kinetics_dataset_builder as kinetics
from movinet.data.tfds_builders.video_folder import video_folder_dataset_builder as video_folder
from movinet.data.tfds_builders.videos import VideosConfig
from movinet.data.videos.clips import EncodingSettings, encode_clip
from movinet.errors import InputError

ENCODED = {"video": tfds.decode.SkipDecoding()}


def build(module, manual_dir, data_dir, config=None) -> tfds.core.DatasetBuilder:
    builder = module.Builder(data_dir=data_dir, config=config)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return builder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_class_folders(tmp_path_factory.mktemp("videos"), clips=2, frames=3)


@pytest.fixture(scope="module")
def built(videos, tmp_path_factory):
    config = VideosConfig(name="small", short_side=32, workers=1)
    return build(video_folder, videos, tmp_path_factory.mktemp("data"), config)


def test_splits_classes_and_clips(built, videos):
    assert built.info.full_name == "video_folder/small/1.0.0"
    assert {name: split.num_examples for name, split in built.info.splits.items()} == {
        "train": 4,
        "validation": 4,
        "test": 4,
    }
    assert built.info.features["label"].names == ["jump", "run"]
    found = [example["source"].decode() for example in tfds.as_numpy(built.as_dataset("train"))]
    there = [path.relative_to(videos).as_posix() for path in (videos / "train").rglob("*.mp4")]
    assert sorted(found) == sorted(there)


def test_frames_are_those_of_our_own_datasets(built, videos):
    dataset = built.as_dataset(split="validation", decoders=ENCODED)
    for example in tfds.as_numpy(dataset):
        name = example["source"].decode()
        clip = SourceClip(videos / name, name, "")
        expected = encode_clip(clip, EncodingSettings(short_side=32))
        assert tuple(example["video"]) == expected.frames
        assert tuple(example["timestamps"]) == expected.timestamps
        assert built.info.features["label"].int2str(example["label"]) == name.split("/")[1]
        assert expected.frames != encode_clip(clip, EncodingSettings(short_side=16)).frames


def test_what_is_built_is_read_without_our_code(built):
    reader = tfds.builder_from_directory(built.data_dir)
    (example,) = tfds.as_numpy(reader.as_dataset(split="train[:1]"))
    assert example["video"].shape[1:] == (32, 42, 3)
    assert reader.info.metadata["encoding"]["short_side"] == 32


def test_videos_that_cannot_be_decoded_are_left_out_and_noted(tmp_path):
    for number in range(4):
        write_video(tmp_path / "videos" / "run" / f"{number}_a.h264.mp4", noise(2, seed=number))
    (tmp_path / "videos" / "run" / "9_b.mp4").write_bytes(b"no video")
    tolerant = VideosConfig(
        name="tolerant", max_bad_fraction=0.3, workers=1, validation_fraction=0.0, test_fraction=0.0
    )
    builder = build(video_folder, tmp_path / "videos", tmp_path / "data", tolerant)
    assert builder.info.splits["train"].num_examples == 4
    metadata = json.loads((pathlib.Path(builder.data_dir) / "metadata.json").read_text())
    (skipped,) = metadata["skipped"]
    assert skipped["path"] == "run/9_b.mp4" and skipped["split"] == "train"
    with pytest.raises(InputError, match=r"1 videos cannot be used, (?s:.*)run/9_b\.mp4"):
        build(
            video_folder,
            tmp_path / "videos",
            tmp_path / "other",
            VideosConfig(name="strict", max_bad_fraction=0.1, workers=1, validation_fraction=0.0),
        )
    assert not list((tmp_path / "other").rglob("*.tfrecord*"))


def test_kinetics_by_its_annotations(tmp_path):
    for key in ("abcdefghijk_000001_000011", "bbcdefghijk_000002_000012"):
        write_video(tmp_path / "train" / f"{key}.mp4", np.zeros((2, 32, 40, 3), np.uint8))
    (tmp_path / "train.csv").write_text(
        "label,youtube_id,time_start,time_end,split\n"
        "zumba,abcdefghijk,1,11,train\nyoga,bbcdefghijk,2,12,train\n"
    )
    config = VideosConfig(name="two", layout="kinetics", classes=2, workers=1)
    builder = build(kinetics, tmp_path, tmp_path / "data", config)
    assert builder.info.features["label"].names == ["yoga", "zumba"]
    assert builder.info.splits["train"].num_examples == 2
    with pytest.raises(InputError, match="2 classes, but k400 has 400: choose another --config"):
        build(kinetics, tmp_path, tmp_path / "other", "k400")

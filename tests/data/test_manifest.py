"""The manifest: round trip, and a sentence for everything that can be wrong with it."""

import dataclasses
import hashlib
import json
import os

import pytest

from movinet.data import checksums
from movinet.data.building import manifest as manifests
from movinet.data.building.manifest import Manifest, Shard, Split
from movinet.data.sources.splits import Skipped
from movinet.errors import InputError


@pytest.fixture
def dataset(tmp_path):
    shards = []
    for index, content in enumerate((b"first", b"second!")):
        name = f"train-0000{index}-of-00002.tfrecord"
        (tmp_path / name).write_bytes(content)
        shards.append(Shard(name, 2, len(content), hashlib.sha256(content).hexdigest()))
    manifest = Manifest(
        labels=("walk", "läuft"),
        splits={"train": Split(4, {"walk": 3, "läuft": 1}, tuple(shards))},
        settings={"seed": 0},
        source="videos",
        skipped=(Skipped("walk/a.mp4", "train", "is empty"),),
        versions={"av": "1"},
    )
    (tmp_path / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return tmp_path, manifest


def test_round_trip(dataset):
    folder, manifest = dataset
    assert manifests.load(folder) == manifests.load(folder / "manifest.json") == manifest
    assert manifests.load(folder) != dataclasses.replace(manifest, source="others")
    assert json.loads(manifest.to_json())["format"] == "movinet-dataset/1"


def test_a_sound_dataset_is_verified(dataset):
    folder, manifest = dataset
    assert manifests.verify(folder, "train", checksums=True) == manifest


def change(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    if value is None:
        del content[last]
    else:
        content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["format"], "movinet-dataset/9", "format"),
        (["labels"], [], "labels"),
        (["labels"], ["walk", "walk"], "labels"),
        (["labels"], "walk", "labels"),
        (["labels", 0], 3, "labels"),
        (["labels", 1], "run", "unknown class"),
        (["splits"], [], "splits"),
        (["splits", "holdout"], {}, "holdout"),
        (["splits", "train", "clips"], 5, "contradict"),
        (["splits", "train", "clips"], True, "clips"),
        (["splits", "train", "clips"], None, "clips"),
        (["splits", "train", "clips_per_class", "walk"], "3", "clips_per_class"),
        (["splits", "train", "shards", 0, "clips"], 0, "empty shard"),
        (["splits", "train", "shards", 0, "clips"], -1, "clips"),
        (["splits", "train", "shards", 0, "name"], "../x.tfrecord", "plain file name"),
        (["splits", "train", "shards", 0, "name"], "/etc/passwd", "plain file name"),
        (["splits", "train", "shards", 1, "name"], "train-00000-of-00002.tfrecord", "twice"),
        (["splits", "train", "shards", 1, "extra"], 1, "extra"),
        (["settings"], None, "settings"),
        (["skipped", 0, "reason"], None, "reason"),
    ],
)
def test_a_malformed_manifest_is_named(dataset, path, value, words):
    folder, _ = dataset
    content = json.loads((folder / "manifest.json").read_text())
    change(content, path, value)
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=words) as caught:
        manifests.load(folder)
    assert "manifest.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_what_is_no_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        manifests.load(tmp_path)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"build_dataset\.py"):
        manifests.load(tmp_path)


def test_shards_that_do_not_match_are_named(dataset):
    folder, _ = dataset
    first, second = (folder / f"train-0000{index}-of-00002.tfrecord" for index in range(2))
    with pytest.raises(InputError, match="no split 'test'"):
        manifests.verify(folder, "test")
    second.write_bytes(b"sEcond!")
    manifests.verify(folder, "train")
    with pytest.raises(InputError, match=f"{second.name} has changed"):
        manifests.verify(folder, "train", checksums=True)
    second.write_bytes(b"sec")
    with pytest.raises(InputError, match=f"{second.name} has 3 bytes instead of 7"):
        manifests.verify(folder, "train")
    first.unlink()
    with pytest.raises(InputError, match=f"{first.name} is missing"):
        manifests.verify(folder, "train")
    (folder / "train-00007-of-00009.tfrecord").touch()
    with pytest.raises(InputError, match=r"train-00007-of-00009\.tfrecord is not in the manifest"):
        manifests.verify(folder, "train")


def test_a_shard_in_the_place_of_another_is_named(dataset):
    folder, manifest = dataset
    first, second = (folder / f"train-0000{index}-of-00002.tfrecord" for index in range(2))
    first.write_bytes(b"second!")
    content = json.loads(manifest.to_json())
    content["splits"]["train"]["shards"][0]["bytes"] = 7
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"{first.name} is a copy of {second.name}"):
        manifests.verify(folder, "train", checksums=True)


def test_what_has_not_changed_is_read_once(dataset, tmp_path, monkeypatch):
    folder, _ = dataset
    remembered = tmp_path / "run" / "data_checked.json"
    read = []
    whole = checksums._read
    monkeypatch.setattr(checksums, "_read", lambda path, _: read.append(path) or whole(path, _))
    for start in range(4):
        monkeypatch.setattr(checksums, "_known", {})  # Another process.
        if start == 2:
            time = os.stat(folder / "train-00001-of-00002.tfrecord").st_mtime_ns
            os.utime(folder / "train-00001-of-00002.tfrecord", ns=(time, time + 1))
        if start == 3:
            remembered.write_text('{"format": "movinet-checksums/1", "files": {"x": [1, "2", 3]}}')
        manifests.verify(folder, "train", checksums=True, remembered=remembered)
        assert len(read) == (2, 2, 3, 5)[start]
    assert json.loads(remembered.read_text())["format"] == "movinet-checksums/1"

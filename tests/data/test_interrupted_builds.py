"""What a kill, a full disk, a second build and an exchanged video leave behind."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from dataset_builds import TOOL, build, contents
from video_files import final_files, noise, write_class_folders, write_video

from movinet.data.building import build as builds
from movinet.data.building import shards
from movinet.data.building.planning import BuildSettings
from movinet.data.building.staging import Staging
from movinet.data.videos.clips import EncodingSettings
from movinet.errors import InputError


@pytest.fixture
def decoded(monkeypatch):
    """The names of the clips that are decoded from now on."""
    names = []
    original = shards.map_in_processes

    def spy(function, tasks, *rest):
        names.extend(clip.name for clip, _ in tasks)
        return original(function, tasks, *rest)

    monkeypatch.setattr(shards, "map_in_processes", spy)
    return names


def stop(*_, **__):
    raise KeyboardInterrupt


def build_but_publish(videos, output, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(builds.publishing, "publish", stop)
        build(videos, output)
    assert final_files(output) == []


@pytest.fixture
def hears_ctrl_c():
    """Shells have background jobs ignore Ctrl-C, which what these start would inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_build_ended_by_ctrl_c_goes_on(tmp_path):
    # Long enough that most of the work is still to do when the signal comes.
    videos = write_class_folders(tmp_path / "videos", clips=16, frames=100)
    settings = BuildSettings(EncodingSettings(short_side=24), shards=16)
    build(videos, tmp_path / "whole", settings)
    output = tmp_path / "interrupted"
    flags = (f"--input={videos}", "--short_side=24", "--shards=16", "--workers=1")
    command = [sys.executable, str(TOOL), *flags, f"--output={output}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(output.glob(".building/train-*.json"))) < 3 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert final_files(output) == []
    assert 3 <= len(list(output.glob(".building/*.json"))) < 24
    finished = build(videos, output, settings)
    assert finished.splits["train"].clips == 32
    assert contents(output) == contents(tmp_path / "whole")


def test_complete_shards_of_an_interrupted_build_are_kept(
    videos, dataset, tmp_path, monkeypatch, decoded
):
    output = tmp_path / "dataset"
    build_but_publish(videos, output, monkeypatch)
    (output / ".building" / "train-00001.tfrecord").unlink()
    decoded.clear()
    build(videos, output)
    assert len(decoded) == 4
    assert contents(output) == contents(dataset)


@pytest.mark.parametrize("moment", ["train-00000", "validation-00001", "labels", "manifest"])
def test_a_kill_while_publishing_costs_no_work(
    videos, dataset, tmp_path, monkeypatch, decoded, moment
):
    output = tmp_path / "dataset"
    replace = os.replace

    def fail_at_the_moment(source, target):
        if pathlib.Path(target).parent == output and moment in pathlib.Path(target).name:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", fail_at_the_moment)
        build(videos, output)
    assert not (output / "manifest.json").exists()
    decoded.clear()
    build(videos, output)
    assert decoded == []
    assert contents(output) == contents(dataset)


def test_a_kill_after_the_manifest_leaves_a_dataset(videos, dataset, tmp_path, monkeypatch):
    output = tmp_path / "dataset"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", stop)
        build(videos, output)
    assert contents(output) != contents(dataset)  # There is a staging folder yet.
    build(videos, output)
    assert contents(output) == contents(dataset)


def test_a_kill_while_replacing_a_dataset(videos, tmp_path, monkeypatch, decoded):
    output, other = tmp_path / "dataset", BuildSettings(EncodingSettings(short_side=16), shards=2)
    build(videos, output, other)
    old = contents(output)
    unlink = pathlib.Path.unlink

    def fail_at_the_manifest(path, missing_ok=False):
        if path == output / "manifest.json":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pathlib.Path, "unlink", fail_at_the_manifest)
        build(videos, output, overwrite=True)
    assert old.items() <= contents(output).items()
    decoded.clear()
    build(videos, output, overwrite=True)
    assert decoded == []
    build(videos, tmp_path / "fresh")
    assert contents(output) == contents(tmp_path / "fresh")


def test_an_exchanged_video_costs_its_shard_alone(tmp_path, monkeypatch, decoded):
    videos = write_class_folders(tmp_path / "videos")
    build_but_publish(videos, tmp_path / "dataset", monkeypatch)
    exchanged = write_video(videos / "train/run/1.h264.mp4", noise(6, seed=999))
    decoded.clear()
    build(videos, tmp_path / "dataset")
    assert exchanged.relative_to(videos).as_posix() in decoded
    assert len(decoded) == 4
    build(videos, tmp_path / "fresh")
    assert contents(tmp_path / "dataset") == contents(tmp_path / "fresh")


def test_videos_added_and_removed_cost_the_shards_that_hold_them(tmp_path, monkeypatch, decoded):
    videos, output = write_class_folders(tmp_path / "videos"), tmp_path / "dataset"
    build_but_publish(videos, output, monkeypatch)
    write_video(videos / "train/run/added.h264.mp4", noise(6, seed=999))
    (videos / "val/jump/1.h264.mp4").unlink()
    decoded.clear()
    build(videos, output)
    assert "train/run/added.h264.mp4" in decoded
    assert not [name for name in decoded if name.startswith("test/")]
    build(videos, tmp_path / "fresh")
    assert contents(output) == contents(tmp_path / "fresh")
    # A finished dataset is replaced by order only.
    (videos / "test/jump/1.h264.mp4").unlink()
    with pytest.raises(InputError, match="--overwrite"):
        build(videos, output)
    assert contents(output) == contents(tmp_path / "fresh")


def test_shards_of_another_build_outlive_one_that_finds_its_dataset(
    videos, tmp_path, monkeypatch, decoded
):
    output, other = tmp_path / "dataset", BuildSettings(EncodingSettings(short_side=16), shards=2)
    build(videos, output, other)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(builds.publishing, "publish", stop)
        build(videos, output, overwrite=True)
    build(videos, output, other)  # There already.
    decoded.clear()
    build(videos, output, overwrite=True)
    assert decoded == []


def test_videos_that_were_out_of_reach_are_tried_again(
    videos, dataset, tmp_path, monkeypatch, decoded
):
    output = tmp_path / "dataset"
    with monkeypatch.context() as patch, pytest.raises(InputError, match="16 of 16 videos"):
        patch.setattr(shards, "encode", fail)
        build(videos, output)
    decoded.clear()
    build(videos, output)
    assert len(decoded) == 16
    assert contents(output) == contents(dataset)


def fail(task):
    from movinet.data.building.workers import Failure

    return Failure("cannot be decoded (Input/output error)")


def test_two_builds_at_once_are_refused(videos, tmp_path):
    output = tmp_path / "dataset"
    with Staging.take_over(output, []), pytest.raises(InputError, match="Another build"):
        build(videos, output)
    build(videos, output)


def test_workers_of_an_earlier_build_end(tmp_path):
    with Staging.take_over(tmp_path, []) as first, first.write("train-00000") as path:
        path.write_text("complete")
    assert first.shard("train-00000").read_text() == "complete"
    with Staging.take_over(tmp_path, []):
        with pytest.raises(InputError, match="taken over"), first.write("train-00001") as path:
            path.write_text("late")
        assert not first.shard("train-00001").exists()
    shutil.rmtree(tmp_path / ".building")
    with pytest.raises(InputError, match="Cannot write"), first.write("train-00001") as path:
        path.write_text("late")
    assert list(tmp_path.iterdir()) == []


def test_a_note_of_another_version_counts_for_nothing(videos, dataset, tmp_path, monkeypatch):
    output = tmp_path / "dataset"
    build_but_publish(videos, output, monkeypatch)
    for note in output.glob(".building/*-*.json"):
        note.write_text(json.dumps({"clips": 4, "skipped": []}))
    build(videos, output)
    assert contents(output) == contents(dataset)

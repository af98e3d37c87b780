"""Builds by workers of Apache Beam: the same bytes, bad videos, lost workers, plain sentences."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest
from dataset_builds import SMALL, TOOL, build, contents, encode_or_crash
from video_files import final_files, write_class_folders

from movinet.data.building import beam_build, staging
from movinet.data.building import build as builds
from movinet.data.building.planning import PlannedShard, plan_shards
from movinet.data.building.shards import ShardBuilder
from movinet.data.building.staging import Staging
from movinet.data.sources.source import find_source
from movinet.data.sources.splits import FrameFolder, SourceClip
from movinet.errors import InputError


@pytest.fixture
def staged(videos, tmp_path):
    """A build in progress: (its ShardBuilder, the plan)."""
    source = find_source(videos)
    plan = plan_shards(source, SMALL)
    with Staging.take_over(tmp_path / "dataset", plan) as staging:
        yield ShardBuilder(staging, source.labels, SMALL.encoding), plan


def test_workers_of_beam_go_on_with_a_local_build(videos, dataset, tmp_path, monkeypatch):
    output = tmp_path / "dataset"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(builds.publishing, "publish", stop)
        build(videos, output)
    for shard in output.glob(".building/t*-00001.tfrecord"):
        shard.unlink()
    kept = {path: path.stat().st_mtime_ns for path in output.glob(".building/*-00000.tfrecord")}
    assert len(kept) == 3
    original = builds.publishing.publish

    def look_and_publish(*arguments):
        assert kept == {path: path.stat().st_mtime_ns for path in kept}
        original(*arguments)

    monkeypatch.setattr(builds.publishing, "publish", look_and_publish)
    monkeypatch.setattr(builds.shards, "build_in_processes", None)  # Beam is to do it.
    build(videos, output, runner="DirectRunner")
    assert contents(output) == contents(dataset)


def test_a_crash_or_a_hang_costs_one_video(staged, monkeypatch):
    builder, plan = staged
    monkeypatch.setattr(beam_build, "encode", encode_or_crash)
    worker = beam_build._BuildShard(builder, timeout=6)
    worker.setup()
    for shard in plan[:2]:
        builder.staging.write_plan(shard)
        worker.process(shard.key)
    worker.teardown()
    notes = [builder.staging.finished(shard.key) for shard in plan[:2]]
    assert sum(note.clips for note in notes) == 6
    skipped = {video.path: video.reason for note in notes for video in note.skipped}
    assert skipped == {
        "train/run/0.h264.mp4": "crashed the decoder (SIGSEGV)",
        "train/jump/1.h264.mp4": "took longer than 6 seconds",
    }


def test_a_worker_builds_no_shard_twice(staged, monkeypatch):
    builder, plan = staged
    builder.staging.write_plan(plan[0])
    worker = beam_build._BuildShard(builder, timeout=60)
    worker.setup()
    worker.process(plan[0].key)
    monkeypatch.setattr(ShardBuilder, "build", None)
    worker.process(plan[0].key)
    builder.staging.write_plan(plan[1])
    with pytest.raises(TypeError):
        worker.process(plan[1].key)
    worker.teardown()


def test_a_plan_is_read_as_it_was_written(staged, tmp_path):
    there, plan = staged[0].staging, staged[1]
    there.write_plan(plan[0])
    assert there.read_plan(plan[0].key) == plan[0]
    frames = FrameFolder("img_{:05}.jpg", 7, 12.5, tmp_path)
    odd = SourceClip(tmp_path / "fr\udcff", "fr\\xff", "läuft", "train", frames)
    shard = PlannedShard("train", 123456, (odd,), "f")
    there.write_plan(shard)
    assert there.read_plan(shard.key) == shard


def test_a_worker_without_the_videos_takes_none_for_bad(staged, videos, tmp_path):
    builder, plan = staged
    here = tmp_path / "videos"
    shutil.copytree(videos, here)
    plan = plan_shards(find_source(here), SMALL)
    builder.staging.write_plan(plan[0])
    shutil.rmtree(here)
    worker = beam_build._BuildShard(builder, timeout=60)
    worker.setup()
    worker.process(plan[0].key)
    worker.teardown()
    assert builder.staging.finished(plan[0].key) is None
    with pytest.raises(InputError, match="finds 0 of the 4 videos of train-00000"):
        builder.staging.read_plan(plan[0].key)


def test_a_worker_of_other_versions_builds_nothing(staged, monkeypatch):
    builder, plan = staged
    builder.staging.write_plan(plan[0])
    assert builder.staging.read_plan(plan[0].key) == plan[0]
    theirs = {**staging.versions(), "pillow": "1.0"}
    monkeypatch.setattr(staging, "versions", lambda: theirs)
    with pytest.raises(InputError, match=r"A worker has pillow 1\.0, but the leading machine"):
        builder.staging.read_plan(plan[0].key)


def test_a_problem_of_a_worker_ends_with_its_sentence(videos, tmp_path, monkeypatch):
    output = tmp_path / "dataset"
    monkeypatch.setattr(Staging, "write_plan", lambda *_: None)
    with pytest.raises(InputError, match="6 of 6 shards") as caught:
        build(videos, output, runner="DirectRunner", workers=1)
    assert f"A worker cannot read {output}/.building/t" in str(caught.value)
    assert ".plan: No such file or directory. " in str(caught.value)
    assert final_files(output) == []


@pytest.mark.slow
def test_a_dead_worker_ends_the_build(tmp_path):
    videos = write_class_folders(tmp_path / "videos", clips=16, frames=200)
    output = tmp_path / "dataset"
    flags = (f"--input={videos}", f"--output={output}", "--runner=DirectRunner", "--workers=2")
    command = [sys.executable, str(TOOL), *flags, "--shards=16"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(output.glob(".building/train-*.json")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(worker_of(process.pid), signal.SIGKILL)
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert "shards could not be built. Worker subprocess exited" in stderr
    assert final_files(output) == []
    assert len(list(output.glob(".building/train-*.json"))) >= 1


def worker_of(leader):
    """Returns a worker process of Beam that a process has started, with or without a shell."""
    for status in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        words = status.read_bytes().split(b"\0")
        if b"apache_beam.runners.worker.sdk_worker_main" in words:
            process = int(status.parent.name)
            while process > 1:
                process = int((status.parents[1] / str(process) / "stat").read_text().split()[3])
                if process == leader:
                    return int(status.parent.name)
    raise AssertionError("There is no worker.")


@pytest.mark.parametrize(
    ("runner", "options", "workers", "words"),
    [
        ("WalkRunner", [], 0, "WalkRunner"),
        ("nowhere.Runner", [], 0, "nowhere"),
        ("FlinkRunner", [], 3, "--workers"),
        ("DirectRunner", ["--direct_num_workers=many"], 0, "invalid int value: 'many'"),
        ("", ["--parallelism=3"], 0, "--runner"),
    ],
)
def test_what_beam_cannot_do_is_said_before_any_work(
    videos, tmp_path, runner, options, workers, words
):
    output = tmp_path / "dataset"
    with pytest.raises(InputError) as caught:
        build(videos, output, runner=runner, beam_options=options, workers=workers)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not output.exists()


def test_a_missing_beam_is_told_with_the_command(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(InputError, match=r"pip install -r requirements-beam\.txt"):
        build(videos, tmp_path / "dataset", runner="DirectRunner")

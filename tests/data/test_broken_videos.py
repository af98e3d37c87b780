"""Hundreds of broken videos in one build: each is written or left out with a reason, and that is
all they do.
"""

import contextlib
import inspect
import os
import pathlib

import av
import pytest
from broken_videos import write_broken_videos
from dataset_builds import (
    build,
    contents,
    encode_or_be_killed_once,
    encode_under_attack,
    written_names,
)
from disguised_files import Bait, scripts, write_disguised_files

from movinet.data.building import manifest as manifests
from movinet.data.building import shards, workers
from movinet.data.building.build import build_dataset
from movinet.data.building.planning import BuildSettings
from movinet.data.sources import labels, text_lines
from movinet.data.videos import clips, frame_folders, video_files
from movinet.data.videos.clips import EncodingSettings

TINY = BuildSettings(EncodingSettings(short_side=24), shards=3)


def everything_below(folder):
    return {
        path.relative_to(folder).as_posix(): path.lstat().st_size
        for path in folder.rglob("*")
        if not path.is_dir()
    }


@pytest.mark.slow
def test_every_broken_video_is_written_or_left_out_with_a_reason(tmp_path, monkeypatch):
    folder = tmp_path / "videos/train/run"
    scratch = tmp_path / "scratch"
    folder.mkdir(parents=True)
    scratch.mkdir()
    monkeypatch.chdir(scratch)
    sound, broken = write_broken_videos(folder, scratch)
    with Bait(scratch) as bait:
        disguised = write_disguised_files(folder, bait, scratch)
        before = everything_below(tmp_path)
        output = tmp_path / "dataset"
        built = build(tmp_path / "videos", output, TINY, max_bad_fraction=1, timeout=30)
        assert bait.taken() == []
    assert len(broken) >= 1000
    after = everything_below(tmp_path)
    assert before == {name: after[name] for name in after if not name.startswith("dataset/")}
    assert not list(output.glob(".*"))
    manifests.verify(output, "train", checksums=True)

    left_out = {video.path.rpartition("/")[2]: video.reason for video in built.skipped}
    written = [name.rpartition("/")[2] for name in written_names(output)]
    assert len(written) == len(set(written)) == built.splits["train"].clips
    assert not set(written) & left_out.keys()
    assert set(written) | left_out.keys() == sound | broken | disguised
    assert len(written) + len(built.skipped) == len(sound | broken | disguised)

    # Neither everything is left out nor nothing. Where a movie says its pictures lie elsewhere,
    # those in the file itself are taken.
    assert sound <= set(written) and disguised - {"linked-movie.mp4"} <= left_out.keys()
    assert len(broken & left_out.keys()) >= 500 and len(broken & set(written)) >= 100
    assert all(reason and reason.isprintable() for reason in left_out.values())
    assert not [reason for reason in left_out.values() if "longer than 30 seconds" in reason]
    assert "65535x2, with a side above 16,384" in left_out["wide.gif.gif"]
    assert left_out["empty.mp4"] == "is empty (0 bytes)"
    assert left_out["tone.mkv"] == "has no video stream"


def test_the_bait_is_taken_where_nobody_takes_care(tmp_path):
    with Bait(tmp_path) as bait:
        assert bait.taken() == []
        for target in (str(bait.pipe), bait.address):
            (tmp_path / "script").write_text(scripts(target)["concat"])
            options = {"safe": "0", "protocol_whitelist": "file,http,tcp"}
            with contextlib.suppress(av.error.FFmpegError):
                av.open(str(tmp_path / "script"), format="concat", options=options, timeout=1)
        assert bait.taken() == ["pipe", "port"]


def test_an_attack_on_the_decoder_costs_one_video(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "encode", encode_under_attack)
    built = build(videos, tmp_path / "dataset", timeout=6, max_bad_fraction=1)
    assert {video.path: video.reason for video in built.skipped} == {
        "train/run/0.h264.mp4": "crashed the decoder (SIGSEGV)",
        "train/run/1.h264.mp4": "took longer than 6 seconds",
        "train/run/2.h264.mp4": "needs more than 6 GiB of memory",
        "train/run/3.h264.mp4": "had its process killed twice (SIGKILL)",
    }
    assert sum(split.clips for split in built.splits.values()) == 16 - 4


def test_a_kill_for_want_of_memory_costs_nothing(videos, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "encode", encode_or_be_killed_once)
    build(videos, tmp_path / "dataset")
    os.remove(videos / "train/run/.killed")
    assert contents(tmp_path / "dataset") == contents(dataset)


def test_the_guide_states_the_limits_of_the_code():
    guide = (pathlib.Path(__file__).parents[2] / "docs/datasets.md").read_text()
    section = guide.partition("## Broken files")[2].partition("\n## ")[0]
    timeout = inspect.signature(build_dataset).parameters["timeout"].default
    bad_fraction = inspect.signature(build_dataset).parameters["max_bad_fraction"].default
    for limit in (
        f"{timeout:.0f} s (`--timeout`)",
        f"More than {bad_fraction * 100:g} %",
        f"{workers._MEMORY_LIMIT >> 30} GiB | address space",
        f"{video_files.MAX_FRAMES:,} frames",
        f"{video_files.MAX_PIXELS:,} pixels (8192 x 4320), {video_files.MAX_SIDE:,} a side",
        f"{video_files.MAX_SECONDS:,} s",
        f"{clips._MAX_CLIP_BYTES >> 30} GiB | a clip as JPEG",
        f"{text_lines.MAX_LIST_BYTES >> 20} MiB | a list",
        f"{labels._LONGEST_LABEL} characters",
    ):
        assert limit in section, limit
    assert frame_folders._MAX_FILE_BYTES == text_lines.MAX_LIST_BYTES

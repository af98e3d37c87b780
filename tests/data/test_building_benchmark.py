"""The benchmark of dataset building: killed, continued, verified, and not satisfied by less."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import pytest
from dataset_builds import build
from video_files import write_class_folders

from benchmarks import dataset_building, dataset_videos
from benchmarks.watched_build import Watched
from movinet.data.building import manifest as manifests
from movinet.data.sources.source import find_source
from movinet.data.sources.splits import Skipped
from movinet.data.videos.video_files import VideoError, read_frames
from movinet.errors import VerificationError

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Flag:
    """What a benchmark reads of a flag."""

    value: float


def run_benchmark(*flags):
    return subprocess.run(
        [sys.executable, "benchmarks/dataset_building.py", *flags],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_build_holds_the_same_and_the_guide_is_filled(tmp_path):
    guide = tmp_path / "guide.md"
    name = dataset_building.NAME
    guide.write_text(f"before\n<!-- {name}: begin -->\nold\n<!-- {name}: end -->\nafter\n")
    counts = ("--clips=60", "--shards=10", "--bad_fraction=0.12", "--workers=2", "--kills=1")
    others = ("--kinetics_clips=0", "--longest_pause=0", f"--update={guide}")
    done = run_benchmark(*counts, *others)
    assert done.returncode == 0, done.stderr
    text = guide.read_text()
    assert text.startswith("before\n<!-- dataset building: begin -->\n\n- 60 short videos, 7 of")
    assert text.endswith("<!-- dataset building: end -->\nafter\n")
    assert "old" not in text
    assert "started 2 times, killed after " in text
    assert "53 clips written, 7 left out" in text
    assert "Measured on " in text


def test_every_way_of_breaking_a_video_breaks_it(tmp_path):
    broken = dataset_videos.write_small_videos(tmp_path, 28, 0.5)
    assert len(broken) == 14
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {
        clip.name for clip in find_source(tmp_path).clips
    }
    contents = set()
    for clip in find_source(tmp_path).clips:
        if clip.name in broken:
            with pytest.raises(VideoError):
                list(read_frames(clip.path))
        else:
            assert len(list(read_frames(clip.path))) == 8
            contents.add(clip.path.read_bytes())
    assert len(contents) == 14


def test_kinetics_videos_are_like_kinetics(tmp_path):
    dataset_videos.write_kinetics_videos(tmp_path, 2, distinct=1)
    first, second = (clip.path for clip in find_source(tmp_path).clips)
    frames, times = zip(*read_frames(first), strict=True)
    assert (len(frames), frames[0].shape, times[-1]) == (250, (256, 340, 3), 249 * 40_000)
    assert 400_000 < first.stat().st_size < 800_000
    assert first.read_bytes() == second.read_bytes()


def test_a_build_that_lacks_anything_is_not_verified(tmp_path, monkeypatch):
    videos = write_class_folders(tmp_path / "videos")
    (videos / "train/run/9.mp4").touch()
    found = build(videos, tmp_path / "dataset", max_bad_fraction=1)
    monkeypatch.setattr(dataset_building, "_CLIPS", Flag(17))
    output, broken = tmp_path / "dataset", {"train/run/9.mp4"}
    assert dataset_building.verify(output, found, broken) == found
    with pytest.raises(VerificationError, match="wrongly left out"):
        dataset_building.verify(output, found, {"train/run/8.mp4"})
    others = dataclasses.replace(found, splits={"train": found.splits["train"]})
    with pytest.raises(VerificationError, match="differs"):
        dataset_building.verify(output, others, broken)
    (output / "manifest.json").write_text(
        dataclasses.replace(found, skipped=(*found.skipped, Skipped("x", "train", "y"))).to_json()
    )
    with pytest.raises(VerificationError, match="wrongly left out"):
        dataset_building.verify(output, manifests.load(output), broken)


def test_the_projection_follows_from_the_rate(tmp_path, monkeypatch):
    built = {}

    def run(flags, output):
        videos = pathlib.Path(flags[0].removeprefix("--input="))
        built[output.name] = build(videos, output, max_bad_fraction=1), flags
        # Two clips a second once every worker has completed a shard; a slow start and end.
        return Watched(False, 99.0, 1_500_000_000, ((20.0, 2), (21.0, 4), (31.0, 24)))

    small = dataset_videos.write_small_videos
    monkeypatch.setattr(dataset_videos, "write_kinetics_videos", lambda *a: small(*a, 0.0))
    monkeypatch.setattr(dataset_building.watched_build, "run", run)
    monkeypatch.setattr(dataset_building, "available_cores", lambda: 8)
    monkeypatch.setattr(dataset_building, "_KINETICS", Flag(24))
    monkeypatch.setattr(dataset_building, "_CORES", Flag(50))
    lines = list(dataset_building.kinetics(tmp_path, 2))
    assert "--runner=DirectRunner" in built["beam"][1]
    assert "--runner=DirectRunner" not in built["local"][1]
    # 392,000 clips at 1 clip a second and core: 7840 seconds with 50 cores.
    assert lines[2] == "| processes | 2.00 | 1.00 | 1.5 GB | 2.2 h | 78 s |"
    assert lines[3] == "| DirectRunner | 2.00 | 1.00 | 1.5 GB | 2.2 h | 78 s |"
    stored = sum(shard.bytes for shard in built["beam"][0].splits["train"].shards) / 24
    assert f"write {5000 * stored / 1e9:.1f} GB/s" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "words"), [(41, "41 s"), (90, "1.5 min"), (5399, "90.0 min"), (5400, "1.5 h")]
)
def test_durations(seconds, words):
    assert dataset_building.duration(seconds) == words

"""The command line of the dataset builder: exit codes, sentences, and an instant --help."""

import pathlib
import subprocess
import sys

import pytest
from video_files import final_files, noise, write_class_folders, write_video

from movinet.data.building import manifest as manifests

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "build_dataset.py"


def run_tool(*flags, **kwargs):
    command = [sys.executable, str(TOOL), *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True, **kwargs)


def spoil(root):
    (root / "train/run/empty.mp4").touch()
    (root / "train/run/text.mp4").write_text("no video")
    cut = write_video(root / "val/jump/cut.h264.mp4", noise(20))
    cut.write_bytes(cut.read_bytes()[:-3000])


def test_bad_videos_are_listed_and_too_many_end_with_2(tmp_path):
    videos = write_class_folders(tmp_path / "videos")
    spoil(videos)
    flags = (f"--input={videos}", f"--output={tmp_path / 'dataset'}", "--short_side=24")
    refused = run_tool(*flags)
    assert refused.returncode == 2
    assert "3 of 19 videos cannot be used" in refused.stderr
    assert "train/run/empty.mp4: is empty (0 bytes)" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert final_files(tmp_path / "dataset") == []
    allowed = run_tool(*flags, "--max_bad_fraction=0.2")
    assert allowed.returncode == 0, allowed.stderr
    manifest = manifests.load(tmp_path / "dataset")
    assert {(video.path, video.split) for video in manifest.skipped} == {
        ("train/run/empty.mp4", "train"),
        ("train/run/text.mp4", "train"),
        ("val/jump/cut.h264.mp4", "validation"),
    }
    assert all(video.reason and video.reason in allowed.stdout for video in manifest.skipped)
    assert {name: split.clips for name, split in manifest.splits.items()} == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    for split in manifest.splits:
        manifests.verify(tmp_path / "dataset", split, checksums=True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--input=/nowhere", "--output=x"], "/nowhere does not exist"),
        (["--output=x"], "--input"),
        (["--input=x", "--output=y", "--max_bad_fraction=2"], "max_bad_fraction"),
        (["--input=x", "--output=y", "stray"], "stray"),
        (["--input=x", "--outptu=y"], "outptu"),
    ],
)
def test_bad_flags_end_with_a_sentence_and_2(tmp_path, flags, words):
    ended = run_tool(*flags, cwd=tmp_path)
    assert ended.returncode == 2
    assert words in ended.stderr and "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tool", ["build_dataset.py", "make_sample_dataset.py"])
def test_help_is_instant(tool):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['tool', '--help']; sys.path.insert(0, {str(TOOL.parent)!r})\n"
        "try:\n"
        f"    runpy.run_path({str(TOOL.with_name(tool))!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'av', 'official'} & sys.modules.keys()))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "--output" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[]"

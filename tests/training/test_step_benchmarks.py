"""The benchmarks of a step, with the tiny network: what they measure is what the guides say."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The tiny network is known to tests alone.
PROGRAM = """
import runpy, sys
sys.path[:0] = {path!r}
import conftest
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(name, *arguments):
    """What a benchmark prints."""
    command = [str(ROOT / "benchmarks" / name), "--model_id=tiny", *arguments]
    program = PROGRAM.format(path=[str(ROOT / "tests"), str(ROOT)], arguments=command)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_clip_by_clip_takes_the_memory_of_a_clip():
    sizes = ("--image_size=160", "--clip_frames=4", "--repeats=1")
    found = {
        point: json.loads(run("training_length.py", f"--child={point}", *sizes))["megabytes"]
        for point in ("whole,8", "whole,64", "clips,64")
    }
    activations = found["whole,64"] - found["whole,8"]
    assert activations > found["whole,8"]
    # The frames themselves stay.
    assert found["clips,64"] - found["whole,8"] < activations / 3


@pytest.mark.slow
def test_the_table_of_micro_batches(tmp_path):
    guide = tmp_path / "guide.md"
    guide.write_text("before\n<!-- micro_batches: begin -->\n<!-- micro_batches: end -->\n")
    run(
        "micro_batches.py",
        "--batch_size=8",
        "--counts=2,4",
        "--train_steps=3",
        f"--update={guide}",
    )
    rows = [line.split("|")[1:-1] for line in guide.read_text().splitlines() if line[:1] == "|"]
    assert [row[0].strip() for row in rows[2:]] == ["2", "4", "1, other clips"]
    (two, two_frozen, *_), (four, four_frozen, *_), (chance, *_) = [
        [float(cell) for cell in row[2:]] for row in rows[2:]
    ]
    assert two_frozen < 1e-4 and four_frozen < 1e-4
    assert 1e-2 < two < four and chance > 0.1

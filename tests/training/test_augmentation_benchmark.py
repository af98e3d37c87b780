"""The benchmark of augmentation times what is equal, and ends where it is not."""

import pathlib
import subprocess
import sys

import pytest

from movinet.training.augmenters import OPERATIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ("--frames=2", "--size=16", "--draws=2", "--rounds=1")


def run_benchmark(before: str = "") -> subprocess.CompletedProcess:
    """Runs the command on a small clip, in a process that has run some code `before`."""
    path = str(ROOT / "benchmarks/augmentation.py")
    code = f"import runpy, sys\n{before}\nsys.argv = {[path, *SMALL]!r}\n" + (
        f"runpy.run_path({path!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_a_row_for_each_operation_and_the_mean():
    finished = run_benchmark()
    assert finished.returncode == 0, finished.stderr
    rows = [line.strip("| ").split(" | ") for line in finished.stdout.splitlines() if "| " in line]
    assert [row[0] for row in rows] == ["operation", *OPERATIONS, "mean of the policy v0"]
    assert all(float(row[1]) > 0 < float(row[2]) for row in rows[1:])


def test_an_operation_that_differs_is_not_timed():
    finished = run_benchmark(
        "from movinet.training.augmenters import OPERATIONS\n"
        "OPERATIONS['Brightness'] = OPERATIONS['Color']"
    )
    assert finished.returncode == 1
    assert "Brightness: values differ by up to" in finished.stderr
    assert "AutoContrast" in finished.stdout
    assert "Brightness" not in finished.stdout

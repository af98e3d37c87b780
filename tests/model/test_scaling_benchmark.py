"""The benchmark of scaling measures, draws and fills its guide."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from matplotlib import image

from movinet import complexity, operation_counts
from movinet.operation_counts import Workload
from movinet.presets import PRESETS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _run(*flags):
    return subprocess.run(
        [sys.executable, "benchmarks/scaling.py", *flags],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_it_measures_every_point_and_fills_its_guide(tmp_path):
    guide, plot, figures = tmp_path / "guide.md", tmp_path / "plot.png", tmp_path / "figures.json"
    guide.write_text("before\n<!-- scaling: begin -->\nold\n<!-- scaling: end -->\nafter\n")
    sizes = ("--frames=1,2", "--image_sizes=32", "--batch_sizes=1", "--base=1,32,1", "--threads=1")
    done = _run(*sizes, "--repeats=1", f"--output={figures}", f"--plot={plot}", f"--update={guide}")
    assert done.returncode == 0, done.stderr
    points = json.loads(figures.read_text())
    assert len(points) == 3 * (2 + 1 + 1 + 1)
    for point in points:
        # A tiny network still has hundreds of operations to launch.
        assert point["measured"] > point["arithmetic"]
        assert point["roofline"] >= point["arithmetic"]
    (base,) = [p for p in points if p["sweep"] == "threads" and p["work"] == "base"]
    counted = complexity.operations(PRESETS["a0_base"], Workload(1, 32))
    products = 2 * operation_counts.total(counted, "multiply_adds")
    assert products / base["rate"] < base["arithmetic"] < 1.3 * products / base["rate"]
    text = guide.read_text()
    assert text.startswith("before\n<!-- scaling: begin -->\n\n![times against sizes")
    assert text.endswith("<!-- scaling: end -->\nafter\n")
    assert "(plot.png)" in text
    assert "old" not in text
    assert f"| 1 | {1e3 * base['measured']:.1f} |" in text
    assert image.imread(plot).std() > 0.05


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--update=README.md", "README.md has no place for the tables"),
        ("--update=nowhere.md", "nowhere.md has no place for the tables"),
        ("--frames=1,many", "--frames takes numbers, not '1,many'"),
    ],
)
def test_what_it_cannot_use_ends_in_a_sentence(flag, sentence):
    done = _run(flag)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr

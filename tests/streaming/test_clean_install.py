"""A device's installation: `pip install movinet[streaming]` into nothing, far from the checkout."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import venv

import numpy as np
import pytest
from video_files import noise, write_video

from movinet.streaming import classify_video

ROOT = pathlib.Path(__file__).parents[2]
PROJECT = ("movinet", "pyproject.toml", "README.md", "LICENSE", "constraints.txt")


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """Folder of the executables of a fresh environment with movinet[streaming]."""
    folder = tmp_path_factory.mktemp("device")
    # A copy, because building leaves build/ and *.egg-info behind.
    project = folder / "project"
    project.mkdir()
    for path in (*map(ROOT.joinpath, PROJECT), *ROOT.glob("requirements*.txt")):
        if path.is_dir():
            shutil.copytree(path, project / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, project)
    venv.create(folder / "venv", with_pip=True)
    executables = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(
        *(executables / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q"),
        *(f"{project}[streaming]", "-c", project / "constraints.txt"),
        cwd=folder,
    )
    return executables


def run(*command, cwd):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_predicting_needs_no_tensorflow(device, tmp_path, stream_file):
    installed = json.loads(
        run(device / "python", "-m", "pip", "list", "--format=json", cwd=tmp_path)
    )
    names = {package["name"].lower() for package in installed}
    assert {"movinet", "ai-edge-litert", "av", "numpy"} <= names
    assert not {name for name in names if "tensorflow" in name or "keras" in name}
    assert "matplotlib" not in names

    video = write_video(tmp_path / "noise.h264.mp4", noise(20))
    command = (device / "movinet-predict", video, "--model", stream_file, "--json=-")
    content = json.loads(run(*command, cwd=tmp_path))
    timeline = classify_video(video, stream_file)
    assert len(content["timeline"]) == len(timeline) == 10
    for entry, row in zip(content["timeline"], timeline.probabilities, strict=True):
        scores = {score["index"]: score["score"] for score in entry["top"]}
        np.testing.assert_allclose([scores[index] for index in range(4)], row, atol=1e-5)

    where = "import movinet.streaming, sys; print(movinet.__file__, 'tensorflow' in sys.modules)"
    place, loaded = run(device / "python", "-c", where, cwd=tmp_path).split()
    assert pathlib.Path(place).is_relative_to(device.parent) and loaded == "False"
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in place or os.name == "nt"
    usage = run(device / "movinet-predict", "--help", cwd=tmp_path)
    assert "Says what a video shows." in usage and "--model" in usage

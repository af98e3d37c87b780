"""Builds into places that are full, read-only or gone: a sentence, nothing lost, and the next try
works.
"""

import contextlib
import io
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

import pytest
from dataset_builds import SMALL, SMALL_FLAGS, TOOL, build, contents
from video_files import final_files

from movinet.data.building import shards
from movinet.data.building.build import build_dataset
from movinet.data.building.planning import BuildSettings
from movinet.data.sources.source import find_source
from movinet.data.videos.clips import EncodingSettings
from movinet.errors import InputError

OTHER = BuildSettings(EncodingSettings(short_side=16), shards=2)


@contextlib.contextmanager
def no_file_above(size):
    """Has every write of this process fail that would make a file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.redirect_stderr(io.StringIO()):  # What is shown of the progress goes on.
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def may_not_write(folder):
    """Takes from this process the right to write to a folder; from root no mode of it would."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0o500)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        folder.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("Nothing may be mounted here.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_with_a_sentence(videos, dataset, tmp_path):
    output = tmp_path / "dataset"
    command = [sys.executable, str(TOOL), f"--input={videos}", f"--output={output}", *SMALL_FLAGS]
    largest = max(path.stat().st_size for path in dataset.glob("*.tfrecord"))
    with no_file_above(largest - 1):
        full = subprocess.run(command, capture_output=True, text=True)
    assert full.returncode == 2
    assert "error: Cannot write" in full.stderr and ".tfrecord: File too large" in full.stderr
    assert "Traceback" not in full.stderr
    assert final_files(output) == []
    assert list(output.glob(".building/*.part")) == []
    build(videos, output)
    assert contents(output) == contents(dataset)


@pytest.mark.parametrize("size", [0, 100, 1000])
def test_a_dataset_outlives_a_full_disk(videos, dataset, tmp_path, size):
    output = tmp_path / "dataset"
    build(videos, output, OTHER)
    before = contents(output)
    with no_file_above(size), pytest.raises(InputError, match="Cannot write"):
        build(videos, output, overwrite=True)
    assert before.items() <= contents(output).items()
    assert not list(output.rglob("*.part"))
    build(videos, output, overwrite=True)
    assert contents(output) == contents(dataset)


def test_a_small_disk(videos, dataset, small_disk):
    with pytest.raises(InputError, match=r"Cannot write .*No space left on device"):
        build(videos, small_disk / "dataset")
    kept = list((small_disk / "dataset/.building").glob("*.tfrecord"))
    assert kept and final_files(small_disk / "dataset") == []
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    build(videos, small_disk / "dataset")
    assert contents(small_disk / "dataset") == contents(dataset)
    # Read-only, what is there is found, and nothing else can be made.
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    build(videos, small_disk / "dataset")
    with pytest.raises(InputError, match="Read-only file system"):
        build(videos, small_disk / "dataset", OTHER, overwrite=True)
    with pytest.raises(InputError, match="Read-only file system"):
        build(videos, small_disk / "another")


def test_a_folder_that_may_not_be_written(videos, dataset):
    source = find_source(videos)
    with tempfile.TemporaryDirectory() as name:
        output = pathlib.Path(name)
        output.chmod(0o755)
        for place in (output, output / "dataset"):
            with may_not_write(output), pytest.raises(InputError, match="Permission denied"):
                build_dataset(source, place, SMALL)
            output.chmod(0o755)
        output.chmod(0o700)
        with may_not_write(output), pytest.raises(InputError, match="Permission denied"):
            build_dataset(source, output / "dataset", SMALL)
        build(videos, output)
        assert contents(output) == contents(dataset)


def test_a_place_that_cannot_be_a_folder(videos, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/dataset", "x" * 300):
        with pytest.raises(InputError):
            build(videos, tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_vanishes(videos, dataset, tmp_path, monkeypatch):
    output = tmp_path / "dataset"
    original = shards.map_in_processes

    def remove_in_between(*arguments):
        for number, result in enumerate(original(*arguments)):
            if number == 5:
                shutil.rmtree(output)
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(shards, "map_in_processes", remove_in_between)
        with pytest.raises(InputError, match="Cannot"):
            build(videos, output)
    build(videos, output)
    assert contents(output) == contents(dataset)

"""Readers hold their promises on every kept input, on hundreds like them, and on huge ones."""

import os
import pathlib
import platform
import socket
import subprocess
import sys

import fuzz_targets
import guarded
import hypothesis
import mutations
import pytest
import shrinking
from fuzz_targets import TARGETS, Reader

from movinet.errors import InputError

EXAMPLES = 60
RUN = pathlib.Path(__file__).with_name("run.py")


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """A reader for each target, made when it is asked for; imports are not timed."""
    made = {}

    def reader(name):
        if name not in made:
            made[name] = Reader(name, tmp_path_factory.mktemp(name))
        return made[name]

    return reader


@pytest.fixture(scope="module")
def outcomes(readers):
    """Of every kept input: True if it was read, False if refused, else the PromiseError."""
    found = {}
    for name in TARGETS:
        for file, data in fuzz_targets.seeds(name).items():
            try:
                found[name, file] = readers(name).accepts(data)
            except guarded.PromiseError as fault:
                found[name, file] = fault
    return found


def test_kept_inputs(outcomes):
    assert not {at: str(found) for at, found in outcomes.items() if not isinstance(found, bool)}


def test_kept_inputs_reach_the_readers(outcomes):
    """Were all of them refused at the door, mutations of them would try nothing."""
    for name in TARGETS:
        found = {result for (target, _), result in outcomes.items() if target == name}
        assert found == {True, False}, name


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_like_them(name, readers):
    reader = readers(name)

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(mutations.mutated(fuzz_targets.seeds(name).values()))
    def check(data):
        reader.accepts(data, memory=False)

    check()


HUGE = {
    "brackets": b"[" * 500_000,
    "braces": b'{"a":' * 100_000,
    "blanks": b"a" + b" " * 500_000 + b"b",
    "digits": b"9" * 500_000,
    "settings": b"a: [1, 2]\n" * 50_000,
    "lines": b"a.mp4 1\n" * 60_000,
    "one line": b"a.mp4,walk " * 40_000,
    "quotes": b'a="' * 100_000,
    "zeros": b"\0" * 500_000,
}


@pytest.mark.parametrize("name", TARGETS)
def test_huge_inputs(name, readers):
    for data in HUGE.values():
        readers(name).accepts(data, memory=False)


class RudeError(InputError):
    def __str__(self):
        return "a \x1b[2J"


def refuse(error):
    raise error


def hang():
    while True:
        pass


def write():
    try:
        pathlib.Path("written").write_text("x")
    except OSError:
        return


BAD = {
    "KeyError": lambda: {}["missing"],
    "RecursionError": lambda: deeper(10_000),
    "without a word": lambda: refuse(InputError("")),
    "not to be printed": lambda: refuse(RudeError("x")),
    "more than": hang,
    "MiB": lambda: len(bytearray(30 << 20)),
    "did open": write,
    "did os.mkdir": lambda: os.mkdir("made"),
    "did os.system": lambda: os.system("true"),  # noqa: S605 (refused before it runs)
    "did subprocess.Popen": lambda: subprocess.run(["true"]),
    "did socket.connect": lambda: socket.socket().connect(("127.0.0.1", 9)),
}


def deeper(depth):
    return deeper(depth - 1)


@pytest.mark.parametrize("words", BAD)
def test_broken_promises_are_found(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(guarded, "SECONDS", 0.5)
    monkeypatch.setattr(guarded, "MEGABYTES", 20)
    with pytest.raises(guarded.PromiseError, match=words):
        guarded.hold(BAD[words])
    assert not list(tmp_path.iterdir())


def test_kept_promises_are_not():
    assert guarded.hold(lambda: 3) == 3
    error = InputError("no number")
    assert guarded.hold(lambda: refuse(error)) is error


def test_faults_are_made_small():
    def still(data):
        return b"bad" in data and data.count(b"!") > 1

    assert sorted(shrinking.shrink(b"x!" * 300 + b"a bad! thing" * 9, still)) == sorted(b"bad!!")


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or sys.version_info < (3, 11),
    reason="atheris is not made for it",
)
def test_guided_fuzzing_runs():
    command = [sys.executable, str(RUN), "--seconds=1", "--target=labels"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout and " inputs in " in done.stdout

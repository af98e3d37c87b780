"""Checkpoints as files: found by name, verified, published whole, the newest good one used."""

import os
import shutil

import pytest
import tensorflow as tf

from movinet import InputError
from movinet.training import saved_states

STEPS = (10, 20, 30)


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A folder of three states of one variable, whose value is the step."""
    folder = tmp_path_factory.mktemp("states")
    variable = tf.Variable(tf.zeros([1000]))
    checkpoint = tf.train.Checkpoint(variable=variable)
    for step in STEPS:
        variable.assign(tf.fill([1000], float(step)))
        saved_states.save(checkpoint, str(folder), saved_states.name(step))
    saved_states.write_index(str(folder), [saved_states.name(step) for step in STEPS])
    return folder


def value(path):
    reader = tf.train.load_checkpoint(path)
    return reader.get_tensor("variable/.ATTRIBUTES/VARIABLE_VALUE")[0]


def test_saved_states_are_found_read_and_known_to_tensorflow(states):
    found = saved_states.find(states)
    assert [state.step for state in found] == [30, 20, 10]
    assert [saved_states.problem(state) for state in found] == ["", "", ""]
    assert [value(state.path) for state in found] == [30.0, 20.0, 10.0]
    assert tf.train.latest_checkpoint(str(states)) == found[0].path
    assert not (states / ".saving").exists()


def test_what_is_not_a_state_is_not_found(states, tmp_path):
    folder = shutil.copytree(states, tmp_path / "copy")
    for name in (
        "ckpt-x.index",
        "ckpt-40.index.part",
        "ckpt-40_temp",
        "ckpt-4\n0.index",
        "a.index",
    ):
        (folder / name).write_text("")
    (folder / "ckpt-50.index").mkdir()
    assert [state.step for state in saved_states.find(folder)] == [30, 20, 10]
    assert saved_states.find(tmp_path / "nowhere") == []


def test_every_damage_is_seen_and_says_what_it_is(states, tmp_path):
    def cut(path):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def flip(path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    damages = {
        "missing": lambda path: path.unlink(),
        "empty": lambda path: path.write_bytes(b""),
        "cut": cut,
        "random": lambda path: path.write_bytes(os.urandom(5000)),
    }
    cases = [(part, kind) for part in ("index", "data-00000-of-00001") for kind in damages]
    for part, kind in [*cases, ("data-00000-of-00001", "flip")]:
        folder = shutil.copytree(states, tmp_path / f"{part}_{kind}")
        {**damages, "flip": flip}[kind](folder / f"ckpt-30.{part}")
        problems = [saved_states.problem(state) for state in saved_states.find(folder)]
        assert problems[0] and problems[1:] == ["", ""], (part, kind, problems)
        assert kind != "missing" or "is missing" in problems[0]


def test_a_name_in_use_is_not_given_again(states, tmp_path):
    assert saved_states.name(20) == "ckpt-20"
    again = saved_states.name(20, unlike="ckpt-20")
    assert again != "ckpt-20" and saved_states.name(20, unlike=again) == "ckpt-20"
    folder = shutil.copytree(states, tmp_path / "copy")
    for part in ("index", "data-00000-of-00001"):
        (folder / f"ckpt-30.{part}").rename(folder / f"{saved_states.name(30, 'ckpt-30')}.{part}")
    assert [state.step for state in saved_states.find(folder)] == [30, 20, 10]


def test_a_failed_save_keeps_what_was_there(states, tmp_path, monkeypatch):
    folder = shutil.copytree(states, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    checkpoint = tf.train.Checkpoint(variable=tf.Variable(tf.zeros([1000])))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match=r"ckpt-30 in .*: No space left on device\. Nothing saved"):
        saved_states.save(checkpoint, str(folder), "ckpt-30")
    monkeypatch.undo()
    # Written without an error, and yet not what was meant: found by reading it back.
    write = checkpoint.write

    def lose(path):
        write(path)
        data = f"{path}.data-00000-of-00001"
        os.truncate(data, os.path.getsize(data) // 2)

    monkeypatch.setattr(checkpoint, "write", lose)
    with pytest.raises(InputError, match="cannot be read back"):
        saved_states.save(checkpoint, str(folder), "ckpt-40")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_clocks_do_not_matter(states, tmp_path):
    folder = shutil.copytree(states, tmp_path / "copy")
    for days, step in enumerate(STEPS):
        for path in folder.glob(f"ckpt-{step}.*"):
            os.utime(path, (1e9 - 86400 * days, 1e9 - 86400 * days))
    assert [state.step for state in saved_states.find(folder)] == [30, 20, 10]


def test_removing_takes_the_index_first(states, tmp_path, monkeypatch):
    folder = shutil.copytree(states, tmp_path / "copy")
    removed = []
    monkeypatch.setattr(os, "remove", lambda path: removed.append(os.path.basename(path)))
    saved_states.remove(saved_states.find(folder)[0])
    assert removed == ["ckpt-30.index", "ckpt-30.data-00000-of-00001"]

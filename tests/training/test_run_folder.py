"""A folder belongs to one run: one training at a time, the same settings, data and seed."""

import json
import pathlib
import socket
import subprocess
import sys
import threading

import pytest

from movinet import InputError, locks
from movinet.training import preparation, run_folder, run_lock
from movinet.training.run_folder import RunFolder

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def begun(tiny_config, tmp_path):
    """A folder with the settings of a run and the name of a checkpoint."""
    config = preparation.prepare(tiny_config(), train=True, evaluate=True)
    config.task.train_data.seed = 5
    RunFolder(str(tmp_path)).write(config, True, str(tmp_path))
    for part in ("index", "data-00000-of-00001"):
        (tmp_path / f"ckpt-10.{part}").write_bytes(b"")
    return tmp_path


def prepared(tiny_config, override="", evaluate=True):
    config = preparation.prepare(tiny_config(override), train=True, evaluate=evaluate)
    config.task.train_data.seed = 5
    return config


def test_the_same_settings_go_on_with_or_without_evaluation(begun, tiny_config, capsys):
    folder = RunFolder(str(begun))
    folder.check_same(prepared(tiny_config), evaluates=True, allow=False)
    folder.check_same(prepared(tiny_config, evaluate=False), evaluates=False, allow=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("task.model.dropout_rate=0.4", "task.model.dropout_rate"),
        ("task.train_data.global_batch_size=4", "task.train_data.global_batch_size"),
        ("task.validation_data.feature_shape=[4,16,16,3]", "task.validation_data.feature_shape"),
        ("trainer.deterministic=true", "trainer.deterministic"),
    ],
)
def test_changed_settings_are_refused_unless_allowed(begun, tiny_config, capsys, override, path):
    config = prepared(tiny_config, override)
    with pytest.raises(InputError, match=rf"{path}: .* -> .*"):
        RunFolder(str(begun)).check_same(config, evaluates=True, allow=False)
    RunFolder(str(begun)).check_same(config, evaluates=True, allow=True)
    assert f"Changed since the run began: {path}: " in capsys.readouterr().out


def test_changed_data_are_refused(begun, tiny_config):
    data = json.loads((begun / "data.json").read_text())
    assert set(data) == {"train", "validation"} and data["train"] != data["validation"]
    (begun / "data.json").write_text(json.dumps(data | {"train": "0123456789abcdef"}))
    with pytest.raises(InputError, match=r"data\.train: \"0123456789abcdef\" -> "):
        RunFolder(str(begun)).check_same(prepared(tiny_config), evaluates=True, allow=False)


def test_a_folder_without_checkpoints_takes_any_settings(begun, tiny_config):
    (begun / "ckpt-10.index").unlink()
    (begun / "ckpt-10.data-00000-of-00001").unlink()
    config = prepared(tiny_config, "task.model.dropout_rate=0.4")
    RunFolder(str(begun)).check_same(config, evaluates=True, allow=False)


def test_a_seed_is_drawn_once_and_kept(begun, tiny_config, tmp_path_factory):
    unseeded = tiny_config("task.train_data.seed=null")
    new = RunFolder(str(tmp_path_factory.mktemp("new")))
    assert len({new.seed(unseeded) for _ in range(5)}) == 5
    assert RunFolder(str(begun)).seed(unseeded) == 5
    assert RunFolder(str(begun)).seed(tiny_config("task.train_data.seed=7")) == 7
    unseeded.trainer.deterministic = True
    assert new.seed(unseeded) == 0


def test_what_was_there_is_set_aside_and_nothing_lost(begun):
    (begun / "best").mkdir()
    (begun / "best" / "best.json").write_text("{}")
    (begun / run_lock.NAME).write_text("")
    names = {path.name for path in begun.iterdir()} - {run_lock.NAME}
    aside = run_folder.set_aside(str(begun))
    assert aside == str(begun / "earlier-1")
    assert {path.name for path in (begun / "earlier-1").iterdir()} == names
    assert not RunFolder(str(begun)).begun and run_folder.set_aside(str(begun)) is None
    (begun / "ckpt-1.index").write_bytes(b"")
    assert run_folder.set_aside(str(begun)) == str(begun / "earlier-2")


_HOLDER = """
import sys, time
from movinet.training import run_lock
with run_lock.held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_training_is_refused_while_the_first_lives(tmp_path):
    command = [sys.executable, "-c", _HOLDER, tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        says = f"process {process.pid} on .* or use another --model_dir"
        with pytest.raises(InputError, match=says), run_lock.held(str(tmp_path)):
            pass
        process.kill()  # Nothing of it is left to stand in the way.
    with run_lock.held(str(tmp_path)):
        pass


def test_what_a_killed_training_has_started_is_waited_for(tmp_path, monkeypatch):
    """A process that it began the moment before has its files until it becomes another program."""
    with subprocess.Popen(["true"]) as gone:
        pass
    left = locks.held(tmp_path / run_lock.NAME)
    left.__enter__()
    (tmp_path / run_lock.NAME).write_text(f"process {gone.pid} on {socket.gethostname()}")
    monkeypatch.setattr(run_lock, "_PATIENCE", 0.2)
    with pytest.raises(InputError, match="Another training"), run_lock.held(str(tmp_path)):
        pass
    monkeypatch.setattr(run_lock, "_PATIENCE", 60.0)
    threading.Timer(0.3, left.__exit__, (None, None, None)).start()
    with run_lock.held(str(tmp_path)):
        pass


def test_only_who_writes_needs_the_lock(monkeypatch):
    assert run_lock.needed("train") and run_lock.needed("train_and_eval")
    assert not run_lock.needed("eval") and not run_lock.needed("continuous_eval")
    for task, first in (
        ({"type": "worker", "index": 0}, True),
        ({"type": "worker", "index": 1}, False),
    ):
        cluster = {"worker": ["a:1", "b:1"]}
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
        assert run_lock.needed("train") is first
    cluster["chief"] = ["c:1"]
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert not run_lock.needed("train")
    monkeypatch.setenv("TF_CONFIG", "no JSON")
    assert run_lock.needed("train")


def test_what_cannot_give_the_same_bits_is_refused(tiny_config):
    data = "task.train_data.enable_tf_data_service=true"
    for override in (data, "task.train_data.deterministic=false"):
        with pytest.raises(InputError, match=r"trainer\.deterministic"):
            preparation.check_deterministic(tiny_config(override))
    preparation.check_deterministic(tiny_config())

"""The benchmark of exactness: its checks, on a network of seconds, and its tables."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework

from benchmarks import determinism
from benchmarks.determinism import Job
from benchmarks.determinism_work import (
    DETERMINISTIC,
    ORDINARY,
    STOCK,
    WAYS,
    Settings,
    digest,
    read,
    records,
    save,
    train,
)
from movinet.errors import VerificationError

VIDEOS = 6


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings that name small files, whose clips both pipelines agree on."""
    tiny = Settings(
        model_id="tiny",
        num_frames=4,
        temporal_stride=1,
        image_size=16,
        batch_size=4,
        videos=VIDEOS,
        video_frames=8,
        video_height=24,
        video_width=32,
        num_classes=VIDEOS,
        batches=2,
        warm_up=1,
        steps=2,
        warm_up_steps=1,
        folder=str(tmp_path_factory.mktemp("determinism")),
    )
    return dataclasses.replace(tiny, **records(tiny, ""))


@pytest.fixture
def deterministic():
    """Ends TensorFlow's deterministic mode, which a process otherwise keeps."""
    yield
    framework.disable_op_determinism()


def test_the_bits_of_training_tell_runs_apart(settings, deterministic):
    stock = train(settings, STOCK)  # What it draws cannot be made exact.
    first, again = (train(settings, DETERMINISTIC) for _ in range(2))
    assert framework.is_op_determinism_enabled()
    assert first["bits"] == again["bits"] and first["rate"] > 0
    job = Job("training", DETERMINISTIC, 1)
    determinism.check({job: [first, again], Job("training", STOCK, 1): [stock]})
    with pytest.raises(VerificationError, match="other weights"):
        determinism.check({job: [first, stock]})


def test_both_modes_read_the_same_clips(settings, deterministic):
    ordinary, stock, exact = (read(settings, way) for way in (ORDINARY, STOCK, DETERMINISTIC))
    other = read(dataclasses.replace(settings, seed=2), ORDINARY)
    assert all(len(set(found["bits"])) == VIDEOS for found in (ordinary, stock, other))
    answers = {
        Job("input", ORDINARY, 1): [ordinary],
        Job("input", DETERMINISTIC, 1): [exact],
        Job("input", STOCK, 1): [stock],
    }
    determinism.check(answers)
    with pytest.raises(VerificationError, match="clips depend"):
        determinism.check({**answers, Job("input", ORDINARY, 2): [other]})


def test_one_bit_changes_a_digest():
    array = np.arange(4, dtype=np.float32)
    changed = array.copy()
    changed.view(np.uint32)[3] ^= 1
    assert digest([array]) == digest([array.copy()]) != digest([changed])


def test_what_is_saved_is_a_state_of_the_network(settings, tmp_path):
    state = save(dataclasses.replace(settings, folder=str(tmp_path)), "tiny")
    saved = tf.train.load_checkpoint(str(tmp_path / "states_tiny" / "ckpt-1"))
    values = sum(
        saved.get_tensor(name).nbytes
        for name in saved.get_variable_to_dtype_map()
        if saved.get_variable_to_dtype_map()[name] != tf.string
    )
    assert values < state["bytes"] < 3 * values
    assert len(state["written"]) == len(state["saved"]) > 1


def test_processes_take_turns(settings, monkeypatch):
    done = []

    def run_child(job, given):
        done.append(job)
        assert job.work == "records" or given.input_path == "there"
        return {"input_path": "there"} if job.work == "records" else {"number": len(done)}

    monkeypatch.setattr(determinism, "run_child", run_child)
    asked = dataclasses.replace(settings, rounds=2, threads=(1, 2), saved=("a0",), input_path="")
    found = determinism.measure(asked)
    one_round = [Job("training", way, 2) for way in WAYS]
    one_round += [Job("input", way, threads) for threads in (1, 2) for way in WAYS]
    assert done == [Job("records", "", 2), *one_round, *one_round, Job("saving", "a0", 2)]
    assert found[Job("training", WAYS[0], 2)] == [{"number": 2}, {"number": 11}]


def test_tables():
    rates = {ORDINARY: [2.0, 4.0, 6.0], DETERMINISTIC: [1.0, 4.0, 6.0], STOCK: [1.0, 1.0, 2.0]}
    found = {Job("training", way, 2): [{"rate": rate} for rate in rates[way]] for way in WAYS}
    found[Job("saving", "a0", 2)] = [
        {"bytes": 12_000_000, "written": [0.02, 0.03, 0.02], "saved": [0.04, 0.06, 0.08]}
    ]
    *_, line = determinism.table(found)
    cells = "4.00 steps/s | 4.00 steps/s | 1.00 steps/s | 1.00x | 3.00x"
    assert line == f"| training, 2 threads | {cells} |"
    *_, line = determinism.sizes(found)
    assert line == "| a0 | 12.0 MB | 20.0 ms | 60.0 ms | 2.00x |"

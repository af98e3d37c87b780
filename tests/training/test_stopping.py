"""Signals at chosen moments: nothing learned is lost, and nothing is half done."""

import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from step_trainers import distance

from movinet.errors import Stopped
from movinet.training import history
from movinet.training.runner import Runner
from movinet.training.stopping import SIGNALS, StopSignals


@pytest.fixture
def signals():
    """Signals that are watched, and given back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    watched = StopSignals()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    watched.watch()
    yield watched
    for number, handler in before.items():
        signal.signal(number, handler)


def strike(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def test_a_signal_ends_what_can_be_left_and_waits_for_what_cannot(signals):
    done = []
    with pytest.raises(Stopped) as late, signals.held():
        strike(signal.SIGHUP)
        done.append("held")
        with pytest.raises(Stopped) as stop, signals.held(False):
            done.append("never")
        done.append("to the end")
    assert done == ["held", "to the end"]
    assert late.value.number == stop.value.number == signal.SIGHUP
    strike()  # Further ones change nothing.
    assert signals.received == signal.SIGHUP
    assert str(signals.stopped("all is saved")) == "Stopped by SIGHUP; all is saved."


def test_outside_of_training_a_signal_ends_at_once(signals):
    with pytest.raises(Stopped, match=r"Stopped by SIGINT\."):
        strike(signal.SIGINT)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        StopSignals().watch()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(
                number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            )


def stop_in(runner, owner, name, at_call=1):
    """Runs, with a signal inside the call of `name` of that number; returns what it said."""
    inner, calls = getattr(owner, name), []

    def call(*arguments, **options):
        calls.append(name)
        if len(calls) == at_call:
            strike()
        return inner(*arguments, **options)

    setattr(owner, name, call)
    with pytest.raises(Stopped) as stop:
        runner.run()
    return str(stop.value)


def weights(folder):
    reader = tf.train.load_checkpoint(str(folder / "ckpt-4"))
    names = sorted(name for name in reader.get_variable_to_shape_map() if "/kernel/" in name)
    return np.concatenate([reader.get_tensor(name).ravel() for name in names])


def test_stopped_in_an_evaluation_the_step_is_saved_and_the_evaluation_made_up_for(
    tiny_config, signals, tmp_path
):
    ema = "trainer.optimizer_config.ema={average_decay: 0.5}"
    config = tiny_config(f"trainer.train_steps=8,trainer.validation_interval=4,{ema}")
    runner = Runner(config, str(tmp_path), "train_and_eval", signals=signals)
    said = stop_in(runner, runner.trainer, "run_evaluation")
    assert f"step 4 is saved in {tmp_path}" in said
    # Saved are the weights that are trained, not their average, which was being evaluated.
    twin = Runner(config, str(tmp_path / "twin"), "train")
    twin.trainer.run_steps(4)
    twin.latest.save()
    assert distance(weights(tmp_path), weights(tmp_path / "twin")) < 1e-5
    with twin.trainer.averaged_weights():
        twin.latest.save()
    assert distance(weights(tmp_path), weights(tmp_path / "twin")) > 1e-3
    Runner(config, str(tmp_path), "train_and_eval").run()
    validated = [r["step"] for r in history.read(tmp_path) if r["split"] == "validation"]
    assert validated == [4, 8]


def test_stopped_in_the_middle_of_saving_the_save_is_finished(tiny_config, signals, tmp_path):
    config = tiny_config("trainer.train_steps=10,trainer.checkpoint_interval=5")
    runner = Runner(config, str(tmp_path), "train", signals=signals)
    said = stop_in(runner, runner.trainer.checkpoint, "write")
    assert "step 5 is saved" in said and (tmp_path / "ckpt-5.index").exists()


def test_stopped_before_the_first_step_there_is_nothing_to_save(tiny_config, signals, tmp_path):
    runner = Runner(tiny_config(), str(tmp_path), "train", signals=signals)
    assert "nothing to save yet" in stop_in(runner, runner.trainer, "train_step")
    assert not list(tmp_path.glob("ckpt-*"))


def test_a_signal_to_another_machine_ends_this_one_too(tiny_config, tmp_path):
    runner = Runner(tiny_config(), str(tmp_path), "train")
    asked = iter([False, True])
    runner.workers.any = lambda value: value or next(asked)
    with pytest.raises(Stopped, match=r"Stopped by SIGTERM; step 1 is saved") as stop:
        runner.run()
    assert stop.value.number == signal.SIGTERM and (tmp_path / "ckpt-1.index").exists()

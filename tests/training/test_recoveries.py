"""Losses that run away: the data they ran away with is left out, counted, and remembered."""

import json

import pytest

from movinet import InputError
from movinet.training import recoveries
from movinet.training.recoveries import Recovery
from movinet.training.runner import Runner

ALWAYS_BAD = "trainer.loss_upper_bound=1e-9,trainer.recovery_begin_steps=12"


def test_the_next_clip_is_behind_all_that_was_left_out():
    done = [
        Recovery(10, 80, 120, "nan"),
        Recovery(10, 120, 160, "inf"),
        Recovery(20, 240, 280, "9"),
    ]
    assert recoveries.next_clip(done, 10, 80) == 160
    assert recoveries.next_clip(done, 20, 240) == 280
    assert recoveries.next_clip(done, 20, 280) == 280
    assert recoveries.next_clip(done, 30, 240) == 240
    assert recoveries.next_clip([], 10, 80) == 80


def test_going_back_leaves_out_the_data_and_is_counted_over_restarts(tiny_config, tmp_path, capsys):
    Runner(tiny_config("trainer.train_steps=10"), str(tmp_path), "train").run()
    config = tiny_config(f"{ALWAYS_BAD},trainer.recovery_max_trials=2")
    runner = Runner(config, str(tmp_path), "train")
    with pytest.raises(InputError, match=r"Training stopped: the mean loss of steps 11 to 15"):
        runner.run()
    found = recoveries.read(str(tmp_path))
    assert [(r.step, r.first_clip, r.last_clip) for r in found] == [(10, 80, 120), (10, 120, 160)]
    assert runner.trainer.next_clip == 200
    # A new start knows of them: it goes on behind them, and has no trial left.
    capsys.readouterr()
    again = Runner(config, str(tmp_path), "train")
    with pytest.raises(InputError, match=r"ckpt-10 holds the last good state"):
        again.run()
    assert again.trainer.next_clip == 200 and "going back" not in capsys.readouterr().out
    assert recoveries.read(str(tmp_path)) == found
    # Where the loss is good again, it trains to its end with other data.
    Runner(tiny_config("trainer.train_steps=15"), str(tmp_path), "train").run()
    assert (tmp_path / "ckpt-15.index").exists()


def test_a_broken_file_is_refused(tmp_path):
    assert recoveries.read(str(tmp_path)) == []
    for text in ("{", json.dumps([{"step": 1}]), json.dumps([3]), "[" * 100_000):
        (tmp_path / recoveries.NAME).write_text(text)
        with pytest.raises(InputError, match=r"recoveries\.json cannot be read"):
            recoveries.read(str(tmp_path))

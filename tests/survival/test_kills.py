"""A run that is killed again and again ends as one that never was, to the last bit."""

import shutil
import signal

import killed_runs
import pytest
from run_comparison import differences

KILLS = 20


def test_twenty_kills_and_damaged_checkpoints_change_no_bit(
    server, undisturbed, tiny_dataset, tmp_path
):
    folder = tmp_path / "run"
    killer = killed_runs.Killer(server, killed_runs.command(tiny_dataset, folder), folder, seed=1)
    while killer.kills < KILLS:
        if killer.live_once():
            # It came to its end: another run begins, until there were as many kills.
            assert differences(folder, undisturbed) == []
            shutil.rmtree(folder)
            killer.begin_anew()
        elif killer.kills % 5 == 0:
            killer.damage_newest()
    code, output = server.run(*killer.arguments)
    assert code == 0, output
    assert differences(folder, undisturbed) == []
    assert not (folder / ".saving").exists() and not list(folder.rglob("*.part"))


def test_steps_that_damage_costs_are_not_counted_against_the_run():
    killer = killed_runs.Killer(None, [], "run", seed=1)
    killer.count_steps("step 90/120: loss")
    killer.is_damaged = True
    killer.count_steps("Resuming from ckpt-60 (step 60 of 120).")  # Killed before its first step.
    killer.count_steps("Resuming from ckpt-60 (step 60 of 120).\nstep 70/120: loss")
    killer.count_steps("Resuming from ckpt-60 (step 60 of 120).")
    assert killer.redone == 10
    with pytest.raises(AssertionError):
        killer.count_steps("Resuming from ckpt-40 (step 40 of 120).")


def test_another_seed_gives_another_end(server, undisturbed, tiny_dataset, tmp_path):
    """The control of the comparison."""
    arguments = killed_runs.command(tiny_dataset, tmp_path / "run")
    arguments[1] += ",task.train_data.seed=2"
    code, output = server.run(*arguments)
    assert code == 0, output
    found = differences(tmp_path / "run", undisturbed)
    assert "history.jsonl" in found and any("OPTIMIZER_SLOT" in name for name in found)


@pytest.mark.parametrize("strikes", [1, 2])
def test_signals_save_and_end_with_their_code(server, undisturbed, tiny_dataset, tmp_path, strikes):
    folder = tmp_path / "run"
    arguments = killed_runs.command(tiny_dataset, folder)
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] if strikes == 1 else [signal.SIGTERM]
    reached = 0
    for number in numbers:
        life = server.start(*arguments)
        assert life.says(": loss")
        for _ in range(strikes):
            life.signal(number)
        assert life.wait(30.0) == 128 + number, life.output()
        assert f"Stopped by {number.name}; step " in life.output()
        assert "Traceback" not in life.output()
        saved = int(life.output().rsplit("; step ")[-1].split()[0])
        assert saved > reached and (folder / f"ckpt-{saved}.index").exists()
        reached = saved
    code, output = server.run(*arguments)
    assert code == 0 and f"(step {reached} of" in output, output
    assert differences(folder, undisturbed) == []

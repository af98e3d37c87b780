"""Faults around a run: full disks, folders that vanish, others in the way, damaged checkpoints."""

import shutil
import time

import killed_runs
from run_comparison import differences

from movinet.training import run_lock


def test_a_full_disk_ends_in_a_sentence_and_the_next_try_goes_on(
    server, undisturbed, tiny_dataset, tmp_path
):
    folder = tmp_path / "run"
    arguments = killed_runs.command(tiny_dataset, folder)
    code, output = server.run(*arguments, largest_file=60_000)
    assert code == 2 and "Traceback" not in output, output
    assert "error: Cannot save ckpt-20" in output and "Nothing saved before is lost" in output
    assert not list(folder.glob("ckpt-*")) and not (folder / ".saving").exists()
    code, output = server.run(*arguments)
    assert code == 0 and differences(folder, undisturbed) == [], output


def test_a_folder_that_vanishes_ends_in_a_sentence(server, tiny_dataset, tmp_path):
    folder = tmp_path / "run"
    life = server.start(*killed_runs.command(tiny_dataset, folder))
    assert life.says(": loss")
    folder.rename(tmp_path / "elsewhere")
    assert life.wait() == 2, life.output()
    assert f"error: Cannot write {folder}" in life.output() or "Cannot save" in life.output()
    assert "Traceback" not in life.output() and not folder.exists()


def test_what_cannot_be_begun_is_refused_in_a_sentence(server, undisturbed, tiny_dataset, tmp_path):
    begin = time.monotonic()
    with run_lock.held(str(tmp_path / "taken")):
        code, output = server.run(*killed_runs.command(tiny_dataset, tmp_path / "taken"))
    assert time.monotonic() - begin < 5.0
    assert code == 2 and f"Another training works in {tmp_path / 'taken'}: process " in output
    code, output = server.run(*killed_runs.command(tiny_dataset, "/proc/movinet"))
    assert code == 2 and "error: Cannot write into /proc/movinet" in output
    code, output = server.run(f"--model_dir={tmp_path}", "--mode=eval", "--fresh")
    assert code == 2 and "--fresh begins a training anew" in output

    folder = shutil.copytree(undisturbed, tmp_path / "copy")
    before = {path: path.read_bytes() for path in folder.glob("ckpt-*")}
    name = "optimizer_config.optimizer.adam.global_clipnorm"
    changed = killed_runs.command(tiny_dataset, folder, train_steps=130, **{name: 2.0})
    code, output = server.run(*changed)
    assert code == 2 and f"trainer.{name}: 1.0 -> 2.0" in output, output
    assert "train_steps" not in output and "--allow_config_change" in output
    assert before == {path: path.read_bytes() for path in before}


def test_damaged_checkpoints_are_passed_over_and_never_begun_anew(
    server, undisturbed, tiny_dataset, tmp_path
):
    folder = shutil.copytree(undisturbed, tmp_path / "copy")
    (folder / "checkpoint").write_text('model_checkpoint_path: "/etc/../../ckpt-1"\n')
    newest = folder / f"ckpt-{killed_runs.STEPS}.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:1000])
    arguments = killed_runs.command(tiny_dataset, folder)
    code, output = server.run(*arguments)
    assert code == 0 and f"WARNING: {folder}/ckpt-{killed_runs.STEPS}" in output, output
    assert f"Resuming from {folder}/ckpt-{killed_runs.STEPS - 20}" in output
    assert differences(folder, undisturbed) == []

    for path in folder.glob("ckpt-*.index"):
        path.write_bytes(b"")
    code, output = server.run(*arguments)
    assert code == 2 and "--fresh" in output and "Traceback" not in output, output
    assert all(f"ckpt-{step} (" in output for step in (80, 100, 120))
    hidden = folder.rename(tmp_path / "hidden")
    shutil.copytree(hidden, folder, ignore=shutil.ignore_patterns("ckpt-*"))
    code, output = server.run(*arguments)
    assert code == 2 and "all that were saved are gone" in output, output
    shutil.rmtree(folder)
    hidden.rename(folder)
    code, output = server.run(*arguments, "--fresh", "--mode=train")
    assert code == 0 and f"is in {folder}/earlier-1 now" in output, output
    assert len(list((folder / "earlier-1").glob("ckpt-*.index"))) == 3
    assert (folder / "earlier-1" / "best" / "best.json").exists()


def test_a_kill_at_any_point_of_saving_leaves_whole_states(server, tmp_path):
    """SIGKILL at each of the calls that change the disk, while a state and the best are saved."""
    code, output = server.run(tmp_path, program="tests/survival/saving_program.py", timeout=300.0)
    assert code == 0, output
    assert int(output.split("points: ")[1]) >= 15

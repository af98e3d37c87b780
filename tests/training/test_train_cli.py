"""train.py as a user runs it."""

import pathlib
import subprocess
import sys
import time

import pytest
from tiny_command import tiny_command
from tiny_run import tiny_override

from movinet import InputError

TRAIN = pathlib.Path(__file__).parents[2] / "train.py"


def run(*arguments, cwd=None, tiny=False):
    command = tiny_command(*arguments) if tiny else [sys.executable, str(TRAIN), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def test_help_is_instant():
    start = time.monotonic()
    result = run("--help")
    assert time.monotonic() - start < 3.0
    assert "--params_override" in result.stdout and "--config_file" in result.stdout


def test_train_and_evaluate(tiny_dataset, tmp_path):
    (tmp_path / "a.yaml").write_text("trainer: {train_steps: 10}\n")
    (tmp_path / "b.yaml").write_text("trainer: {validation_interval: 5}\n")
    without = ("trainer.train_steps", "trainer.validation_interval")
    result = run(
        f"--model_dir={tmp_path / 'run'}",
        f"--params_override={tiny_override(tiny_dataset, without)}",
        f"--config_file={tmp_path / 'a.yaml'}",
        f"--config_file={tmp_path / 'b.yaml'}",
        tiny=True,
    )
    assert result.returncode == 0, result.stderr
    assert "step 10/10: loss" in result.stdout and "clips/s" in result.stdout
    assert "step 5: validation" in result.stdout
    assert "best so far, kept in" in result.stdout and "test: top-1" in result.stdout
    assert (tmp_path / "run" / "evaluation" / "test" / "confusion_matrix.png").exists()
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--params_override=trainer.train_step=3"], "did you mean 'train_steps'?"),
        (["--mode=trian"], "--mode=trian"),
        (["surplus"], "Unexpected argument 'surplus'"),
    ],
)
def test_bad_input_ends_in_a_sentence_and_exit_code_2(arguments, says, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2 and says in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"experiment": "movinet_sampel"}, "did you mean 'movinet_sample'?"),
        ({"config_files": ["missing.yaml"]}, "Cannot read missing.yaml"),
        ({"gin_bindings": ["a.b = @nothing()"]}, "--gin_file or --gin_params"),
        ({"gin_files": ["missing.gin"]}, "--gin_file or --gin_params"),
        ({"mode": "train_and_validate"}, "not available"),
        ({"model_dir": ""}, "--model_dir is empty"),
    ],
)
def test_launch_refuses_before_it_does_anything(changes, says, tmp_path, monkeypatch):
    from movinet.training import launch

    monkeypatch.chdir(tmp_path)
    arguments = {"experiment": "movinet_sample", "mode": "train", "model_dir": "run", **changes}
    with pytest.raises(InputError) as refused:
        launch.launch(**arguments)
    assert says in str(refused.value) and not list(tmp_path.iterdir())


def test_flags_reach_the_configuration(tmp_path, monkeypatch):
    from movinet.training import launch, runner

    seen = {}

    class Recorder:
        def __init__(self, config, model_dir, mode, **options):
            seen.update(config=config, mode=mode, **options)

        def run(self, checkpoint):
            return []

    monkeypatch.setattr(runner, "Runner", Recorder)
    launch.launch(
        experiment="movinet_kinetics600",
        mode="continuous_train_and_eval",
        model_dir=str(tmp_path / "run"),
        deterministic=True,
        allow_config_change=True,
        params_override="runtime.tpu=from_override",
        tpu="local",
    )
    assert seen["config"].runtime.tpu == "local" and seen["config"].trainer.deterministic
    assert seen["allow_changes"] and not (tmp_path / "run").exists()

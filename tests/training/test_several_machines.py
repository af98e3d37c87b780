"""Two machines, here two processes on loopback, do what one does; and the loss of one."""

import json
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from tiny_command import tiny_command
from tiny_run import tiny_override
from worker_processes import WorkerProcesses
from worker_program import STEPS

from movinet.training import configuration, history, inputs, overrides, preparation
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

PROGRAM = pathlib.Path(__file__).parents[1] / "worker_program.py"
SEVERAL = "runtime.distribution_strategy=multi_worker_mirrored"
# Each clip whole and as it is, so that a step sees the same eight on one machine and on two; the
# optimizer that the recipes have.
SAME_STEPS = (
    "task.model.dropout_rate=0,task.train_data.shuffle_buffer_size=1,task.train_data.cycle_length=2,"
    "task.train_data.aug_min_area_ratio=1,task.train_data.aug_min_aspect_ratio=1,"
    "task.train_data.aug_max_aspect_ratio=1,task.train_data.feature_shape=[6,24,24,3],"
    "trainer.optimizer_config.optimizer={type: rmsprop, rmsprop: {rho: 0.9, momentum: 0.9, "
    "epsilon: 1.0, clipnorm: 1.0}}"
)


def on_one_machine(dataset, start, folder):
    """The same steps on this process alone: what it measured; its weights are in `folder`/one, and
    those of steps on clips that two workers had both read in `folder`/overlapping."""
    config = configuration.load_experiment("movinet_sample", [], tiny_override(dataset))
    config = configuration.apply(config, overrides.parse(SAME_STEPS))
    config = preparation.prepare(config, train=True, evaluate=True)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        trainer = Trainer(config, MovinetTask(config.task), train=True)

    def train(name):
        trainer.checkpoint.read(str(start)).assert_consumed()
        trainer.run_steps(STEPS)
        numbers = trainer.take_training_metrics()
        trainer.checkpoint.write(str(folder / name))
        return numbers

    training = train("one")
    validation = trainer.run_evaluation(config.task.validation_data)
    counts = trainer.counts()[0].tolist()
    share = inputs.build_inputs(config.task.train_data, tf.distribute.InputContext(2, 0, 2))
    twice = share.map(lambda *batch: tf.nest.map_structure(lambda x: tf.concat([x, x], 0), batch))
    trainer.train_dataset = trainer.strategy.experimental_distribute_dataset(twice)
    train("overlapping")
    return training, validation, counts


def farthest(one, other):
    """How far the weights of two checkpoints are apart, of (those trained, running variances)."""
    readers = [tf.train.load_checkpoint(str(path)) for path in (one, other)]
    apart = {False: 0.0, True: 0.0}
    for key, dtype in readers[0].get_variable_to_dtype_map().items():
        if dtype == tf.float32:
            a, b = (reader.get_tensor(key) for reader in readers)
            is_variance = "moving_variance" in key
            worst = float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(a)), initial=0.0))
            apart[is_variance] = max(apart[is_variance], worst)
    return apart[False], apart[True]


@pytest.mark.slow
def test_two_workers_do_what_one_does(tiny_dataset, tmp_path):
    settings = (tiny_override(tiny_dataset), f"{SAME_STEPS},{SEVERAL}")
    with WorkerProcesses([sys.executable, PROGRAM, tmp_path, *settings], tmp_path) as workers:
        assert workers.exit_codes(200) == [0, 0], workers.said()
    first, second = (json.loads((tmp_path / f"found-{i}.json").read_text()) for i in (0, 1))
    assert first["agreed"] == second["agreed"] == {"from": 0}
    assert first["any"] == second["any"] == [True, False]
    # They begin with the same weights and drop different things.
    assert first["start"] == second["start"] and first["drawn"] != second["drawn"]
    training, validation, confusion = on_one_machine(tiny_dataset, tmp_path / "start-0", tmp_path)
    assert farthest(tmp_path / "synchronised-0", tmp_path / "synchronised-1") == (0.0, 0.0)
    weights, variances = farthest(tmp_path / "one", tmp_path / "synchronised-0")
    # A running variance over several replicas lacks the factor n / (n - 1) of one alone.
    assert weights < 1e-5 and variances < 2e-3
    for found in (first, second):
        assert found["synchronised"] == pytest.approx(training, rel=1e-5)
        # Which it reads: those running variances.
        assert found["validation"] == pytest.approx(validation, rel=1e-4)
        assert found["confusion"] == confusion and sum(map(sum, confusion)) == 9
    # The negative controls: batch norms of each worker's own, and clips that both read.
    for fault in ("apart-0", "overlapping"):
        assert farthest(tmp_path / "one", tmp_path / fault)[0] > 1e-3, fault


@pytest.mark.slow
def test_a_lost_worker_ends_the_run_and_the_same_commands_resume_it(tiny_dataset, tmp_path):
    settings = tiny_override(tiny_dataset, ("trainer.train_steps", "trainer.validation_interval"))
    steps = "trainer.train_steps=60,trainer.validation_interval=20"
    command = tiny_command(
        f"--model_dir={tmp_path / 'run'}", f"--params_override={settings},{steps},{SEVERAL}"
    )
    with WorkerProcesses(command, tmp_path / "first") as workers:
        workers.wait_for("step 25/60", 180)
        workers.processes[1].kill()
        assert workers.exit_codes(60) == [1, -9], workers.said()
        assert "ended or cannot be reached" in workers.said() and "Traceback" not in workers.said()
    kept = max(int(path.stem.split("-")[1]) for path in (tmp_path / "run").glob("ckpt-*.index"))
    assert 20 <= kept < 60
    # A signal to one of them ends both after the same step, which is saved.
    with WorkerProcesses(command, tmp_path / "stopped") as workers:
        workers.wait_for(f"step {kept + 5}/60", 180)
        workers.processes[1].terminate()
        assert workers.exit_codes(60) == [143, 143], workers.said()
    kept = max(int(path.stem.split("-")[1]) for path in (tmp_path / "run").glob("ckpt-*.index"))
    assert f"Stopped by SIGTERM; step {kept} is saved" in workers.said()
    with WorkerProcesses(command, tmp_path / "second") as workers:
        assert workers.exit_codes(200) == [0, 0], workers.said()
        chief, other = (log.read_text() for log in workers.logs)
    assert f"(step {kept} of 60)" in chief and "step 60/60" in chief and "step 60" not in other
    records = history.read(tmp_path / "run")
    done = {
        split: [r["step"] for r in records if r["split"] == split]
        for split in ("train", "validation")
    }
    assert done == {"train": list(range(5, 61, 5)), "validation": [20, 40, 60]}
    metrics = json.loads((tmp_path / "run/evaluation/validation/metrics.json").read_text())
    assert metrics["clips"] == 9
    # Only the chief writes: one file of curves for each start.
    assert len(list((tmp_path / "run/train").glob("events*"))) == 3
    assert not list((tmp_path / "second").glob("movinet_worker_*"))

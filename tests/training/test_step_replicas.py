"""Steps of parts on two replicas: together they do what one does alone."""

import json
import pathlib
import subprocess
import sys

import pytest
from tiny_run import tiny_override

TESTS = pathlib.Path(__file__).parents[1]
# A process of its own, since TensorFlow must know of its devices before it starts.
PROGRAM = """
import json, sys
sys.path[:0] = {path!r}
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import conftest
from models import randomise
from movinet.training import configuration, overrides, preparation
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

config = configuration.load_experiment("movinet_sample", [], {override!r})
config = configuration.apply(config, overrides.parse({changes!r}))
alone = tf.distribute.OneDeviceStrategy("CPU:0")
together = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for parts in {parts!r}:
    cut = configuration.apply(config, overrides.parse(parts)) if parts else config
    cut = preparation.prepare(cut, train=True, evaluate=True)
    for strategy in (alone, together):
        with strategy.scope():
            trainer = Trainer(cut, MovinetTask(cut.task), train=True)
            randomise(trainer.model)
        before = [variable.numpy() for variable in trainer.model.trainable_variables]
        trainer.run_steps(2)
        numbers = trainer.take_training_metrics()
        after = trainer.model.trainable_variables
        moves = [float(abs(new.numpy() - old).sum()) for new, old in zip(after, before)]
        print(json.dumps([trainer.step, int(trainer.optimizer.iterations.numpy()), numbers, moves]))
"""
# Batch norm sees all replicas, the rate is constant, and nothing is drawn.
CHANGES = (
    "task.model.dropout_rate=0,task.model.norm_activation.use_sync_bn=true,"
    "trainer.optimizer_config.optimizer={type: sgd},trainer.optimizer_config.warmup.type=null,"
    "trainer.optimizer_config.learning_rate={type: constant, constant: {learning_rate: 0.1}}"
)
MICRO_BATCHES = "trainer.gradient_accumulation_steps=2"
CLIPS = "task.clip_by_clip.frames=2"
PARTS = {
    MICRO_BATCHES: 2,
    f"{CLIPS},{MICRO_BATCHES}": 2,
    f"{CLIPS},task.clip_by_clip.optimizer_step=clip": 4,
}


@pytest.mark.slow
def test_two_replicas_equal_one(tiny_dataset):
    program = PROGRAM.format(
        path=[str(TESTS), str(TESTS.parent)],
        override=tiny_override(tiny_dataset),
        changes=CHANGES,
        parts=list(PARTS),
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    runs = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("[")]
    assert len(runs) == 2 * len(PARTS)
    for one, two, updates in zip(runs[::2], runs[1::2], PARTS.values(), strict=True):
        assert one[:2] == two[:2] == [2, updates]
        assert one[2] == pytest.approx(two[2], rel=1e-4)
        assert one[3] == pytest.approx(two[3], rel=5e-3, abs=1e-7)
    # The negative control: the ways of cutting a step are not one and the same.
    assert runs[0][3] != pytest.approx(runs[2][3], rel=5e-2)
    assert runs[2][3] != pytest.approx(runs[4][3], rel=5e-2)

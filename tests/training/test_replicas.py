"""Two replicas together do what one does alone."""

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
import numpy as np
import tensorflow as tf
import tf_keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import conftest
from movinet.training import configuration, overrides, preparation
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer

config = configuration.load_experiment("movinet_sample", [], {override!r})
config = configuration.apply(config, overrides.parse({changes!r}))
config = preparation.prepare(config, train=True, evaluate=True)
tf_keras.utils.set_random_seed(1)
found, start = [], None
for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        trainer = Trainer(config, MovinetTask(config.task), train=True)
        start = start or [np.full([], 0.5) if "rezero" in v.name else v.numpy() for v in
        trainer.model.variables]
        for variable, value in zip(trainer.model.variables, start, strict=True):
            variable.assign(value)
    trainer.run_steps(3)
    numbers = trainer.take_training_metrics()
    validation = trainer.run_evaluation(config.task.validation_data)
    confusion = trainer.counts()[0].tolist()
    sums = [float(tf.reduce_sum(tf.abs(variable))) for variable in trainer.model.variables]
    names = [variable.name + str(number) for number, variable in enumerate(trainer.model.variables)]
    weights = dict(zip(names, sums))
    found.append([numbers, validation, confusion, weights])
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_replicas_equal_one(tiny_dataset):
    changes = (
        "task.model.dropout_rate=0,task.model.norm_activation.use_sync_bn=true,"
        "trainer.optimizer_config.optimizer={type: sgd},task.train_data.shuffle_buffer_size=1,"
        "task.train_data.aug_min_area_ratio=1,task.train_data.aug_min_aspect_ratio=1,"
        "task.train_data.aug_max_aspect_ratio=1,task.train_data.feature_shape=[6,24,24,3],"
        "task.train_data.cycle_length=1"
    )
    program = PROGRAM.format(
        path=[str(TESTS), str(TESTS.parent)], override=tiny_override(tiny_dataset), changes=changes
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    one, two = json.loads(result.stdout.splitlines()[-1])
    assert one[0] == pytest.approx(two[0], rel=1e-4)
    assert one[1] == pytest.approx(two[1], rel=1e-4)
    assert one[2] == two[2] and sum(map(sum, one[2])) == 9
    # A variance over two replicas lacks the factor n / (n - 1) that the one over a single one has.
    # Activations are near ten: a mean of them that is nearly zero is no more exact than 1e-5.
    assert one[3] == pytest.approx(two[3], rel=2e-3, abs=1e-5)

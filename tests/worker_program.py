"""What each process of test_several_machines.py runs: the same steps with synchronised batch norms
and without, and an evaluation.

python3 worker_program.py FOLDER OVERRIDE CHANGES
"""

import json
import pathlib
import sys

import numpy as np
import tensorflow as tf
import tf_keras

from movinet.layers import noise
from movinet.training import configuration, overrides, preparation, strategies
from movinet.training.steps import TrainingStep
from movinet.training.task import MovinetTask
from movinet.training.trainer import Trainer
from movinet.training.workers import Workers

STEPS = 3


def start(trainer: Trainer) -> None:
    """Weights that a fault can be seen in: a gain of zero hides the branch behind it."""
    for variable in trainer.model.variables:
        if "rezero" in variable.name:
            variable.assign(tf.fill(variable.shape, 0.5))


def draw(step: TrainingStep) -> tf.Tensor:
    """What a random layer of this replica draws."""
    with step.noise_of(0):
        return noise.keep([100], 0.5)


def main(folder: pathlib.Path, override: str, changes: str) -> None:
    config = configuration.load_experiment("movinet_sample", [], override)
    config = configuration.apply(config, overrides.parse(changes))
    config = preparation.prepare(config, train=True, evaluate=True)
    strategy = strategies.build(config.runtime)
    workers = Workers(strategy)
    tf_keras.utils.set_random_seed(1)
    found = {
        "agreed": workers.agree({"from": workers.index}),
        "any": [workers.any(workers.index == 1), workers.any(False)],
    }

    def trainer_of(synchronised: bool) -> Trainer:
        config.task.model.norm_activation.use_sync_bn = synchronised
        with strategy.scope():
            return Trainer(config, MovinetTask(config.task), train=True)

    def train(trainer: Trainer, name: str) -> None:
        trainer.checkpoint.read(str(folder / f"start-{workers.index}"))
        trainer.run_steps(STEPS)
        found[name] = trainer.take_training_metrics()
        trainer.checkpoint.write(str(folder / f"{name}-{workers.index}"))

    trainer = trainer_of(synchronised=True)
    found["start"] = [float(np.abs(v.numpy()).sum()) for v in trainer.model.trainable_variables]
    found["drawn"] = strategy.run(draw, args=(trainer.training_step,)).numpy().tolist()
    start(trainer)
    trainer.checkpoint.write(str(folder / f"start-{workers.index}"))
    train(trainer, "synchronised")
    found["validation"] = trainer.run_evaluation(config.task.validation_data)
    found["confusion"] = trainer.counts()[0].tolist()
    train(trainer_of(synchronised=False), "apart")
    (folder / f"found-{workers.index}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    import conftest  # noqa: F401 (makes the tiny network known)

    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])

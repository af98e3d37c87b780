"""The outer loop: trains, validates, keeps checkpoints, resumes, and reports, by mode."""

import os

import tensorflow as tf
import tf_keras
from official.core import config_definitions, task_factory

from movinet.checkpoints import loading
from movinet.errors import InputError
from movinet.training import (
    continuous_evaluation,
    description,
    modes,
    preparation,
    reporting,
    strategies,
)
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints
from movinet.training.evaluation import Report
from movinet.training.run_folder import BAD_CLIPS_NAME, CHECKED_DATA_NAME, RunFolder
from movinet.training.stopping import StopSignals
from movinet.training.trainer import Trainer
from movinet.training.training_loop import TrainingLoop
from movinet.training.workers import Workers


class Runner:
    """One run of an experiment in one folder, on one machine or, in step, on several.

    Files in `model_dir`: params.yaml, movinet.json and labels.txt, data.json, ckpt-* (latest),
    best/, history.jsonl, train/ and validation/ (TensorBoard), evaluation/.

    Args:
      allow_changes: go on with other settings or data than the run began with.
      signals: those that end it.

    Raises: InputError when configuration, data and checkpoints do not fit together.
    """

    def __init__(
        self,
        config: config_definitions.ExperimentConfig,
        model_dir: str,
        mode: str,
        *,
        allow_changes: bool = False,
        signals: StopSignals | None = None,
    ) -> None:
        self.mode = modes.check_mode(mode)
        self.trains = modes.trains(mode)
        # First, so that a machine that fails from here on ends those that wait for it.
        self.strategy = strategies.build(config.runtime)
        self.workers = Workers(self.strategy)
        if self.workers.count > 1 and self.mode == "continuous_eval":
            raise InputError("--mode=continuous_eval runs on one machine: unset TF_CONFIG there.")
        self.signals = signals or StopSignals()
        self.signals.watch_again()
        self.model_dir = model_dir
        self.output_dir = self.workers.own(model_dir)
        self.evaluates = "eval" in self.mode
        self.folder = RunFolder(model_dir)
        if config.trainer.deterministic:
            preparation.check_deterministic(config)
            tf.config.experimental.enable_op_determinism()
        self.checked_data = os.path.join(self.output_dir, CHECKED_DATA_NAME)
        self.config = config = preparation.prepare(
            config,
            train=self.trains,
            evaluate=self.evaluates,
            remembered=self.checked_data,
        )
        self.options = config.trainer
        if self.trains:
            config.task.train_data.seed = self.workers.agree(self.folder.seed(config))
            self.folder.check_same(config, self.evaluates, allow_changes)
            # Weights begin as this has it; what is random later is a function of seed and step.
            tf_keras.utils.set_random_seed(config.task.train_data.seed)
        with self.strategy.scope():
            task = task_factory.get_task(config.task, logging_dir=model_dir)
            self.trainer = Trainer(
                config,
                task,
                train=self.trains,
                bad_clips=self.folder.path(BAD_CLIPS_NAME) if self.workers.is_chief else None,
            )
        self.latest = LatestCheckpoints(self.trainer, self.workers, model_dir)
        self.best = BestCheckpoint(
            self.trainer,
            self.workers,
            os.path.join(self.model_dir, self.options.best_checkpoint_export_subdir or "best"),
            self.options.best_checkpoint_eval_metric or "accuracy",
            self.options.best_checkpoint_metric_comp,
        )

    def run(self, checkpoint: str = "") -> list[Report]:
        """Does what the mode says; returns the reports written.

        Args: checkpoint: what mode eval evaluates: 'best', 'latest', a path, or '' for the best if
        there is one.
        """
        with self.workers.quiet():
            return self._run(checkpoint)

    def _run(self, checkpoint: str) -> list[Report]:
        reporter = reporting.Reporter(self.trainer, self.output_dir, self.latest, self.best)
        validation = self.config.task.validation_data
        if self.mode == "eval":
            return reporter.report(self._find(checkpoint), [validation])
        if self.mode == "continuous_eval":
            continuous_evaluation.run(self.trainer, self.latest, self.best)
            return reporter.report(self.best.path, [validation]) if self.best.path else []
        self._train()
        if self.mode == "train_and_eval":
            splits = [validation, *preparation.test_split(validation, self.checked_data)]
            return reporter.report(self._find(""), splits)
        return reporter.report(self._find("latest"), [validation]) if "eval" in self.mode else []

    def _train(self) -> None:
        """Trains from the last checkpoint, or the start, to `trainer.train_steps`."""
        self.best.begin()
        self.folder.write(self.config, self.evaluates, self.output_dir)
        description.write(self.config, self.output_dir)
        TrainingLoop(
            self.trainer,
            self.workers,
            self.latest,
            self.best,
            self.signals,
            validates=self.mode == "train_and_eval",
            folder=self.model_dir,
            output_dir=self.output_dir,
        ).run()

    def _find(self, checkpoint: str) -> str:
        """The checkpoint that mode eval evaluates. Raises InputError when there is none."""
        path: str | None = None
        if checkpoint not in ("", "best", "latest"):
            path = loading.find(checkpoint)
        if checkpoint in ("", "best"):
            path = self.best.path
        if checkpoint == "latest" or (checkpoint == "" and not path):
            path = self.latest.latest()
        path = self.workers.agree(path)
        if path is None:
            raise InputError(
                f"There is no {checkpoint or 'checkpoint'} in {self.model_dir} to evaluate; train "
                "first."
            )
        return path

"""The outer loop: trains, validates, keeps checkpoints, resumes, and reports, by mode."""

import os
import sys

import tensorflow as tf
from official.core import config_definitions, task_factory

from movinet.checkpoints import loading
from movinet.errors import InputError
from movinet.training import (
    configuration,
    description,
    history,
    preparation,
    reporting,
    strategies,
)
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints
from movinet.training.evaluation import Report
from movinet.training.modes import check_mode
from movinet.training.progress import Progress, describe
from movinet.training.trainer import Trainer
from movinet.training.workers import Workers


class Runner:
    """One run of an experiment in one folder, on one machine or, in step, on several.

    Files in `model_dir`: params.yaml, movinet.json and labels.txt, ckpt-* (latest), best/,
    history.jsonl, train/ and validation/ (TensorBoard), evaluation/.

    Raises: InputError when configuration, data and checkpoints do not fit together.
    """

    def __init__(
        self, config: config_definitions.ExperimentConfig, model_dir: str, mode: str
    ) -> None:
        self.mode = check_mode(mode)
        self.trains = self.mode.startswith("train")
        # First, so that a machine that fails from here on ends those that wait for it.
        self.strategy = strategies.build(config.runtime)
        self.workers = Workers(self.strategy)
        if self.workers.count > 1 and self.mode == "continuous_eval":
            raise InputError("--mode=continuous_eval runs on one machine: unset TF_CONFIG there.")
        self.config = config = preparation.prepare(
            config, train=self.trains, evaluate="eval" in self.mode
        )
        self.options = config.trainer
        self.model_dir = model_dir
        self.output_dir = self.workers.own(model_dir)
        if config.task.train_data.seed is not None:
            self.workers.seed(config.task.train_data.seed)
        with self.strategy.scope():
            task = task_factory.get_task(config.task, logging_dir=model_dir)
            self.trainer = Trainer(config, task, train=self.trains)
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
            self._evaluate_continuously()
            return reporter.report(self.best.path, [validation]) if self.best.path else []
        self._train(validates=self.mode == "train_and_eval")
        if self.mode == "train_and_eval":
            splits = [validation, *preparation.test_split(validation)]
            return reporter.report(self._find(""), splits)
        return reporter.report(self._find("latest"), [validation]) if "eval" in self.mode else []

    def _train(self, validates: bool) -> None:
        """Trains from the last checkpoint, or the start, to `trainer.train_steps`."""
        self._start()
        options, trainer = self.options, self.trainer
        configuration.save(os.path.join(self.output_dir, "params.yaml"), self.config)
        description.write(self.config, self.output_dir)
        self.history = history.History(
            self.output_dir, trainer.step, options.validation_summary_subdir
        )
        batch_size = self.config.task.train_data.global_batch_size
        self.progress = Progress(trainer.step, options.train_steps, batch_size)
        trials = options.recovery_max_trials
        try:
            while trainer.step < options.train_steps:
                begin = trainer.step
                loss = self._train_until(self._next_stop(begin, validates))
                if trials >= 0 and trainer.failed(loss):
                    trials -= 1
                    self._recover(loss, begin, trials)
                    continue
                finished = trainer.step == options.train_steps
                if finished or trainer.step % options.checkpoint_interval == 0:
                    self.latest.save()
                if validates and (finished or trainer.step % options.validation_interval == 0):
                    self._validate()
            if validates and not self.workers.agree(self._validated()):
                self._validate()
        finally:
            self.progress.close()

    def _start(self) -> None:
        if self.latest.latest:
            self.latest.restore(self.latest.latest)
            print(
                f"Resuming from {self.latest.latest} (step {self.trainer.step} of "
                f"{self.options.train_steps})."
            )
            return
        if tf.io.gfile.glob(os.path.join(self.model_dir, "ckpt-*.index")):
            raise InputError(
                f"{self.model_dir} holds checkpoints, but its file 'checkpoint', which names the "
                "newest, is missing or broken: restore it, or use another --model_dir."
            )
        self.trainer.task.initialize(self.trainer.model)

    def _next_stop(self, step: int, validates: bool) -> int:
        """The next step at which there is something to do; multiples of the intervals, wherever
        training began.
        """
        options = self.options
        intervals = [options.steps_per_loop, options.checkpoint_interval]
        intervals += [options.validation_interval] if validates else []
        return min(
            options.train_steps, *(step - step % interval + interval for interval in intervals)
        )

    def _train_until(self, stop: int) -> float:
        """Trains to the step `stop` and notes the numbers; returns the mean loss."""
        trainer, progress = self.trainer, self.progress
        # On a terminal the bar moves several times an interval.
        pieces = 10 if progress.on_terminal else 1
        while trainer.step < stop:
            steps = max(1, self.options.steps_per_loop // pieces)
            trainer.run_steps(min(steps, stop - trainer.step))
            progress.advance(trainer.step)
        numbers = trainer.take_training_metrics()
        if not trainer.failed(numbers["loss"]):
            self.history.add("train", stop, numbers)
        progress.show(numbers)
        return numbers["loss"]

    def _recover(self, loss: float, begin: int, trials: int) -> None:
        """Goes back to the last checkpoint after the loss has run away, or ends the run."""
        steps = f"steps {begin + 1} to {self.trainer.step}"
        last = self.latest.latest
        if trials < 0 or not last:
            kept = (
                f"; {last} holds the last good state"
                if last
                else "; there is no checkpoint to go back to"
            )
            raise InputError(
                f"Training stopped: the mean loss of {steps} is {loss:g}{kept}. Lower the "
                "learning rate "
                f"(it was {self.trainer.learning_rate:g}), warm up longer, or clip gradients "
                "(trainer.optimizer_config), and look for broken clips in the data."
            )
        self.progress.say(
            f"The mean loss of {steps} is {loss:g}; going back to {last} ({trials} more times at "
            "most)."
        )
        self.latest.restore(last)
        self.progress.step = self.trainer.step

    def _validate(self) -> None:
        """Evaluates the present weights (their moving average, if there is one) and keeps them if
        they are the best.
        """
        with self.trainer.averaged_weights():
            numbers = self.trainer.run_evaluation(
                self.config.task.validation_data, self.options.validation_steps
            )
            better = self.best.offer(numbers)
        self.history.add("validation", self.trainer.step, numbers)
        note = f" (best so far, kept in {self.best.path})" if better else ""
        self.progress.say(f"step {self.trainer.step}: validation {describe(numbers)}{note}")
        self.progress.resume()

    def _validated(self) -> bool:
        return any(
            record["split"] == "validation" and record["step"] == self.trainer.step
            for record in history.read(self.model_dir)
        )

    def _find(self, checkpoint: str) -> str:
        """The checkpoint that mode eval evaluates. Raises InputError when there is none."""
        found = {
            "best": self.best.path,
            "latest": self.latest.latest,
            "": self.best.path or self.latest.latest,
        }
        path = found[checkpoint] if checkpoint in found else loading.find(checkpoint)
        path = self.workers.agree(path)
        if path is None:
            raise InputError(
                f"There is no {checkpoint or 'checkpoint'} in {self.model_dir} to evaluate; train "
                "first."
            )
        return path

    def _evaluate_continuously(self) -> None:
        """Evaluates each new checkpoint of a run that trains elsewhere, until its last step or the
        timeout.
        """
        timeout = self.options.continuous_eval_timeout
        folder = os.path.join(self.model_dir, "continuous_eval")
        notes = history.History(folder, sys.maxsize, "validation")
        for path in tf.train.checkpoints_iterator(self.latest.folder, timeout=timeout):
            try:
                self.latest.restore(path)
            except InputError:
                print(f"{path} is gone or not whole; waiting for the next one.", flush=True)
                continue
            with self.trainer.averaged_weights():
                numbers = self.trainer.run_evaluation(
                    self.config.task.validation_data, self.options.validation_steps
                )
                self.best.offer(numbers)
            notes.add("validation", self.trainer.step, numbers)
            print(f"step {self.trainer.step}: validation {describe(numbers)}", flush=True)
            if self.trainer.step >= self.options.train_steps:
                break

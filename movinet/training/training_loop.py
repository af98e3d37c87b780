"""Trains to the last step: checkpoints, validation, recovery, and an end in order at any moment."""

import contextlib
import time

from movinet.errors import InputError, Stopped
from movinet.training import history, recoveries
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints
from movinet.training.progress import Progress, describe
from movinet.training.recoveries import Recovery
from movinet.training.stopping import StopSignals
from movinet.training.trainer import Trainer
from movinet.training.workers import Workers

# How long a signal may wait for the steps that run, which nothing can interrupt.
_SECONDS_OF_STEPS = 2.0
_PIECES_OF_A_BAR = 10


class TrainingLoop:
    """The training of a run, from its last checkpoint or the start.

    Args:
      validates: whether it also evaluates, every `trainer.validation_interval` steps.
      folder: of the run; output_dir: where this worker writes what belongs there.
    """

    def __init__(
        self,
        trainer: Trainer,
        workers: Workers,
        latest: LatestCheckpoints,
        best: BestCheckpoint,
        signals: StopSignals,
        *,
        validates: bool,
        folder: str,
        output_dir: str,
    ) -> None:
        self.trainer, self.workers = trainer, workers
        self.latest, self.best = latest, best
        self.signals, self.validates = signals, validates
        self.folder, self.output_dir = folder, output_dir
        self.options = trainer.config.trainer
        self.seconds_a_step: float | None = None

    def run(self) -> None:
        """Trains to `trainer.train_steps`. Raises InputError, or Stopped after a signal, when all
        that was learned is saved.
        """
        trainer, options = self.trainer, self.options
        self._start()
        self.history = history.History(
            self.output_dir, trainer.step, options.validation_summary_subdir
        )
        batch_size = trainer.config.task.train_data.global_batch_size
        self.progress = Progress(trainer.step, options.train_steps, batch_size)
        try:
            with self.signals.held():
                self._train()
        except Stopped:
            raise self._save_and_stop() from None
        finally:
            self.progress.close()

    def _train(self) -> None:
        trainer, options = self.trainer, self.options
        if trainer.step and self._is_due(options.validation_interval):
            self._validate()  # The part before this one may have ended in the middle of it.
        while trainer.step < options.train_steps:
            begin = trainer.step
            loss = self._train_until(self._next_stop())
            if options.recovery_max_trials >= 0 and trainer.failed(loss):
                self._recover(loss, begin)
                continue
            if self._is_due(options.checkpoint_interval):
                self.latest.save()
            if self._is_due(options.validation_interval):
                self._validate()
        self._stop_if_asked()

    def _start(self) -> None:
        """Goes on from the newest checkpoint that can be read, if there are any."""
        trainer = self.trainer
        found = self.latest.latest()
        if not found:
            trainer.task.initialize(trainer.model)
            return
        self._restore(found)
        print(f"Resuming from {found} (step {trainer.step} of {self.options.train_steps}).")

    def _restore(self, path: str) -> None:
        self.latest.restore(path)
        trainer = self.trainer
        done = recoveries.read(self.folder)
        trainer.read_from(recoveries.next_clip(done, trainer.step, trainer.next_clip))

    def _is_due(self, interval: int) -> bool:
        step = self.trainer.step
        return step % interval == 0 or step == self.options.train_steps

    def _next_stop(self) -> int:
        """The next step at which there is something to do; multiples of the intervals, wherever
        training began.
        """
        options, step = self.options, self.trainer.step
        intervals = [options.steps_per_loop, options.checkpoint_interval]
        intervals += [options.validation_interval] if self.validates else []
        return min(
            options.train_steps, *(step - step % interval + interval for interval in intervals)
        )

    def _train_until(self, stop: int) -> float:
        """Trains to the step `stop` and notes the numbers; returns the mean loss."""
        trainer, progress = self.trainer, self.progress
        while trainer.step < stop:
            self._stop_if_asked()
            self._take_steps(self.workers.agree(self._steps_at_once(stop - trainer.step)))
            progress.advance(trainer.step)
        numbers = trainer.take_training_metrics()
        if not trainer.failed(numbers["loss"]):
            self.history.add("train", stop, numbers)
        progress.show(numbers)
        return numbers["loss"]

    def _steps_at_once(self, left: int) -> int:
        """As many steps as a signal can wait for, and of a bar that moves."""
        if self.seconds_a_step is None:
            return 1
        steps = max(1, int(_SECONDS_OF_STEPS / max(self.seconds_a_step, 1e-6)))
        if self.progress.on_terminal:
            steps = min(steps, max(1, self.options.steps_per_loop // _PIECES_OF_A_BAR))
        return min(steps, left)

    def _take_steps(self, steps: int) -> None:
        """Takes steps; the first ones also trace the graph, which may be left at once."""
        begin = time.monotonic()
        if self.seconds_a_step is None and self._may_leave():
            with self.signals.held(False):
                self.trainer.run_steps(steps)
            self.seconds_a_step = time.monotonic() - begin
            return
        self.trainer.run_steps(steps)
        self.seconds_a_step = (time.monotonic() - begin) / steps

    def _may_leave(self) -> bool:
        """Whether this worker may leave what it does: alone, since others would wait for it."""
        return self.workers.count == 1

    def _stop_if_asked(self) -> None:
        """Ends this worker after a signal to any of them."""
        if self.workers.any(self.signals.received is not None):
            self.signals.follow()
            raise self.signals.stopped()

    def _save_and_stop(self) -> Stopped:
        """Saves what no checkpoint holds yet, unless the loss ran away; returns what to raise."""
        trainer = self.trainer
        unsaved = trainer.step > (self.latest.saved_step or 0)
        if unsaved and not trainer.failed(trainer.loss):
            self.latest.save()
        step = self.latest.saved_step
        kept = f"step {step} is saved in {self.folder}" if step else "there was nothing to save yet"
        return self.signals.stopped(f"{kept}. The same command goes on from there")

    def _recover(self, loss: float, begin: int) -> None:
        """Goes back to the last checkpoint after the loss has run away, and on behind the data it
        ran away with; or ends the run.
        """
        trainer = self.trainer
        last = self.latest.latest()
        done = recoveries.read(self.folder)
        trials = self.options.recovery_max_trials - len(done)
        steps = f"steps {begin + 1} to {trainer.step}"
        if trials < 1 or not last:
            kept = (
                f"{last} holds the last good state"
                if last
                else "there is no checkpoint to go back to"
            )
            raise InputError(
                f"Training stopped: the mean loss of {steps} is {loss:g}; {kept}. Lower the "
                f"learning rate (it was {trainer.learning_rate:g}), warm up longer, or clip "
                "gradients (trainer.optimizer_config), and look for broken clips in the data."
            )
        self.progress.say(
            f"The mean loss of {steps} is {loss:g}; going back to {last} and on with the data "
            f"behind these steps ({trials - 1} more times at most)."
        )
        clip = trainer.next_clip
        self.latest.restore(last)
        first = recoveries.next_clip(done, trainer.step, trainer.next_clip)
        done.append(Recovery(trainer.step, first, clip, f"{loss:g}"))
        recoveries.write(self.output_dir, done)
        trainer.read_from(clip)
        self.history.forget_after(trainer.step)
        self.progress.step = trainer.step

    def _validate(self) -> None:
        """Evaluates the present weights (their moving average, if there is one) and keeps them if
        they are the best; once a step.
        """
        trainer = self.trainer
        if not self.validates or self.workers.agree(self._validated()):
            return
        with trainer.averaged_weights():
            with self.signals.held(False) if self._may_leave() else contextlib.nullcontext():
                numbers = trainer.run_evaluation(
                    trainer.config.task.validation_data, self.options.validation_steps
                )
            better = self.best.offer(numbers)
        self.history.add("validation", trainer.step, numbers)
        note = f" (best so far, kept in {self.best.path})" if better else ""
        self.progress.say(f"step {trainer.step}: validation {describe(numbers)}{note}")
        self.progress.resume()

    def _validated(self) -> bool:
        return any(
            record["split"] == "validation" and record["step"] == self.trainer.step
            for record in history.read(self.folder)
        )

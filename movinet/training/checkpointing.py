"""The checkpoints of a run: the latest ones to go on from, and the best one by a validation
metric.
"""

import contextlib
import json
import math
import os
import pathlib
import time
from collections.abc import Iterator

import tensorflow as tf

from movinet import files
from movinet.errors import InputError
from movinet.training.trainer import Numbers, Trainer
from movinet.training.workers import Workers

UNREADABLE = (tf.errors.OpError, IndexError, ValueError, AssertionError)
# Shared file systems show what another machine has written after up to a minute.
_SECONDS_OF_LAG = 120


class LatestCheckpoints:
    """Checkpoints of the whole training state in `folder`, the newest few of which are kept.

    Attributes: latest: path of the newest one, None when there is none; the same on all workers.
    """

    def __init__(self, trainer: Trainer, workers: Workers, folder: str) -> None:
        options = trainer.config.trainer
        self.trainer = trainer
        self.workers = workers
        self.folder = folder
        try:
            self.manager = tf.train.CheckpointManager(
                trainer.checkpoint,
                workers.own(folder),
                options.max_to_keep,
                step_counter=trainer.global_step,
            )
        except ValueError as error:
            raise InputError(f"The file {folder}/checkpoint is broken: {error}.") from error
        self.latest: str | None = workers.agree(self.manager.latest_checkpoint)

    def save(self) -> None:
        """Saves the present state under its step number; all workers do, the chief's is kept."""
        path = self.manager.save(checkpoint_number=self.trainer.step)
        self.latest = self.workers.agree(path or self.manager.latest_checkpoint)

    def restore(self, path: str) -> None:
        """Reads the training state back. Raises InputError when it is damaged or of another
        model.
        """
        with readable(path, self.workers):
            self.trainer.checkpoint.restore(path).assert_consumed()


@contextlib.contextmanager
def readable(path: str, workers: Workers) -> Iterator[None]:
    """Waits until this machine sees the checkpoint `path`, and turns whatever reading it raises
    into an InputError.
    """
    _wait_for(path, workers)
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"The checkpoint {path} is damaged, or of another model or optimizer ({reason}). Use "
            "another "
            "--model_dir, or remove that checkpoint and its line in the file 'checkpoint'."
        ) from error


def _wait_for(path: str, workers: Workers) -> None:
    """Waits for a checkpoint that the chief has and this machine does not see yet."""
    deadline = time.monotonic() + _SECONDS_OF_LAG
    while not (workers.is_chief or tf.io.gfile.exists(f"{path}.index")):
        if time.monotonic() > deadline:
            raise InputError(
                f"Worker {workers.index} does not see {path}, which worker 0 has: --model_dir must "
                "be a folder that all machines share, under the same path."
            )
        time.sleep(1)


class BestCheckpoint:
    """The weights with the best validation metric so far (of equals, the lower loss), in `folder`,
    with a record beside them.

    The weights are written first, then the record that names them, then older weights are removed:
    a stop at any moment leaves
    a record whose weights are there. A value that is not a number is never the best.
    """

    def __init__(
        self, trainer: Trainer, workers: Workers, folder: str, metric: str, comparison: str
    ) -> None:
        if comparison not in ("higher", "lower"):
            raise InputError(
                f"trainer.best_checkpoint_metric_comp is {comparison!r}; it must be higher or "
                "lower."
            )
        self.trainer = trainer
        self.workers = workers
        self.folder = pathlib.Path(folder)
        self.metric = metric
        self.sign = 1.0 if comparison == "higher" else -1.0

    @property
    def record(self) -> dict | None:
        """{'step', 'checkpoint', 'metric', 'value', 'metrics'} of the best so far; None when there
        is none on disk.
        """
        try:
            record = json.loads((self.folder / "best.json").read_text(encoding="utf-8"))
            known = (self.folder / f"{record['checkpoint']}.index").exists() and math.isfinite(
                record["value"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if known else None

    @property
    def path(self) -> str | None:
        """Path of the best checkpoint, None when there is none."""
        record = self.record
        return str(self.folder / record["checkpoint"]) if record else None

    def _rank(self, metrics: Numbers) -> tuple[float, float]:
        """Larger is better; of equal values, which a small split gives often, the lower loss."""
        value, loss = metrics.get(self.metric, math.nan), metrics.get("loss", math.inf)
        return self.sign * value, -loss if math.isfinite(loss) else -math.inf

    def _beats(self, metrics: Numbers) -> bool:
        """Whether these metrics are better than the best so far."""
        record = self.record
        return math.isfinite(metrics[self.metric]) and (
            record is None or self._rank(metrics) > self._rank(record["metrics"])
        )

    def offer(self, metrics: Numbers) -> bool:
        """Keeps the present weights if their metrics beat the best so far; returns whether so.

        All workers offer the same; the chief, whose record it is, decides.
        """
        if self.metric not in metrics:
            raise InputError(
                f"trainer.best_checkpoint_eval_metric is {self.metric!r}; validation gives "
                f"{', '.join(sorted(metrics))}."
            )
        better = self.workers.agree(self._beats(metrics))
        if better:
            self._write(pathlib.Path(self.workers.own(str(self.folder))), metrics)
        return better

    def _write(self, folder: pathlib.Path, metrics: Numbers) -> None:
        name = f"ckpt-{self.trainer.step}"
        folder.mkdir(parents=True, exist_ok=True)
        # Without a save counter `Checkpoint.restore` finds something that is not matched.
        self.trainer.weights.save_counter.assign_add(1)
        self.trainer.weights.write(str(folder / name))
        files.write_text(
            folder / "checkpoint",
            f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n',
        )
        record = {
            "step": self.trainer.step,
            "checkpoint": name,
            "metric": self.metric,
            "value": metrics[self.metric],
            "metrics": metrics,
        }
        files.write_text(folder / "best.json", json.dumps(record, indent=2) + "\n")
        for old in folder.glob("ckpt-*"):
            if old.name.split(".")[0] != name:
                os.remove(old)

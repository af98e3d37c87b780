"""The checkpoints of a run: the latest ones to go on from, and the best one by a validation
metric.
"""

import contextlib
import json
import math
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from movinet import files
from movinet.errors import InputError
from movinet.training.trainer import Numbers, Trainer

UNREADABLE = (tf.errors.OpError, IndexError, ValueError, AssertionError)


class LatestCheckpoints:
    """Checkpoints of the whole training state in `folder`, the newest few of which are kept."""

    def __init__(self, trainer: Trainer, folder: str) -> None:
        options = trainer.config.trainer
        self.trainer = trainer
        try:
            self.manager = tf.train.CheckpointManager(
                trainer.checkpoint, folder, options.max_to_keep, step_counter=trainer.global_step
            )
        except ValueError as error:
            raise InputError(f"The file {folder}/checkpoint is broken: {error}.") from error

    @property
    def latest(self) -> str | None:
        """Path of the newest checkpoint, None when there is none."""
        return self.manager.latest_checkpoint

    def save(self) -> str:
        """Saves the present state under its step number."""
        path = self.manager.save(checkpoint_number=self.trainer.step)
        return path or self.manager.latest_checkpoint

    def restore(self, path: str) -> None:
        """Reads the training state back. Raises InputError when it is damaged or of another
        model.
        """
        with readable(path):
            self.trainer.checkpoint.restore(path).assert_consumed()


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """Turns whatever reading the checkpoint `path` raises into an InputError."""
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"The checkpoint {path} is damaged, or of another model or optimizer ({reason}). Use "
            "another "
            "--model_dir, or remove that checkpoint and its line in the file 'checkpoint'."
        ) from error


class BestCheckpoint:
    """The weights with the best validation metric so far (of equals, the lower loss), in `folder`,
    with a record beside them.

    The weights are written first, then the record that names them, then older weights are removed:
    a stop at any moment leaves
    a record whose weights are there. A value that is not a number is never the best.
    """

    def __init__(self, trainer: Trainer, folder: str, metric: str, comparison: str) -> None:
        if comparison not in ("higher", "lower"):
            raise InputError(
                f"trainer.best_checkpoint_metric_comp is {comparison!r}; it must be higher or "
                "lower."
            )
        self.trainer = trainer
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

    def offer(self, metrics: Numbers) -> bool:
        """Keeps the present weights if their metrics beat the best so far; returns whether so."""
        if self.metric not in metrics:
            raise InputError(
                f"trainer.best_checkpoint_eval_metric is {self.metric!r}; validation gives "
                f"{', '.join(sorted(metrics))}."
            )
        value = metrics[self.metric]
        record = self.record
        if not math.isfinite(value) or (
            record and self._rank(record["metrics"]) >= self._rank(metrics)
        ):
            return False
        name = f"ckpt-{self.trainer.step}"
        self.folder.mkdir(parents=True, exist_ok=True)
        # Without a save counter `Checkpoint.restore` finds something that is not matched.
        self.trainer.weights.save_counter.assign_add(1)
        self.trainer.weights.write(str(self.folder / name))
        files.write_text(
            self.folder / "checkpoint",
            f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n',
        )
        record = {
            "step": self.trainer.step,
            "checkpoint": name,
            "metric": self.metric,
            "value": value,
            "metrics": metrics,
        }
        files.write_text(self.folder / "best.json", json.dumps(record, indent=2) + "\n")
        for old in self.folder.glob("ckpt-*"):
            if old.name.split(".")[0] != name:
                os.remove(old)
        return True

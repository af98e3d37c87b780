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
from movinet.checkpoints import loading
from movinet.errors import InputError
from movinet.training import saved_states
from movinet.training.trainer import Numbers, Trainer
from movinet.training.workers import Workers

# Shared file systems show what another machine has written after up to a minute.
_SECONDS_OF_LAG = 120
_SHOWN = 10
# What a record that is not there, cut short or made up may raise.
_SENSELESS = (
    OSError,
    ValueError,
    ArithmeticError,
    RecursionError,
    LookupError,
    TypeError,
    AttributeError,
)


class LatestCheckpoints:
    """Checkpoints of the whole training state in `folder`, the newest few of which are kept.

    Attributes: saved_step: that of the state that was last saved or restored.
    """

    def __init__(self, trainer: Trainer, workers: Workers, folder: str) -> None:
        self.trainer = trainer
        self.workers = workers
        self.folder = folder
        self.saved_step: int | None = None
        self._own = workers.own(folder)
        self._max_to_keep = trainer.config.trainer.max_to_keep
        # TensorFlow makes it when it is first asked for; what is read into must have it.
        self._counter = trainer.checkpoint.save_counter

    def latest(self) -> str | None:
        """Path of the newest one that can be read; None when there is none at all.

        Says loudly which ones are passed over. All workers get the chief's answer.

        Raises: InputError, naming each file and what is wrong, when none of them can be read.
        """
        path, problems = self.workers.agree(self._newest())
        if problems:
            raise InputError(
                f"No checkpoint in {self.folder} can be read: {'; '.join(problems)}. Bring one of "
                "them back, or begin anew with --fresh, which keeps these files in a folder there."
            )
        return path

    def _newest(self) -> tuple[str | None, list[str]]:
        """The newest one, or what is wrong with those that there are."""
        problems = []
        for state in saved_states.find(self._own):
            problem = saved_states.problem(state)
            if not problem:
                return state.path, []
            problems.append(f"{state.path} ({problem})")
            print(f"WARNING: {problems[-1]} is damaged; looking for an older one.", flush=True)
        if not problems and os.path.exists(os.path.join(self._own, saved_states.INDEX)):
            problems.append("all that were saved are gone")
        return None, problems[:_SHOWN]

    def save(self) -> None:
        """Saves the present state under its step number; all workers do, the chief's is kept."""
        step = self.trainer.step
        # So that a state says nothing of the stops on the way to it.
        self._counter.assign(step)
        saved_states.save(self.trainer.checkpoint, self._own, saved_states.name(step))
        states = [state for state in saved_states.find(self._own) if state.step <= step]
        kept = states[: self._max_to_keep]
        names = [os.path.basename(state.path) for state in reversed(kept)]
        saved_states.write_index(self._own, names)
        for state in states[self._max_to_keep :]:
            saved_states.remove(state)
        self.saved_step = self.workers.agree(step)

    def restore(self, path: str) -> None:
        """Reads the training state back. Raises InputError when it is damaged or of another
        model.
        """
        with readable(path, self.workers):
            self.trainer.checkpoint.read(path).assert_consumed()
        self.saved_step = self.trainer.step


@contextlib.contextmanager
def readable(path: str, workers: Workers) -> Iterator[None]:
    """Waits until this machine sees the checkpoint `path`, and turns whatever reading it raises
    into an InputError.
    """
    _wait_for(path, workers)
    try:
        yield
    except (*loading.UNREADABLE, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"The checkpoint {path} is damaged, or of another model or optimizer ({reason}). Use "
            "another --model_dir, or remove the files of that checkpoint."
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
    a stop at any moment leaves a record whose weights are there. A value that is not a number is
    never the best.
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
            finite = [math.isfinite(n) for n in (record["value"], *record["metrics"].values())]
            name = str(record["checkpoint"])
        except _SENSELESS:
            return None
        names = {os.path.basename(state.path) for state in saved_states.find(self.folder)}
        return record if finite[0] and name in names else None

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
            self._write(metrics)
        return better

    def begin(self) -> None:
        """Removes what a stop left there without a record."""
        record = self.record
        if self.workers.is_chief:
            # The folder itself is made with the first weights, if the run's is still there then.
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            if record:
                self._keep_only(self.folder, record["checkpoint"])

    def _write(self, metrics: Numbers) -> None:
        folder = pathlib.Path(self.workers.own(str(self.folder)))
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"Cannot write {folder}: {error.strerror}.") from error
        before = self.record
        name = saved_states.name(self.trainer.step, unlike=before["checkpoint"] if before else "")
        self.trainer.weights.save_counter.assign(self.trainer.step)
        saved_states.save(self.trainer.weights, str(folder), name)
        record = {
            "step": self.trainer.step,
            "checkpoint": name,
            "metric": self.metric,
            "value": metrics[self.metric],
            "metrics": metrics,
        }
        files.write_text(folder / "best.json", json.dumps(record, indent=2) + "\n")
        self._keep_only(folder, name)

    @staticmethod
    def _keep_only(folder: pathlib.Path, name: str) -> None:
        saved_states.clean(str(folder))
        saved_states.write_index(str(folder), [name])
        for state in saved_states.find(folder):
            if os.path.basename(state.path) != name:
                saved_states.remove(state)

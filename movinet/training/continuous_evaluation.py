"""Evaluates each checkpoint of a run that trains elsewhere, once, as they come."""

import os
import sys
import time

from movinet.errors import InputError
from movinet.training import history, saved_states
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints
from movinet.training.progress import describe
from movinet.training.saved_states import SavedState
from movinet.training.trainer import Trainer

_SECONDS_BETWEEN_LOOKS = 1.0


def run(trainer: Trainer, latest: LatestCheckpoints, best: BestCheckpoint) -> None:
    """Evaluates until the last step of the training, or until nothing new has come for
    `trainer.continuous_eval_timeout` seconds. What an earlier evaluation has done is not repeated.
    """
    best.begin()
    options, validation = trainer.config.trainer, trainer.config.task.validation_data
    folder = os.path.join(latest.folder, "continuous_eval")
    notes = history.History(folder, sys.maxsize, "validation")
    done = {record["step"] for record in history.read(folder)}
    passed_over: set[tuple] = set()
    deadline = time.monotonic() + options.continuous_eval_timeout
    while max(done, default=0) < options.train_steps and time.monotonic() < deadline:
        state = _next(latest.folder, done, passed_over)
        if state is None:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            continue
        try:
            latest.restore(state.path)
        except InputError:
            # Removed by the training that goes on, or not whole: one that is written anew differs.
            print(f"{state.path} is gone or not whole; going on with the next one.", flush=True)
            passed_over.add(_seen(state))
            continue
        with trainer.averaged_weights():
            numbers = trainer.run_evaluation(validation, options.validation_steps)
            best.offer(numbers)
        notes.add("validation", trainer.step, numbers)
        print(f"step {trainer.step}: validation {describe(numbers)}", flush=True)
        done.add(state.step)
        deadline = time.monotonic() + options.continuous_eval_timeout


def _next(folder: str, done: set[int], passed_over: set[tuple]) -> SavedState | None:
    """The oldest state that is not evaluated yet."""
    for state in reversed(saved_states.find(folder)):
        if state.step not in done and _seen(state) not in passed_over:
            return state
    return None


def _seen(state: SavedState) -> tuple:
    """What tells one writing of a state from another."""
    try:
        return (*state, os.stat(f"{state.path}.index").st_mtime_ns)
    except OSError:
        return (*state, 0)

"""Saves a state and the best weights, killed at each call that changes the disk, one after the
other; after each kill the folder must hold whole states, and a best that is what its record says.

Ends with 0 and says at how many points it was killed.
"""

import os
import pathlib
import shutil
import signal
import sys
import types

import tensorflow as tf

from movinet.training import saved_states
from movinet.training.checkpointing import BestCheckpoint, LatestCheckpoints

CALLS = ((os, "replace"), (os, "mkdir"), (os, "remove"), (os, "fsync"), (shutil, "rmtree"))


class Alone:
    """One machine."""

    is_chief = True

    def own(self, folder):
        return folder

    def agree(self, value):
        return value


class Trainer:
    """As much of a trainer as checkpoints need: one variable, whose values are the step."""

    def __init__(self):
        self.weight = tf.Variable(tf.zeros([5000]))
        self.checkpoint = tf.train.Checkpoint(weight=self.weight)
        self.weights = tf.train.Checkpoint(weight=self.weight)
        trainer = types.SimpleNamespace(max_to_keep=2)
        self.config = types.SimpleNamespace(trainer=trainer)
        self.step = 0

    def at(self, step):
        self.step = step
        self.weight.assign(tf.fill([5000], float(step)))


def save(folder, steps, kill_at):
    """Saves states and best weights; dies at the call of that number."""
    trainer = Trainer()
    latest = LatestCheckpoints(trainer, Alone(), str(folder))
    best = BestCheckpoint(trainer, Alone(), str(folder / "best"), "accuracy", "higher")
    best.begin()
    count = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for module, name in CALLS:
        setattr(module, name, counted(getattr(module, name)))
    write = trainer.checkpoint.write
    trainer.checkpoint.write = counted(write)
    for step in steps:
        trainer.at(step)
        latest.save()
        best.offer({"accuracy": step / 100, "loss": 1.0})
        # Work that is done again may give other weights for the same step.
        best.offer({"accuracy": step / 100, "loss": 0.5})


def value(path):
    """What the weights in a checkpoint are."""
    reader = tf.train.load_checkpoint(path)
    return reader.get_tensor("weight/.ATTRIBUTES/VARIABLE_VALUE")[0]


def check(folder):
    """Fails unless states and best are whole."""
    states = [state for state in saved_states.find(folder) if not saved_states.problem(state)]
    assert states and states[0].step in (20, 30), states
    assert all(value(state.path) == state.step for state in states)
    best = BestCheckpoint(Trainer(), Alone(), str(folder / "best"), "accuracy", "higher")
    record = best.record
    assert record and record["step"] in (20, 30), record
    assert value(best.path) == record["step"], record
    assert not saved_states.unreadable(best.path)


def in_child(function, *arguments):
    """Runs a function in a process of its own; returns how that ended."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        function(*arguments)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)


def main(folder):
    begun = folder / "begun"
    begun.mkdir()
    assert in_child(save, begun, (10, 20), -1) == 0
    assert in_child(check, begun) == 0
    points = 0
    while True:
        copy = shutil.copytree(begun, folder / f"killed_{points + 1}")
        code = in_child(save, copy, (30,), points + 1)
        assert code in (0, -signal.SIGKILL), code
        assert in_child(check, copy) == 0, points
        # The next start cleans up, and comes to the end.
        assert in_child(save, copy, (30,), -1) == 0 and in_child(check, copy) == 0, points
        litter = [path for path in copy.rglob("*") if path.name == ".saving"]
        assert not litter, litter
        if code == 0:
            break
        points += 1
        shutil.rmtree(copy)
    print(f"points: {points}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

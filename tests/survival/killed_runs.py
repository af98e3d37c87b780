"""The run that is killed: long enough to meet every kind of moment, with all that has a state."""

import pathlib
import random
import re
import signal

from tiny_run import tiny_override

STEPS = 120
CHECKPOINT_INTERVAL = 20
_SETTINGS = {
    "trainer.train_steps": STEPS,
    "trainer.steps_per_loop": 10,
    "trainer.checkpoint_interval": CHECKPOINT_INTERVAL,
    "trainer.validation_interval": 30,
    "trainer.max_to_keep": 3,
    "trainer.optimizer_config.ema": "{average_decay: 0.9}",
    "trainer.optimizer_config.learning_rate.cosine.decay_steps": STEPS,
    "task.model.dropout_rate": 0.3,
    "task.model.backbone.movinet.stochastic_depth_drop_rate": 0.3,
}
_STEP = re.compile(r"^step (\d+)/", re.MULTILINE)
_RESUMED = re.compile(r"^Resuming from .* \(step (\d+) of", re.MULTILINE)


def command(dataset, folder, *more, **changes):
    """The arguments of `train.py` for a deterministic run in `folder`; a change is of a setting of
    the trainer."""
    settings = _SETTINGS | {f"trainer.{name}": value for name, value in changes.items()}
    override = tiny_override(dataset, tuple(settings))
    override += "".join(f",{name}={value}" for name, value in settings.items())
    return [f"--model_dir={folder}", f"--params_override={override}", "--deterministic", *more]


class Killer:
    """Ends one life after another of a run at random moments, and damages what it left.

    Attributes:
      kills, damages: how many.
      redone: the most steps that a life had to take again.
      is_damaged: whether the next life finds a checkpoint damaged.
    """

    def __init__(self, server, arguments, folder, seed):
        self.server, self.arguments = server, arguments
        self.folder = pathlib.Path(folder)
        self.random = random.Random(seed)
        self.kills = self.damages = self.redone = 0
        self._reached = 0
        self.is_damaged = False

    def live_once(self):
        """Starts the run and kills it, anywhere from its first moment to its last steps.

        Returns whether it lived to its end instead.
        """
        life = self.server.start(*self.arguments)
        code = life.wait_at_most(self.random.uniform(0, self.server.longest))
        if code is None:
            life.signal(signal.SIGKILL)
            code = life.wait()
        assert code in (0, -signal.SIGKILL), life.output()
        self.count_steps(life.output())
        self.kills += code != 0
        return code == 0

    def count_steps(self, output):
        """Work that is done again is at most what one interval holds."""
        resumed = _RESUMED.search(output)
        if resumed and self.is_damaged:
            # What the damage cost is not the run's doing, in the lives after this one neither.
            self._reached, self.is_damaged = int(resumed[1]), False
        elif resumed:
            self.redone = max(self.redone, self._reached - int(resumed[1]))
            assert self.redone <= CHECKPOINT_INTERVAL, output
        self._reached = max([int(step) for step in _STEP.findall(output)], default=self._reached)

    def begin_anew(self):
        """Another run takes the place of one that came to its end."""
        self._reached = 0

    def damage_newest(self):
        """Cuts, flips or removes a file of the newest of several checkpoints."""
        indices = sorted(self.folder.glob("ckpt-*.index"), key=lambda path: int(path.stem[5:]))
        if len(indices) < 2:
            return
        index = indices[-1]
        data = index.with_suffix(".data-00000-of-00001")
        path = self.random.choice([index, data])
        content = bytearray(path.read_bytes())
        kind = self.random.choice(["cut", "empty", "flip", "remove"])
        if kind == "remove":
            path.unlink()
        elif kind == "flip" and path == data:
            content[self.random.randrange(len(content))] ^= 0x10
            path.write_bytes(content)
        else:
            path.write_bytes(b"" if kind == "empty" else content[: len(content) // 2])
        self.damages += 1
        self.is_damaged = True

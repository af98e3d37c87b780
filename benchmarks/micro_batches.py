r"""How far a step moves away from that of the whole batch when it is taken in micro-batches.

    python3 benchmarks/micro_batches.py --update=docs/batch_size.md

The network of the sample experiment trains --train_steps steps on clips of the sample data, since a
fresh network multiplies its branches by zero. From those weights each number of micro-batches takes
one step of plain gradient descent on the same batch: with batch norm as usual, and with its
statistics frozen. Given is the length of the difference to the step in one, divided by the length
of that; likewise for the running statistics. The last line takes the step in one on other clips:
what chance does.
"""

import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from benchmarks import marked_lines
from movinet import cli

_BATCH = flags.DEFINE_integer("batch_size", 32, "Clips in a step.", lower_bound=2)
_COUNTS = flags.DEFINE_list("counts", "2,4,8,16,32", "Numbers of micro-batches.")
_STEPS = flags.DEFINE_integer("train_steps", 100, "Steps before.", lower_bound=0)
_MODEL_ID = flags.DEFINE_string("model_id", "a0", "Architecture (default a0).")
_UPDATE = flags.DEFINE_string("update", None, "Document whose table is replaced (.md).")

NAME = "micro_batches"
FRAMES, SIZE = 8, 64
CLIPS_A_CLASS = 16
_DESCENT = (
    "trainer.optimizer_config.optimizer={type: sgd},trainer.optimizer_config.warmup.type=null,"
    "trainer.optimizer_config.learning_rate={type: constant, constant: {learning_rate: 1.0}}"
)


def main() -> None:
    """Trains, takes the steps, prints and writes."""
    if _UPDATE.value:
        marked_lines.replaced(pathlib.Path(_UPDATE.value), NAME, [])
    for count in _COUNTS.value:
        configuration(int(count))
    lines = []
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if _UPDATE.value:
        marked_lines.update(_UPDATE.value, NAME, lines)


def configuration(count: int, changes: str = _DESCENT) -> Any:
    """Returns the experiment with so many micro-batches. Raises InputError if there are none."""
    from movinet.data import sample
    from movinet.training import configuration, step_settings

    settings = {
        "runtime.distribution_strategy": "one_device",
        "task.model.backbone.movinet.model_id": _MODEL_ID.value,
        "task.model.dropout_rate": 0,
        "task.train_data.num_classes": len(sample.MOTIONS),
        "task.train_data.global_batch_size": _BATCH.value,
        "trainer.gradient_accumulation_steps": count,
    }
    override = ",".join([*(f"{name}={value}" for name, value in settings.items()), changes])
    config = configuration.load_experiment("movinet_sample", [], override)
    step_settings.check(config)
    return config


def table() -> Iterator[str]:
    """Yields the lines of the table."""
    import numpy as np

    cli.quieten()
    batch, other = draw_batches()
    start = trained()
    reference = {frozen: step(1, batch, start, frozen) for frozen in (False, True)}

    def differences(found: dict[bool, list]) -> list[str]:
        pairs = [(found[False][i], reference[False][i]) for i in range(3)]
        pairs.insert(1, (found[True][0], reference[True][0]))
        return [f"{np.linalg.norm(a - b) / np.linalg.norm(b):.1e}" for a, b in pairs]

    names = ("step", "step, norms frozen", "running means", "running variances")
    yield f"| micro-batches | clips in each | {' | '.join(names)} |"
    yield "|" + "---|" * (2 + len(names))
    runs = [(str(count), int(count), batch) for count in _COUNTS.value]
    for name, count, clips in [*runs, ("1, other clips", 1, other)]:
        found = {frozen: step(count, clips, start, frozen) for frozen in (False, True)}
        yield f"| {name} | {_BATCH.value // count} | {' | '.join(differences(found))} |"


def draw_clips(seed: int, count: int) -> tuple[Any, Any]:
    """Returns clips of all motions in turn, float32 [N, T, H, W, 3], and their labels [N, K]."""
    import numpy as np

    from movinet.data import sample

    labels = np.arange(count) % len(sample.MOTIONS)
    names = list(sample.MOTIONS)
    first = (sample.FRAME_SIZE - SIZE) // 2
    window = slice(first, first + SIZE)
    clips = [
        sample.draw_clip(names[label], (seed, number))[: 2 * FRAMES : 2, window, window]
        for number, label in enumerate(labels)
    ]
    return np.stack(clips).astype(np.float32) / 255, np.eye(len(names), dtype=np.float32)[labels]


def draw_batches() -> list[tuple[Any, Any]]:
    """Returns two batches in an order of no meaning."""
    import numpy as np

    order = np.random.default_rng(0).permutation(_BATCH.value)
    return [tuple(part[order] for part in draw_clips(seed, _BATCH.value)) for seed in (1, 2)]


def trainer_of(config: Any) -> Any:
    """Returns a trainer that has no dataset of its own."""
    from movinet.training.task import MovinetTask
    from movinet.training.trainer import Trainer

    return Trainer(config, MovinetTask(config.task), train=False)


def iterator(clips: Any, labels: Any, batch_size: int, seed: int | None = None) -> Any:
    """Returns batches without end; in a new order each time round if there is a seed."""
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(({"image": clips}, labels))
    data = data if seed is None else data.shuffle(len(clips), seed=seed)
    return iter(data.repeat().batch(batch_size, drop_remainder=True))


def trained() -> list[Any]:
    """Returns the values of all variables after training."""
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    trainer = trainer_of(configuration(1, "trainer.train_steps=1000"))
    clips = draw_clips(0, CLIPS_A_CLASS * trainer.task.num_classes)
    data, take = iterator(*clips, _BATCH.value, seed=1), tf.function(trainer.train_step)
    for _ in range(_STEPS.value):
        take(data)
    return [variable.numpy() for variable in trainer.model.variables]


def step(count: int, batch: tuple[Any, Any], start: list[Any], frozen: bool) -> list[Any]:
    """Returns how far a step moves weights, running means and running variances, as vectors."""
    import numpy as np
    import tensorflow as tf
    import tf_keras

    trainer = trainer_of(configuration(count))
    groups: list[list[Any]] = [[], [], []]
    for variable, value in zip(trainer.model.variables, start, strict=True):
        variable.assign(value)
        kinds = ["moving_mean" in variable.name, "moving_variance" in variable.name]
        groups[kinds.index(True) + 1 if any(kinds) else 0].append(variable)
    for layer in trainer.model.submodules:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.trainable = not frozen
    before = [vector(group) for group in groups]
    tf.function(trainer.train_step)(iterator(*batch, _BATCH.value // count))
    after = [vector(group) for group in groups]
    return [np.subtract(*pair) for pair in zip(after, before, strict=True)]


def vector(variables: list[Any]) -> Any:
    """Returns the values of variables as one vector."""
    import numpy as np

    return np.concatenate([variable.numpy().ravel() for variable in variables])


if __name__ == "__main__":
    cli.run(main)

r"""Milliseconds of AutoAugment a clip, the official beside ours: each operation, and the average.

    python3 benchmarks/augmentation.py

Both change the same clip at the same level, and the results must agree: the table says which share
of values differs by 1 of 255; where one differs by more, the command ends. Cutout cannot be
compared: the official draws its box, in a few frames only. The last rows are the mean of --draws
clips of a policy, drawn by each from its own generator, and what drawing alone costs ours.

The two take turns; times are medians of --rounds.
"""

import functools
import os
import pathlib
import statistics
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import flags

from movinet import cli
from movinet.errors import VerificationError

_FRAMES = flags.DEFINE_integer("frames", 8, "Frames of the clip.", lower_bound=1)
_SIZE = flags.DEFINE_integer("size", 172, "Height and width in pixels.", lower_bound=8)
_LEVEL = flags.DEFINE_float("level", 4, "Level of the operations.", 0, 10)
_POLICY = flags.DEFINE_string("policy", "v0", "The Model Garden's name of the policy.")
_DRAWS = flags.DEFINE_integer("draws", 50, "Clips that it changes in a round.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 15, "Rounds in which the two take turns.", lower_bound=1)

_CONSTANTS = {"cutout_const": 100, "translate_const": 250}  # AutoAugment's own; pixels at level 10


def main() -> None:
    """Prints the table."""
    cli.quieten()
    import numpy as np
    import tensorflow as tf

    from benchmarks.input_pipeline import InputSettings, moving_picture
    from movinet.training.augmenters import OPERATIONS

    shape = {"video_height": _SIZE.value, "video_width": _SIZE.value}
    frames = moving_picture(
        InputSettings(video_frames=_FRAMES.value, **shape), np.random.default_rng(0)
    )
    clip = tf.constant(np.stack(list(frames)))
    print("| operation | official, ms | ours, ms | official / ours | differing |")
    print("|---|---|---|---|---|", flush=True)
    for name in OPERATIONS:
        runs = of_operation(name, clip)
        share = "-" if name == "Cutout" else f"{differing(name, *(run() for run in runs)):.1e}"
        print_row(name, *milliseconds(*runs), share)
    official, ours, draw = of_policy(clip)
    times = [time / _DRAWS.value for time in milliseconds(official, ours, draw)]
    print_row(f"mean of the policy {_POLICY.value}", *times[:2], "-")
    print(f"\nDrawing alone is {times[2]:.2f} ms of ours.")


def of_operation(name: str, clip: Any) -> tuple[Callable, Callable]:
    """The official operation and ours on the clip, with the same arguments."""
    import tensorflow as tf
    from official.vision.ops import augment

    from movinet.training.augmenters import OPERATIONS

    arguments = augment.level_to_arg(**_CONSTANTS)[name](_LEVEL.value)
    fill = [[128] * 3] if name in augment.REPLACE_FUNCS else []
    centre = [tf.constant([_SIZE.value // 2] * 2)] if name == "Cutout" else []
    official = tf.function(lambda clip: augment.NAME_TO_FUNC[name](clip, *arguments, *fill))
    ours = tf.function(lambda clip: OPERATIONS[name](clip, *arguments, *centre))
    return functools.partial(official, clip), functools.partial(ours, clip)


def of_policy(clip: Any) -> tuple[Callable, Callable, Callable]:
    """Each changes many clips by a policy: the official, ours, and ours with nothing to do."""
    import tensorflow as tf
    from official.vision.ops import augment

    from movinet.training.augmenters import AutoAugment

    official = augment.AutoAugment(_POLICY.value, **_CONSTANTS)
    ours = AutoAugment.named(_POLICY.value, **_CONSTANTS)
    never = [[(name, 0.0, level) for name, _, level in policy] for policy in official.policies]
    idle = AutoAugment(never, **_CONSTANTS)
    seeds = tf.data.Dataset.random(seed=1, rerandomize_each_iteration=True).batch(2)

    def change(augmenter: Callable) -> Callable:
        clips = iter(seeds.map(lambda seed: augmenter(clip, seed), num_parallel_calls=1))

        def run() -> Any:
            for _ in range(_DRAWS.value):
                changed = next(clips)
            return changed

        return run

    return change(lambda clip, _: official.distort(clip)), change(ours), change(idle)


def differing(name: str, official: Any, ours: Any) -> float:
    """The share of values that differ by 1.

    Raises: VerificationError if one differs by more.
    """
    import numpy as np

    differences = np.abs(official.numpy().astype(int) - ours.numpy().astype(int))
    if differences.max() > 1:
        raise VerificationError(f"{name}: values differ by up to {differences.max()} of 255.")
    return float(differences.mean())


def milliseconds(*runs: Callable) -> list[float]:
    """Median times of runs that take turns."""
    from benchmarks.timing import turns

    calls = {str(i): lambda run=run: run().numpy() for i, run in enumerate(runs)}
    times = turns(calls, rounds=_ROUNDS.value, warm_up=2)
    return [1e3 * statistics.median(rounds) for rounds in times.values()]


def print_row(name: str, official: float, ours: float, share: str) -> None:
    """One line of the table."""
    ratio = official / ours
    print(f"| {name} | {official:.2f} | {ours:.2f} | {ratio:.1f} | {share} |", flush=True)


if __name__ == "__main__":
    cli.run(main)

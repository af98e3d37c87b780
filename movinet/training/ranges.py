"""Which numbers a setting may have: by its name, wherever it stands."""

import math
import sys
from typing import NamedTuple


class Range(NamedTuple):
    """The numbers from `least` to `most`, both included."""

    least: float
    most: float

    def __str__(self) -> str:
        if math.isinf(self.most):
            return f"of at least {self.least}"
        if self.most == _LARGEST:
            return "that is finite" + (" and at least 0" if self.least == 0 else "")
        return f"from {self.least:,} to {self.most:,}"


_LARGEST = sys.float_info.max
# Steps, sizes and counts are 32-bit numbers in one place or another of TensorFlow.
_LARGEST_COUNT = 2**31 - 1

_RANGES = {
    # Whatever the loss is.
    "loss_upper_bound": Range(0, math.inf),
    "seed": Range(-(2**63), 2**63 - 1),
    # Exponents.
    "power": Range(-_LARGEST, _LARGEST),
    "beta_2_decay": Range(-_LARGEST, _LARGEST),
    # Steps by which a schedule is moved, to either side.
    "offset": Range(-_LARGEST_COUNT, _LARGEST_COUNT),
    "step_offset": Range(-_LARGEST_COUNT, _LARGEST_COUNT),
    # Less than 0 is refused with a better sentence where the batch and the clip are known.
    "reference_batch_size": Range(-_LARGEST_COUNT, _LARGEST_COUNT),
    "frames": Range(-_LARGEST_COUNT, _LARGEST_COUNT),
    # -1 is all, none, or not known.
    **dict.fromkeys(
        (
            "audio_feature_shape",
            "default_shard_dim",
            "num_classes",
            "num_examples",
            "recovery_max_trials",
            "task_index",
            "validation_steps",
        ),
        Range(-1, _LARGEST_COUNT),
    ),
    # Probabilities, and parts of a whole.
    **dict.fromkeys(
        (
            "average_decay",
            "beta1",
            "beta_1",
            "beta_2",
            "dropout_rate",
            "label_smoothing",
            "linear_decay_fraction",
            "momentum",
            "norm_momentum",
            "prob",
            "prob_to_apply",
            "rho",
            "stochastic_depth_drop_rate",
            "switch_prob",
        ),
        Range(0, 1),
    ),
}


def find(name: str, *, whole: bool) -> Range:
    """The numbers that the setting `name` may have; from 0 up unless it is known otherwise."""
    return _RANGES.get(name) or Range(0, _LARGEST_COUNT if whole else _LARGEST)

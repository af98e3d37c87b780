"""What differs between the settings that a run began with and those that it is to go on with.

A change is named here unless every step learns the same with it: such settings say how long, how
often, or in which way a run does its work, not what it does.
"""

import json
from typing import Any, NamedTuple

# Each with the reason why it may change between the parts of a run.
_TRAINER = {
    "train_steps": "how long; the schedule of the learning rate counts its own steps",
    "steps_per_loop": "how often numbers are noted",
    "summary_interval": "how often numbers are noted",
    "checkpoint_interval": "how often the state is saved",
    "max_to_keep": "how many states are kept",
    "preemption_on_demand_checkpoint": "when the state is saved",
    "validation_interval": "how often it is validated",
    "validation_steps": "on how much it is validated",
    "validation_summary_subdir": "where curves are written",
    "continuous_eval_timeout": "how long another process waits",
    "loss_upper_bound": "when a run has failed",
    "recovery_begin_steps": "when a run has failed",
    "recovery_max_trials": "what happens after it has failed",
    "reference_batch_size": "has been applied to the schedule, which is compared",
    "train_tf_while_loop": "who repeats a step, not what it is",
    "eval_tf_while_loop": "who repeats a step, not what it is",
    "allow_tpu_summary": "where summaries are made",
}
_DATA = {
    "shuffle_buffer_size": "every epoch is shuffled as a whole",
    "cycle_length": "how many clips are read side by side; their order stays",
    "block_length": "the order comes from the seed alone",
    "cache": "whether files are read once or in each epoch",
    "prefetch_buffer_size": "how far ahead is read",
    "ram_budget": "how far ahead is read",
    "autotune_algorithm": "how far ahead is read",
    "tf_data_service_address": "where the service is",
    "tf_data_service_job_name": "how the service is told of this run",
    "verify_checksums": "whether bytes are checked before they are used",
    "on_bad_clip": "what happens at a clip that cannot be read, which no step learns from",
    "max_bad_clips": "how many of those there may be",
}
_RUNTIME = {
    "tpu": "an address",
    "worker_hosts": "addresses",
    "task_index": "which of the machines this one is",
    "gpu_thread_mode": "threads",
    "per_gpu_thread_count": "threads",
    "dataset_num_private_threads": "threads",
}
_MAY_CHANGE = {
    f"{group}.{name}"
    for group, names in (
        ("trainer", _TRAINER),
        ("task.train_data", _DATA),
        ("task.validation_data", _DATA),
        ("runtime", _RUNTIME),
    )
    for name in names
}
_SHOWN = 30
_LONGEST = 80


class _Absent:
    """In the place of the value of a setting that only the other side has."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


class Change(NamedTuple):
    """A setting that differs. saved, wanted: its values, or ABSENT; a whole group if the other side
    has none.
    """

    path: str
    saved: Any
    wanted: Any

    def __str__(self) -> str:
        if self.saved is ABSENT:
            return f"{self.path}: {_show(self.wanted)} (was no setting when the run began)"
        if self.wanted is ABSENT:
            return f"{self.path}: {_show(self.saved)} (is no setting any more)"
        return f"{self.path}: {_show(self.saved)} -> {_show(self.wanted)}"


def compare(saved: dict[str, Any], wanted: dict[str, Any]) -> list[Change]:
    """What differs between two configurations, as nested mappings, and matters; in the order of the
    paths.
    """
    return [change for change in _compare(saved, wanted, ()) if change.path not in _MAY_CHANGE]


def refusal(changes: list[Change], folder: str) -> str:
    """The sentence, and the difference line by line, with which a run is not gone on with."""
    lines = [f"  {change}" for change in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        lines.append(f"  and {len(changes) - _SHOWN} more")
    return "\n".join(
        [
            f"The run in {folder} began with other settings:",
            *lines,
            "Give the same ones again, name another --model_dir, go on with the new ones by "
            "--allow_config_change, or begin anew by --fresh.",
        ]
    )


def _compare(saved: Any, wanted: Any, path: tuple[str, ...]) -> list[Change]:
    if isinstance(saved, dict) and isinstance(wanted, dict):
        return [
            change
            for name in sorted({*saved, *wanted})
            for change in _compare(saved.get(name, ABSENT), wanted.get(name, ABSENT), (*path, name))
        ]
    # For Python, `true` is 1.
    if saved == wanted and isinstance(saved, bool) == isinstance(wanted, bool):
        return []
    return [Change(".".join(path), saved, wanted)]


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

"""What a run can do. Kept apart so that a command line can list it without TensorFlow."""

from movinet.errors import InputError

MODES = (
    "train",
    "eval",
    "train_and_eval",
    "continuous_eval",
    "eval_continuous",
    "continuous_train_and_eval",
    "train_and_validate",
    "train_and_post_eval",
)


def trains(mode: str) -> bool:
    """Whether a run of that mode writes checkpoints."""
    return check_mode(mode).startswith("train")


def check_mode(mode: str) -> str:
    """The mode under its one name. Raises InputError when there is no such mode here."""
    if mode not in MODES or mode == "train_and_validate":
        raise InputError(
            f"--mode={mode} is not available; choose train_and_eval, train, eval or "
            "continuous_eval."
        )
    same = {"eval_continuous": "continuous_eval", "continuous_train_and_eval": "train_and_eval"}
    return same.get(mode, mode)

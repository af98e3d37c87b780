"""What a run keeps in its folder besides checkpoints: whether it is the same run that goes on."""

import json
import os
import random
from typing import Any

from official.core import config_definitions

from movinet import files, yaml_files
from movinet.errors import InputError
from movinet.training import config_changes, configuration, datasets, run_lock, saved_states

SETTINGS_NAME = "params.yaml"
DATA_NAME = "data.json"
CHECKED_DATA_NAME = "data_checked.json"
BAD_CLIPS_NAME = "bad_clips.csv"
# Filled in from the data if they are read, which not every mode does; the data have a fingerprint.
_FILLED_IN = ("num_examples", "split", "tfds_split", "aug_type")


class RunFolder:
    """The folder of a run, and what an earlier part of the run left there.

    Attributes: begun: whether it holds checkpoints, of any state.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.begun = bool(saved_states.find(folder))
        self._settings = self._read_settings() if self.begun else {}

    def path(self, name: str) -> str:
        """Path of a file in it."""
        return os.path.join(self.folder, name)

    def seed(self, config: config_definitions.ExperimentConfig) -> int:
        """The seed of the run: the one asked for, else that of its earlier part, else a new one."""
        given = config.task.train_data.seed
        if given is not None:
            return given
        try:
            earlier = self._settings["task"]["train_data"]["seed"]
        except (KeyError, TypeError):
            earlier = None
        if isinstance(earlier, int):
            return earlier
        return 0 if config.trainer.deterministic else random.SystemRandom().getrandbits(31)

    def check_same(
        self, config: config_definitions.ExperimentConfig, evaluates: bool, allow: bool
    ) -> None:
        """Makes sure that settings and data are those with which the run began.

        Args: evaluates: whether the validation data are used. allow: only say what has changed.
        Raises: InputError with what differs.
        """
        if not (self.begun and self._settings):
            return
        changes = config_changes.compare(self._settings, _plain(config))
        filled = {f"task.validation_data.{name}" for name in _FILLED_IN}
        changes = [
            change
            for change in changes
            if change.path not in filled
            and (evaluates or not change.path.startswith("task.validation_data."))
        ]
        before, now = self._read_data(), _fingerprints(config, evaluates)
        both = before.keys() & now.keys()
        changes += config_changes.compare(
            {"data": {name: before[name] for name in both}},
            {"data": {name: now[name] for name in both}},
        )
        if changes and not allow:
            raise InputError(config_changes.refusal(changes, self.folder))
        for change in changes:
            print(f"Changed since the run began: {change}", flush=True)

    def write(
        self, config: config_definitions.ExperimentConfig, evaluates: bool, folder: str
    ) -> None:
        """Writes settings and fingerprints of the data into `folder`, the run's or a worker's."""
        configuration.save(os.path.join(folder, SETTINGS_NAME), config)
        data = self._read_data() | _fingerprints(config, evaluates)
        files.write_text(os.path.join(folder, DATA_NAME), json.dumps(data, indent=1) + "\n")

    def _read_settings(self) -> dict[str, Any]:
        if not os.path.exists(self.path(SETTINGS_NAME)):
            return {}
        return yaml_files.load(self.path(SETTINGS_NAME)).values

    def _read_data(self) -> dict[str, str]:
        try:
            with open(self.path(DATA_NAME), encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def set_aside(folder: str) -> str | None:
    """Moves all that an earlier run left in `folder` into a folder of its own there.

    Returns: that folder; None if there was nothing.
    """
    there = sorted(set(os.listdir(folder)) - {run_lock.NAME})
    there = [name for name in there if not name.startswith("earlier-")]
    if not there:
        return None
    number = 1
    while os.path.exists(aside := os.path.join(folder, f"earlier-{number}")):
        number += 1
    try:
        os.mkdir(aside)
        # Checkpoints last: a stop in between leaves a run that asks what is meant.
        for name in sorted(there, key=lambda name: name.startswith("ckpt-")):
            os.rename(os.path.join(folder, name), os.path.join(aside, name))
    except OSError as error:
        raise InputError(f"Cannot move {folder} aside: {error.strerror}.") from error
    return aside


def _fingerprints(config: config_definitions.ExperimentConfig, evaluates: bool) -> dict[str, str]:
    task = config.task
    found = {"train": datasets.fingerprint(task.train_data)}
    return found | ({"validation": datasets.fingerprint(task.validation_data)} if evaluates else {})


def _plain(config: config_definitions.ExperimentConfig) -> dict[str, Any]:
    """The settings as a YAML file gives them back."""
    return json.loads(json.dumps(config.as_dict()))

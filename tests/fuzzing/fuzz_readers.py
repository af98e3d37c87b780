"""The readers of what others may have written, each as a function of the folder where that lies.

What a reader imports is imported when it is asked for: most know nothing of TensorFlow. What must
hold of a result that is accepted is asserted here.
"""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

from movinet.errors import InputError

Read = Callable[[pathlib.Path], Any]


def settings() -> Read:
    """A YAML file as plain settings."""
    from movinet import yaml_files

    return lambda folder: yaml_files.load(folder / "settings.yaml")


def configuration() -> Read:
    """A recipe onto an experiment."""
    from movinet.training import configuration

    def read(folder: pathlib.Path) -> None:
        _check_saved(configuration.load_experiment("movinet_sample", [str(folder / "recipe.yaml")]))

    return read


def override() -> Read:
    """--params_override onto an experiment."""
    from movinet.training import configuration

    def read(folder: pathlib.Path) -> None:
        # As Python hands over an argument, in which there is no zero.
        text = os.fsdecode((folder / "override").read_bytes().replace(b"\0", b""))
        _check_saved(configuration.load_experiment("movinet_sample", [], text))

    return read


def _check_saved(config: Any) -> None:
    """A configuration can be written into a file of text."""
    json.dumps(config.as_dict(), ensure_ascii=False).encode()


def run_folder() -> Read:
    """params.yaml, movinet.json and labels.txt of a training run."""
    from movinet.export import run_folder

    return run_folder.read


def _refuse_unless(found: Any) -> None:
    """For readers that pass over what makes no sense: nothing found counts as refused."""
    if not found:
        raise InputError("Nothing was found.")


def history() -> Read:
    """history.jsonl of a run."""
    from movinet.training import history

    def read(folder: pathlib.Path) -> None:
        records = history.read(str(folder))
        assert all(isinstance(record["step"], int) for record in records)
        _refuse_unless(records)

    return read


def best_record() -> Read:
    """best.json beside the best weights of a run."""
    from movinet.training import checkpointing

    def read(folder: pathlib.Path) -> None:
        best: Any = checkpointing.BestCheckpoint(None, None, str(folder), "accuracy", "higher")
        assert best.path is None or pathlib.Path(best.path).parent == folder, best.path
        best._beats({"accuracy": 0.5, "loss": 1.0})
        _refuse_unless(best.path)

    return read


def recoveries() -> Read:
    """recoveries.json of a run, which says which clips it has left out."""
    from movinet.training import recoveries

    return lambda folder: recoveries.next_clip(recoveries.read(str(folder)), 1, 5)


def earlier_run() -> Read:
    """What a run looks at in its folder before it goes on."""
    from movinet.training import config_changes, configuration, run_folder

    plain = run_folder._plain(configuration.load_experiment("movinet_sample"))

    def read(folder: pathlib.Path) -> None:
        found = run_folder.RunFolder(str(folder))
        assert found.begun
        config_changes.refusal(config_changes.compare(found._settings, plain), str(folder))
        found._read_data()

    return read


def bad_clips() -> Read:
    """The list of clips that a run has left out."""
    from movinet.data.pipeline import bad_clips

    return lambda folder: bad_clips._to_csv(bad_clips._load(folder / "bad_clips.csv"))


def remembered_checksums() -> Read:
    """The checksums that a run remembers."""
    from movinet.data import checksums

    return lambda folder: _refuse_unless(checksums._load(folder / "data_checked.json"))


def shard_note() -> Read:
    """The note on a shard that an interrupted build left."""
    from movinet.data.building import staging

    def read(folder: pathlib.Path) -> None:
        note: Any = staging.Staging(folder, "run").finished("train-00000")
        _refuse_unless(note)
        assert len(note.skipped) - note.clips < 1 << 63
        assert isinstance(note.sha256, str)

    return read


def checkpoint_file() -> Read:
    """The file `checkpoint`, by which TensorFlow finds the latest of a folder."""
    from movinet.checkpoints import loading

    def read(folder: pathlib.Path) -> None:
        found = loading.find(str(folder))
        assert pathlib.Path(found).parent.resolve() == folder.resolve(), found

    return read


def checkpoint_index() -> Read:
    """The index of a checkpoint: the names, shapes and places of its variables."""
    from movinet.checkpoints import layouts

    return lambda folder: layouts.detect(str(folder / "ckpt-1"))


def checkpoint_names() -> Read:
    """The files of a folder by which its checkpoints are found."""
    from movinet.training import saved_states

    def read(folder: pathlib.Path) -> None:
        states = saved_states.find(folder)
        assert [state.step for state in states] == sorted((s.step for s in states), reverse=True)
        for state in states:
            assert state.parts and all(os.path.isfile(f"{state.path}.{p}") for p in state.parts)
        _refuse_unless(states)

    return read


def model_info() -> Read:
    """movinet.json beside a model."""
    from movinet import model_info

    def read(folder: pathlib.Path) -> None:
        found = model_info.read(folder / "movinet.json")
        assert model_info.parse(found.to_json(), "again") == found

    return read


def ensemble() -> Read:
    """The members that ensemble.json names; none of them is loaded."""
    from movinet.export import ensemble_folder

    def read(folder: pathlib.Path) -> None:
        name, entries = ensemble_folder.read(folder)
        assert isinstance(name, str) and entries
        for entry in entries:
            assert type(entry.every) is type(entry.offset) is int and "\0" not in entry.folder

    return read


def attached_info() -> Read:
    """The archive at the end of a .tflite file."""
    from movinet.streaming import model_files

    return lambda folder: model_files.read_attached_info(folder / "model.tflite")

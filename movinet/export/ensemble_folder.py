"""An ensemble as a folder: a file that names the folders of its members, beside which they stay."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypeAlias

from movinet import files
from movinet.classifier import MovinetClassifier
from movinet.ensemble import Ensemble
from movinet.ensemble_member import Member
from movinet.errors import InputError
from movinet.export import ensemble_info, run_folder, sources
from movinet.export.sources import Source
from movinet.model_info import MAX_BYTES, ModelInfo
from movinet.presets import ENSEMBLES

StrPath: TypeAlias = str | os.PathLike[str]
NAME = "ensemble.json"
FORMAT = "movinet-ensemble/1"
_MOST_MEMBERS = 32


@dataclasses.dataclass(frozen=True)
class EnsembleSource:
    """An ensemble with its weights, and what belongs to it besides them."""

    model: Ensemble
    info: ModelInfo


AnySource: TypeAlias = Source | EnsembleSource


@dataclasses.dataclass(frozen=True)
class Entry:
    """A member in the file: its folder, relative to the file's, and which frames it reads."""

    folder: str
    every: int
    offset: int


def combine(
    name: str,
    members: Sequence[Source],
    every: Sequence[int] | None = None,
    offsets: Sequence[int] | None = None,
) -> EnsembleSource:
    """Makes an ensemble of models that say how they are fed.

    Args:
      every, offsets: which of the ensemble's frames each member reads; see `Member`. By default
        those at its own frame rate, from the first one on.

    Raises: InputError if they do not belong together.
    """
    info, steps = ensemble_info.combine(name, [member.info for member in members], every)
    begins = (0,) * len(steps) if offsets is None else tuple(offsets)
    if len(begins) != len(steps):
        raise InputError(f"There are {len(begins)} offsets for {len(steps)} members: one for each.")
    sizes = [(one.info.preprocessing.height, one.info.preprocessing.width) for one in members]
    ensemble = Ensemble(
        [
            Member(member.model, size, step, begin)
            for member, size, step, begin in zip(members, sizes, steps, begins, strict=True)
        ],
        info,
    )
    return EnsembleSource(ensemble, info)


def from_preset(name: str, members: Sequence[MovinetClassifier]) -> Ensemble:
    """Makes a published ensemble, such as `a6_base`, of its members in order.

    Args: members: each with its weights; its `info` says how it is fed, else its architecture.
    Raises: InputError for an unknown name, or members that are others.
    """
    if name not in ENSEMBLES:
        raise InputError(f"No ensemble {name!r}; choose one of {', '.join(ENSEMBLES)}.")
    found = [Source(model, model.info or sources.describe(model)) for model in members]
    wanted = [preset.name for preset in ENSEMBLES[name].members]
    given = [sources.describe(source.model).name for source in found]
    if given != wanted:
        raise InputError(
            f"{name} is made of {' and '.join(wanted)}, not of {' and '.join(given) or 'nothing'}."
        )
    return combine(name, found).model


def from_folder(
    path: StrPath, checkpoint: StrPath = "", labels: Sequence[str] | None = None
) -> AnySource:
    """Reads the folder of an ensemble, or of a training run.

    Args:
      checkpoint: of a run, as `sources.from_model_dir` takes it.
      labels: class names in index order, in the place of those of the folder.

    Raises: InputError naming the file and what is wrong with it.
    """
    if not is_ensemble(path):
        return sources.from_model_dir(path, checkpoint, labels)
    if checkpoint:
        raise InputError(
            f"{path} is an ensemble, whose members have checkpoints of their own: make one of "
            "members with the checkpoint that you mean, or leave it out."
        )
    name, entries = read(path)
    members = []
    for entry in entries:
        folder = os.path.normpath(os.path.join(path, entry.folder))
        _check_member(folder, where=os.path.join(path, NAME))
        members.append(sources.from_model_dir(folder, labels=labels))
    return combine(
        name, members, [entry.every for entry in entries], [entry.offset for entry in entries]
    )


def write(
    path: StrPath,
    members: Sequence[StrPath],
    every: Sequence[int] | None = None,
    offsets: Sequence[int] | None = None,
    name: str = "",
) -> EnsembleSource:
    """Writes the folder of an ensemble, whose members stay where they are, and returns it.

    Args:
      path: of the folder; an ensemble that is there is replaced.
      members: folders of training runs, or of converted weights.
      every, offsets: as `combine` takes them.
      name: of the ensemble; that of the folder if there is none.

    Raises: InputError, before anything is written, if they make no ensemble.
    """
    target = pathlib.Path(path)
    if target.is_dir() and any(target.iterdir()) and not is_ensemble(target):
        raise InputError(f"{path} holds something else (there is no {NAME} in it): name another.")
    for member in members:
        _check_member(member, where="members")
    loaded = [sources.from_model_dir(member) for member in members]
    found = combine(name or target.resolve().name, loaded, every, offsets)
    entries = [
        Entry(os.path.relpath(folder, target), member.every, member.offset)
        for folder, member in zip(members, found.model.members, strict=True)
    ]
    content = {
        "format": FORMAT,
        "name": found.info.name,
        "members": [dataclasses.asdict(entry) for entry in entries],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    files.write_text(target / NAME, text)
    return found


def is_ensemble(path: StrPath) -> bool:
    """Whether a folder is that of an ensemble."""
    return os.path.isfile(os.path.join(path, NAME))


def find_dataset(path: StrPath) -> str:
    """Returns the dataset folder that a run, or the first member of an ensemble that has one, was
    validated on; '' if there is none here.

    Raises: InputError if the files that say so cannot be read.
    """
    if not is_ensemble(path):
        return run_folder.find_dataset(path)
    _, entries = read(path)
    found = (run_folder.find_dataset(os.path.join(path, entry.folder)) for entry in entries)
    return next(filter(None, found), "")


def read(path: StrPath) -> tuple[str, list[Entry]]:
    """Reads the name and the members of an ensemble's folder; loads none of them.

    Raises: InputError naming the file and the field that is wrong.
    """
    where = os.path.join(path, NAME)
    try:
        with open(where, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        content = json.loads(data[:MAX_BYTES].decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{where} cannot be read as JSON ({error}).") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where} does not describe an ensemble: its format is not {FORMAT!r}.")
    name, members = content.get("name"), content.get("members")
    if not isinstance(name, str) or not isinstance(members, list):
        raise InputError(f"{where} lacks the name or the list of members.")
    if not 1 <= len(members) <= _MOST_MEMBERS:
        raise InputError(f"{where} has {len(members)} members: from 1 to {_MOST_MEMBERS}.")
    return name, [_entry(member, f"{where}: members[{i}]") for i, member in enumerate(members)]


def _entry(member: Any, where: str) -> Entry:
    """Checks one member. Raises InputError naming the field that is wrong."""
    kinds = {"folder": str, "every": int, "offset": int}
    if not isinstance(member, dict) or member.keys() != kinds.keys():
        raise InputError(f"{where} has not the fields {', '.join(kinds)}.")
    for field, kind in kinds.items():
        if type(member[field]) is not kind:
            raise InputError(f"{where}.{field} is {member[field]!r:.60}, not {kind.__name__}.")
    if "\0" in member["folder"]:
        raise InputError(f"{where}.folder is no name of a folder.")
    return Entry(**member)


def _check_member(folder: StrPath, where: str) -> None:
    """Raises InputError for what cannot be a member."""
    if not os.path.isdir(folder):
        raise InputError(f"{where}: there is no folder {folder}.")
    if is_ensemble(folder):
        raise InputError(f"{where}: {folder} is an ensemble itself; name its members instead.")

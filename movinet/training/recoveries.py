"""The data that a run has left out after its loss ran away, in a file that outlives it."""

import dataclasses
import json
import os

from movinet import files
from movinet.errors import InputError

NAME = "recoveries.json"


@dataclasses.dataclass(frozen=True)
class Recovery:
    """Going back to a state and on with other data.

    step: of the state gone back to. first_clip, last_clip: the clips from the first up to, not
    including, the last were left out. loss: what it was, in words.
    """

    step: int
    first_clip: int
    last_clip: int
    loss: str


def read(folder: str) -> list[Recovery]:
    """The recoveries of a run so far. Raises InputError if the file is not as it was written."""
    path = os.path.join(folder, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            found = [Recovery(**entry) for entry in json.load(file)]
        if not all(type(n) is int for r in found for n in (r.step, r.first_clip, r.last_clip)):
            raise TypeError("a number is none")
        return found
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): it says which data the run has left out. Bring it "
            "back, or begin anew with --fresh."
        ) from error


def write(folder: str, recoveries: list[Recovery]) -> None:
    """Writes the recoveries of a run."""
    entries = [dataclasses.asdict(recovery) for recovery in recoveries]
    files.write_text(os.path.join(folder, NAME), json.dumps(entries, indent=1) + "\n")


def next_clip(recoveries: list[Recovery], step: int, clip: int) -> int:
    """The clip to go on with from the state of that step, whose next one was `clip`."""
    for recovery in recoveries:
        if recovery.step == step and recovery.first_clip <= clip < recovery.last_clip:
            clip = recovery.last_clip
    return clip

"""Makes an ensemble of trained models: the mean of their logits, as one model for all commands.

    python3 tools/make_ensemble.py --members=runs/a4,runs/a5 --output=runs/a6
    python3 tools/make_ensemble.py --members=runs/even,runs/odd --every=2,2 --offset=0,1 \
        --output=runs/both

The folder that is written names those of the members, which stay where they are. docs/ensembles.md
says what reads it.
"""

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.errors import InputError

_MEMBERS = flags.DEFINE_list(
    "members", None, "Folders of training runs or of converted weights.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_EVERY = flags.DEFINE_list(
    "every",
    None,
    "For each member: of how many frames of the ensemble it reads one; by default what makes the "
    "ensemble's frame rate the lowest that holds the frames of all.",
)
_OFFSET = flags.DEFINE_list("offset", None, "For each member: the first frame it reads; default 0.")
_NAME = flags.DEFINE_string("name", "", "Of the ensemble, such as a6_base; default the folder's.")


def main() -> None:
    """Makes the ensemble that the flags describe and says how it reads video."""
    every, offsets = _numbers("every", _EVERY.value), _numbers("offset", _OFFSET.value)
    cli.quieten()
    from movinet.export import ensemble_folder

    folders = _MEMBERS.value or []
    found = ensemble_folder.write(_OUTPUT.value, folders, every, offsets, _NAME.value)
    settings = found.info.preprocessing
    rate = f"{settings.fps:g} frames a second"
    if not settings.fps:
        stride = settings.temporal_stride
        rate = "every frame" if stride == 1 else f"one of {stride} frames"
    print(f"{found.info.name} reads {rate}, {settings.height} x {settings.width}:")
    for folder, member in zip(folders, found.model.members, strict=True):
        height, width = member.size or (settings.height, settings.width)
        print(f"  {folder}: every {member.every}, from frame {member.offset}, {height} x {width}")
    print(f"written to {_OUTPUT.value}")


def _numbers(flag: str, texts: list[str] | None) -> list[int] | None:
    if texts is None:
        return None
    try:
        return [int(text) for text in texts]
    except ValueError as error:
        raise InputError(f"--{flag}={','.join(texts)}: give whole numbers.") from error


if __name__ == "__main__":
    cli.run(main)

"""Videos in folders: walking them, and class folders with or without split folders."""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from movinet.data.sources import text_lines
from movinet.data.sources.labels import check_label
from movinet.data.sources.splits import SPLIT_FOLDERS, Skipped, SourceClip
from movinet.data.videos.video_files import VIDEO_SUFFIXES
from movinet.errors import InputError

LINK_REASON = "is a link out of the folder"


class FoundVideo(NamedTuple):
    """A video, or a link out of the folder (to a file or a folder), which is not to be read.

    name: its path below the folder.
    """

    path: pathlib.Path
    name: str
    leads_out: bool


def walk_videos(root: pathlib.Path, folder: pathlib.Path | None = None) -> Iterator[FoundVideo]:
    """Yields the videos under `folder`, a part of `root` or all of it, to any depth.

    Hidden files and folders are left out, links to folders not followed.

    Raises: InputError if a folder cannot be read.
    """
    inside = root.resolve()
    folders = [folder or root]
    while folders:
        directory = folders.pop()
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"Cannot read the folder {directory}: {error.strerror}.") from error
        for entry in found:
            if entry.name.startswith("."):
                continue
            path, linked, is_folder = pathlib.Path(entry.path), entry.is_symlink(), _is_dir(entry)
            if is_folder and not linked:
                folders.append(path)
            elif is_folder or path.suffix.lower() in VIDEO_SUFFIXES:
                leads_out = linked and not _real(path).is_relative_to(inside)
                if leads_out or not is_folder:
                    yield FoundVideo(path, name_below(path, root), leads_out)


def walk_dataset(root: pathlib.Path) -> Iterator[FoundVideo]:
    """Yields as `walk_videos`, for a dataset of which a whole split may hang on a link.

    Raises: InputError for a link to a folder elsewhere.
    """
    for video in walk_videos(root):
        if video.leads_out and video.path.is_dir():
            raise InputError(
                f"{video.path} is a link to a folder elsewhere, which is not followed: put the "
                "folder itself there."
            )
        yield video


def find_in_folder(root: pathlib.Path) -> tuple[list[SourceClip], list[Skipped]]:
    """Returns the clips of class folders or of split folders, and the links left out.

    Raises: InputError for a mixture of both, or a class folder that is a link.
    """
    folders = _folders(root)
    split_folders = [folder for folder in folders if folder.name.lower() in SPLIT_FOLDERS]
    if not split_folders:
        return _find_in_classes(root, folders, None)
    if others := [folder.name for folder in folders if folder not in split_folders]:
        raise InputError(
            f"{root} mixes split folders ({split_folders[0].name}) with others ({others[0]}): keep "
            "class folders inside train, val and test, or class folders alone."
        )
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    for folder in split_folders:
        split = SPLIT_FOLDERS[folder.name.lower()]
        found, left_out = _find_in_classes(root, _folders(folder), split)
        clips += found
        skipped += left_out
    return clips, skipped


def name_below(path: pathlib.Path, root: pathlib.Path) -> str:
    """Returns the path below `root` as a line of text."""
    return text_lines.one_line(path.relative_to(root).as_posix())


def _folders(root: pathlib.Path) -> list[pathlib.Path]:
    try:
        entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"Cannot read the folder {root}: {error.strerror}.") from error
    found = [entry for entry in entries if os.path.isdir(entry)]
    if links := [entry for entry in found if entry.is_symlink()]:
        raise InputError(
            f"{links[0]} is a link to a folder, which is not followed: put the folder itself "
            "there, or give a list of videos."
        )
    return sorted(found)


def _find_in_classes(
    root: pathlib.Path, folders: Iterable[pathlib.Path], split: str | None
) -> tuple[list[SourceClip], list[Skipped]]:
    clips: list[SourceClip] = []
    skipped: list[Skipped] = []
    for folder in folders:
        check_label(folder.name, root)
        for video in walk_videos(root, folder):
            if video.leads_out:
                skipped.append(Skipped(video.name, split or "", LINK_REASON))
            else:
                clips.append(SourceClip(video.path, video.name, folder.name, split))
    return clips, skipped


def _is_dir(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):  # A link to itself.
        return entry.is_dir()
    return False


def _real(path: pathlib.Path) -> pathlib.Path:
    """Returns where a link leads; unlike Path.resolve this bears a link to itself."""
    return pathlib.Path(os.path.realpath(path))

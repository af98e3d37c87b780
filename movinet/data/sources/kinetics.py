"""Kinetics-400, 600 and 700 as they lie on disks: extracted tars or class folders, with or without
the annotation files.
"""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from movinet.data.sources.annotations import ClipKey, clip_key, is_annotation, read_annotations
from movinet.data.sources.folders import LINK_REASON, FoundVideo, find_in_folder, walk_dataset
from movinet.data.sources.labels import names_by_letters
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SPLITS, Skipped, SourceClip
from movinet.errors import InputError

# CVDF's second take of some 1,400 broken clips of Kinetics-400 is extracted beside the first.
_REPLACEMENT = "replacement"
_EXAMPLES = 3


def find_annotations(
    root: pathlib.Path, given: Sequence[pathlib.Path] = ()
) -> tuple[pathlib.Path, ...]:
    """Returns the annotation files among the given files and folders, or those of `root`: in it or
    in its folder `annotations`.
    """
    found: list[pathlib.Path] = []
    for place in given or (root, root / "annotations"):
        if place.is_dir():
            files = sorted(place.glob("*.csv"))
            found += [path for path in files if is_annotation(path)]
        elif given:
            found.append(place)  # Even if its columns are wrong: reading it will say so.
    return tuple(found)


def find_kinetics(
    root: pathlib.Path,
    annotations: Sequence[pathlib.Path] = (),
    labels_file: str | os.PathLike[str] | None = None,
) -> Source:
    """Finds the clips of Kinetics, cut and named `ID_000010_000020.mp4` (or `ID_10_20.mp4`).

    With annotations they may lie anywhere under `root`, and class and split are the annotated ones,
    whatever the folders are called; classes are all annotated ones, sorted as the official lists
    are. Without, class folders inside split folders are taken as `find_source` does, but for blanks
    in the place of underscores.

    Args:
        root: the folder of the videos.
        annotations: files, or folders of them; by default those in `root` or `root/annotations`.
        labels_file: class names in index order, one a line.

    Raises:
        InputError: no clip is found, or a file of annotations or labels makes no sense.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give the one that holds the clips of Kinetics.")
    files = find_annotations(root, annotations)
    if annotations and not files:
        raise InputError(f"There is no annotation file of Kinetics in {annotations[0]}.")
    return _annotated(root, files, labels_file) if files else _in_folders(root, labels_file)


def _annotated(
    root: pathlib.Path,
    files: Sequence[pathlib.Path],
    labels_file: str | os.PathLike[str] | None,
) -> Source:
    annotated = read_annotations(files)
    names, labels = _class_names(
        root, {clip.label for clip in annotated.clips.values()}, labels_file
    )
    chosen: dict[ClipKey, FoundVideo] = {}
    twice, unlisted, unnamed = [], [], []
    for video in walk_dataset(root):
        key = clip_key(video.path.stem)
        if key is None:
            unnamed.append(video.name)
        elif key not in annotated.clips:
            if key not in annotated.unlabelled:
                unlisted.append(video.name)
        elif key in chosen:
            best, other = sorted((chosen[key], video), key=_preference)
            chosen[key] = best
            twice.append(other.name)
        else:
            chosen[key] = video
    if not chosen:
        raise InputError(
            f"None of the {len(annotated.clips):,} clips that the annotations list is in {root}: "
            "clips are cut videos named ID_000010_000020.mp4, by YouTube id and seconds."
        )
    clips, skipped = [], []
    for key, video in chosen.items():
        listed = annotated.clips[key]
        if video.leads_out:
            skipped.append(Skipped(video.name, listed.split, LINK_REASON))
        else:
            clips.append(SourceClip(video.path, video.name, names[listed.label], listed.split))
    missing = [
        clip._replace(label=names[clip.label])
        for key, clip in annotated.clips.items()
        if key not in chosen or chosen[key].leads_out
    ]
    return Source(
        clips=tuple(sorted(clips, key=lambda clip: clip.name)),
        labels=labels,
        skipped=tuple(skipped),
        root=str(root),
        notes=(
            f"Kinetics: {', '.join(path.name for path in files)} list {len(annotated.clips):,} "
            f"clips of {len(names):,} classes.",
            *annotated.notes,
            *_left_out("Videos in no annotation", unlisted),
            *_left_out("Second copies of clips", twice),
            *_left_out("Videos not named by id and seconds", unnamed),
        ),
        missing=tuple(
            sorted(missing, key=lambda clip: (SPLITS.index(clip.split), clip.label, clip.key))
        ),
    )


def _in_folders(root: pathlib.Path, labels_file: str | os.PathLike[str] | None) -> Source:
    found, skipped = find_in_folder(root)
    if not found:
        raise InputError(
            f"{root} holds no class folders of videos. Where videos lie in train, val and test "
            "alone, the annotation files are needed: name them with --annotations."
        )
    names, labels = _class_names(root, {clip.label for clip in found}, labels_file, blanks=True)
    clips = (dataclasses.replace(clip, label=names[clip.label]) for clip in found)
    return Source(
        clips=tuple(sorted(clips, key=lambda clip: clip.name)),
        labels=labels,
        skipped=tuple(skipped),
        root=str(root),
        notes=(
            "Kinetics: no annotation files, so classes and splits are those of the folders, and "
            "what is missing cannot be told.",
        ),
    )


def _class_names(
    root: pathlib.Path,
    found: set[str],
    labels_file: str | os.PathLike[str] | None,
    *,
    blanks: bool = False,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the name of each class found, and all names in index order."""
    if labels_file:
        return names_by_letters(found, labels_file, root)
    # No class of Kinetics has an underscore in its name.
    names = {name: name.replace("_", " ") if blanks else name for name in found}
    return names, tuple(sorted(set(names.values())))


def _preference(video: FoundVideo) -> tuple[bool, bool, str]:
    """Sorts copies of one clip: replacements of broken ones, then what is there itself."""
    replaces = any(part.startswith(_REPLACEMENT) for part in video.name.split("/")[:-1])
    return not replaces, video.leads_out or video.path.is_symlink(), video.name


def _left_out(what: str, names: Sequence[str]) -> list[str]:
    """Returns a sentence on videos that are not used, none if there are no such."""
    if not names:
        return []
    more = ", ..." if len(names) > _EXAMPLES else ""
    return [f"{what}, left out: {len(names):,} ({', '.join(sorted(names)[:_EXAMPLES])}{more})."]

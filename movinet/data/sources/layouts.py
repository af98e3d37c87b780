"""Every way in which a dataset may lie on a disk: telling which one it is, and reading it."""

import dataclasses
import os
import pathlib

from movinet.data.sources.annotations import is_annotation
from movinet.data.sources.frame_lists import find_frame_folders, find_frame_lists, is_frame_list
from movinet.data.sources.kinetics import find_annotations, find_kinetics
from movinet.data.sources.official_splits import (
    find_hmdb51,
    find_hmdb51_lists,
    find_ucf101,
    find_ucf101_lists,
)
from movinet.data.sources.settings import LAYOUTS, SourceSettings
from movinet.data.sources.source import Source, find_source
from movinet.data.sources.splits import hold_out_validation
from movinet.errors import InputError

_OFFICIAL = {"ucf101": find_ucf101, "hmdb51": find_hmdb51}


def find(settings: SourceSettings) -> Source:
    """Finds the clips of a dataset.

    Raises:
        InputError: they are not there, the layout cannot be told, or something in it makes no
            sense.
    """
    layout = detect(settings)
    root, given = pathlib.Path(settings.input), _annotations(settings)
    if layout in ("folder", "list"):
        if os.path.isdir(root) != (layout == "folder"):
            raise InputError(f"{root} is no {layout}: choose another --layout.")
        source = find_source(root, settings.labels)
    elif layout == "kinetics":
        source = find_kinetics(root, given, settings.labels)
    elif layout == "frame_list":
        source = find_frame_folders(
            root, given, settings.image_template, settings.frame_rate, settings.labels
        )
    else:
        source = _OFFICIAL[layout](root, given, settings.fold, settings.labels)
    if settings.validation_from_train:
        return _with_validation(source, settings.validation_from_train)
    return source


def detect(settings: SourceSettings) -> str:
    """Returns the layout: that of the settings, or the one that the files show.

    Raises:
        InputError: nothing is there, or it could be several.
    """
    root, given = pathlib.Path(settings.input), _annotations(settings)
    if not os.path.exists(root):  # Unlike Path.exists this bears a folder that may not be read.
        raise InputError(f"{root} does not exist: give a folder of videos or a list of them.")
    for path in given:
        if not os.path.exists(path):
            raise InputError(f"{path} does not exist: --annotations names files or a folder.")
    if settings.layout not in LAYOUTS:
        raise InputError(f"{settings.layout!r} is no layout: choose from {', '.join(LAYOUTS)}.")
    if settings.layout != "auto":
        return settings.layout
    signs = {
        "kinetics": any(map(is_annotation, find_annotations(root, given))),
        "ucf101": find_ucf101_lists(root, given),
        "hmdb51": find_hmdb51_lists(root, given),
        "frame_list": any(is_frame_list(path, root) for path in find_frame_lists(root, given)),
    }
    found = [layout for layout, sign in signs.items() if sign]
    if len(found) > 1:
        raise InputError(
            f"{root} could be {' or '.join(found)}: say which with --layout, or name the lists "
            "that are meant with --annotations."
        )
    if given and not found:
        raise InputError(
            f"It cannot be told what {given[0]} annotates: say so with --layout, one of "
            "kinetics, ucf101, hmdb51 and frame_list."
        )
    return found[0] if found else "folder" if os.path.isdir(root) else "list"


def _annotations(settings: SourceSettings) -> tuple[pathlib.Path, ...]:
    names = (name.strip() for name in settings.annotations.split(","))
    return tuple(pathlib.Path(name) for name in names if name)


def _with_validation(source: Source, fraction: float) -> Source:
    clips = hold_out_validation(source.clips, fraction)
    count = sum(clip.split == "validation" for clip in clips)
    note = f"{count:,} clips of train are taken as validation, all of a source video or none."
    return dataclasses.replace(
        source,
        clips=tuple(sorted(clips, key=lambda clip: clip.name)),
        notes=(*source.notes, note),
    )

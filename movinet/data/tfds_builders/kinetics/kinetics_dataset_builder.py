"""Kinetics-400, 600 or 700: clips that are cut already, with or without the annotation files.

Built by `tfds build`, or tools/tfds_build.py, with --config=k600 and --manual_dir.
"""

import pathlib
import sys

# `tfds build` imports this file by its path, also from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4]))

from movinet.data.tfds_builders.videos import VideosBuilder, VideosConfig


class Builder(VideosBuilder):
    """The dataset `kinetics`."""

    BUILDER_CONFIGS = [
        VideosConfig(
            name=f"k{classes}",
            description=f"Kinetics-{classes}: clips of ten seconds of human actions.",
            layout="kinetics",
            classes=classes,
        )
        for classes in (400, 600, 700)
    ]

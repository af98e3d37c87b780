"""Videos of a folder or a list, in any layout that tools/build_dataset.py knows.

Built by `tfds build`, or tools/tfds_build.py, with --manual_dir.
"""

import pathlib
import sys

# `tfds build` imports this file by its path, also from a checkout that is not installed.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4]))

from movinet.data.tfds_builders.videos import VideosBuilder, VideosConfig


class Builder(VideosBuilder):
    """The dataset `video_folder`."""

    BUILDER_CONFIGS = [VideosConfig(name="default")]

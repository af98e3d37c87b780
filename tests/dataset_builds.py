"""Building small datasets in tests, and what is on disk afterwards."""

import hashlib
import os
import pathlib
import signal
import time

from movinet.data.building.build import build_dataset
from movinet.data.building.planning import BuildSettings
from movinet.data.building.shards import encode
from movinet.data.sources.source import find_source
from movinet.data.videos.clips import EncodingSettings

TOOL = pathlib.Path(__file__).parents[1] / "tools" / "build_dataset.py"
SMALL = BuildSettings(EncodingSettings(short_side=24), shards=2)
SMALL_FLAGS = ("--short_side=24", "--shards=2")


def build(videos, output, settings=SMALL, **options):
    """Builds what is found in a folder of videos."""
    return build_dataset(find_source(videos), output, settings, **{"workers": 2, **options})


def contents(folder):
    """The checksum of every file in a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def encode_or_crash(task):
    """Encodes a clip in a worker, unless its name is one to crash or to hang at."""
    if task[0].name == "train/run/0.h264.mp4":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task[0].name == "train/jump/1.h264.mp4":
        time.sleep(1000)
    return encode(task)

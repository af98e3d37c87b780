"""Building small datasets in tests, and what is on disk afterwards."""

import hashlib
import os
import pathlib

from attacks import attack

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
    attack({"train/run/0.h264.mp4": "crash", "train/jump/1.h264.mp4": "hang"}.get(task[0].name))
    return encode(task)


def encode_under_attack(task):
    """Encodes a clip in a worker, unless it is one of those in train/run, each of which attacks."""
    kinds = ("crash", "hang", "gorge", "killed")
    attack({f"train/run/{n}.h264.mp4": kind for n, kind in enumerate(kinds)}.get(task[0].name))
    return encode(task)


def encode_or_be_killed_once(task):
    """Encodes a clip in a worker that the kernel kills at the first clip, as for want of memory."""
    killed = task[0].path.with_name(".killed")
    if task[0].name == "train/run/1.h264.mp4" and not killed.exists():
        killed.touch()
        attack("killed")
    return encode(task)


def written_names(folder):
    """The names of the videos in the records of a dataset, in any order."""
    import tensorflow as tf

    for path in folder.glob("*.tfrecord"):
        for record in tf.data.TFRecordDataset(str(path)):
            example = tf.train.SequenceExample.FromString(record.numpy())
            yield example.context.feature["clip/source"].bytes_list.value[0].decode()


def encode_as_nobody(task):
    """Encodes a clip in a worker without the rights of root, who may read everything."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    return encode(task)

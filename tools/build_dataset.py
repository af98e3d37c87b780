"""Builds a dataset (TFRecord shards, class names, manifest) from a folder or a list of videos.

    python3 tools/build_dataset.py --input=videos --output=dataset

The folder holds CLASS/*.mp4, or train/CLASS/*.mp4 beside val and test; a list has one
`path label` or `path label split` a line.
"""

import os
import time

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli

_INPUT = flags.DEFINE_string("input", None, "Folder of videos, or list of them.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the dataset.", required=True)
_LABELS = flags.DEFINE_string("labels", None, "File of class names in index order, one a line.")
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", 256, "Pixels the shorter side is reduced to; never enlarged.", lower_bound=16
)
_JPEG_QUALITY = flags.DEFINE_integer(
    "jpeg_quality", 90, "Quality of the stored frames.", lower_bound=1, upper_bound=95
)
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 20_000, "Longest video accepted, in frames.", lower_bound=1
)
_SHARDS = flags.DEFINE_integer(
    "shards", 0, "Shards per split; 0 for one per 128 clips and at least 4.", lower_bound=0
)
_VALIDATION = flags.DEFINE_float(
    "validation_fraction", 0.1, "Part of each class for validation, where no split is given."
)
_TEST = flags.DEFINE_float(
    "test_fraction", 0.1, "Part of each class for test, where no split is given."
)
_GROUP_REGEX = flags.DEFINE_string(
    "group_regex", None, "Finds the source video in a file's name: its clips stay in one split."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the split and of the order.")
_WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 for one per core.", lower_bound=0)
_MAX_BAD = flags.DEFINE_float(
    "max_bad_fraction", 0.01, "Part of the videos that may be unusable.", 0.0, 1.0
)
_TIMEOUT = flags.DEFINE_float(
    "timeout", 600.0, "Seconds after which one video is given up.", lower_bound=1.0
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a different dataset in --output.")


def main() -> None:
    """Builds the dataset and prints what is in it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from movinet.data import build
    from movinet.data.clips import EncodingSettings

    settings = build.BuildSettings(
        encoding=EncodingSettings(_SHORT_SIDE.value, _JPEG_QUALITY.value, _MAX_FRAMES.value),
        shards=_SHARDS.value,
        validation_fraction=_VALIDATION.value,
        test_fraction=_TEST.value,
        group_regex=_GROUP_REGEX.value,
        seed=_SEED.value,
    )
    start = time.monotonic()
    manifest = build.build_dataset(
        _INPUT.value,
        _OUTPUT.value,
        settings,
        labels_file=_LABELS.value,
        max_bad_fraction=_MAX_BAD.value,
        workers=_WORKERS.value,
        timeout=_TIMEOUT.value,
        overwrite=_OVERWRITE.value,
    )
    for name, split in manifest.splits.items():
        megabytes = sum(shard.bytes for shard in split.shards) / 1e6
        print(f"{name:10} {split.clips:7} clips  {len(split.shards):5} shards  {megabytes:9.1f} MB")
        if missing := [label for label, clips in split.clips_per_class.items() if not clips]:
            print(f"{'':10} no clip of {len(missing)} classes: {', '.join(missing[:10])}")
    for video in manifest.skipped:
        print(f"skipped    {video.path}: {video.reason}")
    print(f"{len(manifest.labels)} classes in {_OUTPUT.value} ({time.monotonic() - start:.0f} s)")


if __name__ == "__main__":
    cli.run(main)

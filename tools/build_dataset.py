r"""Builds a dataset (TFRecord shards, class names, manifest) from a folder or a list of videos.

    python3 tools/build_dataset.py --input=videos --output=dataset

The folder holds CLASS/*.mp4, or train/CLASS/*.mp4 beside val and test; a list has one
`path label` or `path label split` a line; --layout knows others. With a runner of Apache Beam the
work is shared among processes or machines, and the bytes are the same (docs/large_datasets.md):

    python3 tools/build_dataset.py --input=/shared/videos --output=/shared/dataset \
        --runner=FlinkRunner --beam_options="--flink_master=host:8081 --parallelism=64"
"""

import shlex
import time

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.data.sources import source_flags
from movinet.errors import InputError

flags.adopt_module_key_flags(source_flags)
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the dataset.", required=True)
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
_WORKERS = flags.DEFINE_integer(
    "workers", 0, "Processes of this machine; 0 for one per core.", lower_bound=0
)
_RUNNER = flags.DEFINE_string(
    "runner",
    "",
    "Runner of Apache Beam whose workers build the shards: DirectRunner for processes of this "
    "machine, FlinkRunner, SparkRunner, DataflowRunner, ...",
)
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_options", "", "Options of that runner in one string, as on a command line of Beam."
)
_MAX_BAD = flags.DEFINE_float(
    "max_bad_fraction", 0.01, "Part of the videos that may be unusable.", 0.0, 1.0
)
_TIMEOUT = flags.DEFINE_float(
    "timeout", 600.0, "Seconds after which one video is given up.", lower_bound=1.0
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a different dataset in --output.")


def main() -> None:
    """Builds the dataset and prints what is in it."""
    cli.quieten()
    from movinet.data.building import build
    from movinet.data.building.planning import BuildSettings
    from movinet.data.sources.text_lines import one_line
    from movinet.data.videos.clips import EncodingSettings

    settings = BuildSettings(
        encoding=EncodingSettings(_SHORT_SIDE.value, _JPEG_QUALITY.value, _MAX_FRAMES.value),
        shards=_SHARDS.value,
        validation_fraction=_VALIDATION.value,
        test_fraction=_TEST.value,
        group_regex=_GROUP_REGEX.value,
        seed=_SEED.value,
    )
    start = time.monotonic()
    manifest = build.build_dataset(
        source_flags.find(),
        _OUTPUT.value,
        settings,
        max_bad_fraction=_MAX_BAD.value,
        workers=_WORKERS.value,
        timeout=_TIMEOUT.value,
        overwrite=_OVERWRITE.value,
        runner=_RUNNER.value,
        beam_options=_split(_BEAM_OPTIONS.value),
    )
    for name, split in manifest.splits.items():
        megabytes = sum(shard.bytes for shard in split.shards) / 1e6
        print(f"{name:10} {split.clips:7} clips  {len(split.shards):5} shards  {megabytes:9.1f} MB")
        if missing := [label for label, clips in split.clips_per_class.items() if not clips]:
            print(f"{'':10} no clip of {len(missing)} classes: {', '.join(missing[:10])}")
    for video in manifest.skipped:
        print(f"skipped    {video.path}: {video.reason}")
    place = one_line(_OUTPUT.value)
    print(f"{len(manifest.labels)} classes in {place} ({time.monotonic() - start:.0f} s)")


def _split(options: str) -> list[str]:
    try:
        return shlex.split(options)
    except ValueError as error:
        raise InputError(f"--beam_options={options!r}: {error}.") from error


if __name__ == "__main__":
    cli.run(main)

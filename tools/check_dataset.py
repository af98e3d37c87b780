"""Checks a dataset before training on it, and writes what is wrong with it as a page with pictures.

    python3 tools/check_dataset.py --input=videos --output_dir=runs/check

The input is what build_dataset takes, or a dataset that it built. Finds clips that cannot be
decoded, are short, black, still or irregular in time; the same video in several splits, also cut,
shifted or encoded anew; clips of one source in several splits; classes that are missing, small or
under two names.

Ends with 0 if nothing serious was found, with 1 if something was (--fail_on), with 2 if the input
or a flag is wrong.
"""

import os
import pathlib
import sys

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.data.sources import source_flags

_OUTPUT = flags.DEFINE_string("output_dir", None, "Folder of the report.", required=True)
_MIN_SECONDS = flags.DEFINE_float("min_seconds", 1.0, "Shorter clips are found.", 0.0)
_MIN_FRAMES = flags.DEFINE_integer("min_frames", 8, "Shorter clips are found.", 0)
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 20_000, "Longest video accepted, in frames.", lower_bound=1
)
_MIN_CLIPS = flags.DEFINE_integer(
    "min_clips", 10, "Classes with fewer clips to train on are found.", 0
)
_MAX_IMBALANCE = flags.DEFINE_float(
    "max_imbalance", 10.0, "Ratio of the largest class to the smallest that is accepted.", 1.0
)
_GROUP_REGEX = flags.DEFINE_string(
    "group_regex", None, "Finds the source video in a file's name, as in build_dataset."
)
_WORKERS = flags.DEFINE_integer("workers", 0, "Processes; 0 for one per core.", lower_bound=0)
_TIMEOUT = flags.DEFINE_float(
    "timeout", 600.0, "Seconds after which one video is given up.", lower_bound=1.0
)
_FAIL_ON = flags.DEFINE_enum(
    "fail_on", "error", ["error", "warning", "never"], "Findings from which the exit code is 1."
)
_FAILING = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


def main() -> None:
    """Checks, writes the report, prints what was found."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from movinet import files
    from movinet.data.dataset_check import report, stored_clips, summary
    from movinet.data.dataset_check.check import Checker
    from movinet.data.dataset_check.findings import CheckSettings
    from movinet.errors import InputError

    given, output = pathlib.Path(source_flags.FLAGS.input), pathlib.Path(_OUTPUT.value)
    if output.resolve().is_relative_to(given.resolve()):
        raise InputError(f"{output} lies in {given}: write the report outside of the dataset.")
    settings = CheckSettings(
        min_seconds=_MIN_SECONDS.value,
        min_frames=_MIN_FRAMES.value,
        min_clips=_MIN_CLIPS.value,
        max_imbalance=_MAX_IMBALANCE.value,
        group_regex=_GROUP_REGEX.value,
        max_frames=_MAX_FRAMES.value,
    )
    workers, timeout = _WORKERS.value, _TIMEOUT.value
    # A folder that may not be written is told before hours of decoding.
    with files.write_folder_aside(output, report.JSON_NAME) as aside:
        if stored_clips.is_dataset(given):
            source, damage = stored_clips.find_stored_clips(given, workers, timeout)
        else:
            source, damage = source_flags.find(), ()
        with Checker(workers, timeout) as checker:
            check = checker.check(source, settings, damage)
            strips = checker.draw(check.dataset, report.shown_clips(check))
        report.write_report(aside, check, strips)
    for line in summary.lines(check):
        print(line)
    print(f"report: {output / report.PAGE_NAME}")
    if any(check.count(severity) for severity in _FAILING[_FAIL_ON.value]):
        sys.exit(cli.EXIT_BAD_RESULT)


if __name__ == "__main__":
    cli.run(main)

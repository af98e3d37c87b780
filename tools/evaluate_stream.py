"""Evaluates a model that streams on whole videos: accuracy by the seconds seen, as JSON and a plot.

    python3 tools/evaluate_stream.py --model_dir=runs/sample --split=test

Every video of the split is played once, frame by frame, several side by side; how many frames are
in memory depends on neither their number nor their length. The model comes from a training run
(--model_dir), a published variant (--preset), or the official flags.
"""

import os

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.export import source_flags

flags.adopt_module_key_flags(source_flags)
_DATA = flags.DEFINE_string(
    "data",
    "",
    "Dataset of tools/build_dataset.py; with --model_dir that of the training if not given.",
)
_SPLIT = flags.DEFINE_string("split", "validation", "Split to evaluate: validation, test or train.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "", "Folder of the report; with --model_dir its evaluation/SPLIT if not given."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "Videos that run side by side.", 1)


def main() -> None:
    """Evaluates the model that the flags describe and prints what was found."""
    source_flags.check_report(_DATA.value, _OUTPUT_DIR.value)
    cli.quieten()
    source = source_flags.read()
    from movinet.training import streaming_evaluation
    from movinet.training.stream_progress import StreamProgress

    data = source_flags.find_data(_DATA.value)
    report = streaming_evaluation.evaluate(
        source,
        data,
        _SPLIT.value,
        batch_size=_BATCH_SIZE.value,
        watch=lambda videos: StreamProgress(videos).advance,
    )
    folder = _OUTPUT_DIR.value or os.path.join(flags.FLAGS.model_dir, "evaluation", report.split)
    paths = report.write(folder)
    print(report.summary())
    print(f"Report: {folder} ({', '.join(path.name for path in paths)})")


if __name__ == "__main__":
    cli.run(main)

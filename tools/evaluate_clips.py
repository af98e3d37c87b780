"""Evaluates a model, or an ensemble of models, on the clip in the centre of every video of a split.

    python3 tools/evaluate_clips.py --model_dir=runs/both --split=test

The model comes from a training run or an ensemble (--model_dir), a published variant (--preset), or
the official flags. A model that streams reads the same clip; tools/evaluate_stream.py lets it read
whole videos.
"""

import os
from collections.abc import Iterable

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.export import source_flags

flags.adopt_module_key_flags(source_flags)
_DATA = flags.DEFINE_string(
    "data",
    "",
    "Dataset, or folder or list of videos; with --model_dir that of the training if not given.",
)
_SPLIT = flags.DEFINE_string("split", "validation", "Split to evaluate: validation, test or train.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir",
    "",
    "Folder of the report; evaluation/SPLIT_clips of --model_dir if not given.",
)


def main() -> None:
    """Evaluates the model that the flags describe and prints what was found."""
    source_flags.check_report(_DATA.value, _OUTPUT_DIR.value)
    cli.quieten()
    source = source_flags.read()
    from tqdm import tqdm

    from movinet.export.prepared_videos import PreparedVideo
    from movinet.training import clip_evaluation

    data = source_flags.find_data(_DATA.value)

    def progress(videos: Iterable[PreparedVideo]) -> Iterable[PreparedVideo]:
        return tqdm(videos, unit=" videos", disable=None)

    report = clip_evaluation.evaluate(source, data, _SPLIT.value, progress=progress)
    # Beside the report of train.py --mode=eval, if there is one.
    folder = _OUTPUT_DIR.value or os.path.join(
        flags.FLAGS.model_dir, "evaluation", f"{_SPLIT.value}_clips"
    )
    paths = report.write(folder)
    print(report.summary())
    print(f"Report: {folder} ({', '.join(path.name for path in paths)})")


if __name__ == "__main__":
    cli.run(main)

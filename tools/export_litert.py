"""Exports a model as a LiteRT (.tflite) file that is checked against it, for phones and the like.

    python3 tools/export_litert.py --model_dir=runs/sample --output=sample.tflite
    python3 tools/export_litert.py --model_dir=runs/sample --output=sample.tflite --precision=int8

A model that streams becomes a graph of one frame with states, any other a graph of one clip. The
model comes from a training run (--model_dir), a published variant (--preset), or the official
flags. Labels and preprocessing travel in the file and beside it.
"""

from collections.abc import Iterable

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli
from movinet.export import litert_settings, source_flags

flags.adopt_module_key_flags(source_flags)
_OUTPUT = flags.DEFINE_string("output", None, "File to write, *.tflite.", required=True)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    litert_settings.PRECISIONS,
    "Numbers in the file. int_float_fallback: int8 with images and states in float; int8: those "
    "too; int16x8: int16 activations, int8 weights.",
)
_STATE_LAYOUT = flags.DEFINE_enum(
    "state_layout",
    "5d",
    litert_settings.STATE_LAYOUTS,
    "5d: the official states. 4d: no tensor above rank 4, ops that GPUs take.",
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "Height and width in pixels; those of the evaluation if not given.", 1
)
_NUM_FRAMES = flags.DEFINE_integer(
    "num_frames", None, "Frames of a clip; those of the evaluation if not given.", 1
)
_DATA = flags.DEFINE_string(
    "data",
    "",
    "Dataset, or folder or list of videos, to calibrate and compare on; with --model_dir that of "
    "the training if not given.",
)
_CALIBRATION_SPLIT = flags.DEFINE_string("calibration_split", "train", "Split to calibrate on.")
_EVALUATION_SPLIT = flags.DEFINE_string("evaluation_split", "validation", "Split to compare on.")
_CALIBRATION_VIDEOS = flags.DEFINE_integer(
    "calibration_videos", 32, "Videos to calibrate on, whole; 0 for all.", 0
)
_EVALUATION_VIDEOS = flags.DEFINE_integer(
    "evaluation_videos", 500, "Videos to compare on; 0 for all.", 0
)
_EVALUATION_FRAMES = flags.DEFINE_integer(
    "evaluation_frames",
    None,
    "Frames of each video for a model that streams, looped if it is shorter; those of the "
    "evaluation if not given.",
    1,
)
_TOLERANCE = flags.DEFINE_float(
    "tolerance", 1e-4, "Largest difference in float32, as a part of the largest logit.", 0.0
)
_MIN_AGREEMENT = flags.DEFINE_float(
    "min_agreement", 0.98, "Share of the videos that float32 and --precision must agree on.", 0.0
)
_KEEP_FLOAT = flags.DEFINE_multi_string(
    "keep_float", [], "Regular expression of layers to leave in float; repeatable."
)


def main() -> None:
    """Exports the model that the flags describe and prints the figures of the export."""
    cli.quieten()
    source = source_flags.read()
    from tqdm import tqdm

    from movinet.export import ensemble_folder, litert

    data = _DATA.value
    if not data and flags.FLAGS.model_dir and _PRECISION.value != "float32":
        data = ensemble_folder.find_dataset(flags.FLAGS.model_dir)

    def progress(layers: Iterable[str]) -> Iterable[str]:
        return tqdm(layers, unit="layer", disable=None)

    exported = litert.export(
        source,
        _OUTPUT.value,
        litert_settings.Settings(
            precision=_PRECISION.value,
            state_layout=_STATE_LAYOUT.value,
            num_frames=_NUM_FRAMES.value,
            image_size=_IMAGE_SIZE.value,
            data=data,
            calibration_split=_CALIBRATION_SPLIT.value,
            evaluation_split=_EVALUATION_SPLIT.value,
            calibration_videos=_CALIBRATION_VIDEOS.value,
            evaluation_videos=_EVALUATION_VIDEOS.value,
            evaluation_frames=_EVALUATION_FRAMES.value,
            tolerance=_TOLERANCE.value,
            min_agreement=_MIN_AGREEMENT.value,
            keep_float=tuple(_KEEP_FLOAT.value),
        ),
        say=lambda words: print(words, flush=True),
        progress=progress,
    )
    print(exported.describe())


if __name__ == "__main__":
    cli.run(main)

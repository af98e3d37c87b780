"""Says what a video shows.

    predict.py VIDEO --model a0_stream.tflite
    predict.py VIDEO --model a0_stream.tflite --plot timeline.mp4 --json timeline.json

Installed, the command is called movinet-predict. A .tflite file needs no TensorFlow.
"""

import contextlib
import json
import pathlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TextIO

from absl import flags
from tqdm import tqdm

from movinet import cli, files
from movinet.data.sources.source import read_labels
from movinet.errors import InputError
from movinet.streaming.classify import classify_video
from movinet.streaming.loading import load_model
from movinet.streaming.prediction import Prediction
from movinet.streaming.timeline import Timeline

STANDARD_OUTPUT = "-"
PLOT_SUFFIXES = (".png", ".gif", ".mp4")

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "A .tflite file, a SavedModel folder, a training folder, or a checkpoint with --preset.",
    required=True,
)
_PRESET = flags.DEFINE_string("preset", None, "Network of a checkpoint, such as a0_stream.")
_LABELS = flags.DEFINE_string(
    "labels", None, "File of class names in index order, one a line; default: the model's."
)
_TOP_K = flags.DEFINE_integer("top_k", 5, "Classes to name.", lower_bound=1)
_CLIPS = flags.DEFINE_integer(
    "clips", 1, "Evenly spaced clips to average, for a model that does not stream.", lower_bound=1
)
_EVERY = flags.DEFINE_integer(
    "every", 0, "Print the prediction after every so many frames (clips); 0 for never.", 0
)
_FPS = flags.DEFINE_float(
    "fps", None, "Frames per second that the model sees; default: the model's.", lower_bound=0.1
)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side",
    None,
    "Pixels that the shorter side is resized to before the centre crop; default: the model's.",
    lower_bound=1,
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", None, "Sides of the frames, for a SavedModel that takes any.", lower_bound=1
)
_JSON = flags.DEFINE_string(
    "json", None, "File for the predictions over time; - prints them instead of the table."
)
_PLOT = flags.DEFINE_string(
    "plot", None, "Picture (.png) or video (.gif, .mp4) of the predictions over time."
)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of a .tflite model.", lower_bound=1)


def run() -> None:
    """Runs the command line."""
    cli.run(main, positional=("VIDEO",), home=__name__)


def main(video: str) -> None:
    """Classifies the video and prints, writes and draws what the flags ask for."""
    cli.quieten()
    _check_arguments(video)
    model = load_model(
        _MODEL.value,
        preset=_PRESET.value,
        num_threads=_THREADS.value,
        labels=read_labels(_LABELS.value) if _LABELS.value else None,
        fps=_FPS.value,
        short_side=_SHORT_SIDE.value,
        image_size=_IMAGE_SIZE.value,
    )
    started = time.monotonic()
    with _reported_warnings(), _progress("frames" if model.streams else "clips") as on_prediction:
        timeline = classify_video(video, model, clips=_CLIPS.value, on_prediction=on_prediction)
    seconds = time.monotonic() - started
    if _JSON.value == STANDARD_OUTPUT:
        print(_json_text(timeline), end="")
    else:
        _print_table(timeline, seconds)
    _write_outputs(timeline)


def _check_arguments(video: str) -> None:
    """Raises InputError, before a model is loaded, for what cannot be read or drawn."""
    if not pathlib.Path(video).is_file():
        raise InputError(f"The video {video} does not exist or is not a file.")
    if not _PLOT.value:
        return
    if pathlib.Path(_PLOT.value).suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"--plot={_PLOT.value}: the name must end in .png, .gif or .mp4.")
    try:
        import matplotlib  # noqa: F401
        import PIL  # noqa: F401
    except ImportError as error:
        raise InputError(
            f'--plot needs matplotlib and Pillow ({error}): pip install "movinet[streaming,plot]".'
        ) from error


@contextlib.contextmanager
def _reported_warnings() -> Iterator[None]:
    """Prints warnings as sentences, once the bar of progress is out of the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("once")
        yield
    for warning in caught:
        if not issubclass(warning.category, DeprecationWarning):
            print(f"warning: {warning.message}", file=sys.stderr)


@contextlib.contextmanager
def _progress(unit: str) -> Iterator[Callable[[Prediction], None]]:
    """Yields what counts predictions in a bar, on a terminal alone, and prints some (--every)."""
    with tqdm(unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False) as bar:

        def report(prediction: Prediction) -> None:
            bar.update()
            if _EVERY.value and (prediction.frame + 1) % _EVERY.value == 0:
                at = "" if prediction.time is None else f"{prediction.time:8.2f} s  "
                line = f"{at}{prediction.score:7.2%}  {prediction.label}"
                tqdm.write(line, file=_words())

        yield report


def _words() -> TextIO:
    """Returns where words go: standard output, unless that is for JSON alone."""
    return sys.stderr if _JSON.value == STANDARD_OUTPUT else sys.stdout


def _print_table(timeline: Timeline, seconds: float) -> None:
    """Prints the most probable classes, and the first one in the lines that PaddleVideo prints."""
    unit = "frame" if timeline.streamed else "clip"
    count = len(timeline)
    print(
        f"{timeline.video}: {count} {unit}{'s' * (count != 1)} with {timeline.info.name} in "
        f"{seconds:.2f} s ({count / seconds:,.0f} a second)"
    )
    best = timeline.final.top(_TOP_K.value)
    width = max(len(score.label) for score in best)
    print(f"\n{'rank':>4}  {'class':{width}}  {'index':>5}  {'score':>6}")
    for rank, score in enumerate(best, 1):
        print(f"{rank:4}  {score.label:{width}}  {score.class_index:5}  {score.score:6.4f}")
    print(f"\ntop-1 class: {best[0].label} ({best[0].class_index})")
    print(f"top-1 score: {best[0].score:.4f}")


def _json_text(timeline: Timeline) -> str:
    return json.dumps(timeline.to_json(_TOP_K.value), indent=1, ensure_ascii=False) + "\n"


def _write_outputs(timeline: Timeline) -> None:
    """Writes the files that the flags name, and says so."""
    if _JSON.value and _JSON.value != STANDARD_OUTPUT:
        files.write_text(_JSON.value, _json_text(timeline))
        print(f"predictions over time: {_JSON.value}")
    if _PLOT.value:
        from movinet.streaming.drawing import draw_timeline

        draw_timeline(_PLOT.value, timeline)
        print(f"plot: {_PLOT.value}", file=_words())

"""Exporting a model as one verified `.tflite` file, in any precision."""

import dataclasses
import math
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from movinet import comparison, files
from movinet.comparison import Difference
from movinet.ensemble import Ensemble, VideoClassifier
from movinet.errors import InputError, VerificationError
from movinet.export import (
    agreement,
    calibration,
    ensemble_graph,
    litert_file,
    litert_graph,
    prepared_videos,
    quantization,
    saved_model,
)
from movinet.export.agreement import Agreement, LayerError
from movinet.export.calibration import Feed, Ranges
from movinet.export.ensemble_folder import AnySource
from movinet.export.litert_report import LAYERS_NAMED, LiteRtExport
from movinet.export.litert_settings import Settings
from movinet.inputs import IMAGE
from movinet.layers.base import States
from movinet.streaming.litert_model import LiteRtModel
from movinet.streaming.preprocessing import FramePreparer

Progress = Callable[[Iterable[str]], Iterable[str]]

# Frames of which every tensor is looked at: more of them widen the ranges no further.
_OBSERVED_FRAMES = 400
_LAYER_FRAMES = 24
_FRAMES_COMPARED = 6
_TIMED_RUNS = 30


def export(
    source: AnySource,
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    say: Callable[[str], None] = lambda words: None,
    progress: Progress = iter,
) -> LiteRtExport:
    """Writes a `.tflite` file that has been compared with its model, and a description beside it.

    Labels, preprocessing and states are in a zip archive at the end of the file, and in
    `{name}.json` beside it; `{name}.report.json` holds the figures, and `{name}.layers.png` what
    the layers cost in integers.

    Args:
      path: of the file; its name ends in `.tflite`.
      say: is told what takes long.
      progress: is given the layers to go through, one by one.

    Raises:
      InputError: a setting does not fit the model, the path or the data.
      VerificationError: the file would not compute what the model does; nothing is written.
    """
    settings = settings or Settings()
    target = pathlib.Path(path)
    if target.suffix != ".tflite":
        raise InputError(f"The name of the file, {target}, does not end in .tflite.")
    with tempfile.TemporaryDirectory() as folder:
        work = _Work(source, settings, pathlib.Path(folder), say, progress)
        finished = work.run(target)
        with files.write_aside(target) as aside:
            aside.write_bytes(work.result.read_bytes())
    finished.write_companions()
    return finished


class _Work:
    """The steps of one export, in the order of the methods.

    Files that are run stay as they are until the end: interpreters read them as they go.
    """

    def __init__(
        self,
        source: AnySource,
        settings: Settings,
        folder: pathlib.Path,
        say: Callable[[str], None],
        progress: Progress,
    ) -> None:
        self.folder = folder
        self.result = folder / "result.tflite"
        self.model = source.model
        self.settings = settings
        self.say = say
        self.progress = progress
        info, size = source.info, settings.image_size
        if isinstance(self.model, Ensemble) and settings.precision in quantization.CALIBRATED:
            raise InputError(
                f"An ensemble is not exported in {settings.precision}: export its members in it "
                "one by one and average their logits, or choose float16, dynamic or int8_weights."
            )
        if info.causal and settings.num_frames not in (None, 1):
            raise InputError("A model that streams reads one frame at a time: set num_frames to 1.")
        frames = None if info.causal else settings.num_frames or info.preprocessing.num_frames
        self.info = dataclasses.replace(
            saved_model.describe(info, self.model, (1, frames, size, size, 3)),
            precision=settings.precision,
            state_layout=settings.state_layout if info.causal else "",
        )

    def run(self, target: pathlib.Path) -> LiteRtExport:
        """Writes the file to `result`; describes it as if it were at `target`."""
        settings = self.settings
        quantised = settings.precision != "float32"
        integers = settings.precision in quantization.CALIBRATED
        self.say(f"converting {self.info.name} ...")
        content = self.convert(split_hard_swish=integers)
        float_model = self.load(content, self.folder / "float.tflite")
        difference = self.differ(float_model)
        difference.check(settings.tolerance)
        ranges: Ranges = {}
        feeds: list[Feed] = []
        if integers:
            ranges, feeds = self.calibrate(content)
        smaller = quantization.quantize(
            content, settings.precision, ranges, keep_float=settings.keep_float
        )
        model = self.load(smaller, self.result)
        if quantised:
            difference = self.differ(model)
        layers: list[LayerError] = []
        if integers:
            self.say("measuring what each layer costs ...")
            layers = agreement.layer_errors(
                content, settings.precision, ranges, feeds, progress=self.progress
            )
        agreed = self.compare(float_model, model, layers) if settings.data and quantised else None
        return LiteRtExport(
            path=target,
            info=model.info,
            bytes=self.result.stat().st_size,
            census=litert_file.census(smaller),
            seconds_per_frame=seconds_per_frame(model, _period(self.model)),
            difference=difference,
            agreement=agreed,
            layers=tuple(layers),
        )

    def convert(self, split_hard_swish: bool) -> bytes:
        """Converts the model in float32."""
        model, settings = self.model, self.info.preprocessing
        clip = settings.num_frames, settings.height, settings.width
        layout = self.settings.state_layout
        if isinstance(model, Ensemble):
            return ensemble_graph.convert(model, clip, layout)
        return litert_graph.convert(
            model,
            num_frames=clip[0],
            height=clip[1],
            width=clip[2],
            state_layout=layout,
            split_hard_swish=split_hard_swish,
        )

    def load(self, content: bytes, path: pathlib.Path) -> LiteRtModel:
        """Writes the file with its description, and loads it as its users will."""
        states = litert_file.Graph(content).states()
        info = dataclasses.replace(self.info, states=states)
        path.write_bytes(litert_file.attach(content, info))
        return LiteRtModel(path)

    def differ(self, model: LiteRtModel) -> Difference:
        """Compares a file with the model on random video."""
        settings = self.info.preprocessing
        frames = _FRAMES_COMPARED if model.streams else settings.num_frames
        video = comparison.random_video([1, frames, settings.height, settings.width, 3])
        pieces = [1] * frames if model.streams else [frames]
        return comparison.compare(self.model.run, as_network(model), video, [pieces])

    def calibrate(self, content: bytes) -> tuple[Ranges, list[Feed]]:
        """Lets whole videos stream through the float graph; returns ranges and some frames."""
        settings = self.settings
        self.say(f"calibrating on the {settings.calibration_split} videos of {settings.data} ...")
        videos = prepared_videos.read(
            settings.data,
            self.info,
            split=settings.calibration_split,
            num_frames=None if self.info.causal else self.info.preprocessing.num_frames,
            limit=settings.calibration_videos,
        )
        frames = [video.frames for video in videos]
        total = sum(map(len, frames)) if self.info.causal else len(frames)
        if not total:
            raise InputError(f"No video of {settings.data} can be read to calibrate with.")
        # A state of every frame would not fit into memory.
        observed = set(_spread(total, _OBSERVED_FRAMES))
        kept = set(_spread(total, _LAYER_FRAMES))
        self.say(f"observing {len(observed)} of {total} frames ...")
        normalise = FramePreparer(self.info.preprocessing).normalise
        feeds: list[Feed] = []

        def chosen() -> Iterator[Feed]:
            for index, feed in enumerate(calibration.feeds(content, map(normalise, frames))):
                if index in kept:
                    feeds.append(feed)
                if index in observed or index in kept:
                    yield feed

        return calibration.observe(content, chosen()), feeds

    def compare(
        self, float_model: LiteRtModel, model: LiteRtModel, layers: list[LayerError]
    ) -> Agreement:
        """Compares both on the evaluation split. Raises VerificationError if they differ much."""
        settings = self.settings
        self.say(f"comparing on the {settings.evaluation_split} videos of {settings.data} ...")
        frames = settings.evaluation_frames if self.info.causal else None
        videos = prepared_videos.read(
            settings.data,
            self.info,
            split=settings.evaluation_split,
            num_frames=frames or self.info.preprocessing.num_frames,
            limit=settings.evaluation_videos,
        )
        found = agreement.compare(float_model, model, videos)
        if not found.of_videos >= settings.min_agreement:
            worst = ", ".join(layer.name for layer in layers[:LAYERS_NAMED])
            hint = f" The layers that hurt most: {worst}; keep some in float." if worst else ""
            raise VerificationError(
                f"In {settings.precision} the model agrees with itself in float in "
                f"{found.describe()}. At the end of the videos that is less than "
                f"{settings.min_agreement:.0%}, so nothing was written.{hint}"
            )
        return found


def as_network(model: LiteRtModel) -> comparison.Network:
    """Returns a file as `movinet.comparison` runs networks."""

    def run(inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, States]:
        states = {name: value for name, value in inputs.items() if name != IMAGE}
        clip = np.asarray(inputs[IMAGE])
        logits, states = model.run(clip, states or model.initial_states())
        return logits[np.newaxis], states

    return run


def seconds_per_frame(model: LiteRtModel, period: int = 1) -> float:
    """Returns the median time of a run on this machine, divided by its frames.

    Args: period: runs of which each may take another time, as those of an ensemble do.
    """
    height, width = model.image_size
    frames = model.num_frames or 1
    clip = np.random.default_rng(0).random((1, frames, height, width, 3), np.float32)
    states, times = model.initial_states(), []
    for _ in range(_TIMED_RUNS):
        start = time.perf_counter()
        for _ in range(period):
            _, states = model.run(clip, states)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / (frames * period)


def _period(model: VideoClassifier) -> int:
    """Returns after how many frames of a stream each member has read as many as before."""
    if isinstance(model, Ensemble) and model.causal:
        return math.lcm(*(member.every for member in model.members))
    return 1


def _spread(total: int, count: int) -> list[int]:
    """Returns at most `count` of `total` indices, evenly spaced."""
    count = min(count, total)
    return [index * total // count for index in range(count)]

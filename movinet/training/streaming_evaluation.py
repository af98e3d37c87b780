"""Evaluates a stream as it is used: whole videos frame by frame, an answer after each frame."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.ensemble import VideoClassifier, members_of
from movinet.errors import InputError
from movinet.export.ensemble_folder import AnySource
from movinet.inputs import IMAGE
from movinet.layers.base import States
from movinet.model_info import Preprocessing
from movinet.presets import SOURCE_FPS
from movinet.streaming.preprocessing import FramePreparer
from movinet.training.accuracy_over_time import AccuracyOverTime, Track
from movinet.training.streaming_report import StreamingReport
from movinet.training.video_streams import FrameDecoder, Step, Turn, VideoSplit, side_by_side

Advance = Callable[[Sequence[Turn | None]], None]


def evaluate(
    source: AnySource,
    folder: str | os.PathLike[str],
    split: str,
    *,
    batch_size: int = 8,
    watch: Callable[[int], Advance] | None = None,
) -> StreamingReport:
    """Plays every video of a split to a model, in one pass, and reports accuracy by seconds seen.

    Decoded frames of two steps are in memory, and the encoded ones of the videos that run.

    Args:
      source: a model that streams, and what belongs to it.
      folder: a dataset of tools/build_dataset.py.
      batch_size: videos that run side by side.
      watch: is told the number of videos; what it returns is called with the turns of each step.

    Raises: InputError if the model gives no answer after each frame, or the data cannot be used.
    """
    _check(source)
    info = source.info
    settings = info.preprocessing
    videos = VideoSplit(folder, split, info)
    stream = SharedStream(source.model, batch_size, settings)
    normalise = FramePreparer(settings).normalise
    seconds_a_frame = 1 / settings.fps if settings.fps else settings.temporal_stride / SOURCE_FPS
    counts = AccuracyOverTime(info.num_classes, seconds_a_frame)
    tracks: dict[int, Track] = {}
    advance = watch(len(videos)) if watch else None
    frames = 0
    for step in _ahead(side_by_side(videos, batch_size, FrameDecoder(settings))):
        begins = [turn is not None and turn.is_first for turn in step.turns]
        logits = stream.read(normalise(step.frames), begins)
        for place, turn in enumerate(step.turns):
            if turn is None:
                continue
            if turn.is_first:
                tracks[place] = counts.begin(turn.video.label)
            tracks[place].answer(turn.seconds, _rank(logits[place], turn))
            if turn.is_last:
                tracks.pop(place).finish()
            frames += 1
        if advance:
            advance(step.turns)
    return StreamingReport(
        split=videos.name,
        data=os.fspath(folder),
        info=info,
        frames=frames,
        videos=counts.videos,
        final=counts.final,
        settling=counts.settling(),
        curve=counts.curve(),
    )


class SharedStream:
    """`model.stream()` for several videos at once, each with states of its own; traced once.

    States that count frames have the shape [1] for a batch of one age; here they have [B], so that
    a video can begin beside others that are running.

    Args:
      model: causal.
      batch_size: B.
      settings: of the frames.
    """

    def __init__(self, model: VideoClassifier, batch_size: int, settings: Preprocessing) -> None:
        clip = [batch_size, 1, settings.height, settings.width, 3]
        self._stream = model.stream()
        self._states: States = {
            name: tf.zeros([batch_size, *value.shape[1:]], value.dtype)
            for name, value in self._stream.init_states(clip).items()
        }
        self._step = tf.function(
            self._begin_and_run,
            input_signature=[
                tf.TensorSpec(clip, tf.float32),
                tf.TensorSpec([batch_size], tf.bool),
                {name: tf.TensorSpec.from_tensor(value) for name, value in self._states.items()},
            ],
        )

    def read(self, frames: np.ndarray, begins: Sequence[bool]) -> np.ndarray:
        """Reads the next frame of each video.

        Args:
          frames: float32 [B, height, width, 3], as the model takes them.
          begins: [B], of which video it is the first; what was there before is forgotten.

        Returns: logits [B, K].
        """
        clip = tf.constant(frames[:, np.newaxis])
        logits, self._states = self._step(clip, tf.constant(begins), self._states)
        return logits.numpy()

    def _begin_and_run(
        self, clip: tf.Tensor, begins: tf.Tensor, states: States
    ) -> tuple[tf.Tensor, States]:
        remembered = {
            name: tf.where(
                tf.reshape(begins, [-1] + [1] * (value.shape.rank - 1)), tf.zeros_like(value), value
            )
            for name, value in states.items()
        }
        return self._stream({**remembered, IMAGE: clip})


def _check(source: AnySource) -> None:
    """Raises InputError for a model that has no one class to name after each frame."""
    info, config = source.info, members_of(source.model)[0].backbone.layer_config
    if not config.causal:
        raise InputError(
            f"The model {info.name!r} is not causal: it sees a clip as a whole and has no answer "
            "after each frame. Evaluate a stream (task.model.backbone.movinet.causal=true)."
        )
    if config.average_pooling_type != "3d":
        raise InputError(
            f"The model {info.name!r} pools each frame by itself (average_pooling_type "
            f"{config.average_pooling_type}), so that seconds seen mean nothing to it; it is 3d "
            "in a stream."
        )
    if info.preprocessing.sampling == SEGMENTS:
        raise InputError(
            f"The model {info.name!r} was trained on frames spread over whole videos (sampling "
            "segments); a stream does not know how long its video will be."
        )
    if info.multilabel:
        raise InputError(
            f"The model {info.name!r} gives a video several labels; accuracy over time is that of "
            "one. train.py --mode=eval reports its mean average precision over whole clips."
        )


def _rank(logits: np.ndarray, turn: Turn) -> int:
    """How many of the classes' logits [K] come before that of the true class.

    Of equal ones the lower index comes first, as in tf.math.top_k.
    """
    if not np.isfinite(logits).all():
        raise InputError(
            f"The model answers with values that are not numbers at {turn.seconds:.2f} s of "
            f"{turn.video.place}: its weights are broken; take another checkpoint."
        )
    label = turn.video.label
    return int((logits > logits[label]).sum() + (logits[:label] == logits[label]).sum())


def _ahead(steps: Iterable[Step]) -> Iterator[Step]:
    """Yields the same steps, and prepares one while the one before is used."""
    source = iter(steps)
    with ThreadPoolExecutor(1) as reader:
        pending = reader.submit(next, source, None)
        while (step := pending.result()) is not None:
            pending = reader.submit(next, source, None)
            yield step

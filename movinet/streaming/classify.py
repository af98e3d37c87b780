"""Classifying a video file with any model."""

import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.data.videos.video_files import read_frames
from movinet.errors import InputError
from movinet.model_info import Preprocessing
from movinet.streaming.clip_sampling import MICROSECONDS, clips_to_see
from movinet.streaming.frame_source import frame_times, sampled_frames
from movinet.streaming.loading import load_model
from movinet.streaming.prediction import Prediction, probabilities
from movinet.streaming.preprocessing import FramePreparer
from movinet.streaming.stream_classifier import StreamClassifier
from movinet.streaming.timeline import Timeline
from movinet.streaming.video_model import VideoModel


def classify_video(
    path: str | os.PathLike[str],
    model: str | os.PathLike[str] | VideoModel,
    *,
    clips: int = 1,
    on_prediction: Callable[[Prediction], None] | None = None,
) -> Timeline:
    """Classifies a video file.

    A model that streams reads frames at its frame rate and says something after each. Any other
    model sees the clip of the video's centre, or `clips` evenly spaced ones. A model of segments
    sees a frame of each: a stream one after the other, any other model all at once.

    Args:
      path: of the video.
      model: a model, or a path that `load_model` reads.
      clips: number of clips, for a model that does not stream.
      on_prediction: is called with every prediction as soon as it is there.

    Raises: VideoError for the video, InputError for the model or for clips of a stream.
    """
    if isinstance(model, str | os.PathLike):
        model = load_model(model)
    if clips < 1:
        raise InputError(f"The number of clips is {clips}: at least 1.")
    if model.streams and clips > 1:
        raise InputError(
            f"The model {model.info.name!r} streams: it sees the whole video, not {clips} clips."
        )
    if clips > 1 and model.info.preprocessing.sampling == SEGMENTS:
        raise InputError(
            f"The model {model.info.name!r} sees segments of the whole video, not {clips} clips."
        )
    predictions: list[Prediction] = []
    reader = _stream(path, model) if model.streams else _clips(path, model, clips)
    for prediction in reader:
        predictions.append(prediction)
        if on_prediction is not None:
            on_prediction(prediction)
    times = np.array([prediction.time for prediction in predictions], np.float64)
    return Timeline(
        times,
        np.stack([prediction.probabilities for prediction in predictions]),
        model.info,
        pathlib.Path(path),
        streamed=model.streams,
    )


def _stream(path: str | os.PathLike[str], model: VideoModel) -> Iterator[Prediction]:
    classifier = StreamClassifier(model)
    for time, frame in sampled_frames(path, model.info.preprocessing):
        yield classifier.push(frame, time)


def _clips(path: str | os.PathLike[str], model: VideoModel, clips: int) -> Iterator[Prediction]:
    settings = model.info.preprocessing
    num_frames = model.num_frames or settings.num_frames
    times = frame_times(path)
    indices = clips_to_see(len(times), times, settings, num_frames, clips)
    preparer = FramePreparer(settings)
    frames = _cropped_frames(path, settings, preparer, set(indices.flat))
    for number, row in enumerate(indices):
        clip = preparer.normalise(np.stack([frames[index] for index in row]))[np.newaxis]
        logits, _ = model.run(clip, {})
        scores = probabilities(logits, multilabel=model.info.multilabel)
        middle = (times[row.min()] + times[row.max()]) / 2 / MICROSECONDS
        yield Prediction(scores, model.info, number, float(middle))


def _cropped_frames(
    path: str | os.PathLike[str],
    settings: Preprocessing,
    preparer: FramePreparer,
    wanted: set[int],
) -> dict[int, np.ndarray]:
    """Returns the wanted frames of a video, uint8 [height, width, 3] of the model, by index."""
    frames = {}
    last = max(wanted)
    for index, (frame, _) in enumerate(read_frames(path, settings.stored_short_side or None)):
        if index in wanted:
            frames[index] = preparer.crop(frame)
        if index == last:
            break
    return frames

"""Evaluates a model of any kind, an ensemble too, on one clip of each video of a dataset."""

import os
from collections.abc import Callable, Iterable

import tensorflow as tf

from movinet.errors import InputError
from movinet.export import prepared_videos
from movinet.export.ensemble_folder import AnySource
from movinet.export.prepared_videos import PreparedVideo
from movinet.streaming.preprocessing import FramePreparer
from movinet.training.evaluation import Report
from movinet.training.metrics import ClassificationCounts

Progress = Callable[[Iterable[PreparedVideo]], Iterable[PreparedVideo]]


def evaluate(
    source: AnySource,
    data: str | os.PathLike[str],
    split: str,
    *,
    progress: Progress = iter,
) -> Report:
    """Classifies the clip in the centre of every video, as `movinet.json` says a model is fed.

    Args:
      data: a dataset of tools/build_dataset.py, or a folder or list of videos as that tool takes
        them.
      progress: is given the videos to go through.

    Raises: InputError if the model names several classes of a video, or the data cannot be used.
    """
    info = source.info
    if info.multilabel:
        raise InputError(
            f"The model {info.name!r} gives a video several labels; top-1 accuracy is that of one."
        )
    settings = info.preprocessing
    normalise = FramePreparer(settings).normalise
    classify = tf.function(source.model, reduce_retracing=True)
    counts = ClassificationCounts(info.num_classes)
    videos = prepared_videos.read(data, info, split=split, num_frames=settings.num_frames)
    for video in progress(videos):
        logits = classify(tf.constant(normalise(video.frames)[tf.newaxis]))
        counts.update_state(tf.constant([video.label]), logits)
    if not int(counts.result()):
        raise InputError(f"There is no video of the split {split!r} in {data} that can be read.")
    names = info.labels or tuple(map(info.label, range(info.num_classes)))
    confusion, top_5 = counts.counts()
    return Report(split, info.source, 0, names, {}, confusion, top_5)

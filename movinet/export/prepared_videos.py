"""Videos as a model is to see them, with their classes: for calibration and for comparison."""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from movinet.data.building import manifest
from movinet.data.pipeline import cropping, decoding
from movinet.data.pipeline.sampling_names import SEGMENTS
from movinet.data.sources.source import find_source
from movinet.data.sources.splits import SPLIT_FOLDERS
from movinet.data.videos.video_files import VideoError, read_frames
from movinet.errors import InputError
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming import clip_sampling
from movinet.streaming.preprocessing import FramePreparer


class PreparedVideo(NamedTuple):
    """Frames uint8 [T, height, width, 3] of the model, and its index of the class, if it is known.

    A model reads `FramePreparer.normalise` of them.
    """

    frames: np.ndarray
    label: int | None


def read(
    path: str | os.PathLike[str],
    info: ModelInfo,
    *,
    split: str,
    num_frames: int | None = None,
    limit: int = 0,
) -> Iterator[PreparedVideo]:
    """Yields videos sampled, resized and cropped as in evaluation.

    Args:
      path: a dataset of tools/build_dataset.py, or a folder or list of videos as that tool takes
        them; of the latter those that cannot be decoded are left out.
      info: of the model.
      split: of the dataset, such as `validation`; a folder of videos without splits is read whole.
      num_frames: of the clip of a video's centre, in a loop where it is shorter; None for all.
      limit: number of videos, evenly spaced among all of them; 0 for all.

    Raises: InputError if there are no videos, or their classes are not those of the model.
    """
    if limit < 0 or (num_frames is not None and num_frames < 1):
        raise InputError("The number of videos must not be negative, that of frames at least 1.")
    path = pathlib.Path(path)
    if (path / manifest.MANIFEST_NAME).is_file():
        return _from_dataset(path, info, split, num_frames, limit)
    return _from_files(path, info, split, num_frames, limit)


def _from_dataset(
    folder: pathlib.Path, info: ModelInfo, split: str, num_frames: int | None, limit: int
) -> Iterator[PreparedVideo]:
    found = manifest.verify(folder, SPLIT_FOLDERS.get(split, split))
    _check_labels(folder, found.labels, info)
    part = found.splits[SPLIT_FOLDERS.get(split, split)]
    files = [str(folder / shard.name) for shard in part.shards]
    chosen = set(_spaced(part.clips, limit))
    settings, names = info.preprocessing, list(info.labels or found.labels)
    for number, serialized in enumerate(tf.data.TFRecordDataset(files)):
        if number not in chosen:
            continue
        record = decoding.parse_record(
            serialized, tf.constant(str(folder)), tf.constant(number, tf.int64)
        )
        times = record.timestamps.numpy()
        if settings.fps:
            times = decoding.require_timestamps(record).numpy()
        indices = _indices(len(record.frames), times, settings, num_frames)
        distinct, positions = np.unique(indices, return_inverse=True)
        clip = decoding.decode_frames(tf.gather(record.frames, distinct))
        clip = cropping.resize_short_side(clip, settings.short_side)
        clip = cropping.centre_crop(clip, settings.height, settings.width)
        label = names.index(found.labels[int(record.labels[0])])
        yield PreparedVideo(clip.numpy()[positions], label)


def _from_files(
    path: pathlib.Path, info: ModelInfo, split: str, num_frames: int | None, limit: int
) -> Iterator[PreparedVideo]:
    source = find_source(path)
    split = SPLIT_FOLDERS.get(split, split)
    clips = [clip for clip in source.clips if clip.split in (None, split)]
    if not clips:
        raise InputError(f"There is no video of the split {split!r} in {path}.")
    if info.labels:
        _check_labels(path, source.labels, info)
    settings, preparer = info.preprocessing, FramePreparer(info.preprocessing)
    labels = info.labels or source.labels
    for index in _spaced(len(clips), limit):
        frames, times = [], []
        try:
            for frame, time in read_frames(clips[index].path, settings.stored_short_side or None):
                frames.append(preparer.crop(frame))
                times.append(time)
        except VideoError:
            continue
        chosen = _indices(len(frames), np.array(times), settings, num_frames)
        yield PreparedVideo(np.stack(frames)[chosen], labels.index(clips[index].label))


def _check_labels(path: pathlib.Path, labels: Sequence[str], info: ModelInfo) -> None:
    if info.labels and (unknown := sorted(set(labels) - set(info.labels))):
        raise InputError(f"{path} has the class {unknown[0]!r}, which the model does not know.")
    if len(labels) > info.num_classes:
        raise InputError(f"{path} has {len(labels)} classes, but the model has {info.num_classes}.")


def _spaced(count: int, limit: int) -> list[int]:
    """Returns `limit` of `count` indices, evenly spaced; all for 0."""
    if not limit or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


def _indices(
    video_frames: int, times: np.ndarray, settings: Preprocessing, num_frames: int | None
) -> np.ndarray:
    """Returns the frames [T] of the clip, or of the whole video as a stream sees it."""
    if num_frames is None:
        if settings.sampling == SEGMENTS:
            num_frames = settings.num_frames
        elif settings.fps:
            duration = float(times[-1] - times[0]) + clip_sampling.mean_interval(times)
            num_frames = max(1, int(duration * settings.fps / clip_sampling.MICROSECONDS + 0.25))
        else:
            return np.arange(0, video_frames, settings.temporal_stride)
    return clip_sampling.clips_to_see(video_frames, times, settings, num_frames)[0]

"""The whole videos of a dataset as streams side by side, frame by frame, at the rate of a model."""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from movinet.data.building import manifest
from movinet.data.pipeline import cropping, decoding
from movinet.data.sources.splits import SPLIT_FOLDERS
from movinet.errors import InputError
from movinet.model_info import ModelInfo, Preprocessing
from movinet.streaming.clip_sampling import MICROSECONDS, mean_interval


class Video(NamedTuple):
    """A video as a stream sees it.

    frames: encoded [N], those that are seen; seconds: [N], when, from the first; label: index of
    its class among the model's; place: the record, in words.
    """

    frames: np.ndarray
    seconds: np.ndarray
    label: int
    place: str


class Turn(NamedTuple):
    """One frame of one video."""

    video: Video
    number: int

    @property
    def is_first(self) -> bool:
        """Whether the video begins."""
        return self.number == 0

    @property
    def is_last(self) -> bool:
        """Whether the video ends."""
        return self.number == len(self.video.frames) - 1

    @property
    def seconds(self) -> float:
        """The time of the frame."""
        return float(self.video.seconds[self.number])


class Step(NamedTuple):
    """A frame of each video in a batch: uint8 [B, height, width, 3], and whose they are.

    A place of the batch for which there is no video any more has no turn, and any frame.
    """

    frames: np.ndarray
    turns: list[Turn | None]


def frames_to_see(times: np.ndarray, settings: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    """Returns which frames [N] of a whole video a stream sees, and when [N], in seconds.

    By frame rate it is the frame nearest to each k / fps, of two as near the earlier one, until one
    mean interval after the last frame; by stride every `temporal_stride`-th frame at its own time.

    Args: times: presentation times in microseconds, increasing.
    """
    times = np.asarray(times, np.float64) - float(times[0])
    if not settings.fps:
        chosen = np.arange(0, len(times), settings.temporal_stride)
        return chosen, times[chosen] / MICROSECONDS
    # A quarter of a frame less, so that rounded times do not make one frame too many.
    end = times[-1] + 0.75 * mean_interval(times)
    count = max(1, int(np.ceil(end * settings.fps / MICROSECONDS)))
    wanted = np.arange(count) * MICROSECONDS / settings.fps
    chosen = np.searchsorted((times[:-1] + times[1:]) / 2, wanted, side="left")
    return chosen, np.arange(count) / settings.fps


class VideoSplit:
    """The videos of one split of a dataset folder, in the order of its records; one at a time.

    Args:
      folder: a dataset of tools/build_dataset.py.
      split: train, validation or test.
      info: of the model that is to see them.

    Raises: InputError if there is no such split, if its classes are not the model's, or, while
      videos are read, naming the record that is broken.
    """

    def __init__(self, folder: str | os.PathLike[str], split: str, info: ModelInfo) -> None:
        self.name = SPLIT_FOLDERS.get(split, split)
        found = manifest.verify(folder, self.name)
        self._part = found.splits[self.name]
        if not self._part.clips:
            raise InputError(f"The split {self.name!r} of {folder} has no videos to evaluate.")
        self._folder = pathlib.Path(folder)
        self._settings = info.preprocessing
        self._indices = _indices_of_model(folder, found.labels, info)

    def __len__(self) -> int:
        return self._part.clips

    def __iter__(self) -> Iterator[Video]:
        for shard in self._part.shards:
            path = str(self._folder / shard.name)
            with _data_named(path):
                for number, serialized in enumerate(tf.data.TFRecordDataset(path)):
                    yield self._read(serialized, path, number)

    def _read(self, serialized: tf.Tensor, path: str, number: int) -> Video:
        record = decoding.parse_record(serialized, tf.constant(path), tf.constant(number, tf.int64))
        times = decoding.require_timestamps(record).numpy()
        label = decoding.encode_label(
            record, len(self._indices), one_hot=False, is_multilabel=False, dtype=tf.int64
        )
        chosen, seconds = frames_to_see(times, self._settings)
        return Video(
            record.frames.numpy()[chosen],
            seconds,
            self._indices[int(label)],
            f"record {number} of {path}",
        )


def _indices_of_model(
    folder: str | os.PathLike[str], labels: Sequence[str], info: ModelInfo
) -> list[int]:
    """The model's index of each class of the dataset."""
    if not info.labels:
        if len(labels) != info.num_classes:
            raise InputError(
                f"{folder} has {len(labels)} classes, but the model has {info.num_classes} and "
                "does not name them: name them with --labels."
            )
        return list(range(len(labels)))
    known = {label: index for index, label in enumerate(info.labels)}
    for label in labels:
        if label not in known:
            raise InputError(f"{folder} has the class {label!r}, which the model does not know.")
    return [known[label] for label in labels]


@contextlib.contextmanager
def _data_named(path: str) -> Iterator[None]:
    """Turns what TensorFlow meets in a record file into an InputError."""
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        reason = " ".join(error.message.split())[:400]
        raise InputError(f"{path} cannot be read: {reason}. Build the dataset again.") from error


class FrameDecoder:
    """Decodes frames and cuts them as an evaluation does: the short side, then the centre.

    Args: settings: of the model.
    """

    def __init__(self, settings: Preprocessing) -> None:
        self._settings = settings
        self._decode = tf.function(
            self._decode_and_cut, input_signature=[tf.TensorSpec([None], tf.string)]
        )

    def decode(self, turns: Sequence[Turn]) -> np.ndarray:
        """Returns the frames of the turns, uint8 [N, height, width, 3].

        Raises: InputError naming the record of a frame that is no image.
        """
        encoded = [turn.video.frames[turn.number] for turn in turns]
        try:
            return self._decode(encoded).numpy()
        except tf.errors.InvalidArgumentError:
            for frame, turn in zip(encoded, turns, strict=True):
                with _data_named(turn.video.place):
                    self._decode([frame])
            raise

    def _decode_and_cut(self, encoded: tf.Tensor) -> tf.Tensor:
        settings = self._settings

        def cut(frame: tf.Tensor) -> tf.Tensor:
            clip = cropping.resize_short_side(frame[tf.newaxis], settings.short_side)
            return cropping.centre_crop(clip, settings.height, settings.width)[0]

        return decoding.decode_frames(encoded, cut)


def side_by_side(videos: Iterable[Video], batch_size: int, decoder: FrameDecoder) -> Iterator[Step]:
    """Yields steps until all videos are over: each place of the batch plays one to its end, then
    goes on with the next.
    """
    source = iter(videos)
    turns: list[Turn | None] = [None] * batch_size
    while True:
        turns = [_next_turn(turn, source) for turn in turns]
        running = [turn for turn in turns if turn is not None]
        if not running:
            return
        yield Step(decoder.decode([turn or running[0] for turn in turns]), list(turns))


def _next_turn(turn: Turn | None, source: Iterator[Video]) -> Turn | None:
    if turn is not None and not turn.is_last:
        return Turn(turn.video, turn.number + 1)
    video = next(source, None)
    return None if video is None else Turn(video, 0)

"""Where records come from: files of serialised clips, and how one of them is parsed."""

import abc
import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from movinet.data.pipeline import checks, decoding
from movinet.data.pipeline.decoding import Record


class RecordFile(NamedTuple):
    """A TFRecord file, or a part of it: `take` records after the first `skip`; -1 for the rest."""

    path: str
    skip: int = 0
    take: int = -1


@dataclasses.dataclass(frozen=True)
class RecordSource(abc.ABC):
    """Files of clips of one kind.

    compression: of the files: GZIP, or nothing.
    """

    files: tuple[RecordFile, ...]
    compression: str = ""

    @abc.abstractmethod
    def parse(self, serialized: tf.Tensor, file: tf.Tensor, number: tf.Tensor) -> Record:
        """Parses one clip; nothing is decoded yet.

        Raises:
            tf.errors.InvalidArgumentError: no frame; names file and record.
        """

    @abc.abstractmethod
    def check(self, num_classes: int, is_multilabel: bool) -> int | None:
        """Makes sure, before the first step and without decoding a frame, that the clips are there.

        Returns:
            How many there are; None if that is not known.

        Raises:
            InputError: names the file.
        """

    def read(self, path: tf.Tensor, skip: tf.Tensor, take: tf.Tensor) -> tf.data.Dataset:
        """The clips of one `RecordFile` as (path, position in the file, serialised clip)."""
        clips = tf.data.TFRecordDataset(path, self.compression).skip(skip).take(take)
        return clips.enumerate(skip).map(lambda number, clip: (path, number, clip))

    def read_first(self, count: int) -> Iterator[Record]:
        """Up to `count` records from the start."""
        files = tf.data.Dataset.from_tensor_slices(self.columns())
        for path, number, clip in files.flat_map(self.read).take(count):
            yield self.parse(clip, path, number)

    def columns(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Paths, numbers to skip and numbers to take of all files, [files] each."""
        paths, skips, takes = zip(*self.files, strict=True)
        return tf.constant(paths), tf.constant(skips, tf.int64), tf.constant(takes, tf.int64)


@dataclasses.dataclass(frozen=True)
class SequenceExamples(RecordSource):
    """Whole files of tf.train.SequenceExamples, as tools/build_dataset.py and others write them.

    image_field_key, label_field_key: the fields of the frames and of the class indices.
    """

    image_field_key: str = decoding.IMAGE_FIELD
    label_field_key: str = decoding.LABEL_FIELD

    def parse(self, serialized: tf.Tensor, file: tf.Tensor, number: tf.Tensor) -> Record:
        """Parses one clip, see `decoding.parse_record`."""
        return decoding.parse_record(
            serialized, file, number, self.image_field_key, self.label_field_key
        )

    def check(self, num_classes: int, is_multilabel: bool) -> int | None:
        """Reads small data through, see `checks.check_records`."""
        return checks.check_records(
            [file.path for file in self.files],
            self.image_field_key,
            self.label_field_key,
            num_classes,
            is_multilabel,
            compression=self.compression,
        )

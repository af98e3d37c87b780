"""Where records come from: files of serialised clips, and how one of them is parsed."""

import abc
import dataclasses
import functools
from collections.abc import Iterator

import tensorflow as tf

from movinet.data.pipeline import checks, clip_problems, decoding, record_index
from movinet.data.pipeline.decoding import Record
from movinet.data.pipeline.record_index import RecordFile, RecordIndex


@dataclasses.dataclass(frozen=True)
class RecordSource(abc.ABC):
    """Files of clips of one kind."""

    files: tuple[RecordFile, ...]

    @abc.abstractmethod
    def parse(self, serialized: tf.Tensor, file: tf.Tensor, number: tf.Tensor) -> Record:
        """Parses one clip; nothing is decoded yet.

        Raises:
            tf.errors.InvalidArgumentError: no frame; names file and record.
        """

    @abc.abstractmethod
    def problem(self, serialized: bytes, num_classes: int, is_multilabel: bool) -> str:
        """What is wrong with the fields and labels of a clip, as a sentence, or nothing."""

    @functools.cached_property
    def index(self) -> RecordIndex:
        """Where all clips are.

        Raises:
            InputError: a file is missing, damaged, cut short or empty.
        """
        return record_index.build_index(self.files)

    def check(self, num_classes: int, is_multilabel: bool, *, tolerant: bool = False) -> None:
        """Looks at the clips before the first step, without decoding a frame; see
        `checks.check_records`.

        Raises: InputError naming file and record.
        """
        checks.check_records(
            self.index,
            lambda serialized: self.problem(serialized, num_classes, is_multilabel),
            tolerant=tolerant,
        )

    def read_first(self, count: int) -> Iterator[Record]:
        """Up to `count` records from the start."""
        for file in self.files:
            numbers = record_index.build_index([file]).number  # And so no length is absurd.
            clips = tf.data.TFRecordDataset(file.path).skip(file.skip)
            for number, clip in zip(numbers[:count], clips, strict=False):
                yield self.parse(clip, tf.constant(file.path), tf.constant(number))
            count -= len(numbers)
            if count <= 0:
                return


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

    def problem(self, serialized: bytes, num_classes: int, is_multilabel: bool) -> str:
        """See `clip_problems.of_sequence_example`."""
        return clip_problems.of_sequence_example(
            serialized, self.image_field_key, self.label_field_key, num_classes, is_multilabel
        )

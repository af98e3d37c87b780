"""Reads the clips of a source at given positions, side by side, and mends the stream where one
cannot be used.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from movinet.data.pipeline import clip_problems
from movinet.data.pipeline.bad_clips import BadClipList, BadClipPolicy
from movinet.data.pipeline.decoding import Record
from movinet.data.pipeline.record_index import RecordIndex
from movinet.data.pipeline.record_source import RecordSource

# record as it is stored, number of the record, position -> images uint8 [...], label
Prepare: TypeAlias = Callable[[Record, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

_BEAT = 64  # Clips from one sign of life to the next.


class ClipReader:
    """The clips of a source in the order of a stream.

    An element that cannot be read or prepared is an error of a parallel `map`, which is ignored and
    leaves a gap in the count of the elements. Where there is one, Python finds out why and prepares
    what comes instead. So that a gap shows where no clip follows it, there is a beat every `_BEAT`
    clips and at the end: an element without a clip. (A dataset of its own for each clip, to ignore
    errors in, would take a millisecond to make. And in TensorFlow's deterministic mode what calls
    Python runs one at a time, unless the call is said to be stateless.)

    Args:
        source: where the clips are stored.
        problem: what is wrong with a stored clip, as a sentence, or nothing.
        prepare: makes of a record what the stream holds.
        records_at: the records [count] to be tried for a position, the first of them first.
        candidates: how many there are; where it is one, nothing replaces a bad clip.
        policy: of clips that cannot be used.
        in_memory: reads all clips now, and no file later.
    """

    def __init__(
        self,
        source: RecordSource,
        problem: Callable[[bytes], str],
        prepare: Prepare,
        records_at: Callable[[tf.Tensor, int], tf.Tensor],
        candidates: int,
        policy: BadClipPolicy,
        in_memory: bool = False,
    ) -> None:
        self._source, self._index, self._problem = source, source.index, problem
        self._records_at, self._candidates, self._bad = records_at, candidates, BadClipList(policy)
        self._stored = _load(self._index) if in_memory else None
        number, serialized = tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.string)

        @tf.function(input_signature=[number, number, serialized])
        def prepare_stored(record: tf.Tensor, position: tf.Tensor, stored: tf.Tensor) -> tuple:
            return prepare(self._parse(record, stored), record, position)

        self._prepare = prepare_stored

    def read(
        self, position_of: Callable[[tf.Tensor], tf.Tensor], count: int, cycle_length: int | None
    ) -> tf.data.Dataset:
        """The clips at so many positions in order, and beats: (number of the element, position,
        images, label). Elements that cannot be used are errors.

        Args: cycle_length: how many records are read side by side at most.
        """
        concrete = self._prepare.get_concrete_function()
        specs = list(zip(concrete.output_shapes, concrete.output_dtypes, strict=True))

        def read(element: tf.Tensor) -> tf.data.Dataset:
            number, is_beat = _split(element, count)
            position = position_of(tf.where(is_beat, tf.constant(0, tf.int64), number))
            record = self._records_at(position, 1)
            place = (element[tf.newaxis], is_beat[tf.newaxis], position[tf.newaxis], record)
            stored = self._read(record[: 1 - tf.cast(is_beat, tf.int32)])
            # Ends after one element even if a file that is gone gives errors without end.
            return tf.data.Dataset.zip(tf.data.Dataset.from_tensor_slices(place), stored)

        def prepare(place: tuple, stored: tf.Tensor) -> tuple:
            element, is_beat, position, record = place
            images, label = tf.cond(
                is_beat,
                lambda: tuple(tf.zeros(shape, dtype) for shape, dtype in specs),
                lambda: self._prepare(record, position, stored),
            )
            return element, is_beat, position, images, label

        elements = tf.data.Dataset.range(count + count // _BEAT + 1)
        stored = elements.interleave(
            read, cycle_length=cycle_length, num_parallel_calls=tf.data.AUTOTUNE
        )
        return stored.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)

    def mend(
        self,
        clips: tf.data.Dataset,
        position_of: Callable[[tf.Tensor], tf.Tensor],
        count: int,
    ) -> tf.data.Dataset:
        """What `read` gives, without errors: bad clips are replaced, or left out.

        Raises (when read):
            tf.errors.InvalidArgumentError: clips are bad and must not be, or too many are.
        """
        specs = clips.element_spec[2:]

        def positions(first: np.int64, after: np.int64) -> list[int]:
            numbers = (_split(tf.constant(e), count)[0] for e in range(first, after))
            return [int(position_of(number)) for number in numbers]

        def note(first: np.int64, after: np.int64) -> np.int64:
            for position in positions(first, after):
                self._replace(position)
            return after

        def replace(first: np.int64, after: np.int64) -> list[np.ndarray]:
            made = [self._replace(position) for position in positions(first, after)]
            return [np.stack(column) for column in zip(*made, strict=True)]

        def check_gap(expected: tf.Tensor, element: tf.Tensor, *clip: tf.Tensor) -> tuple:
            seen = tf.cond(
                element > expected,
                lambda: tf.numpy_function(note, [expected, element], tf.int64, stateful=False),
                lambda: element,
            )
            return tf.ensure_shape(seen, []) + 1, clip

        def fill_gap(expected: tf.Tensor, element: tf.Tensor, *clip: tf.Tensor) -> tuple:
            is_beat, *own = clip
            own = [value[tf.newaxis][: 1 - tf.cast(is_beat, tf.int32)] for value in own]

            def fill() -> list[tf.Tensor]:
                dtypes = [spec.dtype for spec in specs]
                made = tf.numpy_function(replace, [expected, element], dtypes, stateful=False)
                return [tf.concat([m, o], 0) for m, o in zip(made, own, strict=True)]

            filled = tf.cond(element > expected, fill, lambda: own)
            shaped = (
                tf.ensure_shape(f, [None, *spec.shape])
                for f, spec in zip(filled, specs, strict=True)
            )
            return element + 1, tuple(shaped)

        start, clips = tf.constant(0, tf.int64), clips.ignore_errors()
        if self._candidates > 1:
            return clips.scan(start, lambda state, found: fill_gap(state, *found)).unbatch()
        return without_beats(clips.scan(start, lambda state, found: check_gap(state, *found)))

    def _replace(self, position: int) -> tuple[np.ndarray, ...]:
        """Lists the clip that could not be used at a position; another one if there is any."""
        reasons: list[tuple[str, int, str]] = []
        place = tf.constant(position, tf.int64)
        for record in self._records_at(place, self._candidates):
            file, number = self._index.path_of(record), int(self._index.number[record])
            try:
                if reasons:
                    clip = self._prepare(record, place, _first(self._read(record[tf.newaxis])))
                    return np.asarray(position), *(value.numpy() for value in clip)
            except tf.errors.OpError:
                pass
            reasons.append((file, number, self._reason(record, place)))
            self._bad.add(*reasons[-1])
        if self._candidates > 1:
            self._bad.refuse_row(*reasons[0])
        return ()

    def _reason(self, record: tf.Tensor, position: tf.Tensor) -> str:
        """Why a clip cannot be used, as a sentence."""
        try:
            stored = _first(_read(self._index, record[tf.newaxis]))
            if problem := self._problem(stored.numpy()):
                return problem
            frames = self._parse(record, stored).frames.numpy()
            if problem := clip_problems.of_frames(frames):
                return problem
            self._prepare(record, position, stored)
        except tf.errors.OpError as error:
            return f"unreadable ({clip_problems.first_line(error)})."
        return "unreadable for a while, though it can be read now."

    def _read(self, records: tf.Tensor) -> tf.data.Dataset:
        """Serialised clips of numbers [N]; then an empty one."""
        if self._stored is None:
            return _read(self._index, records)
        stored = tf.numpy_function(self._stored.__getitem__, [records], tf.string, stateful=False)
        stored = tf.concat([tf.ensure_shape(stored, [None]), [""]], 0)
        return tf.data.Dataset.from_tensor_slices(stored)

    def _parse(self, record: tf.Tensor, serialized: tf.Tensor) -> Record:
        file = tf.gather(tf.constant(self._index.paths), tf.gather(self._index.file_of, record))
        return self._source.parse(serialized, file, tf.gather(self._index.number, record))


def without_beats(clips: tf.data.Dataset) -> tf.data.Dataset:
    """(position, images, label) of clips alone, of elements that begin with whether they are a
    beat.
    """
    there = clips.filter(lambda is_beat, *_: tf.logical_not(is_beat))
    return there.map(lambda _, *clip: clip)


def _split(element: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The number of the clip that an element is, or of the next one, and whether it is a beat."""
    number = element - element // (_BEAT + 1)
    return number, (element % (_BEAT + 1) == _BEAT) | (number >= count)


def _read(index: RecordIndex, records: tf.Tensor) -> tf.data.Dataset:
    """Serialised clips of numbers [N], whose data TensorFlow compares with their checksums; then an
    empty one, which is no clip.
    """
    stored = tf.raw_ops.TFRecordDatasetV2(
        filenames=tf.gather(tf.constant(index.paths), tf.gather(index.file_of, records)),
        compression_type="",
        buffer_size=0,  # Straight into the record: nothing that follows it is going to be read.
        byte_offsets=tf.gather(index.offset, records),
    )
    stored = tf.data.experimental.from_variant(stored, tf.TensorSpec([], tf.string))
    return stored.concatenate(tf.data.Dataset.from_tensor_slices([""]))


def _first(stored: tf.data.Dataset) -> tf.Tensor:
    """The first element of what `_read` gives; an iterator of its own would lose the offset."""
    return stored.take(1).get_single_element()


def _load(index: RecordIndex) -> np.ndarray:
    """All serialised clips, [N] of bytes; empty where one cannot be read."""

    def read(record: tf.Tensor) -> tf.data.Dataset:
        records = record[tf.newaxis]
        numbered = tf.data.Dataset.from_tensor_slices(records)
        return tf.data.Dataset.zip(numbered, _read(index, records))

    stored = np.full(len(index), b"", object)
    found = tf.data.Dataset.range(len(index)).interleave(read, num_parallel_calls=tf.data.AUTOTUNE)
    for record, serialized in found.ignore_errors().as_numpy_iterator():
        stored[record] = serialized
    return stored

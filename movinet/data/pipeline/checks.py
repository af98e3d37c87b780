"""What must hold of record files before the first step: records, frames, labels in range."""

import os
from collections.abc import Callable, Iterator

import tensorflow as tf

from movinet.data.pipeline import clip_problems
from movinet.data.pipeline.record_index import RecordIndex
from movinet.errors import InputError

# Data up to this size is read through before use; of more, the first record of every file.
READ_THROUGH_BYTES = 512 * 1024**2


def check_records(
    index: RecordIndex, problem: Callable[[bytes], str], *, tolerant: bool = False
) -> None:
    """Checks records without decoding a frame: all of small data, else the first of each file.

    Args:
        problem: what is wrong with a record, as a sentence, or nothing.
        tolerant: only if none of the records can be used is that an error.

    Raises:
        InputError: names file and record.
    """
    read_through = sum(map(_size, index.paths)) <= READ_THROUGH_BYTES
    first = ""
    for path in index.paths:
        for number, found in _problems(path, problem):
            first = first or (f"{path}, record {number}: {found}" if found else "")
            if tolerant and not found:
                return
            if first and not tolerant:
                raise InputError(first)
            if not read_through:
                break
    if first:
        raise InputError(f"None of the clips can be used, beginning with {first}")


def _size(path: str) -> int:
    return tf.io.gfile.stat(path).length if "://" in path else os.path.getsize(path)


def _problems(path: str, problem: Callable[[bytes], str]) -> Iterator[tuple[int, str]]:
    """What is wrong with each record of a file; ends at one whose data are not those written."""
    number = 0
    try:
        for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator():
            yield number, problem(serialized)
            number += 1
    except tf.errors.OpError as error:
        reason = clip_problems.first_line(error)
        yield number, f"damaged or cut short ({reason}); build or copy the file anew."

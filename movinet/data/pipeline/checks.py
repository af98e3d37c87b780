"""What must hold of record files before the first step: records, frames, labels in range."""

from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf
from google.protobuf.message import DecodeError

from movinet.errors import InputError

# Data up to this size is read through before use; of more, the first record of every file.
READ_THROUGH_BYTES = 512 * 1024**2


def check_records(
    files: Sequence[str],
    image_field_key: str,
    label_field_key: str,
    num_classes: int,
    is_multilabel: bool,
    *,
    compression: str = "",
) -> int | None:
    """Checks files, frames and labels without decoding a frame.

    Returns:
        The number of clips; None if there is so much data that only the first record of each file
        was read.

    Raises:
        InputError: names file and record.
    """
    if not files:
        raise InputError("No data file was given: set input_path.")
    sizes = [_size(file) for file in files]
    read_through = sum(sizes) <= READ_THROUGH_BYTES
    clips = 0
    for file in files:
        records = 0
        for serialized in _records(file, compression):
            problem = _problem(
                serialized, image_field_key, label_field_key, num_classes, is_multilabel
            )
            if problem:
                raise InputError(f"{file}, record {records}: {problem}")
            records += 1
            if not read_through:
                break
        if not records:
            raise InputError(f"{file} holds no record: remove it, or build the dataset anew.")
        clips += records
    return clips if read_through else None


def _size(file: str) -> int:
    try:
        return tf.io.gfile.stat(file).length
    except tf.errors.OpError as error:
        raise InputError(f"Cannot read the data file {file}: {_reason(error)}.") from error


def _records(file: str, compression: str) -> Iterator[bytes]:
    number = 0
    try:
        for serialized in tf.data.TFRecordDataset(file, compression).as_numpy_iterator():
            yield serialized
            number += 1
    except tf.errors.OpError as error:
        raise InputError(
            f"{file}, record {number}: damaged or cut short ({_reason(error)}); build or copy the "
            "file anew."
        ) from error


def _problem(
    serialized: bytes,
    image_field_key: str,
    label_field_key: str,
    num_classes: int,
    is_multilabel: bool,
) -> str:
    """What is wrong with a record, as a sentence, or nothing."""
    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except DecodeError:
        return "not a SequenceExample."
    lists = example.feature_lists.feature_list
    if image_field_key not in lists or not lists[image_field_key].feature:
        return (
            f"no frame in field {image_field_key!r} (it has {_names(lists)}): set image_field_key."
        )
    features = example.context.feature
    if label_field_key not in features or not features[label_field_key].int64_list.value:
        return (
            f"no label in field {label_field_key!r} (it has {_names(features)}): "
            "set label_field_key."
        )
    labels = features[label_field_key].int64_list.value
    for label in labels:
        if not 0 <= label < num_classes:
            return (
                f"label {label} is outside 0..{num_classes - 1}: correct the data, or num_classes "
                f"({num_classes})."
            )
    if len(labels) > 1 and not is_multilabel:
        return (
            f"{len(labels)} labels where one is needed: set is_multilabel for data with several "
            "labels a clip."
        )
    return ""


def _names(fields: Iterable[str]) -> str:
    return ", ".join(sorted(fields)) or "none"


def _reason(error: tf.errors.OpError) -> str:
    return str(error.message).splitlines()[0].rstrip(".")

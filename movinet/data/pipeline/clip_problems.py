"""Why a stored clip cannot be used: found in Python, so that the sentence can say which frame."""

from collections.abc import Iterable, Sequence

import tensorflow as tf
from google.protobuf.message import DecodeError

from movinet.data.pipeline import decoding


def of_sequence_example(
    serialized: bytes,
    image_field_key: str,
    label_field_key: str,
    num_classes: int,
    is_multilabel: bool,
) -> str:
    """What is wrong with fields and labels of a record, as a sentence, or nothing."""
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
    return of_labels(features[label_field_key].int64_list.value, num_classes, is_multilabel)


def of_labels(labels: Sequence[int], num_classes: int, is_multilabel: bool) -> str:
    """What is wrong with the labels of a clip, as a sentence, or nothing."""
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


def of_frames(frames: Sequence[bytes]) -> str:
    """What is wrong with encoded frames, as a sentence, or nothing."""
    first = (0, 0)
    for number, frame in enumerate(frames):
        where = f"frame {number} of {len(frames)}"
        try:
            height, width = decoding.frame_size(tf.constant([frame])).numpy().tolist()
        except tf.errors.OpError:
            return f"{where} ({len(frame)} bytes) is neither a JPEG nor a PNG."
        first = first if number else (height, width)
        if max(height, width) > decoding.MOST_PIXELS:
            return f"{where} is too large: {width}x{height} pixels."
        if (height, width) != first:
            return f"{where} is {width}x{height}, but the first one {first[1]}x{first[0]}."
        try:
            tf.io.decode_jpeg(frame, channels=3)
        except tf.errors.OpError:
            return f"{where} ({len(frame)} bytes) cannot be decoded."
    return ""


def first_line(error: tf.errors.OpError) -> str:
    """The message of TensorFlow without what it says of its graph, which comes before it where the
    operation is part of one.
    """
    lines = [line for line in str(error.message).splitlines() if line.strip()]
    if lines and lines[0].startswith("Graph execution error"):
        lines = [line for line in lines if not line.lstrip().startswith("[[")][-1:]
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def _names(fields: Iterable[str]) -> str:
    return ", ".join(sorted(fields)) or "none"


def sentence(error: tf.errors.OpError) -> str:
    """What ended a pipeline: the InputError that was raised in it, or TensorFlow's first line."""
    raised = str(error.message).partition("InputError: ")[2].partition("\nTraceback")[0]
    return raised.strip() or first_line(error)

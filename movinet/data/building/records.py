"""Writing clips as SequenceExamples, in the layout that the Model Garden's pipelines read too."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from movinet.data.pipeline.decoding import IMAGE_FIELD, LABEL_FIELD, TIMESTAMP_FIELD
from movinet.data.videos.clips import EncodedClip

HEIGHT_FIELD = "image/height"
WIDTH_FIELD = "image/width"
LABEL_TEXT_FIELD = "clip/label/text"
SOURCE_FIELD = "clip/source"
FRAMES_FIELD = "clip/frames"


def serialize_clip(clip: EncodedClip, label: int, label_text: str, source: str) -> bytes:
    """Returns a SequenceExample; `source` is the path of the video relative to its folder."""
    context = {
        LABEL_FIELD: _integers([label]),
        LABEL_TEXT_FIELD: _strings([label_text.encode()]),
        SOURCE_FIELD: _strings([source.encode()]),
        HEIGHT_FIELD: _integers([clip.height]),
        WIDTH_FIELD: _integers([clip.width]),
        FRAMES_FIELD: _integers([len(clip.frames)]),
    }
    frames = [_strings([frame]) for frame in clip.frames]
    times = [_integers([time]) for time in clip.timestamps]
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(
            feature_list={
                IMAGE_FIELD: tf.train.FeatureList(feature=frames),
                TIMESTAMP_FIELD: tf.train.FeatureList(feature=times),
            }
        ),
    )
    # Maps of a message are written in any order unless asked otherwise.
    return example.SerializeToString(deterministic=True)


@contextlib.contextmanager
def open_shard(path: str | os.PathLike[str]) -> Iterator[Callable[[bytes], None]]:
    """Yields a function that appends a record to a new TFRecord file.

    Raises:
        OSError: it cannot be written, as on a full disk.
    """
    try:
        with tf.io.TFRecordWriter(os.fspath(path)) as writer:
            yield writer.write
    except tf.errors.OpError as error:
        raise OSError(error.message.rpartition("; ")[2]) from error


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _strings(values: Sequence[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

"""Where clips are stored: parts of files and compressed files; how a record is named."""

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from record_files import encode_jpeg, grey_frames, sequence_example, write_grey_clips, write_records

from movinet.data.pipeline import batches
from movinet.data.pipeline.record_source import RecordFile, SequenceExamples
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

GREY = ClipSettings(num_frames=2, height=16, width=16, num_classes=5, min_image_size=16)


def test_a_part_of_a_file_begins_and_ends_where_it_should(tmp_path):
    (path,) = write_grey_clips(tmp_path, files=1, clips=6)
    source = SequenceExamples((RecordFile(path, 4), RecordFile(path, 1, 2)))
    records = list(source.read_first(9))
    assert [int(record.number) for record in records] == [4, 5, 1, 2]
    assert [int(record.labels[0]) for record in records] == [4, 0, 1, 2]
    assert [int(record.number) for record in source.read_first(3)] == [4, 5, 1]


def test_a_broken_record_is_named_by_its_place_in_the_file(tmp_path):
    good = sequence_example([encode_jpeg(frame) for frame in grey_frames(2)], [0])
    path = write_records(tmp_path / "clips", [good, good, sequence_example([], [0])])
    records = SequenceExamples((RecordFile(path, 1),)).read_first(3)
    assert next(records).number == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)No frame.*record.*2.*clips"):
        next(records)


def test_compressed_files(tmp_path):
    paths = write_grey_clips(tmp_path, files=2, clips=2, compression="GZIP")
    packed = SequenceExamples(tuple(RecordFile(path) for path in paths), "GZIP")
    ((features, _),) = batches.build(packed, GREY, is_training=False, batch_size=4)
    greys = features["image"].numpy().mean((1, 2, 3, 4)) * 255
    np.testing.assert_allclose(greys, [0, 5, 10, 15], atol=0.5)
    with pytest.raises(InputError, match="damaged"):
        build(paths, GREY, is_training=False, batch_size=4)

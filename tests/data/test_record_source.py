"""Where clips are stored: parts of files and compressed files; how a record is named."""

import os

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from record_files import encode_jpeg, grey_frames, sequence_example, write_grey_clips, write_records

from movinet.data.pipeline import unpacking
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import SequenceExamples
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


def test_compressed_files_are_unpacked_once(tmp_path, capsys):
    paths = write_grey_clips(tmp_path, files=2, clips=2, compression="GZIP")
    with pytest.raises(InputError, match=r"damaged .it is compressed: set compressed_input"):
        build(paths, GREY, is_training=False, batch_size=4)
    unpacked = unpacking.unpack(paths)
    assert "Unpacked 2 files" in capsys.readouterr().out
    ((features, _),) = build(unpacked, GREY, is_training=False, batch_size=4)
    greys = features["image"].numpy().mean((1, 2, 3, 4)) * 255
    np.testing.assert_allclose(greys, [0, 5, 10, 15], atol=0.5)
    assert unpacking.unpack(paths) == unpacked and not capsys.readouterr().out


def test_what_cannot_be_unpacked(tmp_path, monkeypatch):
    (plain,) = write_grey_clips(tmp_path, files=1, clips=2)
    (tmp_path / "packed").mkdir()
    (packed,) = write_grey_clips(tmp_path / "packed", files=1, clips=3, compression="GZIP")
    with open(packed, "rb") as file:
        (tmp_path / "cut").write_bytes(file.read()[:-20])
    for path in (plain, str(tmp_path / "cut"), str(tmp_path / "gone")):
        with pytest.raises(InputError, match="damaged, or not compressed with gzip"):
            unpacking.unpack([path])
    monkeypatch.setattr(unpacking, "_LEFT_FREE", 2**60)
    with pytest.raises(InputError, match=r"does not fit into .* unpacked: set TMPDIR"):
        unpacking.unpack([packed])
    assert not [
        name
        for *_, names in os.walk(unpacking._the_folder().path)
        for name in names
        if "cut" in name
    ]

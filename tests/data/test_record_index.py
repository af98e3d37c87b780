"""Where records are, and every kind of damage named before TensorFlow reads a byte."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from record_files import encode_jpeg, sequence_example, write_records

from movinet.data.pipeline import record_index
from movinet.data.pipeline.record_index import RecordFile
from movinet.errors import InputError

RECORDS = [b"x" * length for length in (3, 0, 500, 70_000)]
STARTS = [0, 19, 35, 551]  # 16 bytes around each.


@pytest.fixture
def path(tmp_path):
    return write_records(tmp_path / "clips.tfrecord", RECORDS)


def header(length: int) -> bytes:
    """A header whose checksum is right, as TensorFlow computes it."""
    probe = f"ram://probe{length}"
    with tf.io.TFRecordWriter(probe) as writer:
        writer.write(struct.pack("<Q", length))
    with tf.io.gfile.GFile(probe, "rb") as file:
        content = file.read()
    # The checksum of 8 bytes of data is that of the 8 bytes of a length.
    tf.io.gfile.remove(probe)
    return content[12:24]


def test_the_index_finds_what_tensorflow_reads(path, tmp_path):
    other = write_records(tmp_path / "other.tfrecord", RECORDS[::-1])
    index = record_index.build_index([RecordFile(path), RecordFile(other, 1, 2)])
    assert len(index) == 6
    assert index.offset.tolist() == [*STARTS, 70_016, 70_532]
    assert index.number.tolist() == [0, 1, 2, 3, 1, 2]
    assert [index.path_of(record) for record in range(6)] == [path] * 4 + [other] * 2
    for record, content in enumerate([*RECORDS, RECORDS[2], RECORDS[1]]):
        with open(index.path_of(record), "rb") as file:
            file.seek(index.offset[record])
            assert file.read(12) == header(len(content))
            assert file.read(len(content)) == content


def test_remote_files_are_read_through_tensorflow(path):
    assert record_index.build_index([RecordFile(f"file://{path}")]).offset.tolist() == STARTS
    with pytest.raises(InputError, match=r"Cannot read the data file file:///gone"):
        record_index.build_index([RecordFile("file:///gone")])


def cut(size):
    return lambda content: content[:size]


def flip(byte):
    return lambda content: content[:byte] + bytes([content[byte] ^ 4]) + content[byte + 1 :]


DAMAGE = {
    "cut within a record": (cut(600), "record 3 at byte 551: damaged .*70000 bytes, of which 33"),
    "cut within a header": (cut(560), "record 3 at byte 551: damaged .*within the record's header"),
    "cut before a footer": (
        cut(70_563 + 2),
        "record 3 at byte 551: damaged .*70000 bytes, of which",
    ),
    "empty": (cut(0), "holds no record"),
    "bit flip in a length": (
        flip(36),
        "record 2 at byte 35: damaged .*does not match its checksum",
    ),
    "bit flip in its checksum": (flip(44), "record 2 at byte 35: damaged"),
    "random bytes": (
        lambda content: np.random.default_rng(0).bytes(999),
        "record 0 at byte 0: damaged",
    ),
    "absurd length": (lambda content: content + header(2**40) + b"abcd", "1099511627776 bytes, of"),
    "negative length": (lambda content: content[:35] + header(2**64 - 17) + content, "byte 35"),
    "gzip": (lambda content: b"\x1f\x8b" + content, "compressed: set compressed_input"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(path, kind):
    damage, words = DAMAGE[kind]
    with open(path, "rb") as file:
        content = damage(file.read())
    with pytest.raises(InputError, match=words):
        record_index.scan(io.BytesIO(content), len(content), "x.tfrecord")


def test_all_damaged_files_are_named_at_once(path, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(b"noise" * 9)
    names = ("empty", "noise", "gone", "")
    with pytest.raises(InputError) as caught:
        record_index.build_index(
            [RecordFile(path), *(RecordFile(str(tmp_path / n)) for n in names)]
        )
    for words in ("empty holds no record", "noise, record 0", "gone: No such file", "is no file"):
        assert words in str(caught.value)
    assert path not in str(caught.value)
    with pytest.raises(InputError, match="has 4 records instead of 5 or more: it was cut short"):
        record_index.build_index([RecordFile(path, 2, 3)])


def test_a_file_that_shrinks_while_it_is_read():
    content = header(100) + b"x" * 104
    with pytest.raises(InputError, match="record 1 at byte 116: damaged"):
        record_index.scan(io.BytesIO(content), 2 * len(content), "x.tfrecord")


def test_the_checksum_is_tensorflows():
    for length in (0, 1, 2**31, 2**40, 2**64 - 1):
        packed = struct.pack("<Q", length)
        assert struct.pack("<I", record_index.masked_crc32c(packed)) == header(length)[8:]


def test_the_reader_of_tensorflow_seeks_to_a_record(tmp_path):
    jpeg = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    records = [sequence_example([jpeg], [label]) for label in range(3)]
    path = write_records(tmp_path / "clips.tfrecord", records)
    offset = record_index.build_index([RecordFile(path)]).offset[2]
    dataset = tf.raw_ops.TFRecordDatasetV2(
        filenames=[path], compression_type="", buffer_size=0, byte_offsets=[offset]
    )
    found = tf.data.experimental.from_variant(dataset, tf.TensorSpec([], tf.string))
    assert found.get_single_element().numpy() == records[2]

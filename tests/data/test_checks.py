"""Data that cannot be used is named before the first step."""

import pytest
from record_files import encode_jpeg, grey_frames, sequence_example, write_grey_clips, write_records

from movinet.data.pipeline import checks
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import SequenceExamples
from movinet.errors import InputError

JPEG = encode_jpeg(grey_frames(1)[0])
GOOD = sequence_example([JPEG], [1])


def check(files, is_multilabel=False, tolerant=False):
    source = SequenceExamples(tuple(RecordFile(file) for file in files))
    source.check(2, is_multilabel, tolerant=tolerant)


def test_sound_files_pass(tmp_path):
    check(write_grey_clips(tmp_path, files=3, clips=4, classes=2))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (sequence_example([JPEG], [2]), r"label 2 is outside 0\.\.1"),
        (sequence_example([JPEG], [-1]), "label -1 is outside"),
        (sequence_example([JPEG], []), "no label in field"),
        (sequence_example([JPEG], [0], label_field_key="class"), r"it has class.*label_field_key"),
        (sequence_example([], [0]), "no frame in field"),
        (sequence_example([JPEG], [0], image_field_key="rgb"), r"it has rgb.*image_field_key"),
        (sequence_example([JPEG], [0, 1]), "is_multilabel"),
        (b"\xff\xff", "not a SequenceExample"),
    ],
)
def test_a_bad_record_is_named(tmp_path, record, problem):
    path = write_records(tmp_path / "clips.tfrecord", [GOOD, record])
    with pytest.raises(InputError, match=rf"clips\.tfrecord, record 1: .*{problem}"):
        check([path])


def test_several_labels_are_fine_if_said(tmp_path):
    path = write_records(tmp_path / "clips.tfrecord", [sequence_example([JPEG], [0, 1])])
    check([path], is_multilabel=True)


def test_empty_and_missing_files(tmp_path):
    empty = write_records(tmp_path / "empty.tfrecord", [])
    good = write_records(tmp_path / "good.tfrecord", [GOOD])
    with pytest.raises(InputError, match=r"empty\.tfrecord holds no record"):
        check([good, empty])
    with pytest.raises(InputError, match=r"gone\.tfrecord"):
        check([good, str(tmp_path / "gone.tfrecord")])
    with pytest.raises(InputError, match="input_path"):
        check([])


def test_a_damaged_file(tmp_path):
    path = tmp_path / "cut.tfrecord"
    write_records(path, [GOOD, GOOD])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"cut\.tfrecord, record 1 at byte \d+: damaged"):
        check([str(path)])


def test_changed_data(tmp_path):
    path = tmp_path / "flipped.tfrecord"
    write_records(path, [GOOD, GOOD])
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"flipped\.tfrecord, record 1: damaged"):
        check([str(path)])


def test_some_bad_records_may_be_tolerated(tmp_path):
    bad = sequence_example([JPEG], [5])
    check([write_records(tmp_path / "some", [bad, GOOD])], tolerant=True)
    with pytest.raises(
        InputError, match=r"None of the clips can be used, beginning with .*label 5"
    ):
        check([write_records(tmp_path / "all", [bad, bad])], tolerant=True)


def test_of_large_data_the_first_record_of_each_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "READ_THROUGH_BYTES", 10)
    bad = sequence_example([JPEG], [5])
    files = [write_records(tmp_path / "a", [GOOD, bad]), write_records(tmp_path / "b", [GOOD])]
    check(files)
    files.append(write_records(tmp_path / "c", [bad, GOOD]))
    with pytest.raises(InputError, match=r"c, record 0"):
        check(files)

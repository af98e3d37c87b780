"""Annotation files of Kinetics: their columns, their odd lines, and names of clips."""

import pytest

from movinet.data.sources.annotations import ListedClip, clip_key, is_annotation, read_annotations
from movinet.errors import InputError

HEADER = "label,youtube_id,time_start,time_end,split"


def write(path, *lines, header=HEADER):
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("stem", "key"),
    [
        ("-_abcdEFG01_000010_000020", ("-_abcdEFG01", 10, 20)),
        ("___________10_20", None),
        ("____________10_20", ("___________", 10, 20)),
        ("abcdefghijk_0_10.mp4", ("abcdefghijk", 0, 10)),  # yt-dlp: .mp4.mkv
        ("abcdefghijk", None),
        ("abcdefghij_000010_000020", None),
        ("abcdefghijk_000010_000020_1", None),
    ],
)
def test_names_of_clips(stem, key):
    assert clip_key(stem) == key


def test_published_columns(tmp_path):
    deepmind = write(tmp_path / "a.csv", '"petting animal (not cat)",abcdefghijk,5,15,validate')
    cvdf = write(tmp_path / "b.csv", "zumba,-bcdefghijk,6.0,16.0,train,0", header=HEADER + ",is_cc")
    found = read_annotations([deepmind, cvdf])
    assert list(found.clips.values()) == [
        ListedClip("petting animal (not cat)", "abcdefghijk", 5, 15, "validation"),
        ListedClip("zumba", "-bcdefghijk", 6, 16, "train"),
    ]
    assert found.notes == () and not found.unlabelled


def test_clips_without_labels_are_kept_apart(tmp_path):
    labelled = write(tmp_path / "train.csv", "zumba,abcdefghijk,5,15,train")
    test = write(
        tmp_path / "test.csv",
        "bbbbbbbbbbb,5,15,test",
        "ccccccccccc,5,15,test",
        header="youtube_id,time_start,time_end,split",
    )
    found = read_annotations([labelled, test])
    assert len(found.clips) == 1
    assert found.unlabelled == {("bbbbbbbbbbb", 5, 15), ("ccccccccccc", 5, 15)}
    assert found.notes == ("2 clips of test.csv have no label there and are left out.",)
    with pytest.raises(InputError, match="no line lists a clip with a label"):
        read_annotations([test])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("zumba,abcdefghijk,ten,20,train", "'ten' is no second"),
        ("zumba,abcdefghijk,-1,20,train", "'-1' is no second"),
        ("zumba,abcdefghijk,nan,20,train", "'nan' is no second"),
        ("zumba,abcdefghijk,1.5,20,train", "'1.5' is no second"),
        ("zumba,abcdefghijk,20,20,train", "the clip ends at 20, not after its start at 20"),
        ("zumba,#NAME?,10,20,train", "'#NAME?' is no id"),
        ("zumba,abcdefghijk,10,20,holdout", "'holdout' is no split"),
        ("zumba,abcdefghijk", "'' is no second"),
    ],
)
def test_lines_that_make_no_sense_are_told_with_their_number(tmp_path, line, words):
    path = write(tmp_path / "train.csv", "zumba,bbbbbbbbbbb,5,15,train", line)
    found = read_annotations([path])
    assert [clip.youtube_id for clip in found.clips.values()] == ["bbbbbbbbbbb"]
    assert len(found.notes) == 1
    assert "make no sense" in found.notes[0] and f"train.csv, line 3: {words}" in found.notes[0]
    with pytest.raises(InputError, match=r"no line lists a clip with a label.*: train.csv, line 2"):
        read_annotations([write(tmp_path / "train.csv", line)])


def test_of_lines_on_one_clip_the_first_holds(tmp_path):
    line = "zumba,abcdefghijk,5,15,train"
    path = write(
        tmp_path / "train.csv",
        *[line] * 6,
        "yoga,abcdefghijk,5,15,val",
        "yoga,abcdefghijk,6,16,val",
    )
    found = read_annotations([path])
    assert [(clip.label, clip.split) for clip in found.clips.values()] == [
        ("zumba", "train"),
        ("yoga", "validation"),
    ]
    repeated, contradicting = found.notes
    assert "train.csv, line 3; train.csv, line 4; train.csv, line 5; and 2 more" in repeated
    assert "line 8: abcdefghijk is 'yoga' in validation" in contradicting
    assert "'zumba' in train" in contradicting


def test_wrong_columns_name_file_and_line(tmp_path):
    path = write(
        tmp_path / "train.csv", "zumba,abcdefghijk,5", header="label,youtube_id,time_start"
    )
    assert not is_annotation(path)
    with pytest.raises(InputError, match=r"train.csv, line 1: .*: split is missing"):
        read_annotations([path])
    path.write_text("")
    with pytest.raises(InputError, match="line 1: the columns are none"):
        read_annotations([path])
    path.write_bytes(b"\xff\xfe\x00")
    assert not is_annotation(path)
    with pytest.raises(InputError, match=r"Cannot read the annotation .*train\.csv"):
        read_annotations([path])


def test_a_label_that_no_label_file_can_hold(tmp_path):
    path = write(tmp_path / "train.csv", "zum\tba,abcdefghijk,5,15,train")
    with pytest.raises(InputError, match=r"train.csv, line 2: 'zum\\tba' is no class name"):
        read_annotations([path])

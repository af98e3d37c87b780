"""Kinetics as it lies on disks: extracted tars, class folders, and what is missing of it."""

import pytest

from movinet.data.sources import report
from movinet.data.sources.annotations import ListedClip
from movinet.data.sources.kinetics import find_kinetics
from movinet.errors import InputError

# In the order of the official list of Kinetics-600.
CLASSES = (
    "hugging (not baby)",
    "hugging baby",
    "passing American football (in game)",
    "passing american football (not in game)",
    "passing soccer ball",
    "tying knot (not on a tie)",
)
TRAIN = [f"train-clip{index}" for index in range(6)]
VALIDATION = [f"valid-clip{index}" for index in range(3)]
TEST = ["-test_clip0", "-test_clip1"]


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def annotate(folder):
    """Six clips to train, the last class first; three to validate; two to test, without labels."""
    folder.mkdir(parents=True, exist_ok=True)
    header = "label,youtube_id,time_start,time_end,split,is_cc\n"
    for name, ids, split in (("train", TRAIN, "train"), ("val", VALIDATION, "validate")):
        lines = [
            f'"{label}",{video},{index},{index + 10},{split},0\n'
            for index, (video, label) in enumerate(zip(ids, reversed(CLASSES), strict=False))
        ]
        (folder / f"{name}.csv").write_text(header + "".join(lines))
    lines = [f"{video},0,10,test\n" for video in TEST]
    (folder / "test.csv").write_text("youtube_id,time_start,time_end,split\n" + "".join(lines))
    return folder


def clip_name(ids, index):
    return f"{ids[index]}_{index:06d}_{index + 10:06d}.mp4"


@pytest.fixture
def extracted(tmp_path):
    """CVDF's tars, extracted, with half of train missing."""
    root = tmp_path / "k600"
    annotate(root / "annotations")
    touch(root, f"train/{clip_name(TRAIN, 0)}", f"train/part_1/{clip_name(TRAIN, 1)}")
    touch(root, f"train/{TRAIN[2]}_2_12.mp4")
    touch(root, *(f"val/{clip_name(VALIDATION, index)}" for index in range(3)))
    touch(root, f"test/{TEST[0]}_000000_000010.mp4")
    return root


def summary(source):
    return {clip.name: (clip.label, clip.split) for clip in source.clips}


def test_extracted_tars(extracted):
    source = find_kinetics(extracted)
    assert source.labels == CLASSES  # The first two have no clip that is there.
    assert summary(source) == {
        f"train/{clip_name(TRAIN, 0)}": (CLASSES[5], "train"),
        f"train/part_1/{clip_name(TRAIN, 1)}": (CLASSES[4], "train"),
        f"train/{TRAIN[2]}_2_12.mp4": (CLASSES[3], "train"),
        **{
            f"val/{clip_name(VALIDATION, index)}": (CLASSES[5 - index], "validation")
            for index in range(3)
        },
    }
    assert all(clip.path == extracted / clip.name for clip in source.clips)
    assert source.root == str(extracted) and source.skipped == ()
    assert source.notes == (
        "Kinetics: test.csv, train.csv, val.csv list 9 clips of 6 classes.",
        "2 clips of test.csv have no label there and are left out.",
    )


def test_missing_clips_are_counted_and_listed_but_no_error(extracted, tmp_path):
    source = find_kinetics(extracted)
    assert source.missing == tuple(
        ListedClip(CLASSES[5 - index], TRAIN[index], index, index + 10, "train")
        for index in (5, 4, 3)
    )
    assert report.summary(source) == [
        "train: 3 of 6 listed clips are there (50.0%); least of 'hugging (not baby)', 0 of 1.",
        "validation: all 3 listed clips are there.",
    ]
    missing, coverage = report.write(source, tmp_path / "out/k600/")
    assert missing == tmp_path / "out/k600.missing.csv"
    assert missing.read_text() == (
        "label,youtube_id,time_start,time_end,split\n"
        "hugging (not baby),train-clip5,5,15,train\n"
        "hugging baby,train-clip4,4,14,train\n"
        "passing American football (in game),train-clip3,3,13,train\n"
    )
    assert coverage.read_text().splitlines() == [
        "split,label,listed,there",
        *(f"train,{label},1,{index // 3}" for index, label in enumerate(CLASSES)),
        *(f"validation,{label},1,1" for label in CLASSES[3:]),
    ]
    # What is missing is an annotation itself, for a downloader.
    missing.rename(tmp_path / "train.csv")
    again = touch(tmp_path / "again", clip_name(TRAIN, 4))
    assert len(find_kinetics(again, [tmp_path / "train.csv"]).missing) == 2


def test_the_annotation_wins_over_folders(tmp_path):
    annotations = annotate(tmp_path / "lists")
    videos = touch(tmp_path / "videos", f"test/yoga/{clip_name(TRAIN, 0)}")
    (clip,) = find_kinetics(videos, [annotations]).clips
    assert (clip.label, clip.split) == (CLASSES[5], "train")
    (clip,) = find_kinetics(videos, [annotations / "train.csv"]).clips
    assert clip.label == CLASSES[5]


def test_files_that_the_annotations_do_not_know_are_told(extracted):
    touch(extracted, "train/zzzzzzzzzzz_000000_000010.mp4", "train/whole video.mp4", "notes.pdf")
    touch(extracted, f"copy/{clip_name(TRAIN, 0)}", f"train/._{clip_name(TRAIN, 1)}")
    source = find_kinetics(extracted)
    assert source.notes[2:] == (
        "Videos in no annotation, left out: 1 (train/zzzzzzzzzzz_000000_000010.mp4).",
        f"Second copies of clips, left out: 1 (train/{clip_name(TRAIN, 0)}).",
        "Videos not named by id and seconds, left out: 1 (train/whole video.mp4).",
    )
    assert len(source.clips) == 6


def test_a_replacement_takes_the_place_of_the_broken_clip(extracted):
    name = f"replacement/replacement_for_corrupted_k400/{clip_name(TRAIN, 0)}"
    source = find_kinetics(touch(extracted, name, f"copy/{clip_name(TRAIN, 1)}"))
    names = summary(source)
    assert name in names and f"train/{clip_name(TRAIN, 0)}" not in names
    assert f"copy/{clip_name(TRAIN, 1)}" in names  # The control: other copies by name.


def test_links_out_of_the_folder(extracted, tmp_path):
    elsewhere = touch(tmp_path / "elsewhere", "a.mp4", "folder/b.mp4")
    (extracted / "train" / clip_name(TRAIN, 3)).symlink_to(elsewhere / "a.mp4")
    (extracted / "train" / clip_name(TRAIN, 4)).symlink_to(extracted / "test")
    source = find_kinetics(extracted)
    assert [video.path for video in source.skipped] == [f"train/{clip_name(TRAIN, 3)}"]
    assert len(source.clips) == 6 and len(source.missing) == 3
    (extracted / "train/more").symlink_to(elsewhere / "folder")
    with pytest.raises(InputError, match="train/more is a link to a folder elsewhere"):
        find_kinetics(extracted)


def test_a_label_file_sets_order_and_spelling(extracted, tmp_path):
    labels = tmp_path / "labels.txt"
    official = [*CLASSES[::-1], "zumba"]
    official[3] = "passing american Football (in game)"
    labels.write_text("\n".join(official))
    source = find_kinetics(extracted, labels_file=labels)
    assert source.labels == tuple(official)
    assert official[3] in {clip.label for clip in source.missing}
    labels.write_text("\n".join(CLASSES[:-1]))
    with pytest.raises(InputError, match="'tying knot"):
        find_kinetics(extracted, labels_file=labels)


def test_class_folders_without_annotations(tmp_path):
    videos = touch(
        tmp_path / "k400",
        f"train/tying_knot_(not_on_a_tie)/{clip_name(TRAIN, 0)}",
        f"val/hugging baby/{clip_name(VALIDATION, 0)}",
    )
    source = find_kinetics(videos)
    assert source.labels == (CLASSES[1], CLASSES[5]) and source.missing is None
    assert {clip.split for clip in source.clips} == {"train", "validation"}
    assert "cannot be told" in source.notes[0]
    (videos / "train/tying_knot_(not_on_a_tie)").rename(videos / "train/tying_knot_-not_on_a_tie-")
    (tmp_path / "labels.txt").write_text("\n".join(CLASSES))
    source = find_kinetics(videos, labels_file=tmp_path / "labels.txt")
    assert source.labels == CLASSES
    assert [clip.label for clip in source.clips] == [CLASSES[5], CLASSES[1]]


def test_nothing_to_find(extracted, tmp_path):
    with pytest.raises(InputError, match="None of the 9 clips"):
        find_kinetics(touch(tmp_path / "other", "a.mp4"), [extracted / "annotations"])
    with pytest.raises(InputError, match="--annotations"):
        find_kinetics(touch(tmp_path / "flat", f"train/{clip_name(TRAIN, 0)}"))
    with pytest.raises(InputError, match="no annotation file of Kinetics"):
        find_kinetics(extracted, [extracted / "train"])
    with pytest.raises(InputError, match="no folder"):
        find_kinetics(tmp_path / "nowhere")

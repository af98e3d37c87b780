"""UCF101 and HMDB51 by their official lists."""

import pytest

from movinet.data.sources.official_splits import find_hmdb51, find_ucf101
from movinet.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def by_split(source):
    return {
        split: [(clip.label, clip.path.name) for clip in source.clips if clip.split == split]
        for split in ("train", "validation", "test")
    }


UCF101_CLASSES = ("ApplyEyeMakeup", "HandstandPushups")
UCF101_FILES = {label: [f"v_{label}_g0{g}_c01.avi" for g in (1, 2, 3)] for label in UCF101_CLASSES}


@pytest.fixture
def ucf101(tmp_path):
    """Two classes of three videos; each fold tests on another of them."""
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 ApplyEyeMakeup\r\n2 HandstandPushups\r\n")
    for fold in (1, 2, 3):
        parts = {"train": [], "test": []}
        for number, (label, files) in enumerate(UCF101_FILES.items(), 1):
            for index, file in enumerate(files, 1):
                part = "test" if index == fold else "train"
                ending = "" if part == "test" else f" {number}"
                # The lists write HandStand where the folder is Handstand.
                parts[part].append(f"{label}/{file.replace('_Handstand', '_HandStand')}{ending}\n")
        for part, lines in parts.items():
            (lists / f"{part}list0{fold}.txt").write_text("".join(lines))
    for label, files in UCF101_FILES.items():
        touch(tmp_path / "UCF-101" / label, *files)
    return tmp_path


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_ucf101(ucf101, fold):
    source = find_ucf101(ucf101, fold=fold)
    assert source.labels == UCF101_CLASSES and source.skipped == ()
    expected = [(label, files[fold - 1]) for label, files in UCF101_FILES.items()]
    assert by_split(source)["test"] == expected
    assert len(by_split(source)["train"]) == 4 and not by_split(source)["validation"]
    assert not set(expected) & set(by_split(source)["train"])
    assert source.clips[0].name == "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"
    assert f"fold {fold}" in source.notes[0] and "4 videos to train" in source.notes[0]
    assert "no validation split" in source.notes[0]


def test_lists_elsewhere_and_videos_converted(ucf101, tmp_path):
    videos = touch(tmp_path / "mp4", "applyeyemakeup/v_ApplyEyeMakeup_g01_c01.mp4")
    source = find_ucf101(videos, [ucf101 / "ucfTrainTestlist"])
    assert by_split(source)["test"] == [("ApplyEyeMakeup", "v_ApplyEyeMakeup_g01_c01.mp4")]
    reasons = {video.reason for video in source.skipped}
    assert len(source.skipped) == 5 and reasons == {"is listed but not there"}


def test_a_label_file_sets_the_order(ucf101):
    labels = ucf101 / "labels.txt"
    labels.write_text("handstand pushups\nsit up\napply eye makeup\n")
    source = find_ucf101(ucf101, labels_file=labels)
    assert source.labels == ("handstand pushups", "sit up", "apply eye makeup")
    assert source.clips[0].label == "apply eye makeup"
    labels.write_text("apply eye makeup\n")
    with pytest.raises(InputError, match="HandstandPushups"):
        find_ucf101(ucf101, labels_file=labels)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Yoga/v_Yoga_g01_c01.avi 1\n", "trainlist01.txt, line 1 is not"),
        ("ApplyEyeMakeup 1\n", "line 1 is not"),
        ("ApplyEyeMakeup/a.avi 1\n\nApplyEyeMakeup/a.avi 1\n", "line 3 names .* again"),
        ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi 1\n", r"testlist01.txt, line 1 names"),
    ],
)
def test_odd_lines_of_ucf101(ucf101, text, words):
    (ucf101 / "ucfTrainTestlist/trainlist01.txt").write_text(text)
    with pytest.raises(InputError, match=words):
        find_ucf101(ucf101)


def test_ucf101_that_is_not_there(ucf101, tmp_path):
    with pytest.raises(InputError, match=r"no classInd\.txt"):
        find_ucf101(ucf101 / "UCF-101")
    with pytest.raises(InputError, match="None of the 6 videos"):
        find_ucf101(touch(tmp_path / "other", "Yoga/a.avi"), [ucf101 / "ucfTrainTestlist"])
    (ucf101 / "ucfTrainTestlist/testlist02.txt").unlink()
    with pytest.raises(InputError, match=r"testlist02\.txt"):
        find_ucf101(ucf101, fold=2)


@pytest.fixture
def hmdb51(tmp_path):
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for label in ("brush_hair", "shoot_bow"):
        # Blanks end the lines of the published lists.
        lines = ["#a film (1)!_0.avi 1 ", "b_1.avi 2 ", "c_2.avi 0 ", "d.avi 1 "]
        (lists / f"{label}_test_split1.txt").write_text("\n".join(lines) + "\n")
        (lists / f"{label}_test_split2.txt").write_text("b_1.avi 1\nd.avi 2\n")
        touch(tmp_path / "hmdb51_org" / label, "#a film (1)!_0.avi", "b_1.avi", "c_2.avi", "d.avi")
    return tmp_path


def test_hmdb51(hmdb51):
    source = find_hmdb51(hmdb51)
    assert source.labels == ("brush_hair", "shoot_bow") and source.skipped == ()
    assert by_split(source) == {
        "train": [
            ("brush_hair", "#a film (1)!_0.avi"),
            ("brush_hair", "d.avi"),
            ("shoot_bow", "#a film (1)!_0.avi"),
            ("shoot_bow", "d.avi"),
        ],
        "validation": [],
        "test": [("brush_hair", "b_1.avi"), ("shoot_bow", "b_1.avi")],
    }
    assert "2 videos are in neither part" in source.notes[1]
    second = by_split(find_hmdb51(hmdb51, fold=2))
    assert second["test"] == [("brush_hair", "d.avi"), ("shoot_bow", "d.avi")]


def test_odd_hmdb51(hmdb51):
    with pytest.raises(InputError, match=r"CLASS_test_split3\.txt"):
        find_hmdb51(hmdb51, fold=3)
    with pytest.raises(InputError, match="--annotations"):
        find_hmdb51(hmdb51 / "hmdb51_org")
    path = hmdb51 / "testTrainMulti_7030_splits/shoot_bow_test_split1.txt"
    path.write_text("a.avi 3\n")
    with pytest.raises(InputError, match=r"shoot_bow_test_split1.txt, line 1 is not"):
        find_hmdb51(hmdb51)


def test_links_out_of_the_folder(hmdb51, tmp_path_factory):
    elsewhere = touch(tmp_path_factory.mktemp("elsewhere"), "d.avi")
    path = hmdb51 / "hmdb51_org/brush_hair/d.avi"
    path.unlink()
    path.symlink_to(elsewhere / "d.avi")
    source = find_hmdb51(hmdb51)
    assert [(video.path, video.split) for video in source.skipped] == [
        ("hmdb51_org/brush_hair/d.avi", "train")
    ]
    assert all(clip.path != path for clip in source.clips)

"""Lists of frame folders: their lines, their splits, and paths that lead elsewhere."""

import pytest

from movinet.data.sources.frame_lists import find_frame_folders
from movinet.errors import InputError

TEMPLATE, RATE = "img_{:05}.jpg", 25.0


def find(source, lists=(), template=TEMPLATE, **options):
    return find_frame_folders(source, lists, template, RATE, **options)


@pytest.fixture
def frames(tmp_path):
    """Two lists beside three folders."""
    for name in ("run/a b", "run/c", "jump/d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "train.list").write_text("run/a b 12 1\nrun/c 7 1\n\n")
    (tmp_path / "val.list").write_text("jump/d\t9\t0\r\n")
    return tmp_path


def test_lists_of_a_folder(frames):
    source = find(frames)
    assert [(clip.name, clip.label, clip.split) for clip in source.clips] == [
        ("jump/d", "0", "validation"),
        ("run/a b", "1", "train"),
        ("run/c", "1", "train"),
    ]
    assert source.labels == ("0", "1") and source.root == str(frames)
    clip = source.clips[1]
    assert clip.path == frames / "run/a b"
    assert clip.frames.count == 12 and clip.frames.frame_rate == 25
    assert clip.frames.template == TEMPLATE and clip.frames.root == frames.resolve()
    assert source.notes == (
        "Frame folders: train.list, val.list list 3 clips; frames are named img_{:05}.jpg and "
        "shown 25 a second.",
    )


def test_names_of_classes(frames):
    (frames / "labels.txt").write_text("jump\nrun\nsit\n")
    source = find(frames, labels_file=frames / "labels.txt")
    assert source.labels == ("jump", "run", "sit")
    assert [clip.label for clip in source.clips] == ["jump", "run", "run"]
    (frames / "labels.txt").write_text("jump\n")
    with pytest.raises(InputError, match=r"class 1, but .*labels\.txt lists 1"):
        find(frames, labels_file=frames / "labels.txt")
    (frames / "val.list").write_text("jump/d 9 2\n")
    with pytest.raises(InputError, match="without gaps"):
        find(frames)


def test_lists_elsewhere(frames, tmp_path_factory):
    lists = tmp_path_factory.mktemp("lists")
    for name in ("train", "val"):
        (frames / f"{name}.list").rename(lists / f"ucf101_{name}_split_1_rawframes.txt")
    with pytest.raises(InputError, match="--annotations"):
        find(frames)
    assert len(find(frames, [lists]).clips) == 3
    source = find(frames, [lists / "ucf101_val_split_1_rawframes.txt"])
    assert [(clip.name, clip.split) for clip in source.clips] == [("jump/d", "validation")]


def test_a_single_list_may_have_no_split(frames):
    all_clips = frames / "all.txt"
    all_clips.write_text("run/c 7 1\njump/d 9 0\n")
    assert [clip.split for clip in find(all_clips).clips] == [None, None]
    with pytest.raises(InputError, match=r"all\.txt does not tell its split"):
        find(frames, [all_clips, frames / "val.list"])
    (frames / "train_val.txt").write_text("run/c 7 0\n")
    assert find(frames / "train_val.txt").clips[0].split is None


def test_two_lists_of_one_split_are_refused(frames):
    (frames / "train2.txt").write_text("run/c 7 1\n")
    with pytest.raises(InputError, match="both lists of train"):
        find(frames)


def test_paths_stay_in_the_folder(frames):
    (frames / "train.list").write_text(f"{frames}/run/c 7 1\nrun/../jump/./d 9 0\n")
    (frames / "val.list").unlink()
    assert [clip.name for clip in find(frames).clips] == ["jump/d", "run/c"]
    for path in ("../elsewhere", "/etc", "run/../..", ".", "run/../../x"):
        (frames / "test.txt").write_text(f"run/a 3 0\n{path} 7 1\n")
        with pytest.raises(InputError, match=r"test\.txt, line 2: .* is no folder in"):
            find(frames, [frames / "test.txt"])


def test_folders_without_frames_are_left_out(frames):
    (frames / "val.list").write_text("jump/d 0 0\n")
    source = find(frames)
    assert [(video.path, video.split) for video in source.skipped] == [("jump/d", "validation")]
    assert len(source.clips) == 2 and source.labels == ("0", "1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run/c 7\n", "line 1 is not"),
        ("run/c seven 1\n", "line 1 is not"),
        ("run/c 7 1\nrun/c 7 1,2\n", "line 2 is not"),
        ("run/c 7 1\nrun/c 7 1\n", r"line 2 names run/c again, as .*line 1"),
        ("\n", "lists no frames"),
    ],
)
def test_odd_lines(frames, text, words):
    (frames / "train.list").write_text(text)
    with pytest.raises(InputError, match=words):
        find(frames, [frames / "train.list"])
    with pytest.raises(InputError, match=r"Cannot read the list .*nothing\.txt"):
        find(frames, [frames / "nothing.txt"])


def test_a_clip_in_two_lists_is_refused(frames):
    (frames / "val.list").write_text("run/c 7 1\n")
    with pytest.raises(InputError, match=r"val\.list, line 1 names run/c again"):
        find(frames)


@pytest.mark.parametrize("template", ["frame.jpg", "../{}.jpg", "{}{}.jpg", "{name}", "{", "{:x<"])
def test_templates_that_name_no_frame(frames, template):
    with pytest.raises(InputError, match="no name of a frame"):
        find(frames, template=template)


@pytest.mark.parametrize("template", ["{:06d}.png", "image_{0:05}.jpg", "{}.jpg"])
def test_templates(frames, template):
    assert find(frames, template=template).clips[0].frames.template == template

"""Finding videos: folders and lists of every shape, and hostile names."""

import pytest

from movinet.data.sources.source import find_source
from movinet.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def summary(source):
    return [(clip.name, clip.label, clip.split) for clip in source.clips]


def test_class_folders(tmp_path):
    touch(tmp_path, "run/b.mp4", "run/deep/a.AVI", "jump/c.gif", "jump/notes.txt", ".git/x.mp4")
    touch(tmp_path, "jump/.hidden.mp4")
    source = find_source(tmp_path)
    assert source.labels == ("jump", "run")
    assert summary(source) == [
        ("jump/c.gif", "jump", None),
        ("run/b.mp4", "run", None),
        ("run/deep/a.AVI", "run", None),
    ]


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_split_folders(tmp_path, validation):
    touch(tmp_path, "train/run/a.mp4", f"{validation}/run/b.mp4", "test/jump/c.mp4")
    source = find_source(tmp_path)
    assert source.labels == ("jump", "run")
    assert {(label, split) for _, label, split in summary(source)} == {
        ("run", "train"),
        ("run", "validation"),
        ("jump", "test"),
    }


def test_split_folders_beside_class_folders_are_refused(tmp_path):
    touch(tmp_path, "train/run/a.mp4", "jump/b.mp4")
    with pytest.raises(InputError, match="mixes"):
        find_source(tmp_path)


def test_links_out_of_the_folder_are_left_out(tmp_path):
    videos = touch(tmp_path / "videos", "run/a.mp4")
    secret = touch(tmp_path / "secret", "b.mp4", "more/c.mp4")
    (videos / "run/out.mp4").symlink_to(secret / "b.mp4")
    (videos / "run/in.mp4").symlink_to(videos / "run/a.mp4")
    (videos / "run/folder").symlink_to(secret)
    source = find_source(videos)
    assert [clip.name for clip in source.clips] == ["run/a.mp4", "run/in.mp4"]
    assert {video.path for video in source.skipped} == {"run/out.mp4", "run/folder"}
    assert all("link" in video.reason for video in source.skipped)
    (videos / "jump").symlink_to(secret)
    with pytest.raises(InputError, match="jump is a link"):
        find_source(videos)


@pytest.mark.parametrize("name", ["two\nlines", " blank", "tab\tbed", "bell\a"])
def test_class_names_that_a_label_file_cannot_hold_are_refused(tmp_path, name):
    touch(tmp_path, f"{name}/a.mp4")
    with pytest.raises(InputError, match="class name"):
        find_source(tmp_path)


def test_nothing_to_find(tmp_path):
    with pytest.raises(InputError, match="no videos"):
        find_source(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_source(tmp_path / "nowhere")
    (tmp_path / "list.csv").write_text("path,label\n")
    with pytest.raises(InputError, match="no videos"):
        find_source(tmp_path / "list.csv")


ROWS = [("a b.mp4", "run", "train"), ("c.mp4", "high jump", "validation")]


@pytest.mark.parametrize(
    "text",
    [
        'a b.mp4,run,train\n"c.mp4",high jump,val\n',
        "path,label,split\na b.mp4, run, train\n\nc.mp4, high jump, valid\n",
        "\ufeffsplit,class,video\ntrain,run,a b.mp4\nvalidation,high jump,c.mp4\n",
        "a b.mp4\trun\ttrain\nc.mp4\thigh jump\tval\r\n",
    ],
)
def test_lists_by_comma_and_tab(tmp_path, text):
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    source = find_source(tmp_path / "list.csv")
    assert summary(source) == ROWS
    assert source.clips[0].path == tmp_path / "a b.mp4"
    assert source.labels == ("high jump", "run")


def test_lists_by_blank(tmp_path):
    (tmp_path / "list.txt").write_text("my videos/a.mp4 run train\nb.mp4 jump test\n")
    source = find_source(tmp_path / "list.txt")
    assert summary(source) == [("b.mp4", "jump", "test"), ("my videos/a.mp4", "run", "train")]
    (tmp_path / "list.txt").write_text("my videos/a.mp4 run\nb.mp4 jump\n")
    assert [clip.split for clip in find_source(tmp_path / "list.txt").clips] == [None, None]


def test_numbers_as_labels(tmp_path):
    (tmp_path / "list.txt").write_text("a.mp4 0\nb.mp4 10\n")
    (tmp_path / "labels.txt").write_text("".join(f"class {index}\n" for index in range(11)))
    source = find_source(tmp_path / "list.txt", tmp_path / "labels.txt")
    assert [clip.label for clip in source.clips] == ["class 0", "class 10"]
    assert len(source.labels) == 11
    with pytest.raises(InputError, match="--labels"):
        find_source(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_text("".join(f"{index}.mp4 {index}\n" for index in range(11)))
    assert find_source(tmp_path / "list.txt").labels == tuple(map(str, range(11)))


def test_the_label_file_sets_the_order(tmp_path):
    touch(tmp_path, "videos/run/a.mp4", "videos/jump/b.mp4")
    labels = tmp_path / "labels.txt"
    labels.write_text("run\nsit\njump\n")
    assert find_source(tmp_path / "videos", labels).labels == ("run", "sit", "jump")
    labels.write_text("run\n")
    with pytest.raises(InputError, match="'jump'"):
        find_source(tmp_path / "videos", labels)
    labels.write_text("run\njump\nrun\n")
    with pytest.raises(InputError, match="line 3 repeats"):
        find_source(tmp_path / "videos", labels)
    labels.write_text("run\n\njump\n")
    with pytest.raises(InputError, match="line 2"):
        find_source(tmp_path / "videos", labels)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.mp4\n", "line 1"),
        ("a.mp4,run\nb.mp4,\n", "line 2"),
        ("a.mp4,run\na.mp4,jump\n", "line 2 names a.mp4 again, which line 1"),
        ("a.mp4,run,holdout\n", "'holdout' is no split"),
        ("a.mp4,run,train\nb.mp4,run\n", "line 1 has a split, line 2 has none"),
        ("label,youtube_id,time_start\nrun,abc,10\n", "line 1"),
    ],
)
def test_lines_that_make_no_sense_are_named(tmp_path, text, words):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        find_source(tmp_path / "list.csv")


def test_a_list_that_is_no_text(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match=r"list\.csv"):
        find_source(tmp_path / "list.csv")

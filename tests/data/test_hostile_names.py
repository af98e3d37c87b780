"""Names that are made to harm: of files that are read, of things that are no files, of classes."""

import contextlib
import csv
import html.parser
import json
import os
import shutil
import socket

import numpy as np
import pytest
from dataset_builds import SMALL, build, encode_as_nobody, written_names
from video_files import grey_steps, noise, write_video

from movinet.data.building import manifest as manifests
from movinet.data.building.build import build_dataset
from movinet.data.building.shards import encode
from movinet.data.building.workers import map_in_processes
from movinet.data.dataset_check.check import Checker
from movinet.data.dataset_check.findings import CheckSettings
from movinet.data.dataset_check.report import write_report
from movinet.data.sources import layouts, report, text_lines
from movinet.data.sources.annotations import ListedClip
from movinet.data.sources.settings import SourceSettings
from movinet.data.sources.source import Source, find_source
from movinet.data.sources.splits import SourceClip
from movinet.errors import InputError

NAMES = {
    b"new\nline.mp4": r"new\x0aline.mp4",
    b"esc\x1b[2Jape.mp4": r"esc\x1b[2Jape.mp4",
    b"\xff\xfe.mp4": r"\xff\xfe.mp4",
    rb"\xff\xfe.mp4": r"\\xff\\xfe.mp4",
    "next\u0085line\u2028.mp4".encode(): r"next\u0085line\u2028.mp4",
    b"com,ma;tab\t.mp4": r"com,ma;tab\x09.mp4",
    b"-rf.mp4": "-rf.mp4",
    b"a..b...mp4": "a..b...mp4",
    b"a" * 251 + b".mp4": "a" * 251 + ".mp4",
    "😀 é e\u0301.mp4".encode(): "😀 é e\u0301.mp4",
    "e\u0301.mp4".encode(): "e\u0301.mp4",
    "é.mp4".encode(): "é.mp4",
    b"Case.mp4": "Case.mp4",
    b"case.MP4": "case.MP4",
    b"<img src=x onerror=alert(1)>&\"'.mp4": "<img src=x onerror=alert(1)>&\"'.mp4",
    b"concat:x|y %s {0} $HOME `id` %d.mp4": "concat:x|y %s {0} $HOME `id` %d.mp4",
}
"""Names of files as bytes, and how they are written in records and reports."""


class Words(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words = set(), set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.words += data


def place(folder, name):
    return os.path.join(os.fsencode(folder), name)


def test_files_of_any_name_are_written_and_what_is_no_file_is_left_out(tmp_path):
    video = write_video(tmp_path / "sound.h264.mp4", noise(3))
    secret = tmp_path / "secret"
    secret.mkdir()
    shutil.copy(video, secret)
    below = "train/-rf & <b>/"
    folder = tmp_path / "videos" / below
    folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(video, place(folder, name))
    (folder / "out.mp4").symlink_to(secret / video.name)
    (folder / "outer").symlink_to(secret)
    (folder / "up.mp4").symlink_to(f"../../../secret/{video.name}")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "there.mp4").symlink_to("back.mp4")
    (folder / "back.mp4").symlink_to("there.mp4")
    (folder / "nowhere.mp4").symlink_to("missing.mp4")
    (folder / "circle").symlink_to(".")
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    odd = {"loop.mp4", "there.mp4", "back.mp4", "nowhere.mp4", "pipe.mp4", "socket.mp4"}
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(folder)  # A path of a socket is short.
        listener.bind("socket.mp4")
        os.chdir(before)
    with contextlib.suppress(PermissionError):  # Only root makes devices.
        os.mknod(folder / "device.mp4", 0o600 | 0o020000, os.makedev(1, 5))
        odd.add("device.mp4")
    built = build(tmp_path / "videos", tmp_path / "dataset", max_bad_fraction=1, timeout=60)
    left_out = {each.path.removeprefix(below): each.reason for each in built.skipped}
    outside = dict.fromkeys(("out.mp4", "outer", "up.mp4"), "is a link out of the folder")
    assert left_out == outside | dict.fromkeys(odd, "does not exist or is not a file")
    written = [name.removeprefix(below) for name in written_names(tmp_path / "dataset")]
    assert sorted(written) == sorted(NAMES.values())
    assert manifests.load(tmp_path / "dataset") == built


def test_reports_escape_names(tmp_path):
    label = "<img src=x onerror=alert(1)> $\\frac{"
    folder = tmp_path / "videos" / label
    folder.mkdir(parents=True)
    write_video(folder / "sound.h264.mp4", grey_steps(3, 16, 16))
    for name in NAMES:
        with open(place(folder, name), "wb") as file:
            file.write(b"no video")
    with Checker(workers=1) as checker:
        check = checker.check(find_source(tmp_path / "videos"), CheckSettings())
    write_report(tmp_path / "report", check, {})
    content = json.loads((tmp_path / "report/report.json").read_text())
    (broken,) = (found for found in content["findings"] if found["kind"] == "undecodable")
    names = {f"{text_lines.one_line(label)}/{name}" for name in NAMES.values()}
    assert set(broken["remove"]) == names
    page = Words((tmp_path / "report/report.html").read_text())
    assert "script" not in page.tags and "onerror" not in page.attributes
    assert "\x1b" not in page.words
    assert all(name in page.words for name in names)
    removed = (tmp_path / "report/remove/undecodable.txt").read_bytes().splitlines()
    assert sorted(removed) == sorted(place(folder, n) for n in NAMES if b"\n" not in n)
    (tmp_path / "labels.txt").write_text(f'a,b "c"\n{label}\n=1+1\n')
    listed = [ListedClip(name, "x" * 11, 0, 1, "train") for name in ('a,b "c"', label, "=1+1")]
    source = Source((), ('a,b "c"', label, "=1+1"), missing=tuple(listed))
    for path in report.write(source, tmp_path / "csv"):
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["label"] for row in rows} == set(source.labels), path


def test_classes_of_any_name_stay_names(tmp_path):
    labels = ("../../outside", "/etc/passwd", "-rf", "a/b", "<b>", "😀", "CON", ".")
    rows = []
    for number, label in enumerate(labels):
        write_video(tmp_path / f"videos/{number}.h264.mp4", noise(2, 16, 16, seed=number))
        rows.append(f"videos/{number}.h264.mp4,{label},train\n")
    (tmp_path / "list.csv").write_text("".join(rows))
    before = set(tmp_path.rglob("*"))
    built = build(tmp_path / "list.csv", tmp_path / "dataset", workers=1)
    assert (tmp_path / "dataset/labels.txt").read_text().splitlines() == sorted(labels)
    assert built.splits["train"].clips_per_class == dict.fromkeys(sorted(labels), 1)
    inside = {"dataset"} | {f"dataset/{path.name}" for path in (tmp_path / "dataset").iterdir()}
    made = set(tmp_path.rglob("*")) - before
    assert {path.relative_to(tmp_path).as_posix() for path in made} == inside
    (tmp_path / "list.csv").write_text(f"a.mp4,{'x' * 501}\n")
    with pytest.raises(InputError, match=r"line 1: 'x+ is no class name: .* at most 500"):
        find_source(tmp_path / "list.csv")


def test_what_may_not_be_read_is_left_out(tmp_path):
    folder = tmp_path / "videos/run"
    write_video(folder / "closed.h264.mp4", noise(2, 16, 16))
    clip = SourceClip(folder / "closed.h264.mp4", "run/closed.h264.mp4", "run")
    long = SourceClip(folder / f"{'x' * 300}.mp4", "run/x.mp4", "run")
    with_nul = SourceClip(folder / "a\0b.mp4", "run/a.mp4", "run")
    tasks = [(each, SMALL.encoding) for each in (clip, long, with_nul)]
    readable, *others = map_in_processes(encode, tasks, 1)
    assert len(readable.frames) == 2
    assert others[0].reason == "cannot be read (File name too long)"
    assert others[1].reason == "does not exist or is not a file"
    folder.chmod(0)
    (closed,) = map_in_processes(encode_as_nobody, tasks[:1], 1)
    folder.chmod(0o700)
    assert closed.reason == "cannot be read (Permission denied)"


@pytest.mark.parametrize("name", ["train.csv", "train.txt", "classInd.txt", "a_test_split1.txt"])
def test_lists_that_never_end_are_not_waited_for(tmp_path, name):
    write_video(tmp_path / "run/a.h264.mp4", grey_steps(2, 16, 16))
    os.mkfifo(tmp_path / name)
    if name == "a_test_split1.txt":  # It is a list by its name alone.
        with pytest.raises(InputError, match="it is no file"):
            layouts.find(SourceSettings(str(tmp_path)))
    else:
        assert len(layouts.find(SourceSettings(str(tmp_path))).clips) == 1
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(InputError, match="it is no file"):
        list(text_lines.read_lines(tmp_path / name))
    (tmp_path / name).unlink()
    with open(tmp_path / name, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="more than 256 MiB"):
        list(text_lines.read_lines(tmp_path / name))


def test_an_output_that_was_laid_out_to_harm(videos, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "letter.txt").write_text("mine")
    output = tmp_path / "dataset"
    output.mkdir()
    (output / ".building").symlink_to(kept)
    with pytest.raises(InputError, match="is a link"):
        build(videos, output)
    (output / ".building").unlink()
    for lock in ("link", "pipe"):
        if lock == "link":
            (output / ".building.lock").symlink_to(kept / "letter.txt")
        else:
            os.mkfifo(output / ".building.lock")
        with pytest.raises(InputError, match="Cannot write"):
            build(videos, output)
        (output / ".building.lock").unlink()
    (output / ".building").mkdir()
    moves = {"train-00000": "../kept/letter.txt", "../../kept/x": "train-00000-of-00001.tfrecord"}
    (output / "train-00000-of-00001.tfrecord").write_text("planted")
    (output / ".building/moving.json").write_text(json.dumps(moves))
    build(videos, output)
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"letter.txt": "mine"}
    for split in manifests.load(output).splits:
        manifests.verify(output, split, checksums=True)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(InputError, match="Cannot write"):
        build_dataset(find_source(videos), tmp_path / "circle", SMALL)


def test_titles_in_any_encoding_are_no_damage(tmp_path):
    from movinet.data.videos.video_files import read_frames

    path = tmp_path / "title.h264.mp4"
    write_video(path, grey_steps(3), metadata={"title": "TITLE"})
    data = path.read_bytes()
    assert data.count(b"TITLE") == 1
    path.write_bytes(data.replace(b"TITLE", b"\xc9T\xc9\xff\xfe"))
    levels = [int(np.mean(frame)) for frame, _ in read_frames(path)]
    np.testing.assert_allclose(levels, [10, 16, 22], atol=4)

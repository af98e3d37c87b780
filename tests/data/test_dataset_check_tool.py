"""The command: exit codes, the files it leaves, built datasets, and nothing from the data that
runs."""

import html.parser
import json
import pathlib
import subprocess
import sys

import pytest
from colour_dataset import write_colour_dataset
from video_files import write_video

from benchmarks.scenes import Scene
from movinet.data import checksums
from movinet.data.dataset_check import plots, stored_clips
from movinet.errors import InputError

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "check_dataset.py"
EVIL = "<script>alert(1)<script> $\\frac{"


def run_tool(*flags):
    command = [sys.executable, str(TOOL), *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True)


class Page(html.parser.HTMLParser):
    """The elements and the words of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.sources, self.words = [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two classes in two splits, one with a name that is HTML and LaTeX; a copy across splits, a
    broken and a short video."""
    root = tmp_path_factory.mktemp("videos")
    for number in range(12):
        label = ("jump", EVIL)[number % 2]
        split = "train" if number < 8 else "val"
        write_video(root / split / label / f"{number:x}.h264.mp4", Scene(number).frames(20))
    write_video(root / "val" / "jump" / "copy.mpeg4.avi", Scene(2).frames(20)[3:])
    write_video(root / "train" / "jump" / "short.h264.mp4", Scene(20).frames(5))
    (root / "train" / "jump" / "broken.mp4").write_text("no video")
    return root


def test_a_dataset_with_faults_ends_with_1_and_a_report(videos, tmp_path):
    reports = []
    for workers in (1, 2):
        output = tmp_path / str(workers)
        ended = run_tool(f"--input={videos}", f"--output_dir={output}", f"--workers={workers}")
        assert ended.returncode == 1, ended.stderr
        assert "Traceback" not in ended.stderr
        assert f"report: {output / 'report.html'}" in ended.stdout
        reports.append(output)
    assert "2 errors" in ended.stdout and "error         1  Cannot be decoded" in ended.stdout

    report = json.loads((output / "report.json").read_text())
    found = {finding["kind"]: finding for finding in report["findings"]}
    assert [found[kind]["severity"] for kind in found] == ["error"] * 2 + ["warning"] * 2
    (copies,) = found["duplicates_across_splits"]["cases"]
    assert {clip["name"] for clip in copies["clips"]} == {
        "train/jump/2.h264.mp4",
        "val/jump/copy.mpeg4.avi",
    }
    assert found["duplicates_across_splits"]["remove"] == ["train/jump/2.h264.mp4"]
    assert found["too_short"]["cases"][0]["clips"][0]["name"] == "train/jump/short.h264.mp4"
    broken = videos / "train" / "jump" / "broken.mp4"
    assert (output / "remove" / "undecodable.txt").read_text() == f"{broken}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]

    # The same for any number of workers, to the byte.
    files = [sorted(p.relative_to(root) for p in root.rglob("*.*")) for root in reports]
    assert files[0] == files[1]
    for name in files[0]:
        assert (reports[0] / name).read_bytes() == (reports[1] / name).read_bytes(), name

    page = Page(output / "report.html")
    assert "script" not in page.tags and "alert(1)" in "".join(page.words)
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert sum(source.startswith("data:image/jpeg") for source in page.sources) >= 3
    assert sum(source.startswith("data:image/png") for source in page.sources) == 2

    # What was removed is not found again, and the report takes the place of the old one.
    flags = ["--fail_on=warning", "--min_seconds=0", "--min_frames=0", "--min_clips=2"]
    rows = [
        f"{path},{path.parent.name},{path.parents[1].name}\n"
        for path in sorted(videos.rglob("*.*"))
        if path != broken and path.name != "2.h264.mp4"
    ]
    listed = tmp_path / "list.csv"
    listed.write_text("".join(rows))
    ended = run_tool(f"--input={listed}", f"--output_dir={output}", *flags)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert "Ready: nothing was found." in ended.stdout
    assert not (output / "remove").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--input=nowhere", "--output_dir=x"], "nowhere does not exist"),
        (["--output_dir=x"], "--input"),
        (["--input=.", "--output_dir=x"], "lies in"),
        (["--input=videos", "--output_dir=taken"], "holds something else"),
        (["--input=videos", "--output_dir=x", "--group_regex=("], "no regular expression"),
        (["--input=videos", "--output_dir=x", "--fail_on=rain"], "fail_on"),
        (["--input=videos", "--output_dir=x", "--min_second=1"], "min_second"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_2(tmp_path, monkeypatch, flags, words):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "videos" / "run" / "a.h264.mp4", Scene(0).frames(3))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").touch()
    ended = run_tool(*flags)
    assert ended.returncode == 2
    assert words in ended.stderr and "Traceback" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "videos"]


def test_a_built_dataset_is_read_back(tmp_path):
    folder = write_colour_dataset(tmp_path)
    source, damage = stored_clips.find_stored_clips(folder, workers=1)
    assert damage == () and len(source.clips) == 24 + 9 + 6
    assert source.labels == ("blue", "green", "red")
    clip = next(clip for clip in source.clips if clip.split == "test" and clip.label == "red")
    frames, times = zip(*stored_clips.read_frames(clip, None, 20), strict=True)
    assert times == tuple(range(0, 240_000, 40_000))
    assert frames[0].shape == (24, 24, 3)
    assert frames[0][..., 0].mean() > 150 and frames[0][..., 1].mean() < 60


def test_a_copy_in_another_split_of_a_built_dataset_is_found(tmp_path):
    folder = tmp_path / "dataset"
    folder.mkdir()
    write_colour_dataset(folder)
    shard = folder / "train-00000-of-00002.tfrecord"
    copied = (folder / "test-00000-of-00002.tfrecord").read_bytes()
    content = json.loads((folder / "manifest.json").read_text())
    entry = content["splits"]["train"]["shards"][0]
    shard.write_bytes(shard.read_bytes() + copied)
    entry["clips"] += 3
    entry["bytes"] = shard.stat().st_size
    entry["sha256"] = checksums.sha256(shard)
    content["splits"]["train"]["clips"] += 3
    for label in content["labels"]:
        content["splits"]["train"]["clips_per_class"][label] += 1
    (folder / "manifest.json").write_text(json.dumps(content))
    ended = run_tool(f"--input={folder}", f"--output_dir={tmp_path / 'report'}", "--workers=1")
    assert ended.returncode == 1, ended.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
    assert [finding["kind"] for finding in errors] == ["duplicates_across_splits"]
    assert [len(case["clips"]) for case in errors[0]["cases"]] == [2, 2, 2]
    removed = (tmp_path / "report" / "remove" / "duplicates_across_splits.txt").read_text()
    assert all(name.startswith("train-00000-of-00002") for name in removed.splitlines())


def test_damage_to_a_shard_is_told(tmp_path):
    folder = write_colour_dataset(tmp_path)
    shard = folder / "validation-00001-of-00002.tfrecord"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 255
    shard.write_bytes(bytes(data))
    _, damage = stored_clips.find_stored_clips(folder, workers=1)
    assert any("checksum is not the manifest's" in sentence for sentence in damage)
    assert all("validation-00001-of-00002" in sentence for sentence in damage)
    shard.write_bytes(bytes(data[:-5]))
    with pytest.raises(InputError, match="bytes instead of"):
        stored_clips.find_stored_clips(folder, workers=1)


@pytest.mark.parametrize("classes", [1, 3, 61, 700])
def test_plots_stand_any_number_of_classes_and_any_name(classes):
    counts = {f"{EVIL} {n} 漢字 " + "x" * 99: {"train": n, "test": 1} for n in range(classes)}
    picture = plots.draw_class_balance(counts, ("train", "test"))
    assert picture.startswith(b"\x89PNG")

"""Telling how a dataset lies on a disk, and the flags that say so."""

import pathlib
import subprocess
import sys

import pytest

from movinet.data.sources import layouts
from movinet.data.sources.settings import SourceSettings
from movinet.errors import InputError

ROOT = pathlib.Path(__file__).parents[2]
KINETICS = "label,youtube_id,time_start,time_end,split\nyoga,abcdefghijk,0,10,train\n"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


DATASETS = {
    "folder": {"run/a.mp4": "", "jump/b.mp4": "", "train.txt": "train 1 2\n"},
    "list": {"list.txt": "run/a.mp4 0\nb.mp4 1\n"},
    "kinetics": {"annotations/train.csv": KINETICS, "train/abcdefghijk_000000_000010.mp4": ""},
    "ucf101": {
        "ucfTrainTestlist/classInd.txt": "1 Yoga\n",
        "ucfTrainTestlist/trainlist01.txt": "".join(f"Yoga/v_g{i}_c01.avi 1\n" for i in range(9)),
        "ucfTrainTestlist/testlist01.txt": "Yoga/v_g9_c01.avi\n",
        **{f"UCF-101/Yoga/v_g{index}_c01.avi": "" for index in range(10)},
    },
    "hmdb51": {
        "testTrainMulti_7030_splits/run_test_split1.txt": "a.avi 1 \nb.avi 2 \n",
        "hmdb51_org/run/a.avi": "",
        "hmdb51_org/run/b.avi": "",
    },
    "frame_list": {"train.list": "run/a 1 0\n", "run/a/img_00001.jpg": ""},
}


@pytest.fixture(params=DATASETS)
def dataset(request, tmp_path):
    """(layout, where it is)."""
    root = write(tmp_path / request.param, DATASETS[request.param])
    return request.param, str(root / "list.txt" if request.param == "list" else root)


def test_every_layout_is_told_by_its_files(dataset):
    layout, place = dataset
    assert layouts.detect(SourceSettings(place)) == layout
    told, named = (layouts.find(SourceSettings(place, kind)) for kind in ("auto", layout))
    assert told == named and told.clips and told.root == place


@pytest.mark.parametrize("layout", ["kinetics", "ucf101", "hmdb51", "frame_list"])
def test_annotations_elsewhere_tell_the_layout(tmp_path, layout):
    root, lists = write(tmp_path / "data", DATASETS[layout]), tmp_path / "lists"
    first = root / next(iter(DATASETS[layout]))
    if first.parent == root:
        lists.mkdir()
        first.rename(lists / first.name)
    else:
        first.parent.rename(lists)
    assert layouts.detect(SourceSettings(str(root))) == "folder"
    settings = SourceSettings(str(root), annotations=f"{lists}, ")
    assert layouts.detect(settings) == layout
    assert layouts.find(settings).clips
    one = next(lists.glob("train*"), None)
    if layout in ("kinetics", "frame_list"):
        assert layouts.detect(SourceSettings(str(root), annotations=str(one))) == layout


def test_what_cannot_be_told(tmp_path):
    root = write(tmp_path / "both", {**DATASETS["hmdb51"], **DATASETS["kinetics"]})
    with pytest.raises(InputError, match="could be kinetics or hmdb51: say which with --layout"):
        layouts.detect(SourceSettings(str(root)))
    assert layouts.find(SourceSettings(str(root), "hmdb51")).labels == ("run",)
    (root / "notes").mkdir()
    for settings, words in (
        (SourceSettings(str(tmp_path / "nowhere")), "nowhere does not exist"),
        (SourceSettings(str(root), annotations="/nowhere"), "/nowhere does not exist"),
        (SourceSettings(str(root), annotations=str(root / "notes")), "It cannot be told"),
        (SourceSettings(str(root), "imagenet"), "'imagenet' is no layout"),
        (SourceSettings(str(root), "list"), "is no list"),
    ):
        with pytest.raises(InputError, match=words):
            layouts.find(settings)


def test_validation_from_train(tmp_path):
    root = write(tmp_path / "data", DATASETS["ucf101"])
    plain, divided = (
        layouts.find(SourceSettings(str(root), validation_from_train=part)) for part in (0, 0.3)
    )
    splits = {clip.name: clip.split for clip in divided.clips}
    assert [clip.name for clip in divided.clips] == [clip.name for clip in plain.clips]
    assert sorted(splits.values()) == ["test"] + ["train"] * 6 + ["validation"] * 3
    moved = {clip.split for clip in plain.clips if splits[clip.name] == "validation"}
    assert moved == {"train"}
    assert divided.notes[-1].startswith("3 clips of train are taken as validation")
    with pytest.raises(InputError, match="this dataset has no splits"):
        folder = write(tmp_path / "folder", DATASETS["folder"])
        layouts.find(SourceSettings(str(folder), validation_from_train=0.1))


def run_flags(*flags):
    """What a command prints that finds a source by its flags, and says how many clips it has."""
    program = (
        "from absl import flags\n"
        "from movinet import cli\n"
        "from movinet.data.sources import source_flags\n"
        "flags.DEFINE_string('output', None, 'Folder.')\n"
        "cli.run(lambda: print(len(source_flags.find().clips), 'clips'))\n"
    )
    command = [sys.executable, "-c", program, *flags]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_flags_find_the_source_and_write_what_is_missing(tmp_path):
    root = write(tmp_path / "data", DATASETS["kinetics"])
    ended = run_flags(f"--input={root}", f"--output={tmp_path / 'built'}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "Kinetics: train.csv list 1 clips of 1 classes.",
        "train: all 1 listed clips are there.",
        f"written: {tmp_path / 'built.missing.csv'}",
        f"written: {tmp_path / 'built.coverage.csv'}",
        "1 clips",
    ]
    assert len((tmp_path / "built.missing.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--fold=2"], "--fold is for the layout ucf101 or hmdb51, but"),
        (["--frame_rate=30"], "--frame_rate is for the layout frame_list, but"),
        (["--fold=4", "--layout=ucf101"], "fold"),
        (["--layout=imagenet"], "layout"),
    ],
)
def test_flags_that_do_not_fit_end_with_a_sentence_and_2(tmp_path, flags, words):
    root = write(tmp_path / "data", DATASETS["folder"])
    ended = run_flags(f"--input={root}", *flags)
    assert ended.returncode == 2
    assert words in ended.stderr and "Traceback" not in ended.stderr

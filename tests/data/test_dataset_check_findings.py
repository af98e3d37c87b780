"""What is found in single clips, in their names and in their counts, and what is not."""

import pathlib

import numpy as np
import pytest
from video_files import noise, write_tone, write_video

from benchmarks.scenes import Scene, resize
from movinet.data.building.workers import Failure
from movinet.data.dataset_check.class_findings import find_in_classes, similar_names
from movinet.data.dataset_check.clip_findings import find_in_clips
from movinet.data.dataset_check.duplicates import Duplicates
from movinet.data.dataset_check.findings import CheckSettings, Dataset
from movinet.data.dataset_check.inspection import (
    ClipFacts,
    Inspection,
    Unusable,
    inspect_clip,
    measure_intervals,
)
from movinet.data.dataset_check.leaks import find_leaks
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SourceClip


def inspect(path, max_frames=20_000):
    return inspect_clip(Inspection(SourceClip(path, path.name, "label"), max_frames))


GOOD = ClipFacts(
    frames=100,
    duration=4_000_000,
    width=320,
    height=240,
    usual_interval=40_000,
    longest_interval=40_000,
    irregular=0.0,
    black=0.0,
    still=0.1,
    digest=b"",
    hashes=np.ones(16, np.uint64),
)


def changed(**fields):
    values = {name: getattr(GOOD, name) for name in GOOD.__slots__}
    return ClipFacts(**{**values, **fields})


def dataset_of(*clips, labels=(), facts=None):
    """A dataset of (split, label, name)."""
    found = tuple(
        SourceClip(pathlib.Path(name), name, label, split) for split, label, name in clips
    )
    labels = labels or tuple(sorted({clip.label for clip in found}))
    return Dataset(Source(found, tuple(labels)), facts or [GOOD] * len(found))


def found_in(facts, settings=None):
    """The kinds of findings about clips, and the numbers of the clips."""
    clips = [("train", "label", f"{number}.mp4") for number in range(len(facts))]
    findings = find_in_clips(dataset_of(*clips, facts=facts), settings or CheckSettings())
    return {f.kind: [n for case in f.cases for n in case.clips] for f in findings}


def test_facts_of_a_video(tmp_path):
    seen = inspect(write_video(tmp_path / "a.h264.mp4", Scene(0).frames(25)))
    assert (seen.frames, seen.duration, seen.width, seen.height) == (25, 2_500_000, 128, 96)
    assert (seen.usual_interval, seen.longest_interval, seen.irregular) == (100_000, 100_000, 0)
    assert seen.frame_rate == 10
    assert seen.black == 0 and seen.still < 0.5
    assert len(seen.hashes) == 11 and len(set(seen.hashes.tolist())) > 3


def test_a_rotated_video_is_measured_upright(tmp_path):
    seen = inspect(write_video(tmp_path / "a.h264.mp4", Scene(0).frames(5), rotation=90))
    assert (seen.width, seen.height) == (96, 128)


def test_reasons_of_unusable_videos(tmp_path):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    cut = write_video(tmp_path / "cut.h264.mp4", noise(20))
    cut.write_bytes(cut.read_bytes()[:-3000])
    long = write_video(tmp_path / "long.h264.mp4", noise(9))
    assert inspect(empty) == Unusable("is empty (0 bytes)")
    assert inspect(write_tone(tmp_path / "tone.mp4")) == Unusable("has no video stream")
    assert "does not exist" in inspect(tmp_path / "nowhere.mp4").reason
    assert isinstance(inspect(cut), Unusable)
    assert inspect(long, max_frames=8) == Unusable("has more than 8 frames")
    assert isinstance(inspect(long, max_frames=9), ClipFacts)


def test_black_and_still_videos(tmp_path):
    black = np.random.default_rng(0).integers(0, 12, (30, 64, 64, 3)).astype(np.uint8)
    frame = Scene(1).frames(1)
    still = np.repeat(frame, 30, axis=0)
    large = resize(still, 240, 320)
    stops = np.concatenate([Scene(1).frames(10), np.repeat(Scene(1).frames(10)[-1:], 60, axis=0)])
    speck = still.copy()
    for number in range(30):
        speck[number, 40:46, 10 + 3 * number : 16 + 3 * number] = 255
    facts = [
        inspect(write_video(tmp_path / f"{number}.{kind}", frames))
        for number, (kind, frames) in enumerate(
            [
                ("h264.mp4", black),
                ("mpeg4.avi", large),
                ("h264.mp4", stops),
                ("h264.mp4", speck),
                ("h264.mp4", Scene(1).frames(30)),
            ]
        )
    ]
    assert found_in(facts) == {"black": [0], "frozen": [1, 2]}


def times_at(rate, unit, count=60):
    """Frame times as a container with such a unit, in microseconds, rounds them."""
    return np.round(np.arange(count) * 1e6 / rate / unit).astype(np.int64) * unit


@pytest.mark.parametrize(
    ("rate", "unit"), [(30, 1), (30, 1000), (29.97, 1000), (15, 10_000), (25, 10_000), (120, 1000)]
)
def test_rounding_is_not_a_variable_rate(rate, unit):
    usual, longest, irregular = measure_intervals(times_at(rate, unit))
    assert irregular == 0
    assert abs(usual - 1e6 / rate) <= unit and longest <= usual + unit


@pytest.mark.parametrize("unit", [1, 1000, 10_000])
def test_a_variable_rate_is_measured(unit):
    slow = np.concatenate([times_at(30, unit), 2_000_000 + times_at(15, unit, 20)])
    _, _, irregular = measure_intervals(slow)
    assert 0.2 < irregular < 0.3
    jumps = np.delete(times_at(30, unit), np.arange(3, 57, 5))
    assert measure_intervals(jumps)[2] > 0.2
    dropped = np.delete(times_at(30, unit), 20)
    assert 0 < measure_intervals(dropped)[2] < 0.05


def test_one_frame_has_no_interval():
    assert measure_intervals(np.array([0])) == (0, 0, 0.0)


def test_a_variable_rate_survives_the_container(tmp_path):
    times = np.cumsum(np.random.default_rng(0).choice([40, 120], 30)).tolist()
    varying = inspect(write_video(tmp_path / "a.h264.mkv", noise(30), times=times))
    steady = inspect(write_video(tmp_path / "b.h264.mkv", noise(30), times=range(0, 1000, 33)[:30]))
    assert found_in([varying, steady])["variable_frame_rate"] == [0]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("too_short", {"duration": 1_000_000}, {"duration": 990_000}),
        ("too_short", {"frames": 8}, {"frames": 7}),
        ("variable_frame_rate", {"irregular": 0.05}, {"irregular": 0.06}),
        ("variable_frame_rate", {"longest_interval": 900_000}, {"longest_interval": 1_100_000}),
        ("black", {"black": 0.7}, {"black": 0.9}),
        ("frozen", {"still": 0.7}, {"still": 0.9}),
        ("odd_size", {"width": 64, "height": 64}, {"width": 63, "height": 64}),
        ("odd_size", {"width": 720}, {"width": 721}),
    ],
)
def test_where_findings_begin(kind, good, bad):
    assert found_in([GOOD, changed(**good)]) == {}
    assert found_in([GOOD, changed(**bad)]) == {kind: [1]}


def test_settings_move_the_beginning():
    settings = CheckSettings(min_seconds=5, min_frames=1)
    assert found_in([GOOD], settings) == {"too_short": [0]}


def test_crashes_are_kept_apart_from_what_cannot_be_decoded():
    facts = [GOOD, Unusable("is empty"), Failure("crashed the decoder (SIGSEGV)")]
    assert found_in(facts) == {"undecodable": [1], "crashed": [2]}


def test_one_upright_clip_among_many_is_noted():
    upright = changed(width=240, height=320)
    assert found_in([GOOD] * 19 + [upright]) == {"other_orientation": [19]}
    assert found_in([upright] * 19 + [GOOD]) == {"other_orientation": [19]}
    assert found_in([GOOD, upright]) == {}


def kinds_in_classes(dataset, **settings):
    findings = find_in_classes(dataset, CheckSettings(**settings))
    return {f.kind: [case.detail for case in f.cases] for f in findings}


def clips_of(split, label, count):
    return [(split, label, f"{split}/{label}/{number}.mp4") for number in range(count)]


def test_classes_that_are_missing_small_or_out_of_balance():
    dataset = dataset_of(
        *clips_of("train", "walk", 40),
        *clips_of("train", "swim", 3),
        *clips_of("validation", "walk", 4),
        *clips_of("validation", "dive", 4),
        labels=("walk", "swim", "dive"),
    )
    assert kinds_in_classes(dataset) == {
        "classes_missing_in_train": ["dive"],
        "classes_missing_in_validation": ["swim"],
        "few_clips": ["swim: 3"],
        "imbalance": ["13.3 to 1: 40 clips of walk, 3 of swim"],
    }
    assert "imbalance" not in kinds_in_classes(dataset, max_imbalance=14)
    assert "few_clips" not in kinds_in_classes(dataset, min_clips=3)


def test_clips_that_cannot_be_decoded_do_not_count():
    clips = clips_of("train", "walk", 12)
    facts = [GOOD] * 9 + [Unusable("is empty")] * 3
    assert kinds_in_classes(dataset_of(*clips, facts=facts)) == {"few_clips": ["walk: 9"]}
    assert kinds_in_classes(dataset_of(*clips)) == {}


def test_a_dataset_without_splits_is_one_part():
    dataset = dataset_of(*clips_of(None, "walk", 12), labels=("walk", "swim"))
    assert kinds_in_classes(dataset) == {"classes_missing_in_all": ["swim"]}


def test_names_that_are_nearly_the_same():
    labels = ["Long Jump", "long_jump", "playing guitar", "playing gitar", "step 1", "step 2"]
    labels += ["walk", "talk", "move_left", "move_right", "class_number_1", "class_number_2"]
    assert similar_names(labels) == [
        ("Long Jump", "long_jump"),
        ("playing guitar", "playing gitar"),
    ]
    assert similar_names(["駆ける", "泳ぐ", "???", "!!!"]) == []


def leaks_in(dataset, groups=(), **settings):
    findings = find_leaks(dataset, CheckSettings(**settings), groups)
    return {f.kind: (f.severity, [case.clips for case in f.cases], f.remove) for f in findings}


def test_a_duplicate_in_another_split_is_an_error_and_the_held_out_one_stays():
    dataset = dataset_of(
        ("train", "walk", "a.mp4"),
        ("test", "walk", "b.mp4"),
        ("train", "walk", "c.mp4"),
        ("train", "swim", "d.mp4"),
    )
    groups = [Duplicates((0, 1), "same"), Duplicates((2, 3), "same")]
    assert leaks_in(dataset, groups) == {
        "duplicates_across_splits": ("error", [(0, 1)], (0,)),
        "duplicates": ("warning", [(2, 3)], (3,)),
        "duplicates_with_other_labels": ("warning", [(2, 3)], ()),
    }


def test_a_source_in_several_splits_is_an_error():
    dataset = dataset_of(
        ("train", "walk", "walk/abcdefghijk_000001_000011.mp4"),
        ("validation", "walk", "walk/abcdefghijk_000021_000031.mp4"),
        ("train", "walk", "walk/bbbbbbbbbbb_000001_000011.mp4"),
        ("train", "walk", "walk/bbbbbbbbbbb_000021_000031.mp4"),
    )
    assert leaks_in(dataset) == {"sources_across_splits": ("error", [(0, 1)], ())}
    assert leaks_in(dataset, group_regex=".*") == {}


def test_parts_told_by_a_number_alone_are_a_warning():
    names = ("film_1", "film_2", "other_1", "third_1")
    splits = ("train", "test", "train", "train")
    dataset = dataset_of(
        *((split, "walk", f"walk/{name}.mp4") for split, name in zip(splits, names, strict=True))
    )
    assert leaks_in(dataset) == {"numbers_across_splits": ("warning", [(0, 1)], ())}
    assert "sources_across_splits" in leaks_in(dataset, group_regex="film|other|third")
    assert leaks_in(dataset, group_regex=".*") == {}


def test_a_number_in_two_splits_is_no_source():
    dataset = dataset_of(
        ("train", "walk", "train/walk/walk_0001.mp4"), ("test", "walk", "test/walk/walk_0001.mp4")
    )
    assert leaks_in(dataset) == {}
    assert "sources_across_splits" in leaks_in(dataset, group_regex=r"walk_\d+")

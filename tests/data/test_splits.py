"""Splits: sources stay whole, classes keep their shares, and nothing depends on the order."""

import collections
import pathlib

import pytest

from movinet.data.sources.splits import SourceClip, assign_splits, group_clips, hold_out_validation
from movinet.errors import InputError


def clip(label, stem):
    name = f"{label}/{stem}.mp4"
    return SourceClip(pathlib.Path("videos", name), name, label)


def ucf(classes=5, groups=25, parts=4):
    return [
        clip(f"C{label}", f"v_C{label}_g{group:02d}_c{part:02d}")
        for label in range(classes)
        for group in range(groups)
        for part in range(parts)
    ]


def split(clips, **changes):
    settings = {"validation_fraction": 0.1, "test_fraction": 0.2, "seed": 0, **changes}
    return assign_splits(clips, **settings)


def shares(clips):
    return collections.Counter((clip.label, clip.split) for clip in clips)


def test_sources_stay_whole_and_classes_keep_their_shares():
    clips = split(ucf())
    sources = collections.defaultdict(set)
    for entry in clips:
        sources[entry.name.rsplit("_c", 1)[0]].add(entry.split)
    assert len(sources) == 125 and all(len(splits) == 1 for splits in sources.values())
    counts = shares(clips)
    for label in range(5):
        assert counts[f"C{label}", "test"] == 20
        assert counts[f"C{label}", "validation"] in (8, 12)


def test_a_split_by_file_would_tear_sources():
    clips = split(ucf(), group_regex=r".*")  # The control: every file its own source.
    sources = collections.defaultdict(set)
    for entry in clips:
        sources[entry.name.rsplit("_c", 1)[0]].add(entry.split)
    assert any(len(splits) > 1 for splits in sources.values())


def test_the_split_depends_on_names_and_seed_alone():
    clips = ucf()
    by_name = {entry.name: entry.split for entry in split(clips)}
    assert by_name == {entry.name: entry.split for entry in split(clips[::-1])}
    assert by_name != {entry.name: entry.split for entry in split(clips, seed=1)}
    # A further class does not move the sources of the others.
    more = {
        entry.name: entry.split
        for entry in split([*clips, *[clip("Z", f"z{i}") for i in range(9)]])
    }
    assert all(more[name] == by_name[name] for name in by_name)


def test_a_source_in_two_classes_is_in_one_split():
    clips = [
        clip(label, f"abcdefghij{source:x}_{second:06d}_{second + 10:06d}")
        for source in range(16)
        for second, label in ((10, "run"), (20, "jump"))
    ]
    splits = collections.defaultdict(set)
    for entry in split(clips):
        splits[pathlib.PurePath(entry.name).name[:11]].add(entry.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {next(iter(found)) for found in splits.values()} == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (["v_A_g01_c01", "v_A_g01_c02", "v_A_g02_c01"], ["v_A_g01", "v_A_g01", "v_A_g02"]),
        (
            ["-_abcdEFG01_000010_000020", "xxxxxxxxxxx_000001_000011"],
            ["-_abcdEFG01", "xxxxxxxxxxx"],
        ),
        (["one_clip1", "one_clip12", "two-part-3"], ["one", "one", "two"]),
        (["f1_cm_0", "f1_cm_1", "f2_cm_0", "f3_cm_0"], ["f1_cm", "f1_cm", "f2_cm", "f3_cm"]),
    ],
)
def test_known_ways_to_name_parts(names, sources):
    found = group_clips([clip("A", name) for name in names])
    partition = [[a == b for b in found] for a in found]
    assert partition == [[a == b for b in sources] for a in sources]


def test_a_number_that_counts_files_is_no_part():
    found = group_clips([clip("walk", f"walk_{index:03d}") for index in range(9)])
    assert len(set(found)) == 9
    clips = split([clip("walk", f"walk_{index:03d}") for index in range(20)])
    assert shares(clips) == {("walk", "train"): 14, ("walk", "validation"): 2, ("walk", "test"): 4}


def test_an_expression_of_the_user():
    clips = [clip("A", f"person{i // 3}-take{i}") for i in range(9)]
    assert group_clips(clips, r"person\d") == [f"person{i // 3}" for i in range(9)]
    assert group_clips(clips, r"/person(\d)") == [str(i // 3) for i in range(9)]
    with pytest.raises(InputError, match="regular expression"):
        group_clips(clips, "(")


def test_small_classes_keep_something_to_train_on():
    for count in range(1, 5):
        counts = shares(split([clip("A", f"take {index}") for index in range(count)]))
        assert counts["A", "train"] >= 1
        assert sum(counts.values()) == count
    none_held_out = split(ucf(2), validation_fraction=0, test_fraction=0)
    assert {entry.split for entry in none_held_out} == {"train"}


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.2), (1.0, 0.0)])
def test_impossible_fractions(validation, test):
    with pytest.raises(InputError, match="fraction"):
        split(ucf(1), validation_fraction=validation, test_fraction=test)


def test_validation_is_taken_from_train_by_whole_sources():
    clips = split(ucf(), validation_fraction=0)
    divided = hold_out_validation(clips, 0.2)
    before = {entry.name: entry.split for entry in clips}
    assert {entry.name for entry in divided} == before.keys()
    held = [entry for entry in divided if entry.split == "validation"]
    assert {before[entry.name] for entry in held} == {"train"}
    assert all(entry.split == before[entry.name] for entry in divided if entry not in held)
    counts = collections.Counter(entry.name.rsplit("_c", 1)[0] for entry in held)
    assert set(counts.values()) == {4}  # All parts of a source.
    assert {shares(divided)[f"C{label}", "validation"] for label in range(5)} == {16}
    for wrong in (divided, ucf()):
        with pytest.raises(InputError, match="A validation split is taken from train"):
            hold_out_validation(wrong, 0.2)

"""The same video is found however it was encoded, cut or shifted; others are left alone."""

import itertools

import numpy as np
import pytest
from video_files import write_video

from benchmarks.scenes import HEIGHT, WIDTH, Scene, cut, resize
from movinet.data import sample
from movinet.data.dataset_check import same_video
from movinet.data.dataset_check.duplicates import find_duplicates
from movinet.data.dataset_check.findings import Dataset
from movinet.data.dataset_check.inspection import ClipFacts, Inspection, inspect_clip
from movinet.data.sources.source import Source
from movinet.data.sources.splits import SourceClip


def dataset_of(paths):
    clips = tuple(SourceClip(path, path.name, "label", "train") for path in paths)
    facts = [inspect_clip(Inspection(clip, 20_000)) for clip in clips]
    assert all(isinstance(seen, ClipFacts) for seen in facts)
    return Dataset(Source(clips, ("label",)), facts)


def duplicates_of(paths):
    """The groups that are found, by the names of their files."""
    dataset = dataset_of(paths)
    found = find_duplicates(dataset, lambda pairs: map(same_video.compare, pairs))
    return [{dataset.clips[number].name for number in group.clips} for group in found]


def even(frames):
    """What codecs with halved colours accept."""
    return frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]


CHANGES = {
    "another codec": ("mpeg4.avi", lambda frames: frames),
    "half the size": ("vp9.webm", lambda frames: resize(frames, HEIGHT // 2, WIDTH // 2)),
    "twice the size, other shape": ("h264.mkv", lambda frames: resize(frames, 192, 200)),
    "few colours": ("gif.gif", lambda frames: frames),
    "all edges cut": ("h264.mp4", lambda frames: cut(frames, 0.05, 0.05, 0.05, 0.05)),
    "foot cut": ("h264.mp4", lambda frames: cut(frames, 0, 0.1, 0, 0)),
    "corner cut": ("mpeg4.avi", lambda frames: cut(frames, 0.07, 0, 0, 0.06)),
    "later start": ("h264.mp4", lambda frames: frames[7:]),
    "earlier end": ("h264.mp4", lambda frames: frames[:26]),
    "brighter": ("h264.mp4", lambda frames: (frames * 0.7 + 70).astype(np.uint8)),
    "later, smaller and cut": (
        "mpeg4.avi",
        lambda frames: resize(cut(frames[11:], 0.03, 0.03, 0.03, 0.03), 64, 86),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_among_others(tmp_path, change):
    kind, apply = CHANGES[change]
    paths = [write_video(tmp_path / f"{n}.h264.mp4", Scene(n).frames()) for n in range(4)]
    copy = write_video(tmp_path / f"copy.{kind}", even(apply(Scene(2).frames())))
    assert duplicates_of([*paths, copy]) == [{"2.h264.mp4", copy.name}]


def test_a_copy_at_another_frame_rate_is_found(tmp_path):
    original = write_video(tmp_path / "original.h264.mp4", Scene(5).frames())
    frames = Scene(5).frames()[::3]
    times = [300 * number for number in range(len(frames))]
    copy = write_video(tmp_path / "copy.h264.mkv", frames, times=times)
    assert duplicates_of([original, copy]) == [{original.name, copy.name}]


def test_many_copies_are_one_group(tmp_path):
    frames = Scene(1).frames(20)
    paths = [
        write_video(tmp_path / f"copy{size}.h264.mp4", resize(frames, size, size))
        for size in range(64, 96, 4)
    ]
    twin = tmp_path / "twin.h264.mp4"
    twin.write_bytes(paths[0].read_bytes())
    other = write_video(tmp_path / "other.h264.mp4", Scene(2).frames(20))
    assert duplicates_of([*paths, twin, other]) == [{path.name for path in (*paths, twin)}]


def test_videos_of_one_class_are_different(tmp_path):
    paths = [write_video(tmp_path / f"{n}.h264.mp4", Scene(n).frames()) for n in range(24)]
    for label, seed in itertools.product(("move_left", "grow"), range(12)):
        path = tmp_path / f"{label}{seed}.h264.mp4"
        paths.append(write_video(path, sample.draw_clip(label, seed)))
    assert duplicates_of(paths) == []


def still_camera(take):
    """Another take of one place, from the same spot."""
    place = Scene(9).frames(1)[0]
    frames = np.repeat(place[None], 40, axis=0)
    top, speed = np.random.default_rng(take).integers((5, 1), (70, 3))
    for number, frame in enumerate(frames):
        left = 10 + speed * number
        frame[top : top + 20, left : left + 16] = (250, 40 * take, 20)
    return frames


def test_two_takes_of_one_place_are_told_apart_by_their_motion(tmp_path, monkeypatch):
    takes = [write_video(tmp_path / f"{n}.h264.mp4", still_camera(n)) for n in range(3)]
    again = write_video(tmp_path / "again.mpeg4.avi", still_camera(1))
    assert duplicates_of([*takes, again]) == [{"1.h264.mp4", "again.mpeg4.avi"}]
    # The control: by their looks alone they are one.
    monkeypatch.setattr(same_video, "LEAST_MOTION", -1.0)
    assert len(duplicates_of([*takes, again])[0]) == 4


def test_a_video_played_backwards_is_another(tmp_path):
    forwards = write_video(tmp_path / "forwards.h264.mp4", Scene(3).frames())
    backwards = write_video(tmp_path / "backwards.h264.mp4", Scene(3).frames()[::-1])
    assert duplicates_of([forwards, backwards]) == []


def test_black_videos_are_no_copies_of_one_another(tmp_path):
    black = np.zeros((20, 64, 64, 3), np.uint8)
    paths = [write_video(tmp_path / f"{n}.h264.mp4", black[: 20 - n], options={}) for n in range(3)]
    assert duplicates_of(paths) == []


def test_a_group_is_connected_without_comparing_all_pairs(tmp_path):
    frames = Scene(1).frames(20)
    paths = [
        write_video(tmp_path / f"{size}.h264.mp4", resize(frames, size, size))
        for size in range(64, 96, 4)
    ]
    compared = []

    def compare(pairs):
        compared.extend(pairs)
        return map(same_video.compare, pairs)

    (group,) = find_duplicates(dataset_of(paths), compare)
    assert len(group.clips) == 8
    assert len(compared) == 7


def test_what_the_words_say(tmp_path):
    frames = Scene(4).frames()
    paths = [
        write_video(tmp_path / "a.h264.mp4", frames),
        write_video(tmp_path / "b.mpeg4.avi", frames[12:]),
        tmp_path / "c.h264.mp4",
    ]
    paths[2].write_bytes(paths[0].read_bytes())
    dataset = dataset_of(paths)
    (group,) = find_duplicates(dataset, lambda pairs: map(same_video.compare, pairs))
    assert group.clips == (0, 1, 2) and "2 different files" in group.detail
    (pair,) = find_duplicates(dataset_of(paths[:2]), lambda p: map(same_video.compare, p))
    assert "the second begins 1.2 s later" in pair.detail
    (copies,) = find_duplicates(dataset_of(paths[::2]), lambda p: map(same_video.compare, p))
    assert copies.detail == "the same bytes"

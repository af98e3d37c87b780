"""The sample clips: reproducible, small, moving as their class says, and mute frame by frame."""

import hashlib
import math

import numpy as np
import pytest
from PIL import Image

from movinet.data import sample, sample_drawing
from movinet.data.sample import MOTIONS, draw_clip, write_sample_dataset
from movinet.data.sample_drawing import State
from movinet.data.videos.video_files import read_frames
from movinet.errors import InputError

FEW = {"train": 2, "val": 1, "test": 1}
LABELS = list(MOTIONS)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.mp4")
    }


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    assert write_sample_dataset(tmp_path / "a", clips_per_class=FEW, workers=1) == 32
    write_sample_dataset(tmp_path / "b", clips_per_class=FEW, workers=2)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b") and len(set(first.values())) == 32
    write_sample_dataset(tmp_path / "a", clips_per_class=FEW, workers=2)
    assert first == contents(tmp_path / "a")
    write_sample_dataset(tmp_path / "c", clips_per_class=FEW, workers=2, seed=1)
    assert not set(first.values()) & set(contents(tmp_path / "c").values())
    assert {name.split("/")[0] for name in first} == {"train", "val", "test"}
    per_clip = sum(path.stat().st_size for path in (tmp_path / "a").rglob("*.mp4")) / 32
    total = sum(sample.CLIPS_PER_CLASS.values()) * len(MOTIONS)
    assert per_clip * total < 30e6


def test_videos_hold_what_was_drawn(tmp_path):
    path = tmp_path / "clip.mp4"
    drawn = draw_clip("move_left", 5)
    sample.write_video(path, drawn)
    frames, times = zip(*read_frames(path), strict=True)
    assert drawn.shape == (24, 96, 96, 3)
    near = np.abs(np.stack(frames).astype(int) - drawn).mean()
    far = np.abs(np.stack(frames).astype(int) - drawn[::-1]).mean()
    assert near < 4 and near < 0.5 * far
    np.testing.assert_allclose(np.diff(times), 1e6 / 12, atol=2)


def test_other_files_are_not_touched(tmp_path):
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(InputError, match=r"holiday\.mp4"):
        write_sample_dataset(tmp_path, clips_per_class=FEW)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        write_sample_dataset(tmp_path / "file", clips_per_class=FEW)


def picture(**changes):
    look = sample_drawing.random_look(np.random.default_rng(3), 96)
    state = {"x": 0.5, "y": 0.5, "turn": 0.0, "phase": 0.2, **changes}
    return sample_drawing.draw_picture(look, State(**state)).astype(int)


def test_states_are_circles():
    for name in ("x", "y", "turn", "phase"):
        ordinary = picture(**{name: 0.3})
        assert np.abs(picture(**{name: 1.3}) - ordinary).mean() < 0.05
        assert np.abs(picture(**{name: 0.55}) - ordinary).mean() > 0.3
        # No jump where the circle closes.
        closing = np.abs(picture(**{name: 0.999}) - picture(**{name: 0.001})).mean()
        assert closing < 0.35 * np.abs(picture(**{name: 0.95}) - picture(**{name: 0.05})).mean()


def test_no_shape_hides_its_rotation():
    ground = Image.new("RGB", (288, 288))
    for shape in sample_drawing.SHAPES:
        look = sample_drawing.Look(ground, shape, ((250,) * 3, (150,) * 3, (50,) * 3) * 2)
        turns = [
            sample_drawing.draw_picture(look, State(0.5, 0.5, turn / 12, 0.5)).astype(int)
            for turn in range(6)  # The shades repeat after half a turn.
        ]
        for turned in turns[1:]:
            assert np.abs(turned - turns[0]).mean() > 0.1 * turns[0].mean()
        assert np.hypot(*shape.T).max() < 1.01


def motion(label, seed):
    """Where a clip differs from its still ground, float [T, H, W]."""
    frames = draw_clip(label, seed).astype(int)
    ground = np.median(frames, 0)
    return (np.abs(frames - ground).sum(-1) > 60).astype(float)


@pytest.mark.parametrize(("label", "axis", "sign"), [
    ("move_left", 2, -1), ("move_right", 2, 1), ("move_up", 1, -1), ("move_down", 1, 1),
])  # fmt: skip
def test_moves_go_where_they_say(label, axis, sign):
    votes = []
    for seed in range(8):
        mask = motion(label, seed)
        # The angle of the first Fourier coefficient is the place on a frame that wraps round.
        profile = mask.sum(3 - axis)
        places = np.angle((profile * np.exp(2j * np.pi * np.arange(96) / 96)).sum(1))
        steps = np.angle(np.exp(1j * np.diff(places)))
        votes.append(np.sign(np.median(steps)))
    assert sum(votes) * sign >= 6


def uniform_statistic(values):
    """The Kolmogorov-Smirnov distance of values on [0, 1) from the uniform law."""
    ordered = np.sort(values)
    count = len(values)
    return max(
        np.max(np.arange(1, count + 1) / count - ordered),
        np.max(ordered - np.arange(count) / count),
    )


def test_the_state_is_uniform_at_every_time_for_every_class(monkeypatch):
    seen = []
    monkeypatch.setattr(sample_drawing, "random_look", lambda generator, size: generator.uniform())
    monkeypatch.setattr(
        sample_drawing,
        "draw_picture",
        lambda look, state: seen.append((state.x, state.y, state.turn, state.phase)) or np.zeros(1),
    )
    clips = 400
    for kind, label in enumerate(LABELS):
        seen.clear()
        for index in range(clips):
            draw_clip(label, (0, 0, kind, index))
        states = np.array(seen).reshape(clips, 24, 4) % 1
        # 1.95 / sqrt(n) is exceeded once in a thousand; 8 classes x 3 times x 4 numbers.
        for time in (0, 12, 23):
            for number in range(4):
                assert uniform_statistic(states[:, time, number]) < 2.2 / math.sqrt(clips)
        assert uniform_statistic(states[:, 0, 0] * 0.8) > 2.2 / math.sqrt(clips)


def features(clips):
    """Of each frame: a small picture [N, T, F], and where and how large its shape is [N, T, F]."""
    small = clips.reshape(*clips.shape[:2], 12, 8, 12, 8, 3).mean((3, 5)) / 255
    grey = small.mean(-1)
    contrast = np.abs(grey - np.median(grey, (2, 3), keepdims=True))
    contrast /= contrast.mean((2, 3), keepdims=True) + 1e-6
    y, x = np.mgrid[:12, :12] * 2 * np.pi / 12
    waves = np.stack([np.cos(x), np.sin(x), np.cos(y), np.sin(y)])
    places = np.einsum("ntyx,wyx->ntw", contrast, waves) / 144
    spread = np.stack([contrast.std((2, 3)), (contrast > 2).mean((2, 3)), contrast.max((2, 3))], -1)
    return small.reshape(*small.shape[:2], -1), np.concatenate([places, spread], -1)


def standardised(train, test):
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    return (train - mean) / deviation, (test - mean) / deviation


def ridge_accuracy(train, train_labels, test, test_labels, strength=30.0):
    """The accuracy of a linear classifier, in its dual form: fewer clips than features."""
    train, test = standardised(train, test)
    targets = np.eye(len(LABELS))[train_labels] - 1 / len(LABELS)
    weights = train.T @ np.linalg.solve(train @ train.T + strength * np.eye(len(train)), targets)
    return np.mean((test @ weights).argmax(1) == test_labels)


def nearest_accuracy(train, train_labels, test, test_labels, neighbours=5):
    train, test = standardised(train, test)
    distances = (test**2).sum(1)[:, None] - 2 * test @ train.T + (train**2).sum(1)
    nearest = train_labels[np.argsort(distances, 1)[:, :neighbours]]
    votes = (nearest[..., None] == np.arange(len(LABELS))).sum(1)
    return np.mean(votes.argmax(1) == test_labels)


@pytest.mark.slow
def test_one_frame_says_nothing_but_two_do(tmp_path):
    """Classifiers of still frames stay at chance; those of two frames together do not."""
    write_sample_dataset(tmp_path, clips_per_class={"train": 40, "test": 30})
    labels, pictures, measures = {}, {}, {}
    for split in ("train", "test"):
        paths = [(number, path) for number, name in enumerate(LABELS)
                 for path in sorted((tmp_path / split / name).iterdir())]  # fmt: skip
        clips = np.stack([np.stack([f for f, _ in read_frames(path)]) for _, path in paths])
        labels[split] = np.array([number for number, _ in paths])
        pictures[split], measures[split] = features(clips)

    def accuracy(classify, values):
        return classify(values["train"], labels["train"], values["test"], labels["test"])

    chance = 1 / len(LABELS)
    # Four standard deviations of a binomial: 20 looks, one false alarm in a thousand runs.
    bound = chance + 4 * math.sqrt(chance * (1 - chance) / len(labels["test"]))
    for time in (0, 6, 12, 18, 23):
        for values in (pictures, measures):
            still = {split: value[:, time] for split, value in values.items()}
            for classify in (ridge_accuracy, nearest_accuracy):
                assert accuracy(classify, still) < bound
    # The control: from products of an earlier and a later measure the same classifier sees motion.
    moving = {
        split: np.concatenate(
            [
                np.einsum("nta,ntb->nab", value[:, :-4], value[:, 4:]).reshape(len(value), -1),
                (value[:, 4:] - value[:, :-4]).mean(1),
            ],
            1,
        )
        for split, value in measures.items()
    }
    assert accuracy(ridge_accuracy, moving) > bound + 0.15

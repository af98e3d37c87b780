"""The counts of a streaming evaluation against the definitions, counted video by video."""

import numpy as np
import pytest

from movinet.training.accuracy_over_time import MAX_POINTS, AccuracyOverTime

CLASSES, SPACING = 8, 0.2


def random_videos(count, longest, seed=0):
    """(class, rank of it after each frame) of videos that begin wrong and mostly end right."""
    rng = np.random.default_rng(seed)
    videos = []
    for _ in range(count):
        length = int(rng.integers(1, longest + 1))
        hardness = rng.uniform(0.5, 6)
        ranks = rng.poisson(hardness * np.linspace(1, 0.1, length)).clip(0, CLASSES - 1)
        videos.append((int(rng.integers(CLASSES - 1)), ranks.tolist()))
    return videos


def counted(videos, spacing=SPACING):
    counts = AccuracyOverTime(CLASSES, spacing)
    tracks = [counts.begin(label) for label, _ in videos]
    # All at once, as in a batch.
    for frame in range(max(len(ranks) for _, ranks in videos)):
        for track, (_, ranks) in zip(tracks, videos, strict=True):
            if frame < len(ranks):
                track.answer(frame * spacing, ranks[frame])
            if frame == len(ranks) - 1:
                track.finish()
    return counts


def by_hand(answers):
    """Top-1, top-5 and mean class accuracy of (class, rank) pairs."""
    top_1 = np.mean([rank == 0 for _, rank in answers])
    top_5 = np.mean([rank < 5 for _, rank in answers])
    classes = {label for label, _ in answers}
    own = [np.mean([rank == 0 for at, rank in answers if at == label]) for label in classes]
    return top_1, top_5, np.mean(own)


def row(accuracies, point):
    return accuracies.top_1[point], accuracies.top_5[point], accuracies.mean_class[point]


def test_both_conventions_at_every_time():
    videos = random_videos(40, 12)
    curve = counted(videos).curve()
    longest = max(len(ranks) for _, ranks in videos)
    assert curve.seconds == pytest.approx(SPACING * np.arange(longest))
    for frame in range(longest):
        that_long = [(label, ranks[frame]) for label, ranks in videos if frame < len(ranks)]
        every = [(label, ranks[min(frame, len(ranks) - 1)]) for label, ranks in videos]
        assert curve.videos[frame] == len(that_long)
        assert row(curve.that_long, frame) == pytest.approx(by_hand(that_long))
        assert row(curve.all_videos, frame) == pytest.approx(by_hand(every))
    # The negative control: the two say different things.
    assert not np.allclose(curve.that_long.top_1, curve.all_videos.top_1)


def test_the_final_answers():
    videos = random_videos(40, 12)
    counts = counted(videos)
    final = counts.final
    expected = by_hand([(label, ranks[-1]) for label, ranks in videos])
    assert (final.top_1, final.top_5, final.mean_class) == pytest.approx(expected)
    assert row(counts.curve().all_videos, -1) == pytest.approx(expected)
    assert counts.videos == 40 and 0 < final.top_1 < 1


def test_until_the_answer_is_right_and_stays_right():
    videos = random_videos(60, 12, seed=1)
    settling = counted(videos).settling()
    times = []
    for _, ranks in videos:
        wrong = [frame for frame, rank in enumerate(ranks) if rank]
        since = wrong[-1] + 1 if wrong else 0
        if since < len(ranks):
            times.append(since * SPACING)
    expected = [np.quantile(times, share, method="inverted_cdf") for share in (0.25, 0.5, 0.75)]
    assert settling.quartiles == pytest.approx(expected)
    assert expected[0] < expected[1] < expected[2]
    assert settling.ends_wrong == pytest.approx(1 - len(times) / 60)
    never = [all(ranks) for _, ranks in videos]
    assert settling.never_right == pytest.approx(np.mean(never))
    assert 0 < settling.never_right < settling.ends_wrong


def test_videos_that_all_end_wrong():
    settling = counted([(0, [0, 1]), (1, [3])]).settling()
    assert settling.quartiles == () and settling.ends_wrong == 1
    assert settling.never_right == 0.5


def arrays(counts):
    return [value.nbytes for value in vars(counts).values() if isinstance(value, np.ndarray)]


def test_long_videos_take_no_more_memory_and_keep_every_second_point():
    short, long = (0, [2, 0, 0]), (1, [1] * 6000 + [0] * 4000)
    spacing = 0.1
    counts = counted([short, long], spacing)
    assert arrays(counts) == arrays(AccuracyOverTime(CLASSES, spacing))
    curve = counts.curve()
    points = len(curve.seconds)
    assert MAX_POINTS // 2 < points <= MAX_POINTS
    # The points left are exact: what was answered at that very time.
    frames = np.rint(curve.seconds / spacing).astype(int)
    assert frames == pytest.approx(curve.seconds / spacing) and frames[1] == 16
    assert np.array_equal(curve.all_videos.top_1, 0.5 * (frames >= 1) + 0.5 * (frames >= 6000))
    assert np.array_equal(curve.videos, 1 + (frames < 3))
    # Answers that stay right are known at the next point that is left.
    assert counts.settling().quartiles == pytest.approx((1.6, 1.6, 600.0))
    assert counts.final.top_1 == 1


def test_times_that_rounding_moved_meet_the_point_that_they_mean():
    counts = AccuracyOverTime(CLASSES, 1 / 30)
    track = counts.begin(2)
    for frame in range(6):
        track.answer(round(frame / 30, 3), int(frame < 3))
    track.finish()
    curve = counts.curve()
    assert curve.videos.tolist() == [1] * 6
    assert curve.that_long.top_1.tolist() == [0, 0, 0, 1, 1, 1]

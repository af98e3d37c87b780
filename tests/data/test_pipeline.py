"""What a stream of clips promises: order, completeness, repeatability, shares, refusals."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from record_files import (
    encode_jpeg,
    grey_frames,
    sequence_example,
    smooth_frames,
    write_grey_clips,
    write_records,
)

from movinet.data.pipeline.augmentation import Mix
from movinet.data.pipeline.normalisation import CENTRED, PLAIN
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

# Clips of one grey value each: what comes out tells where it came from.
GREY = ClipSettings(num_frames=2, height=16, width=16, num_classes=5, min_image_size=16)


def stream(files, batches: int = 6, settings: ClipSettings = GREY, **options):
    """Images and labels of the first batches of a training stream."""
    options = {"is_training": True, "batch_size": 4, "seed": 1, **options}
    dataset = build(files, settings, **options).take(batches)
    found = [(features["image"].numpy(), labels.numpy()) for features, labels in dataset]
    return np.concatenate([x for x, _ in found]), np.concatenate([y for _, y in found])


def clip_numbers(images: np.ndarray) -> list[int]:
    """Which of the clips of `write_grey_clips` these are."""
    return np.round(images.mean((1, 2, 3, 4)) * 255 / 5).astype(int).tolist()


@pytest.fixture(scope="module")
def grey_files(tmp_path_factory):
    return write_grey_clips(tmp_path_factory.mktemp("grey"), files=3, clips=4)


@pytest.mark.parametrize("is_training", [True, False])
def test_only_sampled_frames_are_decoded(tmp_path, is_training):
    jpegs = [encode_jpeg(frame) for frame in grey_frames(9)]
    if is_training:
        jpegs = jpegs[1:6]  # a video of 5 frames holds one clip of 3 frames with stride 2
    first = 0 if is_training else 1
    broken = [b"no image"] * len(jpegs)
    broken[first : first + 5 : 2] = jpegs[first : first + 5 : 2]
    path = write_records(tmp_path / "good", [sequence_example(broken, [0])])
    settings = ClipSettings(3, 16, 16, 2, temporal_stride=2, min_image_size=16)
    (features, _), *_ = build([path], settings, is_training=is_training, batch_size=1).take(1)
    means = features["image"].numpy().mean((0, 2, 3, 4)) * 255
    np.testing.assert_allclose(means, (1, 3, 5), atol=0.5)


def test_a_sampled_frame_that_is_no_image_is_an_error(tmp_path):
    jpegs = [encode_jpeg(frame) for frame in grey_frames(5)]
    jpegs[2] = b"no image"
    path = write_records(tmp_path / "bad", [sequence_example(jpegs, [0])])
    settings = ClipSettings(3, 16, 16, 2, temporal_stride=2, min_image_size=16)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(build([path], settings, is_training=True, batch_size=1).take(1))


def test_evaluation_counts_every_clip_once_and_in_order(grey_files):
    dataset = build(grey_files, GREY, is_training=False, batch_size=5, drop_remainder=False)
    numbers = [clip_numbers(features["image"].numpy()) for features, _ in dataset]
    assert [len(batch) for batch in numbers] == [5, 5, 2]
    assert [number for batch in numbers for number in batch] == list(range(12))


def test_each_epoch_of_training_holds_every_clip_once_in_a_new_order(grey_files):
    images, labels = stream(grey_files, batches=9)
    numbers = clip_numbers(images)
    np.testing.assert_array_equal(labels.argmax(1), np.array(numbers) % 5)
    epochs = [numbers[start : start + 12] for start in (0, 12, 24)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs} | {tuple(range(12))}) == 4


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """Eight videos in two files in which place and time can be seen."""
    rng = np.random.default_rng(2)
    folder = tmp_path_factory.mktemp("moving")
    return [
        write_records(
            folder / name,
            [
                sequence_example([encode_jpeg(f) for f in smooth_frames(rng, 12, 32, 40)], [label])
                for label in range(4)
            ],
        )
        for name in ("a", "b")
    ]


@pytest.mark.parametrize("cache", [False, True])
def test_the_same_seed_gives_the_same_stream_on_any_number_of_threads(moving, cache):
    settings = ClipSettings(3, 24, 24, 4, temporal_stride=2, random_stride_range=1)

    def run(seed: int, threads: int) -> np.ndarray:
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        dataset = build(
            moving, settings, is_training=True, batch_size=4, seed=seed, mix=Mix(), cache=cache
        )
        batches = dataset.with_options(options).take(5)
        return np.stack([features["image"] for features, _ in batches])

    first = run(seed=1, threads=1)
    np.testing.assert_array_equal(run(seed=1, threads=4), first)
    assert np.abs(run(seed=2, threads=1) - first).max() > 0.1
    assert len(np.unique(first.mean((2, 3, 4, 5)).round(5))) == 20, "two clips are augmented alike"


def test_without_a_seed_runs_differ(moving):
    settings = ClipSettings(3, 24, 24, 4)
    runs = [stream(moving, 2, settings, seed=None)[0] for _ in range(2)]
    assert np.abs(runs[0] - runs[1]).max() > 0.05


def test_flipping_can_be_switched_off(tmp_path):
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[:, 8:] = 200
    path = write_records(tmp_path / "half", [sequence_example([encode_jpeg(frame)] * 2, [0])])
    whole = {"min_area_ratio": 1.0, "min_aspect_ratio": 1.0, "max_aspect_ratio": 1.0}
    mirrored = []
    for random_flip in (True, False):
        settings = ClipSettings(2, 16, 16, 1, random_flip=random_flip, **whole)
        images, _ = stream([path], 100, settings, batch_size=1)
        mirrored.append((images[..., :8, :].mean((1, 2, 3, 4)) > 0.5).mean())
    assert 0.35 < mirrored[0] < 0.65
    assert mirrored[1] == 0


@pytest.mark.parametrize("drop_remainder", [False, True])
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_share_the_clips_of_evaluation(grey_files, workers, drop_remainder):
    """Of each batch of 8 its share, whether or not the last one is full."""
    shares = []
    for worker in range(workers):
        dataset = build(
            grey_files,
            GREY,
            is_training=False,
            batch_size=8,
            input_context=tf.distribute.InputContext(workers, worker, workers),
            drop_remainder=drop_remainder,
        )
        numbers = [clip_numbers(features["image"].numpy()) for features, _ in dataset]
        first = worker * 8 // workers
        assert numbers[0] == list(range(first, first + 8 // workers))
        shares += [number for batch in numbers for number in batch]
    assert sorted(shares) == list(range(8 if drop_remainder else 12))


@pytest.mark.parametrize(("workers", "replicas"), [(1, 3), (3, 1)])
def test_a_batch_that_cannot_be_shared(grey_files, workers, replicas):
    context = tf.distribute.InputContext(workers, 0, replicas)
    with pytest.raises(InputError, match="multiple of 3"):
        build(grey_files, GREY, is_training=True, batch_size=4, input_context=context)


def test_forms_of_values_and_labels(grey_files):
    bytes_of = {}
    for dtype, normalisation in (("float32", PLAIN), ("float32", CENTRED), ("bfloat16", PLAIN)):
        settings = dataclasses.replace(
            GREY, dtype=dtype, normalisation=normalisation, one_hot=False
        )
        dataset = build(grey_files, settings, is_training=False, batch_size=12)
        features, labels = next(iter(dataset))
        assert features["image"].dtype == dtype
        assert labels.dtype == tf.int32
        np.testing.assert_array_equal(labels, np.arange(12) % 5)
        bytes_of[dtype, normalisation] = tf.cast(features["image"], tf.float32).numpy()
    expected = np.arange(12) * 5 / 255
    np.testing.assert_allclose(bytes_of["float32", PLAIN].mean((1, 2, 3, 4)), expected, atol=1e-6)
    np.testing.assert_allclose(
        bytes_of["float32", CENTRED].mean((1, 2, 3, 4)), 2 * expected - 1, atol=1e-6
    )
    np.testing.assert_allclose(bytes_of["bfloat16", PLAIN], bytes_of["float32", PLAIN], rtol=5e-3)


def test_frames_by_their_times(tmp_path):
    times = [0, 10_000, 50_000, 100_000, 110_000, 160_000, 200_000, 250_000]
    jpegs = [encode_jpeg(20 * frame) for frame in grey_frames(8)]
    path = write_records(tmp_path / "timed", [sequence_example(jpegs, [0], times)])
    settings = ClipSettings(5, 16, 16, 1, target_fps=20.0, min_image_size=16)
    for is_training in (True, False):
        (features, _), *_ = build([path], settings, is_training=is_training, batch_size=1).take(1)
        found = np.round(features["image"].numpy().mean((0, 2, 3, 4)) * 255 / 20)
        start = int(found[0])
        wanted = times[start] + 50_000 * np.arange(5)
        np.testing.assert_array_equal(
            found, np.abs(np.array(times)[None] - wanted[:, None]).argmin(1)
        )


def test_a_rate_needs_times(grey_files):
    settings = dataclasses.replace(GREY, target_fps=10.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="target_fps needs the time"):
        list(build(grey_files, settings, is_training=False, batch_size=4))


def test_unusable_data_and_settings(grey_files, tmp_path):
    def build_with(files=grey_files, settings=GREY, is_training=True, **options):
        return build(files, settings, is_training=is_training, **{"batch_size": 4, **options})

    empty = write_records(tmp_path / "empty", [])
    with pytest.raises(InputError, match="holds no record"):
        build_with([empty])
    with pytest.raises(InputError, match="12 clips, fewer than one batch of 16"):
        build_with(batch_size=16)
    build_with(batch_size=16, drop_remainder=False)
    with pytest.raises(InputError, match="label 3 is outside"):
        build_with(settings=dataclasses.replace(GREY, num_classes=3))
    with pytest.raises(InputError, match="one_hot"):
        build_with(settings=dataclasses.replace(GREY, one_hot=False), mix=Mix())
    with pytest.raises(InputError, match="min_image_size"):
        build_with(settings=dataclasses.replace(GREY, min_image_size=15), is_training=False)

"""The order of training: a function of seed and position, whoever reads and wherever it starts."""

import numpy as np
import pytest
import tensorflow as tf
from file_pipeline import build
from record_files import encode_jpeg, sequence_example, smooth_frames, write_records
from tensorflow.python.util import _pywrap_determinism

from movinet.data.pipeline import order
from movinet.data.pipeline.augmentation import Mix
from movinet.data.pipeline.views import ClipSettings

CLIPS, BATCH = 14, 6
SETTINGS = ClipSettings(2, 16, 16, CLIPS, temporal_stride=2, random_stride_range=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """14 videos, each of a class of its own, in two files; place and time can be seen in them."""
    rng = np.random.default_rng(2)
    folder = tmp_path_factory.mktemp("moving")
    records = [
        sequence_example([encode_jpeg(f) for f in smooth_frames(rng, 6, 24, 24)], [label])
        for label in range(CLIPS)
    ]
    return [write_records(folder / "a", records[:5]), write_records(folder / "b", records[5:])]


class Stream:
    """The pipeline of one worker; what it yields, batch by batch."""

    def __init__(self, files, threads=2, worker=(0, 1), replicas=1, **options):
        context = tf.distribute.InputContext(worker[1], worker[0], replicas)
        options = {"seed": 7, "batch_size": BATCH, **options}
        dataset = build(files, SETTINGS, is_training=True, input_context=context, **options)
        threading = tf.data.Options()
        threading.threading.private_threadpool_size = threads
        self.batches = iter(dataset.with_options(threading))

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of so many batches."""
        found = [next(self.batches) for _ in range(count)]
        images = np.concatenate([features["image"] for features, _ in found])
        return images, np.concatenate([labels for _, labels in found])


@pytest.fixture(scope="module")
def whole(files):
    """Seven batches, three epochs, read in one go."""
    return Stream(files).take(7)


def test_each_epoch_is_another_permutation():
    epochs = {
        tuple(int(order.records_at(tf.constant(e * 50 + i, tf.int64), 50, 3)[0]) for i in range(50))
        for e in range(4)
    }
    assert len(epochs) == 4
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    rest = order.records_at(tf.constant(48, tf.int64), 50, 3, 4).numpy().tolist()
    assert rest == [
        int(order.records_at(tf.constant(i, tf.int64), 50, 3)[0]) for i in (48, 49, 0, 1)
    ]


def test_machines_divide_every_batch():
    """Against a plain list of positions."""
    for positions in (0, 5, 23, 24):
        for pipelines in (1, 2, 3, 4):
            shares = [[] for _ in range(pipelines)]
            for position in range(positions):
                shares[position % 12 // (12 // pipelines)].append(position)
            for pipeline, share in enumerate(shares):
                count = order.dealt_elements(positions, 12, pipelines, pipeline)
                elements = tf.range(count, dtype=tf.int64)
                found = order.dealt_position(elements, 12, pipelines, pipeline)
                assert found.numpy().tolist() == share


def test_every_clip_comes_once_an_epoch_and_seeds_differ(files, whole):
    classes = whole[1].argmax(1)
    for epoch in (classes[:CLIPS], classes[CLIPS : 2 * CLIPS]):
        assert sorted(epoch) == list(range(CLIPS))
    assert not np.array_equal(classes[:CLIPS], classes[CLIPS : 2 * CLIPS])
    other, _ = Stream(files, seed=8).take(7)
    assert np.abs(other - whole[0]).max() > 0.1
    # The same clip is seen in another way in the next epoch.
    again = CLIPS + list(classes[CLIPS : 2 * CLIPS]).index(classes[0])
    assert np.abs(whole[0][again] - whole[0][0]).max() > 0.05


@pytest.mark.parametrize("start", [0, 1, 6, 13, 14, 29])
def test_a_start_anywhere_gives_the_rest_of_the_whole(files, whole, start):
    images, labels = Stream(files, start=start).take(2)
    np.testing.assert_array_equal(images, whole[0][start : start + 2 * BATCH])
    np.testing.assert_array_equal(labels, whole[1][start : start + 2 * BATCH])


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 8}, {"cycle_length": 1}], ids=str)
@pytest.mark.parametrize("cache", [False, True])
def test_the_number_of_readers_changes_nothing(files, whole, options, cache):
    images, _ = Stream(files, cache=cache, **options).take(3)
    np.testing.assert_array_equal(images, whole[0][: 3 * BATCH])


@pytest.mark.parametrize("start", [0, 9])
@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 2), (3, 3), (2, 6)])
def test_workers_and_replicas_share_the_same_batches(files, whole, workers, replicas, start):
    """A worker yields a batch for each of its replicas in turn."""
    each = replicas // workers
    streams = [
        Stream(files, worker=(w, workers), replicas=replicas, start=start) for w in range(workers)
    ]
    for step in range(2):
        images = np.concatenate([stream.take(each)[0] for stream in streams])
        first = start + step * BATCH
        np.testing.assert_array_equal(images, whole[0][first : first + BATCH])


def test_what_is_drawn_for_a_batch_depends_on_its_first_position(files):
    mixed, _ = Stream(files, mix=Mix()).take(4)
    rest, _ = Stream(files, mix=Mix(), start=2 * BATCH).take(2)
    np.testing.assert_array_equal(rest, mixed[2 * BATCH :])


def test_operations_that_are_deterministic_change_nothing(files, whole):
    tf.config.experimental.enable_op_determinism()
    try:
        images, _ = Stream(files, mix=None).take(3)
    finally:
        _pywrap_determinism.enable(False)
    np.testing.assert_array_equal(images, whole[0][: 3 * BATCH])

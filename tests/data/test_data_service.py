"""Clips prepared by a tf.data service: a dispatcher and two workers in this process."""

import numpy as np
import pytest
import tensorflow as tf
from record_files import write_grey_clips

from movinet.data.pipeline import batches, data_service, order
from movinet.data.pipeline.bad_clips import SKIP, BadClipPolicy
from movinet.data.pipeline.data_service import DataService
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import SequenceExamples
from movinet.data.pipeline.views import ClipSettings
from movinet.errors import InputError

GREY = ClipSettings(num_frames=2, height=16, width=16, num_classes=5, min_image_size=16)
FILES, CLIPS, EPOCHS = 6, 4, 3


@pytest.fixture(scope="module")
def address():
    dispatcher = data_service.start("dispatcher", port=0)
    address = dispatcher.target
    workers = [data_service.start("worker", port=0, dispatcher=address) for _ in range(2)]
    yield address
    del workers


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    files = write_grey_clips(tmp_path_factory.mktemp("grey"), files=FILES, clips=CLIPS)
    return SequenceExamples(tuple(RecordFile(file) for file in files))


def stream(source, service, **options) -> tf.data.Dataset:
    options = {"batch_size": 4, "seed": 1, "cycle_length": 1, **options}
    return batches.build(source, GREY, is_training=True, service=service, **options)


def clip_numbers(dataset) -> list[int]:
    images = np.concatenate([features["image"] for features, _ in dataset])
    return np.round(images.mean((1, 2, 3, 4)) * 255 / 5).astype(int).tolist()


def counts_of(numbers: list[int]) -> list[int]:
    return np.bincount(numbers, minlength=FILES * CLIPS).tolist()


@pytest.fixture
def few_epochs(monkeypatch):
    """So many, that a stream comes to an end and can be counted."""
    monkeypatch.setattr(order, "ENDLESS", FILES * CLIPS * EPOCHS)


def test_every_clip_comes_once_in_each_epoch(source, address, few_epochs):
    batches = FILES * CLIPS * EPOCHS // 4
    numbers = clip_numbers(stream(source, DataService(address)).take(batches))
    assert counts_of(numbers) == [EPOCHS] * FILES * CLIPS


class DealsNothingOut(DataService):
    """Every worker reads everything."""

    def distribute(self, clips: tf.data.Dataset, start: int = 0) -> tf.data.Dataset:
        service = tf.data.experimental.service
        return clips.apply(service.distribute(service.ShardingPolicy.OFF, self.address))


def test_without_dealing_out_the_two_workers_repeat_each_other(source, address, few_epochs):
    """The control of the test above."""
    dataset = stream(source, DealsNothingOut(address))
    numbers = clip_numbers(dataset.take(2 * FILES * CLIPS * EPOCHS // 4))
    assert counts_of(numbers) == [2 * EPOCHS] * FILES * CLIPS


def test_machines_that_name_a_job_share_it(address):
    service = DataService(address, job_name="shared")
    shares = [service.distribute(tf.data.Dataset.range(60)).as_numpy_iterator() for _ in range(2)]
    found = []
    while len(found) < 60:
        found += [number for share in shares if (number := next(share, None)) is not None]
    assert sorted(found) == list(range(60))
    assert [next(share, None) for share in shares] == [None, None]


def test_machines_ask_for_the_same_clips(source, address):
    """TensorFlow refuses a job of one name with different datasets."""
    service = DataService(address, job_name="training")
    for worker in (0, 1):
        context = tf.distribute.InputContext(2, worker, 2)
        features, _ = next(iter(stream(source, service, input_context=context)))
        assert features["image"].shape == [2, 2, 16, 16, 3]


def test_a_start_leaves_out_what_came_before(source, address, few_epochs):
    start = 2 * FILES * CLIPS
    dataset = stream(source, DataService(address), start=start)
    assert counts_of(clip_numbers(dataset.take(FILES * CLIPS // 4))) == [1] * FILES * CLIPS


def test_clips_are_those_of_the_stream_without_a_service(source, address):
    """Nearly in its order: the first batches hold what comes first in the stream."""
    alone = clip_numbers(stream(source, None).take(3))
    served = clip_numbers(stream(source, DataService(address)).take(3))
    assert len(set(alone) & set(served)) >= 6


def test_one_file_is_enough(source, address):
    alone = SequenceExamples(source.files[:1])
    numbers = clip_numbers(stream(alone, DataService(address)).take(8))
    assert set(numbers) == set(range(CLIPS))


def test_evaluation_is_not_given_away(source):
    nowhere = DataService("grpc://localhost:1")
    dataset = batches.build(source, GREY, is_training=False, batch_size=4, service=nowhere)
    assert clip_numbers(dataset) == list(range(FILES * CLIPS))


def test_what_a_service_cannot_do(source, address):
    with pytest.raises(InputError, match=r"No tf\.data service answers at grpc://localhost:1:"):
        stream(source, DataService("grpc://localhost:1"))
    with pytest.raises(InputError, match="grpc://host:port"):
        stream(source, DataService("somewhere"))
    with pytest.raises(InputError, match="cache"):
        stream(source, DataService(address), cache=True)
    with pytest.raises(InputError, match="on_bad_clip"):
        stream(source, DataService(address), bad_clips=BadClipPolicy(SKIP))
    context = tf.distribute.InputContext(2, 0, 2)
    for service, seed in ((DataService(address), 1), (DataService(address, "job"), None)):
        with pytest.raises(InputError, match="tf_data_service_job_name and seed"):
            stream(source, service, seed=seed, input_context=context)


def test_servers_that_cannot_start(address):
    with pytest.raises(InputError, match="needs the address"):
        data_service.start("worker", port=0)
    with pytest.raises(InputError, match=r"No tf\.data service"):
        data_service.start("worker", port=0, dispatcher="localhost:1")
    with pytest.raises(InputError, match="is taken"):
        data_service.start("dispatcher", port=int(address.rsplit(":", 1)[1]))

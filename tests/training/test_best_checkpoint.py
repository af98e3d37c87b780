"""Which weights are kept as the best, through NaN, ties, restarts and broken records."""

import math

import pytest
import tensorflow as tf

from movinet import InputError
from movinet.training.checkpointing import BestCheckpoint
from movinet.training.workers import Workers

ALONE = Workers(tf.distribute.get_strategy())


class FakeTrainer:
    """As much of a trainer as the best checkpoint needs."""

    def __init__(self):
        self.weight = tf.Variable(0.0)
        self.weights = tf.train.Checkpoint(weight=self.weight)
        self.step = 0

    def at(self, step):
        self.step = step
        self.weight.assign(float(step))


def test_the_best_checkpoint_is_the_best_even_after_nan(tmp_path):
    trainer = FakeTrainer()
    best = BestCheckpoint(trainer, ALONE, str(tmp_path / "best"), "accuracy", "higher")
    best.begin()
    kept = []
    offers = [
        (1, math.nan, 1.0),
        (2, 0.5, 1.0),
        (3, math.nan, 0.1),
        (4, 0.7, 1.0),
        (5, 0.7, 2.0),
        (6, 0.7, 0.9),
        (7, 0.6, 0.1),
    ]
    for step, accuracy, loss in offers:
        trainer.at(step)
        if best.offer({"accuracy": accuracy, "loss": loss}):
            kept.append(step)
            assert best.record["step"] == step
    assert kept == [2, 4, 6]
    assert (
        tf.train.load_checkpoint(best.path).get_tensor("weight/.ATTRIBUTES/VARIABLE_VALUE") == 6.0
    )
    assert tf.train.latest_checkpoint(str(tmp_path / "best")) == best.path
    assert len(list((tmp_path / "best").glob("ckpt-*"))) == 2
    # A new process goes on from the record; a broken record is no record.
    again = BestCheckpoint(trainer, ALONE, str(tmp_path / "best"), "accuracy", "higher")
    trainer.at(8)
    assert not again.offer({"accuracy": 0.65, "loss": 0.1})
    (tmp_path / "best" / "best.json").write_text('{"step": 6, "che')
    assert again.record is None and again.offer({"accuracy": 0.1, "loss": 3.0})


def test_lower_can_be_better_and_unknown_metrics_are_refused(tmp_path):
    trainer = FakeTrainer()
    best = BestCheckpoint(trainer, ALONE, str(tmp_path), "loss", "lower")
    assert [best.offer({"loss": loss}) for loss in (2.0, 3.0, 1.0)] == [True, False, True]
    with pytest.raises(InputError, match="validation gives loss"):
        BestCheckpoint(trainer, ALONE, str(tmp_path), "top1", "higher").offer({"loss": 1.0})
    with pytest.raises(InputError, match="higher or lower"):
        BestCheckpoint(trainer, ALONE, str(tmp_path), "loss", "best")


def test_the_best_weights_are_read_as_the_official_readme_does(trained):
    import movinet
    from movinet.export import run_folder

    folder, _ = trained
    run = run_folder.read(str(folder))
    model = movinet.MovinetClassifier(movinet.Movinet(**run.backbone), **run.classifier)
    path = tf.train.latest_checkpoint(str(folder / "best"))
    tf.train.Checkpoint(model=model).restore(path).assert_existing_objects_matched()

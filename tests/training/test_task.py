"""Losses, metrics, gradients and views of the task against direct formulas in numpy."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.core import task_factory

from movinet import InputError
from movinet.training.task import MovinetTask

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(6, 3)).astype(np.float32) * 3
LABELS = np.array([0, 2, 1, 1, 0, 2])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def make_task(tiny_config, override=""):
    config = tiny_config(override).task
    for data in (config.train_data, config.validation_data):
        data.num_classes = 3
    return MovinetTask(config)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def cross_entropy(logits, one_hot, smoothing):
    targets = one_hot * (1 - smoothing) + smoothing / one_hot.shape[-1]
    return float(-(targets * np.log(softmax(logits.astype(np.float64)))).sum(-1).mean())


def test_the_task_is_registered(tiny_config):
    assert isinstance(task_factory.get_task(tiny_config().task), MovinetTask)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_cross_entropy_with_smoothing(tiny_config, smoothing):
    task = make_task(tiny_config, f"task.losses.label_smoothing={smoothing}")
    losses = task.build_losses(ONE_HOT, LOGITS, [tf.constant(0.25), tf.constant(0.5)])
    expected = cross_entropy(LOGITS, ONE_HOT, smoothing)
    assert float(losses["class_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(expected + 0.75, rel=1e-5)
    other = cross_entropy(LOGITS, ONE_HOT, smoothing + 0.1)
    assert float(losses["class_loss"]) != pytest.approx(other, rel=1e-3)


def test_loss_with_index_labels_is_the_same(tiny_config):
    sparse = make_task(
        tiny_config,
        ""
        ""
        ""
        ""
        ""
        ""
        "task.losses.one_hot=false,task.train_data.one_hot=false,task.validation_data.one_hot=false",
    )
    loss = float(sparse.build_losses(LABELS, LOGITS)["loss"])
    assert loss == pytest.approx(cross_entropy(LOGITS, ONE_HOT, 0.05), rel=1e-5)


def test_large_logits_give_a_finite_loss_and_gradient(tiny_config):
    """Softmax followed by a logarithm, as in the official task, loses both."""
    task = make_task(tiny_config, "task.losses.label_smoothing=0")
    logits = tf.constant([[200.0, -200.0, 0.0]])
    labels = tf.constant([[0.0, 1.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = task.build_losses(labels, logits)["loss"]
    assert float(loss) == pytest.approx(400.0)
    assert tape.gradient(loss, logits).numpy()[0] == pytest.approx([1.0, -1.0, 0.0], abs=1e-6)


def test_multilabel_loss_is_binary_cross_entropy(tiny_config):
    task = make_task(
        tiny_config, "task.train_data.is_multilabel=true,task.losses.label_smoothing=0"
    )
    labels = (RNG.random((6, 3)) > 0.5).astype(np.float32)
    probabilities = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    expected = -(labels * np.log(probabilities) + (1 - labels) * np.log(1 - probabilities)).mean()
    assert float(task.build_losses(labels, LOGITS)["loss"]) == pytest.approx(expected, rel=1e-5)
    metrics = task.build_metrics(training=False)
    task.process_metrics(metrics, labels, LOGITS)
    accuracy = ((LOGITS > 0) == (labels > 0.5)).mean()
    assert float(metrics[0].result()) == pytest.approx(accuracy, abs=1e-6)


def test_metrics_and_counts(tiny_config):
    task = make_task(tiny_config)
    metrics = task.build_metrics(training=False)
    task.process_metrics(metrics, ONE_HOT, LOGITS)
    predicted = LOGITS.argmax(-1)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (LABELS, predicted), 1)
    counts, top_5 = metrics[-1].counts()
    assert float(metrics[0].result()) == pytest.approx((predicted == LABELS).mean())
    assert np.array_equal(counts, confusion) and np.array_equal(top_5, [2, 2, 2])
    assert not np.array_equal(counts, confusion.T) or np.array_equal(confusion, confusion.T)
    metrics[-1].reset_state()
    assert metrics[-1].counts()[0].sum() == 0


def test_top_5_hits_by_class():
    from movinet.training.metrics import ClassificationCounts

    scores, labels = RNG.normal(size=(40, 9)), RNG.integers(0, 9, 40)
    counts = ClassificationCounts(9)
    for start in range(0, 40, 16):
        counts.update_state(labels[start : start + 16], tf.constant(scores[start : start + 16]))
    best = np.argsort(-scores, axis=1)[:, :5]
    hits = [sum(label in best[i] for i, label in enumerate(labels) if label == k) for k in range(9)]
    assert counts.counts()[1].tolist() == hits


class FixedModel:
    """Answers with the logits it was given."""

    def __init__(self, logits):
        self.logits = logits

    def __call__(self, inputs, training):
        assert not training
        return self.logits


@pytest.mark.parametrize("multilabel", [False, True])
def test_several_views_average_probabilities(tiny_config, multilabel):
    task = make_task(
        tiny_config,
        "task.validation_data.num_test_clips=3,task.validation_data.num_test_crops=2"
        f",task.train_data.is_multilabel={str(multilabel).lower()}",
    )
    logits = RNG.normal(size=(4 * 6, 3)).astype(np.float32) * 4
    found = task.inference_step({}, FixedModel(logits)).numpy()
    squash = (lambda z: 1 / (1 + np.exp(-z))) if multilabel else softmax
    expected = squash(logits.astype(np.float64)).reshape(4, 6, 3).mean(1)
    assert squash(found.astype(np.float64)) == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - squash(logits.reshape(4, 6, 3).mean(1))).max() > 0.01


def test_weight_decay_is_half_the_sum_of_squares(tiny_config):
    decay = 0.01
    task = make_task(tiny_config, f"task.losses.l2_weight_decay={decay}")
    model = task.build_model()
    model(tf.zeros([1, 2, 16, 16, 3]))
    kernels = [v for v in model.trainable_variables if "kernel" in v.name]
    expected = sum(decay * 0.5 * float(tf.reduce_sum(v**2)) for v in kernels)
    assert float(tf.add_n(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert make_task(tiny_config, "task.losses.l2_weight_decay=0").build_model().losses == []


def test_a_step_follows_the_gradient_of_the_loss(tiny_config):
    task = make_task(tiny_config, "task.losses.l2_weight_decay=0,task.model.dropout_rate=0")
    model = task.build_model()
    clips, labels = tf.random.stateless_uniform([3, 4, 16, 16, 3], [1, 2]), ONE_HOT[:3]
    weights = [tf.identity(v) for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.nn.softmax_cross_entropy_with_logits(
            labels * 0.95 + 0.05 / 3, model({"image": clips}, training=True)
        )
        loss = tf.reduce_mean(loss)
    gradients = tape.gradient(loss, model.trainable_variables)
    metrics = task.build_metrics(training=True)
    optimizer = tf_keras.optimizers.legacy.SGD(0.5)
    losses = task.train_step(({"image": clips}, labels), model, optimizer, metrics)
    assert float(losses["loss"]) == pytest.approx(float(loss), rel=1e-5)
    for before, gradient, after in zip(weights, gradients, model.trainable_variables, strict=True):
        assert after.numpy() == pytest.approx((before - 0.5 * gradient).numpy(), abs=1e-5)


def test_frozen_backbone_leaves_the_head_to_train(tiny_config):
    model = make_task(tiny_config, "task.freeze_backbone=true").build_model()
    names = [variable.name for variable in model.trainable_variables]
    assert names and all("classifier_head" in name for name in names)


def test_any_clip_size_goes_through_one_model(tiny_config):
    model = make_task(tiny_config).build_model()
    for frames, side in ((2, 16), (7, 24)):
        assert model(tf.zeros([1, frames, side, side, 3])).shape == (1, 3)


def test_bad_models_are_refused(tiny_config):
    for override, says in (
        ("task.model.backbone.movinet.conv_type=4d", "task.model: .*conv_type"),
        ("task.model.activation=sine", "task.model: .*activation"),
        ("task.model.backbone.movinet.use_external_states=true", "states on by itself"),
    ):
        with pytest.raises(InputError, match=says):
            make_task(tiny_config, override).build_model()

"""Training clip by clip, beside the whole video and beside gradients unrolled by hand."""

import numpy as np
import pytest
import tensorflow as tf
from models import relative_difference
from official.modeling import optimization
from step_trainers import batches, distance, graph_size, make_trainer, moved, values, videos

from movinet import InputError
from movinet.training import preparation

VIDEOS, LABELS = videos(4, frames=8)
SHAPE = "task.train_data.feature_shape=[8,16,16,3]"
CLIPS = f"{SHAPE},task.clip_by_clip.frames=2"
EACH_CLIP, LAST = "task.clip_by_clip.optimizer_step=clip", "task.clip_by_clip.loss=last_clip"


class Recorder:
    """Stands where metrics do and keeps what they are given."""

    def __init__(self):
        self.logits = []

    def update_state(self, labels, logits):
        self.logits.append(logits.numpy())


def one_batch():
    return batches(VIDEOS, LABELS, 4)


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("settings", ["", LAST])
def test_the_forward_pass_is_that_of_the_whole_video(tiny_config, encoded, settings):
    encoding = f"task.model.backbone.movinet.use_positional_encoding={str(encoded).lower()}"
    trainer = make_trainer(tiny_config, ",".join(filter(None, [CLIPS, encoding, settings])))
    expected = trainer.model(VIDEOS, training=False)
    recorder = Recorder()
    trainer.training_step.metrics = [recorder]
    reset = trainer.model(VIDEOS[:, -2:], training=False)
    trainer.train_step(one_batch())
    (logits,) = recorder.logits
    assert relative_difference(logits, expected) < 1e-5
    # The negative control: without the states of the clips before.
    assert relative_difference(reset, expected) > 1e-2


def cross_entropy(logits):
    targets = LABELS * 0.95 + 0.05 / 3
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1))


def unrolled_gradient(model, only_last=False, truncated=True):
    """The gradient through all clips on one tape, of the network as it is in inference."""
    states, losses = {}, []
    with tf.GradientTape() as tape:
        for clip in tf.split(VIDEOS, 4, axis=1):
            logits, states = model.run({**states, "image": clip})
            if truncated:
                states = {name: tf.stop_gradient(state) for name, state in states.items()}
            losses.append(cross_entropy(logits))
        loss = losses[-1] if only_last else tf.reduce_mean(losses)
        loss += tf.add_n(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    return np.concatenate([gradient.numpy().ravel() for gradient in gradients]), float(loss)


@pytest.mark.parametrize("only_last", [False, True])
def test_a_step_a_video_follows_the_truncated_gradient(tiny_config, only_last):
    settings = f"{CLIPS},task.losses.l2_weight_decay=0.05" + (f",{LAST}" if only_last else "")
    trainer = make_trainer(tiny_config, settings)
    expected, loss = unrolled_gradient(trainer.model, only_last)
    through, _ = unrolled_gradient(trainer.model, only_last, truncated=False)
    other, _ = unrolled_gradient(trainer.model, not only_last)
    assert distance(moved(trainer, one_batch()) / -0.1, expected) < 1e-5
    assert float(trainer.train_loss.result()) == pytest.approx(loss, rel=1e-5)
    # Negative controls: what goes through the borders, and what the other loss asks for.
    assert distance(through, expected) > 1e-2 and distance(other, expected) > 1e-2


def test_a_step_a_clip_equals_steps_by_hand(tiny_config):
    decay = "task.losses.l2_weight_decay=0.05"
    by_hand = make_trainer(tiny_config, decay).model
    start, states = values(by_hand), {}
    for clip in tf.split(VIDEOS, 4, axis=1):
        with tf.GradientTape() as tape:
            logits, states = by_hand.run({**states, "image": clip})
            loss = cross_entropy(logits) + tf.add_n(by_hand.losses)
        variables = by_hand.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.1 * gradient)
    expected = values(by_hand) - start
    trainer = make_trainer(tiny_config, f"{CLIPS},{decay},{EACH_CLIP}")
    assert distance(moved(trainer, one_batch()), expected) < 1e-5
    # The negative control: four gradients at the same weights.
    gradient, _ = unrolled_gradient(make_trainer(tiny_config, decay).model)
    assert distance(-0.4 * gradient, expected) > 1e-2


def test_steps_count_batches_of_videos_and_the_rate_follows_them(tiny_config):
    rate = "trainer.optimizer_config.learning_rate={type: cosine, cosine: {decay_steps: 4}}"
    warmup = "trainer.optimizer_config.warmup={type: linear, linear: {warmup_steps: 2}}"
    trainer = make_trainer(tiny_config, f"{CLIPS},{EACH_CLIP},{rate},{warmup}")
    config = trainer.config.trainer.optimizer_config
    schedule = optimization.OptimizerFactory(config).build_learning_rate()
    rates = []
    for step in range(4):
        rates.append(trainer.learning_rate)
        before = values(trainer.model)
        trainer.train_step(one_batch())
        # The rate of the step holds for all four updates: in the first one it is zero.
        assert np.array_equal(values(trainer.model), before) == (step == 0)
        assert (trainer.step, int(trainer.optimizer.iterations)) == (step + 1, 4 * (step + 1))
    assert rates == pytest.approx([float(schedule(step)) for step in range(4)])
    assert len(set(rates)) == 4
    # A video is one clip to the metrics, however many losses it has.
    assert float(trainer.train_metrics[0].count) == 4 * 4
    assert float(trainer.train_loss.count) == 4 * 4


def test_micro_batches_of_videos_read_clip_by_clip(tiny_config):
    whole = moved(make_trainer(tiny_config, CLIPS), one_batch())
    settings = f"{CLIPS},trainer.gradient_accumulation_steps=2"
    in_two = moved(make_trainer(tiny_config, settings), batches(VIDEOS, LABELS, 2))
    assert distance(in_two, whole) < 1e-5
    half = moved(make_trainer(tiny_config, CLIPS), batches(VIDEOS, LABELS, 2))
    assert distance(half, whole) > 1e-2


@pytest.mark.parametrize("settings", [CLIPS, f"{CLIPS},{EACH_CLIP}"])
def test_the_graph_does_not_grow_with_the_video(tiny_config, settings):
    short = settings.replace("[8,", "[4,")
    trainers = make_trainer(tiny_config, short), make_trainer(tiny_config, settings)
    data = batches(VIDEOS[:, :4], LABELS, 4), one_batch()
    assert graph_size(trainers[0], data[0]) == graph_size(trainers[1], data[1])


def test_a_batch_of_unknown_size(tiny_config):
    """drop_remainder: false leaves it open until the graph runs."""
    trainer = make_trainer(tiny_config, CLIPS)
    data = tf.data.Dataset.from_tensors(({"image": VIDEOS}, LABELS)).unbatch().batch(4)
    assert data.element_spec[1].shape[0] is None
    expected, _ = unrolled_gradient(trainer.model)
    assert distance(moved(trainer, iter(data)) / -0.1, expected) < 1e-5


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("task.clip_by_clip.frames=3", "frames is 3, which does not divide the 8 frames"),
        ("task.clip_by_clip.frames=-2", "frames is -2, which does not divide"),
        ("task.model.backbone.movinet.causal=false", "only a causal network can read a video"),
        ("task.clip_by_clip.loss=each", "loss is 'each'; it must be every_clip or last_clip"),
        ("task.clip_by_clip.optimizer_step=batch", "'batch'; it must be video or clip"),
        (f"{EACH_CLIP},{LAST}", "only the last has a loss: leave one"),
        (f"{EACH_CLIP},trainer.gradient_accumulation_steps=2", "batches of whole videos: leave"),
    ],
)
def test_what_does_not_fit_is_refused(tiny_config, override, says):
    config = tiny_config(
        ",".join([SHAPE, "task.clip_by_clip.frames=2", override])
        if "frames" not in override
        else f"{SHAPE},{override}"
    )
    with pytest.raises(InputError, match=says):
        preparation.prepare(config, train=True, evaluate=True)

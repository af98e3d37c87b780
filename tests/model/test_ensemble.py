"""An ensemble against its members run by hand, in every way of cutting a video."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from models import (
    LAYOUTS,
    build,
    random_clip,
    randomise,
    relative_difference,
    run_in_pieces,
    splits,
)

import movinet
from movinet import ARCHITECTURES, InputError, Member

FRAMES = 6
CLIP = random_clip(2, FRAMES, 24, 24, 3)


def network(seed, **choices):
    model = build(ARCHITECTURES["tiny"], **choices)
    randomise(model, seed)
    return model


@pytest.fixture(scope="module")
def streams():
    """Two networks that stream, of different layouts and with different states."""
    return (
        network(1, **LAYOUTS["stream_2plus1d"]),
        network(2, **LAYOUTS["stream_3d_2plus1d"], use_positional_encoding=True),
    )


@pytest.fixture(scope="module")
def bases():
    return network(3), network(4, conv_type="2plus1d")


@pytest.fixture(scope="module")
def mixed(streams):
    """Members of different sizes and frame rates, one of which begins later."""
    return movinet.Ensemble([Member(streams[0], 16, 2, 1), Member(streams[1], (24, 20), 3)])


@pytest.fixture(scope="module")
def stream(mixed):
    """Its view as a stream, traced once."""
    return mixed.stream()


@pytest.fixture(scope="module")
def expected(streams):
    """What `mixed` answers to the first frames, by their number."""
    return {frames: by_hand(streams, frames) for frames in range(1, FRAMES + 1)}


def resized(clip, height, width):
    """Bilinear interpolation with half-pixel centres, clamped at the borders, in numpy."""
    for axis, size in ((2, height), (3, width)):
        length = clip.shape[axis]
        places = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.floor(places).astype(int)
        shape = [1] * 5
        shape[axis] = size
        share = (places - low).reshape(shape)
        below = np.take(clip, low, axis)
        above = np.take(clip, np.minimum(low + 1, length - 1), axis)
        clip = below + (above - below) * share
    return clip.astype(np.float32)


def by_hand(models, frames, clip=CLIP):
    """Averages the members' own answers to the first frames, those who have seen any."""
    first, second = models
    clip = clip.numpy()[:, :frames]
    answers = [second(resized(clip[:, ::3], 24, 20)).numpy()]
    if frames > 1:
        answers.append(first(resized(clip[:, 1::2], 16, 16)).numpy())
    return np.mean(answers, axis=0)


def test_the_logits_of_a_clip_are_the_mean(bases):
    ensemble = movinet.Ensemble([Member(bases[0], 16, 2, 1), Member(bases[1], (24, 20), 3)])
    of_any = tf.function(ensemble).get_concrete_function(tf.TensorSpec([None] * 4 + [3]))
    for frames in (1, 2, FRAMES):
        clip, expected = CLIP[:, :frames], by_hand(bases, frames)
        assert relative_difference(ensemble(clip), expected) < 1e-5
        assert relative_difference(of_any(clip), expected) < 1e-5
    assert relative_difference(bases[1](CLIP), by_hand(bases, FRAMES)) > 0.1


def test_members_that_are_models_read_everything(bases):
    expected = (bases[0](CLIP).numpy() + bases[1](CLIP).numpy()) / 2
    ensemble = movinet.Ensemble(bases)
    assert relative_difference(ensemble(CLIP), expected) < 1e-5
    assert relative_difference(ensemble.predict(CLIP, batch_size=1, verbose=0), expected) < 1e-5
    ensemble.compile(
        loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    found = ensemble.evaluate(CLIP, expected.argmax(axis=1), verbose=0)
    assert found[1] == 1.0


def test_every_cut_gives_the_same(mixed, stream, expected):
    assert relative_difference(mixed(CLIP), expected[FRAMES]) < 1e-5
    for pieces in splits(FRAMES):
        logits, states = run_in_pieces(stream, CLIP, pieces)
        assert relative_difference(logits, expected[FRAMES]) < 1e-5, pieces
    assert int(states["state_ensemble_frame_count"][0]) == FRAMES


def test_after_each_frame_those_count_who_have_seen_one(stream, expected):
    states = {}
    for frame in range(FRAMES):
        logits, states = stream({**states, "image": CLIP[:, frame : frame + 1]})
        assert relative_difference(logits, expected[frame + 1]) < 1e-5


def test_what_a_stream_forgets_is_missed(stream):
    _, states = stream({"image": CLIP[:, :4]})
    start = stream.init_states([2, 1, 24, 24, 3])
    for forgotten in ("stream_buffer", "frame_count", "logits"):
        broken = {name: start[name] if forgotten in name else x for name, x in states.items()}
        # In frames 4 and 5 the first member has one of its own, the second has none.
        rest = CLIP[:, 4:6] if forgotten == "logits" else CLIP[:, 4:]
        whole = stream({**states, "image": rest})[0]
        assert relative_difference(stream({**broken, "image": rest})[0], whole) > 1e-3


def test_a_temporal_ensemble(streams):
    """Section 3.3 of the paper: the even frames are one network's, the odd ones another's."""
    even, odd = streams[0], network(5, **LAYOUTS["stream_2plus1d"])
    ensemble = movinet.Ensemble([Member(even, every=2), Member(odd, every=2, offset=1)])
    expected = (even(CLIP[:, ::2]).numpy() + odd(CLIP[:, 1::2]).numpy()) / 2
    exchanged = (odd(CLIP[:, ::2]).numpy() + even(CLIP[:, 1::2]).numpy()) / 2
    assert relative_difference(ensemble(CLIP), expected) < 1e-5
    assert relative_difference(ensemble(CLIP), exchanged) > 1e-3


def test_states_are_those_that_are_announced(mixed):
    states = mixed.init_states(tf.constant([2, 1, 24, 24, 3]))
    specs = mixed.initial_state_specs([2, 1, 24, 24, 3])
    _, after = mixed.run({"image": CLIP})
    assert states.keys() == specs.keys() == after.keys()
    for name, spec in specs.items():
        assert tuple(spec.shape) == states[name].shape == after[name].shape, name
        assert spec.dtype == states[name].dtype == after[name].dtype, name
        assert not np.any(states[name])
    assert {name.partition("_")[0] for name in specs} == {"member0", "member1", "state"}
    open_specs = mixed.initial_state_specs([None] * 5)
    assert open_specs["member0_state_block1_layer0_stream_buffer"].shape == (None, 2, 2, 2, 24)


def test_videos_of_different_ages_stream_side_by_side(mixed, expected):
    """A second video begins with the third frame of the first, in states of one batch."""
    states = {
        name: tf.zeros([2, *value.shape[1:]], value.dtype)
        for name, value in mixed.init_states([2, 1, 24, 24, 3]).items()
    }
    run = tf.function(mixed.run)
    for frame in range(FRAMES):
        if frame == 2:
            states = {
                name: tf.stack([value[0], tf.zeros_like(value[1])])
                for name, value in states.items()
            }
        piece = tf.stack([CLIP[0, frame : frame + 1], CLIP[1, max(frame - 2, 0)][tf.newaxis]])
        logits, states = run({**states, "image": piece})
        assert relative_difference(logits[:1], expected[frame + 1][:1]) < 1e-5
        if frame >= 2:
            assert relative_difference(logits[1:], expected[frame - 1][1:]) < 1e-5
    with pytest.raises(ValueError, match="frame by frame"):
        mixed.run({**states, "image": CLIP})


def test_configuration_and_file_give_the_same(mixed, tmp_path):
    rebuilt = movinet.Ensemble.from_config(mixed.get_config())
    assert rebuilt.get_config() == mixed.get_config()
    assert relative_difference(rebuilt(CLIP), mixed(CLIP)) > 0.1
    rebuilt.set_weights(mixed.get_weights())
    np.testing.assert_array_equal(rebuilt(CLIP), mixed(CLIP))
    mixed.save(tmp_path / "model.keras")
    np.save(tmp_path / "clip.npy", CLIP)
    code = (
        "import sys, numpy, tf_keras\n"
        "folder = sys.argv[1]\n"
        "model = tf_keras.models.load_model(folder + '/model.keras')\n"
        "numpy.save(folder + '/logits.npy', model(numpy.load(folder + '/clip.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), mixed(CLIP))


def test_it_is_not_trained(mixed):
    with pytest.raises(InputError, match="each of its members"):
        mixed.fit(CLIP, [0, 1])


def test_what_does_not_belong_together_is_refused(streams, bases):
    cases = {
        "at least one member": lambda: movinet.Ensemble([]),
        "the same causal": lambda: movinet.Ensemble([streams[0], bases[0]]),
        "the same num_classes": lambda: movinet.Ensemble([bases[0], build(num_classes=3)]),
        "reads the first frame": lambda: movinet.Ensemble([Member(bases[0], None, 2, 1)]),
        "offset is 2": lambda: Member(bases[0], None, 2, 2),
        "every is 0": lambda: Member(bases[0], None, 0),
        "at least 1 pixel": lambda: Member(bases[0], 0),
        "average_pooling_type 2d": lambda: Member(build(average_pooling_type="2d")),
    }
    for words, make in cases.items():
        with pytest.raises(InputError, match=words):
            make()
    with pytest.raises(ValueError, match="cannot stream"):
        movinet.Ensemble(bases).stream()
    with pytest.raises(ValueError, match="not the states of this model"):
        movinet.Ensemble(streams).run({"image": CLIP, "state_head_pool_buffer": CLIP})

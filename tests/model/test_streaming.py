"""Streaming equals the whole clip, at every way of cutting it."""

import numpy as np
import pytest
import tensorflow as tf
from models import STREAM, build, random_clip, relative_difference, run_in_pieces, splits

FRAMES = 5
VARIANTS = {
    "3d": {**STREAM, "conv_type": "3d", "se_type": "3d"},
    "2plus1d": {**STREAM, "conv_type": "2plus1d"},
    "3d_2plus1d": {**STREAM, "conv_type": "3d_2plus1d"},
    "2d_gates": {**STREAM, "conv_type": "2plus1d", "se_type": "2d"},
    "no_gates": {**STREAM, "conv_type": "2plus1d", "se_type": "none"},
    "encoding": {**STREAM, "conv_type": "2plus1d", "use_positional_encoding": True},
}
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=list(VARIANTS))
def model(request):
    return build(**VARIANTS[request.param])


@pytest.fixture(scope="module")
def clip():
    return random_clip(2, FRAMES, 24, 20, 3)


def test_every_split_equals_the_whole_clip(model, clip):
    whole = model(clip)
    stream = model.stream()
    for pieces in splits(FRAMES):
        logits, states = run_in_pieces(stream, clip, pieces)
        assert relative_difference(logits, whole) < TOLERANCE, pieces
    for name, value in model.init_states(clip.shape).items():
        assert states[name].shape == value.shape and states[name].dtype == value.dtype, name


def test_forgetting_any_one_state_shows(model, clip):
    whole, stream = model(clip), model.stream()
    first, second = clip[:, :3], clip[:, 3:]
    _, states = stream({"image": first})
    for name, value in states.items():
        logits, _ = stream({**states, name: tf.zeros_like(value), "image": second})
        assert relative_difference(logits, whole) > 3 * TOLERANCE, name


def test_initial_states_are_no_states(model, clip):
    with_zeros, _ = model.stream()({**model.init_states(tf.shape(clip)), "image": clip})
    np.testing.assert_allclose(with_zeros, model(clip), rtol=1e-6, atol=1e-6)


def test_states_have_the_shapes_that_were_announced(model):
    specs = model.initial_state_specs([2, None, 24, 20, 3])
    states = model.init_states([2, 1, 24, 20, 3])
    assert {name: spec.shape for name, spec in specs.items()} == {
        name: tuple(value.shape) for name, value in states.items()
    }


def test_the_stream_is_a_view_of_the_weights(clip):
    model = build(**VARIANTS["2plus1d"])
    stream = model.stream()
    before, _ = stream({"image": clip})
    model.trainable_variables[0].assign_add(tf.ones_like(model.trainable_variables[0]))
    after, _ = stream({"image": clip})
    assert relative_difference(after, before) > 1e-3
    np.testing.assert_allclose(after, model(clip), rtol=1e-5, atol=1e-5)


def test_a_temporal_stem_streams_too(clip):
    import dataclasses

    from models import SMALL

    stem = dataclasses.replace(SMALL.stem, kernel_size=(3, 3, 3))
    for conv_type in ("3d", "3d_2plus1d", "2plus1d"):
        model = build(dataclasses.replace(SMALL, stem=stem), **{**STREAM, "conv_type": conv_type})
        assert "state_stem_stream_buffer" in model.init_states(clip.shape)
        logits, _ = run_in_pieces(model.stream(), clip, (1, 2, 2))
        assert relative_difference(logits, model(clip)) < TOLERANCE


def test_wrong_states_are_refused(clip):
    model = build(**VARIANTS["2plus1d"])
    states = model.init_states(clip.shape)
    states["state_block9_layer9_stream_buffer"] = states.pop("state_block1_layer0_stream_buffer")
    with pytest.raises(ValueError, match=r"block1_layer0_stream_buffer.*block9_layer9"):
        model({**states, "image": clip})
    base = build()
    with pytest.raises(ValueError, match="not causal"):
        base({**states, "image": clip})
    with pytest.raises(ValueError, match="causal=True"):
        base.stream()

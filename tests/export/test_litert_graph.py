"""The graph for devices computes what the model does, in static shapes and builtin ops."""

import itertools

import pytest
from litert_runs import run
from models import (
    LAYOUTS,
    build,
    marked_by_size,
    random_clip,
    randomise,
    relative_difference,
)

import movinet
from movinet.errors import InputError
from movinet.export import litert_file, litert_graph
from movinet.presets import PRESETS

STREAM = LAYOUTS["stream_2plus1d"]
VARIANTS = {
    **LAYOUTS,
    "stream_3d": {"causal": True},
    "stream_of_frame_pools": {**STREAM, "se_type": "2d"},
    "stream_without_attention": {**STREAM, "se_type": "none"},
    "stream_with_positions": {**STREAM, "use_positional_encoding": True},
    "base_of_both_pools": {"se_type": "2plus3d", "conv_type": "3d_2plus1d"},
    "base_of_frame_pools": {"se_type": "2d"},
}
FRAMES, HEIGHT, WIDTH = 6, 33, 47
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    """A model, a clip, and what the model says of it."""
    model = build(**VARIANTS[request.param])
    clip = random_clip(1, FRAMES, HEIGHT, WIDTH, 3)
    return model, clip.numpy(), model(clip)


@pytest.mark.parametrize(
    ("layout", "split"), itertools.product(("5d", "4d"), (False, True)), ids=str
)
def test_it_computes_what_the_model_does(variant, layout, split):
    model, clip, expected = variant
    content = litert_graph.convert(
        model,
        height=HEIGHT,
        width=WIDTH,
        num_frames=FRAMES,
        state_layout=layout,
        split_hard_swish=split,
    )
    assert relative_difference(run(content, clip), expected) < TOLERANCE
    assert relative_difference(run(content, clip[:, ::-1]), expected) > 10 * TOLERANCE
    found = litert_file.census(content)
    assert not found.dynamic
    assert "FLEX" not in found.ops and "CUSTOM" not in found.ops
    if layout == "4d":
        assert found.max_rank <= 4
        assert not found.outside_gpu


def test_forgotten_states_change_the_answer():
    model, clip = build(**STREAM), random_clip(1, FRAMES, 32, 32, 3)
    content = litert_graph.convert(model, height=32, width=32)
    expected = model(clip)
    assert relative_difference(run(content, clip.numpy()), expected) < TOLERANCE
    assert relative_difference(run(content, clip.numpy(), forget=True), expected) > 1e-3


def test_its_states_are_the_official_ones():
    model = build(**STREAM, use_positional_encoding=True)
    states = litert_file.Graph(litert_graph.convert(model, height=32, width=48)).states()
    expected = model.initial_state_specs([1, 1, 32, 48, 3])
    assert {state.name: (state.shape, state.dtype) for state in states} == {
        name: (tuple(spec.shape), spec.dtype) for name, spec in expected.items()
    }


def test_four_dimensional_states_are_frames_that_move_on():
    model = build(**STREAM)
    content = litert_graph.convert(model, height=32, width=48, state_layout="4d")
    states = {state.name: state.shape for state in litert_file.Graph(content).states()}
    expected = {"state_frame_count": (1, 1, 1, 1)}
    for name, spec in model.initial_state_specs([1, 1, 32, 48, 3]).items():
        if name.endswith("_stream_buffer"):
            frame = (1, *spec.shape[2:])
            expected |= {f"{name}_{index}": frame for index in range(spec.shape[1])}
        elif name.endswith("_pool_buffer"):
            expected[name] = (1, *spec.shape[2:])
    assert {name: tuple(shape) for name, shape in states.items()} == expected
    graph = litert_file.Graph(content)
    inputs, outputs = graph.inputs(), graph.outputs()
    buffers = [name for name in inputs if "_stream_buffer" in name]
    older = [name for name in buffers if f"{name[:-1]}{int(name[-1]) + 1}" in inputs]
    assert older
    for name in older:
        assert outputs[name] == inputs[f"{name[:-1]}{int(name[-1]) + 1}"]


def test_a_model_that_answers_every_frame_is_refused():
    model = build(average_pooling_type="2d")
    with pytest.raises(InputError, match="average_pooling_type"):
        litert_graph.convert(model, height=32, width=32, num_frames=2)


def test_ops_outside_a_gpu_are_named():
    content = litert_graph.convert(build(**STREAM), height=32, width=32)
    kinds = ("CONCATENATION", "RESHAPE", "STRIDED_SLICE")
    assert litert_file.census(content).outside_gpu == tuple(f"{kind} of rank 5" for kind in kinds)


@pytest.mark.parametrize("name", marked_by_size(PRESETS))
def test_every_published_variant_converts(name):
    preset = PRESETS[name]
    backbone = movinet.Movinet(**preset.backbone_arguments())
    model = movinet.MovinetClassifier(backbone, 12, activation=preset.classifier_activation)
    randomise(model)
    clip = random_clip(1, 3, 64, 64, 3)
    content = litert_graph.convert(model, height=64, width=64, num_frames=3)
    assert relative_difference(run(content, clip.numpy()), model(clip)) < 1e-4
    assert relative_difference(run(content, clip[:, ::-1].numpy()), model(clip)) > 5e-4

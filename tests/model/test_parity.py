"""On the same weights, logits and checkpoints equal the official implementation's."""

import gc

import oracle
import pytest
import tensorflow as tf
import tf_keras
from models import LAYOUTS, build, random_clip, randomise, relative_difference

from movinet import complexity
from movinet.architectures import ARCHITECTURES
from movinet.presets import PRESETS

TOLERANCE = 1e-4
NUM_CLASSES = 7
POSITIONAL_ENCODING = {"a3", "a4", "a5"}
LARGE = {"a3", "a4", "a5"}
MODEL_IDS = ("a0", "a1", "a2", "a3", "a4", "a5", "t0")
PRESET_OF_LAYOUT = {"base_3d": "base", "stream_2plus1d": "stream"}
VARIANTS = [
    pytest.param(model_id, layout, marks=[pytest.mark.slow] if model_id in LARGE else [])
    for model_id in MODEL_IDS
    for layout in LAYOUTS
]


@pytest.fixture(autouse=True)
def _forget_graphs():
    """Official networks stay in Keras' session until it is cleared: gigabytes over this file."""
    yield
    tf_keras.backend.clear_session()
    gc.collect()


def _choices(model_id, layout):
    encoding = model_id in POSITIONAL_ENCODING and layout.startswith("stream")
    return {**LAYOUTS[layout], "use_positional_encoding": encoding}


def _exchange(source, target, folder, part):
    """Moves weights through a checkpoint of `source`, as its users would write and read it."""
    path = tf.train.Checkpoint(**part(source)).write(str(folder / "weights"))
    status = tf.train.Checkpoint(**part(target)).read(path)
    status.assert_existing_objects_matched()
    status.expect_partial()


def _whole(model):
    return {"model": model}


def _backbone(model):
    return {"backbone": model.backbone}


@pytest.mark.parametrize(("model_id", "layout"), VARIANTS)
def test_logits_equal_the_official_ones(model_id, layout, tmp_path):
    choices = _choices(model_id, layout)
    official = oracle.build(model_id, NUM_CLASSES, **choices)
    model = build(model_id, NUM_CLASSES, **choices)
    _exchange(model, official, tmp_path, _whole)
    clip = random_clip(1, 3, 32, 32, 3)
    expected = official({"image": clip})
    assert relative_difference(model(clip), expected) < TOLERANCE
    assert relative_difference(model(clip[:, ::-1]), expected) > 3 * TOLERANCE
    assert model.count_params() == official.count_params()
    if layout in PRESET_OF_LAYOUT:
        preset = PRESETS[f"{model_id}_{PRESET_OF_LAYOUT[layout]}"]
        assert complexity.count(preset, NUM_CLASSES).parameters == model.count_params()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("part", [_whole, _backbone])
def test_checkpoints_go_both_ways(layout, part, tmp_path):
    choices = {**LAYOUTS[layout], "use_positional_encoding": layout.startswith("stream")}
    official = oracle.build("small", NUM_CLASSES, **choices)
    model = build("small", NUM_CLASSES, **choices)
    clip = random_clip(2, 4, 24, 24, 3)
    _exchange(model, official, tmp_path, part)
    endpoints, expected = model.backbone(clip)[0], official.backbone({"image": clip})[0]
    for name in endpoints:
        assert relative_difference(endpoints[name], expected[name]) < TOLERANCE, name
    randomise(official, seed=3)
    assert relative_difference(model(clip), official({"image": clip})) > 10 * TOLERANCE
    _exchange(official, model, tmp_path, _whole)
    assert relative_difference(model(clip), official({"image": clip})) < TOLERANCE


@pytest.mark.parametrize("layout", LAYOUTS)
def test_checkpoint_keys_are_the_official_ones(layout, tmp_path):
    choices = LAYOUTS[layout]
    keys = []
    for number, model in enumerate(
        (build("small", NUM_CLASSES, **choices), oracle.build("small", NUM_CLASSES, **choices))
    ):
        checkpoint = tf.train.Checkpoint(model=model, backbone=model.backbone)
        keys.append(tf.train.list_variables(checkpoint.write(str(tmp_path / str(number)))))
    assert keys[0] == keys[1]


@pytest.mark.parametrize("layout", ["stream_3d_2plus1d", "stream_2plus1d"])
@pytest.mark.parametrize("extra", [{}, {"use_positional_encoding": True}, {"se_type": "3d"}])
def test_streams_and_states_equal_the_official_ones(layout, extra, tmp_path):
    choices = {**LAYOUTS[layout], **extra, "use_external_states": True}
    official = oracle.build("small", NUM_CLASSES, output_states=True, **choices)
    model = build("small", NUM_CLASSES, output_states=True, **choices)
    _exchange(model, official, tmp_path, _whole)
    clip = random_clip(1, 4, 24, 20, 3)
    ours, theirs = model.init_states(clip.shape), official.init_states(tf.shape(clip))
    assert {k: (v.shape, v.dtype) for k, v in ours.items()} == {
        k: (v.shape, v.dtype) for k, v in theirs.items()
    }
    for piece in tf.split(clip, [1, 3], axis=1):
        logits, ours = model({**ours, "image": piece})
        expected, theirs = official({**theirs, "image": piece})
    assert relative_difference(logits, expected) < TOLERANCE
    for name, state in theirs.items():
        assert relative_difference(ours[name], state) < TOLERANCE, name


@pytest.mark.parametrize(
    "choices",
    [
        {"causal": True},
        {"causal": True, "se_type": "2d"},
        {"se_type": "2plus3d"},
        {"se_type": "2d", "conv_type": "3d_2plus1d"},
        {"se_type": "none"},
        {"average_pooling_type": "2d"},
        {"activation": "relu", "norm_epsilon": 1e-3},
    ],
)
def test_unpublished_choices_equal_the_official_ones(choices, tmp_path):
    official = oracle.build("small", NUM_CLASSES, **choices)
    model = build("small", NUM_CLASSES, **choices)
    _exchange(model, official, tmp_path, _backbone)
    clip = random_clip(2, 4, 24, 24, 3)
    endpoints, _ = model.backbone(clip)
    expected, _ = official.backbone({"image": clip})
    for name in endpoints:
        assert relative_difference(endpoints[name], expected[name]) < TOLERANCE, name


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_architectures_are_the_official_ones(model_id):
    stem, *blocks, head = oracle.official_movinet.BLOCK_SPECS[model_id]
    architecture = ARCHITECTURES[model_id]
    expected = [
        (
            block.kernel_sizes[layer],
            block.expand_filters[layer],
            block.base_filters,
            block.strides[layer],
        )
        for block in blocks
        for layer in range(len(block.kernel_sizes))
    ]
    assert expected == [
        (layer.kernel_size, layer.expand_filters, layer.filters, (1, layer.stride, layer.stride))
        for layer in architecture.walk()
    ]
    assert stem.filters == architecture.stem.filters
    assert stem.kernel_size == architecture.stem.kernel_size
    assert (head.project_filters, head.head_filters) == (
        architecture.head.project_filters,
        architecture.head.head_filters,
    )


@pytest.mark.parametrize("name", PRESETS)
def test_computed_parameters_and_gflops_are_the_published_ones(name):
    preset = PRESETS[name]
    cost = complexity.count(preset)
    assert cost.parameters == preset.parameters
    if preset.gflops is not None:
        assert cost.multiply_adds(preset.num_frames) / 1e9 == pytest.approx(preset.gflops, rel=0.16)

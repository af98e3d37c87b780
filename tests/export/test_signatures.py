"""What users of the official exports call is there in ours, under the same names, and computes the
same."""

import models
import oracle
import pytest
import tensorflow as tf
import tf_keras
from official.projects.movinet.tools import export_saved_model as official_export

from movinet.export import measurements, saved_model

STREAM = models.LAYOUTS["stream_2plus1d"]
CASES = {
    "base": ({}, (None, None, None, None, 3), True),
    "stream": (STREAM, (None, None, None, None, 3), True),
    "stream_of_fixed_frames": (STREAM, (1, 1, 32, 32, 3), False),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def pair(request, tmp_path_factory):
    """The same weights exported by the official function and by ours from an official checkpoint:
    (official folder, our folder, official model)."""
    choices, shape, bundles = CASES[request.param]
    causal = choices.get("causal", False)
    # The official export of a base model names its output after a layer that Keras numbers.
    tf_keras.backend.clear_session()
    folder = tmp_path_factory.mktemp(request.param)
    official = oracle.build("tiny", 3, output_states=causal, use_external_states=causal, **choices)
    models.randomise(official)
    checkpoint = tf.train.Checkpoint(model=official).save(str(folder / "ckpt"))
    arguments = {"causal": causal, "bundle_input_init_states_fn": bundles}
    official_export.export_saved_model(official, shape, str(folder / "official"), **arguments)
    saved_model.build_and_export_saved_model(
        str(folder / "ours"),
        "tiny",
        num_classes=3,
        input_shape=shape,
        checkpoint_path=checkpoint,
        **{**choices, **arguments},
    )
    return tf.saved_model.load(folder / "official"), tf.saved_model.load(folder / "ours"), official


def test_signatures_are_the_official_ones(pair):
    official, ours, _ = pair
    assert ours.signatures.keys() == official.signatures.keys()
    for name, function in official.signatures.items():
        mine = ours.signatures[name]
        assert mine.structured_input_signature == function.structured_input_signature
        assert mine.structured_outputs.keys() == function.structured_outputs.keys()
        for output, spec in function.structured_outputs.items():
            assert mine.structured_outputs[output].dtype == spec.dtype, output
            # What the official graph knows of a shape, ours knows too.
            found = mine.structured_outputs[output].shape
            assert found.is_compatible_with(spec.shape), output
            assert found.rank == spec.shape.rank


def test_it_computes_what_the_official_export_computes(pair):
    clip = models.random_clip(1, 4, 32, 32, 3)
    results = []
    for root in pair[:2]:
        network = measurements.LoadedNetwork(root, next(iter(root.signatures.values())))
        specs = network.function.structured_input_signature[1]
        length = 4 if len(specs) == 1 else specs["image"].shape[1] or 2
        results.append(models.run_in_pieces(network, clip, (length,) * (4 // length)))
    (expected, expected_states), (actual, states) = results
    assert models.relative_difference(actual, expected) < 1e-5
    assert states.keys() == expected_states.keys()
    for name, value in expected_states.items():
        assert models.relative_difference(states[name], value) < 1e-5, name


def test_the_object_is_called_like_the_official_one(pair):
    official, ours, model = pair
    clip = models.random_clip(1, 1, 32, 32, 3)
    inputs = {"image": clip}
    if "init_states" in official.signatures:
        inputs |= official.signatures["init_states"](tf.shape(clip))
    elif len(official.signatures["serving_default"].structured_input_signature[1]) > 1:
        inputs |= model.init_states(tf.shape(clip))
    expected, actual = official(inputs), ours(inputs)
    assert type(expected) is type(actual)
    tf.nest.assert_same_structure(expected, actual)
    for first, second in zip(tf.nest.flatten(expected), tf.nest.flatten(actual), strict=True):
        assert models.relative_difference(second, first) < 1e-5

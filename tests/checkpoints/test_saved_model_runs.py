"""Only SavedModels that do what a MoViNet needs are run; of others the weights are read."""

import dataclasses

import hub_models
import models
import numpy as np
import oracle
import pytest
import tensorflow as tf

from movinet.checkpoints import foreign, saved_model_runs, saved_models


@pytest.fixture(scope="module")
def base():
    """An official network, whose weights a program may bring along."""
    model = oracle.build("tiny", 7)
    models.randomise(model)
    return model


def write(marker, image):
    tf.io.write_file(str(marker), "taken")
    return tf.reduce_mean(image, [1, 2, 3])


def peek(marker, image):
    length = tf.strings.length(tf.io.read_file("/etc/hostname"))
    return tf.reduce_mean(image, [1, 2, 3]) + tf.cast(length, tf.float32)


def python(marker, image):
    def touch():
        marker.touch()
        return np.float32(0)

    return tf.reduce_mean(image, [1, 2, 3]) + tf.numpy_function(touch, [], tf.float32)


def branch(marker, image):
    return tf.cond(
        tf.size(image) > 0,
        lambda: write(marker, image),
        lambda: tf.reduce_mean(image, [1, 2, 3]),
    )


HOSTILE = {
    "ReadFile": peek,
    "WriteFile": write,
    "PyFunc": python,
    "If, Size, WriteFile": branch,
}


@pytest.mark.parametrize("refused", HOSTILE)
def test_what_no_movinet_needs_is_not_run(base, refused, tmp_path):
    marker = tmp_path / "marker"

    def call(image):
        return {"logits": HOSTILE[refused](marker, image)}

    folder = hub_models.save(tmp_path / "model", hub_models.named_as_in_2021(base), call)
    source = saved_models.read(folder)
    assert source.run is None and len(foreign.values(source)) == len(base.variables)
    assert "It was not run" in source.notes[0] and refused in source.notes[0]
    assert not marker.exists()
    if refused == "WriteFile":  # That it would have written is what the others are compared with.
        tf.saved_model.load(str(folder)).signatures["serving_default"](tf.zeros((1, 2, 8, 8, 3)))
        assert marker.exists()


def test_objects_that_would_run_when_loaded_are_not(base, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")
    lines = tf.lookup.TextFileInitializer(
        str(words),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(lines, -1)
    module.held = [
        tf.Variable(value, name=name[:-2]) for name, value in hub_models.named_as_in_2021(base)
    ]
    call = tf.function(lambda image: {"logits": tf.reduce_mean(image, [1, 2, 3])})
    spec = tf.TensorSpec(hub_models.ANY, tf.float32, name="image")
    signatures = {"serving_default": call.get_concrete_function(spec)}
    tf.saved_model.save(module, str(tmp_path / "model"), signatures)
    source = saved_models.read(tmp_path / "model")
    assert source.run is None and "would run when it is loaded" in source.notes[0]


def test_states_start_from_zeros_if_nothing_makes_them(tmp_path):
    def call(image, state_sum):
        total = state_sum + tf.reduce_sum(image, [1, 2, 3])
        return {"logits": 2 * total, "state_sum": total}

    specs = {
        "image": tf.TensorSpec([1, 1, 4, 4, 3], tf.float32, name="image"),
        "state_sum": tf.TensorSpec([1, 3], tf.float32, name="state_sum"),
    }
    module = tf.Module()
    function = tf.function(call).get_concrete_function(**specs)
    tf.saved_model.save(module, str(tmp_path), {"serving_default": function})
    graph = saved_models._graph(tmp_path)
    signature = saved_model_runs.signature(graph)
    assert signature.video_shape == (1, 6, 4, 4, 3) and not saved_model_runs.problem(
        graph, signature
    )
    run = saved_model_runs.runner(tmp_path, signature)()
    clip = models.random_clip(1, 3, 4, 4, 3)
    logits, _ = models.run_in_pieces(run, clip, (1, 1, 1))
    assert models.relative_difference(logits, 2 * np.sum(clip, axis=(1, 2, 3))) < 1e-6
    several = dataclasses.replace(signature, frames=2)
    assert "2 frames at a time" in saved_model_runs.problem(graph, several)
    # Twenty functions, each of which calls the one before it twice.
    library = graph.graph_def.library.function
    inner = "Identity"
    for index in range(20):
        added = library.add()
        added.signature.name = f"twice{index}"
        for half in "ab":
            added.node_def.add(name=half, op=inner)
        inner = added.signature.name
        assert not saved_model_runs.problem(graph, signature)
    for function in library:
        if "signature_wrapper" in function.signature.name:
            function.node_def.add(name="added", op=inner)
    assert "more often than those of any" in saved_model_runs.problem(graph, signature)

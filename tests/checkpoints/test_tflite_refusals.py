"""LiteRT files that are damaged, of something else, or hostile: refused in a sentence."""

import random

import models
import numpy as np
import pytest
import tensorflow as tf

from movinet import InputError
from movinet.checkpoints import foreign, tflite
from movinet.export import litert_graph
from movinet.export.litert_file import Graph, schema


@pytest.fixture(scope="module")
def content():
    """A small stream that can be read."""
    model = models.build("tiny", 5, output_states=True, **models.LAYOUTS["stream_2plus1d"])
    return litert_graph.convert(model, height=32, width=32)


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a file."""

    def read(data):
        path = tmp_path / "some.tflite"
        path.write_bytes(data)
        return tflite.read(path)

    return read


def refusal(read, data) -> str:
    with pytest.raises(InputError) as refused:
        read(data)
    sentence = str(refused.value)
    assert "some.tflite" in sentence and "\n" not in sentence and len(sentence) < 700
    return sentence


def convolutions(graph):
    """The ops of a graph that have kernels."""
    return [one for one in graph.subgraph.operators if graph.operation_name(one) == "CONV_2D"]


def test_what_is_no_such_file_is_not_recognised(content, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(content)
    assert tflite.recognises(path)
    path.write_bytes(b"TFL3" + content)
    assert not tflite.recognises(path)
    path.write_bytes(b"")
    assert not any(map(tflite.recognises, (path, tmp_path, tmp_path / "missing")))
    with pytest.raises(InputError, match="cannot be read"):
        tflite.read(tmp_path / "missing")


def test_damaged_files_are_refused(content, read):
    for size in (0, 7, 8, 40, 1000, len(content) // 2, len(content) - 1000):
        assert "damaged" in refusal(read, content[:size])
    garbage = np.random.default_rng(0).bytes(4000)
    assert "damaged" in refusal(read, garbage[:4] + b"TFL3" + garbage)
    # The root of the file, and the whole table of its offsets, point outside it.
    assert "damaged" in refusal(read, b"\xff\xff\xff\x7f" + content[4:])
    assert "damaged" in refusal(read, content[:20] + b"\xf0" * 80 + content[100:])


def test_no_damage_gets_past_the_reader(content, read):
    """Whatever bytes are changed, the file is read or refused."""
    generator, refused = random.Random(0), 0
    for _ in range(60):
        data = bytearray(content)
        for _ in range(3):
            # Tables and names are in the last part of a file, the numbers before them.
            place = generator.randrange(len(data) * 2 // 3, len(data))
            data[place] = generator.randrange(256)
        try:
            foreign.values(read(bytes(data)))
        except InputError:
            refused += 1
    assert refused > 10


def test_a_changed_byte_of_a_kernel_is_read(content, read):
    before = read(content)
    kernel = before.tensors["head/project/kernel"]
    stored = kernel[0].transpose(3, 0, 1, 2).tobytes()
    place = content.index(stored)
    changed = bytearray(content)
    changed[place + 3] ^= 1  # An exponent.
    after = read(bytes(changed))
    assert not np.array_equal(after.tensors["head/project/kernel"], kernel)
    different = [
        name for name in before.tensors if (before.tensors[name] != after.tensors[name]).any()
    ]
    assert different == ["head/project/kernel"]


def test_what_is_no_stream_is_refused(content, read):
    base = models.build("tiny", 5)
    sentence = refusal(read, litert_graph.convert(base, height=32, width=32, num_frames=2))
    assert "has no states" in sentence and "checkpoint" in sentence
    other = tf.function(lambda image: {"logits": tf.nn.relu(image)}).get_concrete_function(
        tf.TensorSpec([1, 4], tf.float32, name="image")
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([other])
    assert "some.tflite" in refusal(read, converter.convert())


def test_other_structures_are_refused(content, read):
    def changed(change):
        graph = Graph(content)
        change(graph)
        return refusal(read, graph.content())

    def use_a_kernel_twice(graph):
        first, second = convolutions(graph)[:2]
        second.inputs[1] = first.inputs[1]

    def spoil_a_name(graph):
        graph.subgraph.tensors[graph.inputs()["image"]].name = b"\xff"

    def rename_a_state(graph):
        graph.signature.inputs[1].name = b"state_of_mind"

    def compute_in_integers(graph):
        graph.subgraph.tensors[convolutions(graph)[0].outputs[0]].type = schema.TensorType.INT8

    def read_a_later_tensor(graph):
        first, *_, last = convolutions(graph)
        first.inputs[0] = last.outputs[0]

    def read_no_tensor(graph):
        convolutions(graph)[0].inputs[0] = 1_000_000

    def lengthen_a_kernel(graph):
        kernel = graph.subgraph.tensors[convolutions(graph)[0].inputs[1]]
        graph.model.buffers[kernel.buffer].data = [0] * 40_000

    def skip_a_layer(graph):
        _, second, *_ = convolutions(graph)
        second.inputs[0] = graph.inputs()["image"]

    assert "twice" in changed(use_a_kernel_twice)
    assert "state_of_mind" in changed(rename_a_state)
    assert "computes in integers" in changed(compute_in_integers)
    assert "before it is computed" in changed(read_a_later_tensor)
    assert "some.tflite" in changed(read_no_tensor)
    assert "holds 10000 numbers" in changed(lengthen_a_kernel)
    assert "some.tflite" in changed(skip_a_layer)

    graph = Graph(content)
    spoil_a_name(graph)
    with pytest.raises(InputError, match="LiteRT cannot run it"):
        read(graph.content()).run()

"""What is counted from an architecture is what TensorFlow's graphs of the model do."""

import collections
import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from models import LAYOUTS, build
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)
from tensorflow.python.profiler import option_builder

from movinet import complexity
from movinet.export import folding
from movinet.operation_counts import Convolution, Workload, total
from movinet.presets import PRESETS

CLASSES, SHAPE = 7, [2, 4, 24, 24, 3]
WORK = Workload(num_frames=4, image_size=24, batch_size=2)
# How a layer's part is called in the graph, and what it is counted as.
PARTS = {
    "classifier_head": "classifier",
    "se_reduce": "excitation",
    "se_expand": "excitation",
    "conv_temporal": "temporal",
    "feature": "depthwise",
    "expansion": "expansion",
    "projection": "projection",
    "skip": "skip",
    "project": "head",
    "stem": "stem",
}
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
GRADIENTS = ("Sub", "SigmoidGrad", "Relu6Grad", "AvgPoolGrad")
ELEMENT_WISE = ("BiasAdd", "Mul", "AddV2", "Sigmoid", "Relu6", "RealDiv")


def _preset(layout):
    choices = LAYOUTS[layout]
    preset = PRESETS["a0_stream" if choices.get("causal") else "a0_base"]
    return dataclasses.replace(
        preset, model_id="small", conv_type=choices.get("conv_type", "3d"), num_frames=4
    )


def _counted(layout, work=WORK):
    return complexity.operations(_preset(layout), work, CLASSES)


def _inference(layout):
    """Returns the model and the ops of its graph, states going in and out."""
    model = build(num_classes=CLASSES, **LAYOUTS[layout])
    inputs = {name: tf.TensorSpec(s.shape, s.dtype) for name, s in model.init_states(SHAPE).items()}
    inputs["image"] = tf.TensorSpec(SHAPE)
    function = tf.function(model.run).get_concrete_function(inputs)
    return model, convert_variables_to_constants_v2(function).graph


def _training(layout):
    model = build(num_classes=CLASSES, **LAYOUTS[layout])

    @tf.function
    def step(clips):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(clips, training=True))
        for variable, gradient in zip(
            model.trainable_variables,
            tape.gradient(loss, model.trainable_variables),
            strict=True,
        ):
            variable.assign_sub(gradient)
        return loss

    graph = step.get_concrete_function(tf.TensorSpec(SHAPE)).graph
    # Only what is run: gradients of the video are part of the graph, but of no result.
    reached, waiting = set(), [t.op for t in graph.outputs] + list(graph.control_outputs)
    while waiting:
        op = waiting.pop()
        if op not in reached:
            reached.add(op)
            waiting += [t.op for t in op.inputs] + list(op.control_inputs)
    return reached


def _kind(op):
    """Returns layer and kind of an op, by its name."""
    scopes = op.name.split("/")
    part = next((PARTS[name] for name in PARTS if name in scopes), None)
    layer = next((scope for scope in scopes if scope.startswith("block")), part)
    return (layer if part != "classifier" else scopes[scopes.index("classifier_head") + 1], part)


def _size(tensor):
    return math.prod(tensor.shape.as_list())


def _kernel(op):
    return op.outputs[0] if op.type.endswith("Filter") else op.inputs[1]


def _activations(op, *tensors):
    """Returns the values in activations of a convolution.

    One frame of a depthwise kernel over space and time need not meet the zeros beside a clip. They
    count as if it did.
    """
    shapes = [tensor.shape.as_list() for tensor in tensors]
    if "Depthwise" in op.type and _kernel(op).shape[0] == _kernel(op).shape[1]:
        shapes = [[WORK.frames, *shape[1:]] for shape in shapes]
    return sum(map(math.prod, shapes))


def _products(op):
    """Returns the multiply-adds of a convolution or of one of its gradients."""
    positions = op.inputs[2] if "Backprop" in op.type else op.outputs[0]
    filters = positions.shape[-1]
    return _size(_kernel(op)) * _activations(op, positions) // filters


def _element_wise(op):
    """Returns the operations on single values, as far as the type of an op tells."""
    if op.type == "FusedBatchNormV3":
        return _size(op.outputs[0]) * (6 if op.get_attr("is_training") else 1)
    if op.type == "FusedBatchNormGradV3":
        return 9 * _size(op.outputs[0])
    if op.type in (*ELEMENT_WISE, *GRADIENTS):
        return _size(op.outputs[0])
    if op.type in ("Mean", "Sum", "Cumsum"):
        return _size(op.inputs[0])
    if op.type == "AvgPool":
        return 9 * _size(op.outputs[0])
    return (len(op.inputs) - 1) * _size(op.outputs[0]) if op.type == "AddN" else 0


def _by_kind(operations, field):
    found = collections.Counter()
    for operation in operations:
        layer = {"hidden": "head", "logits": "classifier"}.get(operation.layer, operation.layer)
        found[layer, operation.kind] += getattr(operation, field)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inference_is_what_the_graph_does(layout):
    model, graph = _inference(layout)
    ops = graph.get_operations()
    products, values = collections.Counter(), collections.Counter()
    for op in ops:
        if op.type in CONVOLUTIONS:
            products[_kind(op)] += _products(op)
            values[_kind(op)] += _activations(op, op.inputs[0], op.outputs[0])
        elif op.type == "AddN":  # The frames of a depthwise kernel.
            values[_kind(op)] += sum(map(_size, op.inputs)) + _size(op.outputs[0])
        elif op.type == "ConcatV2" and "attention" not in op.name:  # A stream buffer and a clip.
            layer, _ = _kind(op)
            values[layer, "temporal"] += _size(op.inputs[1]) + _size(op.outputs[0])
            values[layer, "temporal"] += _size(op.inputs[0])  # As large as the new state.
        elif op.type == "AddV2" and "/mobile_bottleneck/" in op.name:
            layer, _ = _kind(op)
            values[layer, "projection"] += _size(op.outputs[0])
        elif op.type == "AvgPool":
            values[_kind(op)[0], "skip average"] += _size(op.inputs[0]) + _size(op.outputs[0])
        elif op.type == "Mul" and op.name.endswith("attention/mul"):
            moved = sum(map(_size, op.inputs)) + _size(op.outputs[0])
            values[_kind(op)[0], "gate"] += moved
    counted = _counted(layout)
    convolutions = {k: v for k, v in _by_kind(counted, "multiply_adds").items() if v}
    assert convolutions == products
    activations = _by_kind(counted, "activation_bytes")
    for key in [*products, *(key for key in values if key[1] == "gate")]:
        assert activations[key] == 4 * values[key], key
    states = sum(math.prod(s.shape) * s.dtype.size for s in model.init_states(SHAPE).values())
    assert total(counted, "state_bytes") == 2 * states
    assert (states > 0) == layout.startswith("stream")
    longer = _by_kind(_counted(layout, dataclasses.replace(WORK, num_frames=5)), "multiply_adds")
    assert {k: v for k, v in longer.items() if v} != products


@pytest.mark.parametrize("layout", ["base_3d", "stream_2plus1d"])
def test_element_wise_operations_and_weights_are_those_of_the_graph(layout):
    model, graph = _inference(layout)
    expected, of_video = 0, set()
    for op in graph.get_operations():
        video = op.type == "Placeholder" and op.outputs[0].shape == SHAPE
        if not video and not any(tensor.op in of_video for tensor in op.inputs):
            continue  # The same for every video: a norm that is folded into a kernel.
        of_video.add(op)
        factors = [tf.get_static_value(t) for t in op.inputs] if op.type == "Mul" else []
        if "rezero" in op.name or any(
            factor is not None and np.all(factor == 1) for factor in factors
        ):
            continue  # ReZero is part of the projection; swish multiplies by a constant 1.
        expected += _element_wise(op)
    assert total(_counted(layout), "element_wise") == pytest.approx(expected, rel=5e-3)
    folded = folding.fold(model)
    blocks = [f for b in folded.blocks for f in (b.expansion, *b.features, b.projection)]
    blocks += [b.skip for b in folded.blocks if b.skip]
    blocks += [f for b in folded.blocks for f in (b.attention.reduce, b.attention.expand)]
    every = [*folded.stem, *blocks, folded.project, folded.hidden, folded.classifier]
    weights = sum(convolution.kernel.size + convolution.bias.size for convolution in every)
    assert total(_counted(layout), "weight_bytes") == 4 * weights
    assert total(_counted(layout), "parameters") == model.count_params()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_training_step_is_what_the_graph_does(layout):
    products, element_wise, values = 0, 0, collections.Counter()
    for op in _training(layout):
        element_wise += _element_wise(op)
        if op.type.startswith(CONVOLUTIONS):
            products += _products(op)
        if op.type.endswith("BackpropInput"):
            values[_kind(op)] += _size(op.inputs[2]) + _size(op.outputs[0])
        elif op.type.endswith("BackpropFilter"):
            values[_kind(op)] += _size(op.inputs[0]) + _size(op.inputs[2])
        elif op.type in CONVOLUTIONS:
            values[_kind(op)] += _size(op.inputs[0]) + _size(op.outputs[0])
            # The norm and activation read and write; their gradient reads both and writes.
            values[_kind(op)] += (2 + 3) * _size(op.outputs[0])
    counted = _counted(layout, dataclasses.replace(WORK, training=True))
    assert total(counted, "multiply_adds") == products
    assert total(_counted(layout), "multiply_adds") < products / 2
    # The gradient of an activation can be written in more or fewer operations.
    assert total(counted, "element_wise") == pytest.approx(element_wise, rel=0.3)
    activations = _by_kind(counted, "activation_bytes")
    keys = [key for key in values if key[1] in ("stem", "expansion", "skip", "head")]
    assert len(keys) > 7
    for key in keys:
        assert activations[key] == 4 * values[key], key


def test_the_profiler_of_tensorflow_counts_the_same_products():
    _, graph = _inference("base_2plus1d")
    options = option_builder.ProfileOptionBuilder.float_operation() | {"output": "none"}
    waiting, found = [tf.compat.v1.profiler.profile(graph, options=options)], 0
    while waiting:
        node = waiting.pop()
        waiting += node.children
        name = node.name.split("/")[-1]
        found += node.float_ops if "Conv2D" in name or "depthwise" in name else 0
    assert found == 2 * total(_counted("base_2plus1d"), "multiply_adds")
    assert found != 2 * total(_counted("base_3d"), "multiply_adds")


def test_a_convolution_counted_step_by_step():
    clip, kernel = np.ones((6, 6, 3)), np.ones((3, 3, 3, 5))
    read, written, products = set(), set(), 0
    padded = np.pad(clip, [(0, 1), (0, 1), (0, 0)])
    for row, column, output in np.ndindex(3, 3, 5):
        written.add((row, column, output))
        for tap in np.ndindex(3, 3, 3):
            products += 1
            at = (2 * row + tap[0], 2 * column + tap[1], tap[2])
            assert padded.shape > at
            read.add(at) if at[0] < 6 and at[1] < 6 else None
    convolution = Convolution(kernel.size, 5, clip.size, 9, activation="hard_swish", first=True)
    work = Workload(1, 6, dtype="bfloat16")
    operation = convolution.operation("stem", "stem", work)
    assert operation.multiply_adds == products
    assert operation.activation_bytes == 2 * (len(read) + len(written))
    assert operation.weight_bytes == 2 * (kernel.size + 5)
    # A bias, and x * relu6(x + 3) * (1 / 6).
    assert operation.element_wise == 5 * len(written)
    assert operation.unfused().bytes == operation.bytes + 2 * 2 * 5 * len(written)
    trained = convolution.operation("stem", "stem", dataclasses.replace(work, training=True))
    assert trained.multiply_adds == 2 * products
    # Forward; norm and activation, and their gradient; the gradient of the kernel.
    assert trained.activation_bytes == 2 * (2 * (len(read) + len(written)) + 5 * len(written))


def test_one_pass_of_a_whole_kernel_moves_less_and_computes_the_same():
    ours = _counted("base_3d")
    whole = _counted("base_3d", dataclasses.replace(WORK, whole_kernels=True))
    assert total(whole, "multiply_adds") == total(ours, "multiply_adds")
    assert total(whole, "bytes") < total(ours, "bytes")
    assert _counted("stream_2plus1d") == _counted(
        "stream_2plus1d", dataclasses.replace(WORK, whole_kernels=True)
    )

r"""What was tried for speed and did not pay, beside what is in its place.

    python3 benchmarks/trials.py

Prints a table: what is in use, what was tried, and how many times longer the latter takes; above
one it does not pay. The two take turns; medians of --repeats rounds, on --threads threads.
docs/performance.md says what was learned.
"""

import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = pathlib.Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    # Not the folder of this file, whose modules have names that others use too.
    sys.path[0] = str(ROOT)

from absl import flags  # noqa: E402

from movinet import cli  # noqa: E402

_REPEATS = flags.DEFINE_integer("repeats", 15, "Rounds of each trial (default 15).", 1)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of TensorFlow and LiteRT.", 1)

# Frames folded into the batch, as a training step of A0 has them: [4 x 8, H, W, C].
FRAMES, WIDE_FRAMES = (32, 22, 22, 80), (32, 43, 43, 80)
PIXELS = 172

Run = Callable[[], Any]


def main() -> None:
    """Prints the table."""
    import tensorflow as tf

    from benchmarks.timing import turns

    cli.quieten()
    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    print("| in use | tried | in use, ms | tried, ms | tried / in use |\n|---|---|---|---|---|")
    for trial in (pointwise, statistics_by_xla, slope_by_ops, half_precision, buffers):
        kept, variants = trial()
        runs = dict([kept, *variants])
        times = turns(runs, rounds=_REPEATS.value, runs=dict.fromkeys(runs, 3), warm_up=2)
        medians = {name: 1e3 * sorted(found)[len(found) // 2] for name, found in times.items()}
        for name, _ in variants:
            old, new = medians[kept[0]], medians[name]
            print(f"| {kept[0]} | {name} | {old:.2f} | {new:.2f} | {new / old:.2f} |", flush=True)


def _compiled(function: Callable[..., Any], *inputs: Any, **options: Any) -> Run:
    import tensorflow as tf

    graph = tf.function(function, autograph=False, **options)
    return lambda: [tensor.numpy() for tensor in tf.nest.flatten(graph(*inputs))]


def pointwise() -> tuple[tuple[str, Run], list[tuple[str, Run]]]:
    """Pointwise convolutions as matrix products."""
    import tensorflow as tf

    x, filters = tf.random.normal(FRAMES), FRAMES[-1]
    kernel = tf.Variable(tf.random.normal([1, 1, filters, filters]) / filters**0.5)

    def chain(convolve: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for _ in range(10):
                x = convolve(x)
            return tf.reduce_sum(x)

        return run

    def product(x: Any) -> Any:
        rows = tf.matmul(tf.reshape(x, [-1, filters]), kernel[0, 0])
        return tf.reshape(rows, FRAMES)

    convolution = _compiled(chain(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME")), x)
    kept = ("10 pointwise convolutions, `conv2d`", convolution)
    return kept, [("`matmul` of pixels", _compiled(chain(product), x))]


def statistics_by_xla() -> tuple[tuple[str, Run], list[tuple[str, Run]]]:
    """Batch norm and swish compiled as one, its sums over pixels included."""
    import tensorflow as tf

    x, filters = tf.random.normal(WIDE_FRAMES), WIDE_FRAMES[-1]
    ones, zeros = tf.ones([filters]), tf.zeros([filters])

    def fused(x: Any) -> Any:
        y, _, _ = tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, is_training=True)
        return tf.reduce_sum(tf.nn.silu(y))

    def sums(x: Any) -> Any:
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean(x * x, [0, 1, 2]) - mean * mean
        return tf.reduce_sum(tf.nn.silu((x - mean) * tf.math.rsqrt(variance + 1e-3)))

    kept = ("batch norm and swish, fused op and swish", _compiled(fused, x))
    return kept, [("all compiled by XLA", _compiled(sums, x, jit_compile=True))]


def slope_by_ops() -> tuple[tuple[str, Run], list[tuple[str, Run]]]:
    """The slope of swish behind a norm as ops, instead of compiled into one pass."""
    import tensorflow as tf

    from movinet.layers import activations, normalisation

    x, upstream = tf.random.normal(WIDE_FRAMES), tf.random.normal(WIDE_FRAMES)
    scale = shift = tf.ones([WIDE_FRAMES[-1]])
    slope = activations.slope("swish")

    def compiled(x: Any, upstream: Any) -> Any:
        return normalisation._slope_gradient(slope, x, scale, shift, upstream)

    def ops(x: Any, upstream: Any) -> Any:
        return upstream * slope(x * scale + shift)

    kept = ("gradient of swish behind a norm, one pass by XLA", _compiled(compiled, x, upstream))
    return kept, [("as ops of TensorFlow", _compiled(ops, x, upstream))]


def half_precision() -> tuple[tuple[str, Run], list[tuple[str, Run]]]:
    """The training step of A0 in bfloat16."""
    from benchmarks import peers
    from benchmarks.cases import training
    from movinet.presets import PRESETS

    clips, labels = training.batch(PIXELS)

    def step(dtype: str) -> Run:
        run = training.training_step(peers.build_ours(PRESETS["a0_base"], dtype=dtype))
        return lambda: run(clips, labels).numpy()

    kept = ("training step of A0, `float32`", step("float32"))
    return kept, [("`mixed_bfloat16`", step("mixed_bfloat16"))]


def buffers() -> tuple[tuple[str, Run], list[tuple[str, Run]]]:
    """How one frame of A0-Stream meets the frames before it, in a LiteRT file."""
    import tensorflow as tf

    from benchmarks import peers
    from movinet.export import folding, inference_graph, litert_graph, time_axis
    from movinet.presets import PRESETS

    model = peers.build_ours(PRESETS["a0_stream"])
    peers.randomise(model)
    network = folding.fold(model)
    specs = time_axis.state_specs(model.backbone.state_specs(1, PIXELS, PIXELS), "4d")
    specs["image"] = ((1, PIXELS, PIXELS, 3), "float32")

    def scaled(x: Any, factors: Any, by_convolution: bool) -> Any:
        if by_convolution:
            kernel = factors.reshape([1, 1, -1, 1])
            return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")
        return x * factors.reshape([1, 1, 1, -1])

    class Sums(time_axis.FrameByFrame):
        """Keeps sums of what earlier frames add to later outputs, so that no frame moves."""

        by_convolution = False

        def convolve(self, x: Any, convolution: folding.FoldedConvolution) -> Any:
            kernel, name = convolution.kernel, convolution.state_name
            parts = [scaled(x, factors, self.by_convolution) for factors in kernel[::-1]]
            for index in range(len(kernel) - 1):
                state = f"{name}_{index}"
                parts[index] += self._states[state]
                if index:
                    self.new_states[f"{name}_{index - 1}"] = parts[index]
            self.new_states[state] = parts[-1]
            return parts[0]

    class SumsByConvolution(Sums):
        """The same, its products as 1 x 1 depthwise convolutions."""

        by_convolution = True

    def invocation(time: type[time_axis.FrameByFrame]) -> Run:
        @tf.function(
            input_signature=[{n: tf.TensorSpec(s, d, n) for n, (s, d) in specs.items()}],
            autograph=False,
        )
        def classify(inputs: dict[str, Any]) -> dict[str, Any]:
            axis = time({name: value for name, value in inputs.items() if name != "image"})
            graph = inference_graph.InferenceGraph(network, axis, split_hard_swish=False)
            return {"logits": graph.logits(inputs["image"]), **axis.new_states}

        owner = tf.Module()
        owner.classify = classify
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [classify.get_concrete_function()], owner
        )
        return _invoke(converter.convert())

    stacked = _invoke(litert_graph.convert(model, height=PIXELS, width=PIXELS))
    kept = ("a frame of A0-Stream, `4d`", invocation(time_axis.FrameByFrame))
    return kept, [
        ("`5d`: the official states", stacked),
        ("sums as states", invocation(Sums)),
        ("sums as states, products by depthwise convolution", invocation(SumsByConvolution)),
    ]


def _invoke(content: bytes) -> Run:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=_THREADS.value)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    return interpreter.invoke


if __name__ == "__main__":
    cli.run(main)

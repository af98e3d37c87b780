r"""What the written-out gradient of the depthwise 3-D convolution saves, on layers of MoViNet-A0.

    python3 benchmarks/depthwise.py

Times forward and backward of `movinet.layers.depthwise.depthwise_conv3d` beside the same sum of
shifted 2-D convolutions left to TensorFlow's own gradients. Medians of --repeats runs.
"""

import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from absl import app, flags

_REPEATS = flags.DEFINE_integer("repeats", 15, "Timed runs of each (default 15).")

# Clips [B, T, H, W, C] and frames of the kernel.
LAYERS = (((4, 8, 22, 22, 80), 3), ((4, 8, 11, 11, 184), 5))


def built_in(clip: Any, kernel: Any) -> Any:
    """The same convolution with TensorFlow's gradients."""
    import tensorflow as tf

    from movinet.layers.frames import fold, unfold

    taps, num_frames = kernel.shape[0], clip.shape[1]
    before = taps // 2
    padding = [[0, 0], [before, before], [0, 0], [0, 0], [0, 0]]
    outputs = []
    for tap in range(taps):
        output = tf.nn.depthwise_conv2d(fold(clip), kernel[tap], [1, 1, 1, 1], "SAME")
        padded = tf.pad(unfold(output, num_frames), padding)
        outputs.append(padded[:, tap : tap + num_frames])
    return tf.add_n(outputs)


def written_out(clip: Any, kernel: Any) -> Any:
    """Ours."""
    from movinet.layers.depthwise import depthwise_conv3d

    before = kernel.shape[0] // 2
    return depthwise_conv3d(clip, kernel, 1, (before, before))


def step_seconds(convolve: Callable[[Any, Any], Any], clip: Any, kernel: Any) -> float:
    """Returns the median time of the convolution and both its gradients."""
    import tensorflow as tf
    from timing import median_seconds

    @tf.function
    def step(clip: Any, kernel: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([clip, kernel])
            output = convolve(clip, kernel)
        gradients = tape.gradient(output, [clip, kernel], output_gradients=clip)
        return tf.reduce_sum(gradients[0]) + tf.reduce_sum(gradients[1])

    return median_seconds(lambda: step(clip, kernel).numpy(), _REPEATS.value, 2)


def main(_: list[str]) -> None:
    """Prints the table."""
    import tensorflow as tf

    print("| clip, kernel | TensorFlow's gradient | written out | ratio |\n|---|---|---|---|")
    for shape, taps in LAYERS:
        clip = tf.random.normal(shape)
        kernel = tf.random.normal([taps, 3, 3, shape[-1], 1])
        theirs, ours = (step_seconds(f, clip, kernel) for f in (built_in, written_out))
        name = f"{list(shape)}, {taps} x 3 x 3"
        print(f"| {name} | {1e3 * theirs:.1f} ms | {1e3 * ours:.1f} ms | {theirs / ours:.1f} |")


if __name__ == "__main__":
    app.run(main)

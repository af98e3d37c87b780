"""Small exported models whose answers numpy can compute."""

import pathlib
import types

import numpy as np
import tensorflow as tf

SIZE = 8
CLASSES = 4
WEIGHTS = np.random.default_rng(3).normal(0, 3, (3, CLASSES)).astype(np.float32)


def save(folder: pathlib.Path, **signatures) -> pathlib.Path:
    """Saves functions with their specs, `name=(function, specs)`, as a SavedModel."""
    module = tf.Module()
    concrete = {
        name: tf.function(function).get_concrete_function(
            **{key: tf.TensorSpec(*spec, name=key) for key, spec in specs.items()}
        )
        for name, (function, specs) in signatures.items()
    }
    tf.saved_model.save(module, str(folder), signatures=concrete)
    return folder


def convert(path: pathlib.Path, function, **specs) -> pathlib.Path:
    """Writes a function with the given specs, `name=(shape, dtype)`, as a `.tflite` file."""
    folder = save(path.with_suffix(""), serving_default=(function, specs))
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
    return path


def mean_colour_step(image, state_sum, state_count):
    """Logits of the mean colour of all frames so far."""
    state_sum = state_sum + tf.reduce_mean(image, axis=list(range(1, len(image.shape) - 1)))
    state_count = state_count + 1
    mean = state_sum / tf.cast(state_count, tf.float32)
    return {
        "logits": tf.linalg.matmul(mean, WEIGHTS),
        "state_sum": state_sum,
        "state_count": state_count,
    }


def stream_specs(*frame_axes: int) -> dict:
    return {
        "image": ([1, *frame_axes, SIZE, SIZE, 3], tf.float32),
        "state_sum": ([1, 3], tf.float32),
        "state_count": ([1], tf.int32),
    }


def mean_colour_clip(image):
    """Logits of the mean colour of a clip."""
    return {"logits": tf.linalg.matmul(tf.reduce_mean(image, axis=[1, 2, 3]), WEIGHTS)}


def softmax(logits):
    powers = np.exp(logits - np.max(logits))
    return powers / powers.sum()


def mean_colour_probabilities(frames) -> np.ndarray:
    """What the two models say of frames [T, H, W, 3] in [0, 1], in numpy alone."""
    return softmax(np.mean(frames, axis=(0, 1, 2), dtype=np.float64) @ WEIGHTS)


def write_stream(path: pathlib.Path, *frame_axes: int) -> pathlib.Path:
    return convert(path, mean_colour_step, **stream_specs(*frame_axes))


def write_clip(path: pathlib.Path, num_frames: int | None = 6) -> pathlib.Path:
    return convert(path, mean_colour_clip, image=([1, num_frames, SIZE, SIZE, 3], tf.float32))


def export_official(folder: pathlib.Path, image_size: int) -> types.SimpleNamespace:
    """Exports a small official network as `export_saved_model.py` does for TF Lite.

    Returns the Keras model, the folder of the SavedModel, and the `.tflite` file.
    """
    import models
    import official_streams
    import oracle
    import tf_keras

    shape = [1, 1, image_size, image_size, 3]
    model = oracle.build(
        "tiny",
        5,
        output_states=True,
        **models.LAYOUTS["stream_2plus1d"],
        use_sync_bn=False,
        use_external_states=True,
        input_specs=tf_keras.layers.InputSpec(shape=shape),
    )
    saved = folder / "official"
    specs = official_streams.save(model, shape, saved)
    lite = folder / "official.tflite"
    lite.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())
    return types.SimpleNamespace(model=model, saved=saved, lite=lite, shape=shape, specs=specs)

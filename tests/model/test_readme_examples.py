"""The two prediction examples of the official README, with only the import lines changed."""

import numpy as np
import pytest
import tensorflow as tf
from models import LAYOUTS, randomise, relative_difference

import movinet

BASE = """
backbone = movinet.Movinet(
    model_id='a0',
    causal=False,
    use_external_states=False,
)
model = movinet_model.MovinetClassifier(
    backbone, num_classes=600, output_states=True)
inputs = tf.ones([1, 8, 172, 172, 3])
model.build(inputs.shape)
checkpoint_path = tf.train.latest_checkpoint(checkpoint_dir)
checkpoint = tf.train.Checkpoint(model=model)
status = checkpoint.restore(checkpoint_path)
status.assert_existing_objects_matched()
output = model(inputs)
prediction = tf.argmax(output, -1)
"""

STREAM = """
model_id = 'a0'
use_positional_encoding = model_id in {'a3', 'a4', 'a5'}
backbone = movinet.Movinet(
    model_id=model_id,
    causal=True,
    conv_type='2plus1d',
    se_type='2plus3d',
    activation='hard_swish',
    gating_activation='hard_sigmoid',
    use_positional_encoding=use_positional_encoding,
    use_external_states=True,
)
model = movinet_model.MovinetClassifier(
    backbone,
    num_classes=600,
    output_states=True)
inputs = tf.ones([1, 8, 172, 172, 3])
model.build(inputs.shape)
checkpoint_path = tf.train.latest_checkpoint(checkpoint_dir)
checkpoint = tf.train.Checkpoint(model=model)
status = checkpoint.restore(checkpoint_path)
status.assert_existing_objects_matched()
frames = tf.split(inputs, inputs.shape[1], axis=1)
init_states = model.init_states(tf.shape(inputs))
states = init_states
predictions = []
for frame in frames:
  output, states = model({**states, 'image': frame})
  predictions.append(output)
final_prediction = tf.argmax(predictions[-1], -1)
non_streaming_output, _ = model({**init_states, 'image': inputs})
non_streaming_prediction = tf.argmax(non_streaming_output, -1)
"""


def _save(folder, **choices):
    model = movinet.MovinetClassifier(movinet.Movinet("a0", **choices), 600)
    randomise(model)
    checkpoint = tf.train.Checkpoint(model=model)
    tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1).save()
    return model


def _run(example, folder):
    names = {
        "tf": tf,
        "movinet": movinet,
        "movinet_model": movinet,
        "checkpoint_dir": str(folder),
    }
    exec(compile(example, "<the official README>", "exec"), names)  # noqa: S102 (text above)
    return names


def test_base_example(tmp_path):
    saved = _save(tmp_path)
    names = _run(BASE, tmp_path)
    np.testing.assert_allclose(names["output"], saved(names["inputs"]), rtol=1e-5, atol=1e-5)
    assert names["prediction"].shape == (1,)


def test_stream_example(tmp_path):
    saved = _save(tmp_path, **LAYOUTS["stream_2plus1d"])
    names = _run(STREAM, tmp_path)
    whole = names["non_streaming_output"]
    np.testing.assert_allclose(whole, saved(names["inputs"]), rtol=1e-5, atol=1e-5)
    assert relative_difference(names["predictions"][-1], whole) < 1e-5
    assert relative_difference(names["predictions"][0], whole) > 1e-4
    assert names["final_prediction"] == names["non_streaming_prediction"]


def test_a_checkpoint_of_another_layout_is_noticed(tmp_path):
    _save(tmp_path)
    with pytest.raises(AssertionError):
        _run(STREAM, tmp_path)

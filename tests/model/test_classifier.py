"""What a user of the two models relies on, beside numbers and streams."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from models import LAYOUTS, SMALL, STREAM, build, random_clip, randomise, relative_difference

import movinet

BACKBONE_CHOICES = {
    "causal": True,
    "use_positional_encoding": True,
    "conv_type": "3d_2plus1d",
    "se_type": "2plus3d",
    "input_specs": tf_keras.layers.InputSpec(shape=[None, None, 16, 16, 3]),
    "activation": "relu",
    "gating_activation": "hard_sigmoid",
    "use_sync_bn": False,
    "norm_momentum": 0.9,
    "norm_epsilon": 0.01,
    "kernel_initializer": tf_keras.initializers.HeUniform(),
    "kernel_regularizer": tf_keras.regularizers.L2(1e-3),
    "bias_regularizer": tf_keras.regularizers.L1(1e-2),
    "stochastic_depth_drop_rate": 0.3,
    "use_external_states": True,
    "output_states": False,
    "average_pooling_type": "2d",
    "dtype": "mixed_bfloat16",
    "name": "net",
}


def _loud_model(output_states=True):
    backbone = movinet.Movinet(SMALL, **BACKBONE_CHOICES)
    model = movinet.MovinetClassifier(
        backbone,
        5,
        activation="hard_swish",
        dropout_rate=0.4,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=tf_keras.regularizers.L2(1e-4),
        output_states=output_states,
        dtype="mixed_bfloat16",
    )
    randomise(model)
    return model


def test_no_choice_is_a_default_or_lost_in_the_configuration():
    model = _loud_model()
    rebuilt = movinet.MovinetClassifier.from_config(model.get_config())
    assert rebuilt.get_config() == model.get_config()
    config, default = model.backbone.get_config(), movinet.Movinet(SMALL).get_config()
    unchanged = [name for name in config if config[name] == default[name]]
    assert unchanged == ["model_id"]
    rebuilt.set_weights(model.get_weights())
    clip = random_clip(2, 3, 16, 16, 3)
    np.testing.assert_array_equal(rebuilt(clip)[0], model(clip)[0])
    assert rebuilt.losses and len(rebuilt.losses) == len(model.losses)


def test_a_saved_file_gives_the_same_outputs_in_a_fresh_process(tmp_path):
    model, clip = _loud_model(), random_clip(2, 3, 16, 16, 3)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "clip.npy", clip)
    code = (
        "import sys, numpy, tf_keras\n"
        "folder = sys.argv[1]\n"
        "model = tf_keras.models.load_model(folder + '/model.keras')\n"
        "logits, states = model(numpy.load(folder + '/clip.npy'))\n"
        "numpy.save(folder + '/logits.npy', logits)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "logits.npy"), model(clip)[0])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_variable_gets_a_gradient(layout):
    model = build(use_positional_encoding=True, **LAYOUTS[layout])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(random_clip(2, 4, 16, 16, 3), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    flat = [v.name for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None]
    assert not flat
    silent = [
        variable.name
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if not np.any(gradient)
    ]
    assert not silent


def test_fit_sees_only_video_whatever_the_model_returns():
    model = build(output_states=True, **LAYOUTS["stream_3d_2plus1d"])
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    history = model.fit(random_clip(4, 3, 16, 16, 3), np.array([0, 1, 2, 3]), verbose=0)
    assert set(history.history) == {"loss", "accuracy"}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_near_and_keeps_sums_in_float32(policy):
    config = build(output_states=True, **LAYOUTS["stream_2plus1d"]).get_config()
    model = movinet.MovinetClassifier.from_config(config)
    randomise(model)
    config["dtype"] = config["backbone"]["config"]["dtype"] = policy
    half = movinet.MovinetClassifier.from_config(config)
    half.set_weights(model.get_weights())
    clip = random_clip(2, 4, 16, 16, 3)
    (expected, _), (logits, states) = model(clip), half(clip)
    assert logits.dtype == tf.float32
    assert 0 < relative_difference(logits, expected) < 0.1
    for name, state in states.items():
        dtype = half.initial_state_specs(clip.shape)[name].dtype
        assert state.dtype == dtype, name
        if "pool_buffer" in name:
            assert dtype == "float32"
    second, _ = half({**states, "image": clip})
    assert np.isfinite(second).all()


def test_stochastic_depth_drops_whole_clips():
    clips = tf.repeat(random_clip(1, 3, 16, 16, 3), 16, axis=0)
    model = build(stochastic_depth_drop_rate=0.5, norm_momentum=1.0)
    different = {tuple(np.round(row, 4)) for row in model(clips, training=True).numpy()}
    same = {tuple(np.round(row, 3)) for row in model(clips).numpy()}
    assert len(different) > 4 and len(same) == 1


def test_a_frozen_backbone_keeps_its_statistics():
    model = build()
    model.backbone.trainable = False
    before = [value.copy() for value in model.backbone.get_weights()]
    model(random_clip(2, 3, 16, 16, 3), training=True)
    for old, new in zip(before, model.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert len(model.trainable_variables) == 4


def test_pooling_types_shape_the_head():
    clip = random_clip(2, 3, 16, 16, 3)
    assert build()(clip).shape == (2, 7)
    assert build(average_pooling_type="2d")(clip).shape == (2, 3, 7)
    endpoints, _ = movinet.Movinet(SMALL, average_pooling_type="none")(clip)
    assert endpoints["head"].shape == (2, 3, 2, 2, 24)
    assert endpoints["stem"].shape == (2, 3, 8, 8, 8)
    assert list(endpoints)[1:3] == ["block0_layer0", "block1_layer0"]
    with pytest.raises(ValueError, match="average_pooling_type"):
        build(average_pooling_type="none")


def test_wrong_inputs_are_refused_with_a_sentence():
    model = build()
    with pytest.raises(ValueError, match=r"\[batch, frames, height, width, 3\]"):
        model(tf.zeros([3, 16, 16, 3]))
    with pytest.raises(ValueError, match="divide by 255"):
        model(tf.zeros([1, 3, 16, 16, 3], tf.uint8))
    with pytest.raises(ValueError, match="'image'"):
        model({"video": tf.zeros([1, 3, 16, 16, 3])})
    with pytest.raises(ValueError, match="needs causal=True"):
        movinet.Movinet(SMALL, use_external_states=True)
    with pytest.raises(ValueError, match="Unknown model_id 'b0'"):
        movinet.Movinet("b0")


def test_replicas_share_statistics_only_where_there_are_several():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        single = movinet.Movinet(SMALL, **STREAM)
    norms = [layer for layer in single.submodules if hasattr(layer, "synchronized")]
    assert norms and not any(norm.synchronized for norm in norms)


def test_keras_saved_models_and_weight_files_reload(tmp_path):
    model, clip = build(**LAYOUTS["stream_2plus1d"]), random_clip(1, 3, 16, 16, 3)
    model.save(tmp_path / "saved_model")
    reloaded = tf_keras.models.load_model(tmp_path / "saved_model")
    np.testing.assert_allclose(reloaded(clip), model(clip), rtol=1e-5, atol=1e-6)
    for name in ("weights.h5", "model.weights.h5"):
        fresh = movinet.MovinetClassifier.from_config(model.get_config())
        assert relative_difference(fresh(clip), model(clip)) > 0.1
        model.save_weights(tmp_path / name)
        fresh.load_weights(tmp_path / name)
        np.testing.assert_allclose(fresh(clip), model(clip), rtol=1e-5, atol=1e-6)

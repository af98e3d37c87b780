"""Official streams as SavedModels of one signature, as the official README exports them for
LiteRT."""

import models
import tensorflow as tf
import tf_keras


def save(model, shape, folder):
    """Gives an official stream random weights and saves it; returns the specs of its inputs.

    Args: shape: of the clips of a call, all sizes fixed.
    """
    _, states = model({**model.init_states(shape), "image": tf.ones(shape)})
    model({**states, "image": tf.ones(shape)})
    models.randomise(model)

    def predict(inputs):
        logits, states = model(inputs)
        return {**states, "logits": logits}

    specs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name=name)
        for name, spec in model.initial_state_specs(shape).items()
    }
    specs["image"] = tf.TensorSpec(shape, tf.float32, name="image")
    signature = tf.function(predict).get_concrete_function(specs)
    tf_keras.models.save_model(model, str(folder), signatures=signature)
    return specs

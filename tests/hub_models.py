"""SavedModels as TensorFlow Hub had them in 2021: made by hand, with the names of that time."""

import pathlib
import re
from typing import Any

import numpy as np
import tensorflow as tf

ANY = (None, None, None, None, 3)


def named_as_in_2021(model: Any) -> list[tuple[str, np.ndarray]]:
    """The variables of an official model under the names of the first Hub models.

    As the PyTorch port's weights/weight_load.ipynb lists them; batch norms of streams lay beside
    the convolutions then.
    """
    names = []
    for variable in model.variables:
        name = re.sub(r"\Ablock(\d)_layer(\d)", r"b\1/l\2", variable.name)
        names.append(re.sub(r"/conv2d(_temporal)?/bn", "/bn", name))
    return list(zip(names, [variable.numpy() for variable in model.variables], strict=True))


def save(folder: pathlib.Path, named: Any, call: Any = None) -> pathlib.Path:
    """A SavedModel that owns nothing but variables, and perhaps a signature."""
    module = tf.Module()
    module.held = [tf.Variable(value, name=name.removesuffix(":0")) for name, value in named]
    signatures = {}
    if call is not None:
        spec = tf.TensorSpec(ANY, tf.float32, name="image")
        signatures["serving_default"] = tf.function(call).get_concrete_function(image=spec)
    tf.saved_model.save(module, str(folder), signatures)
    return folder

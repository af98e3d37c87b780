"""Converting weights between the two layouts of split convolutions.

`3d_2plus1d`, in which streams are trained, and `2plus1d`, in which they are published and exported,
hold the same variables in the same order: a kernel has five dimensions in one and four in the
other, and its numbers follow one another alike. The layout `3d` has kernels that span time and
space at once; no conversion leads there.
"""

import math
from collections.abc import Mapping
from typing import Any

import tf_keras

from movinet.checkpoints import loading
from movinet.classifier import MovinetClassifier
from movinet.errors import InputError

SPLIT_TYPES = ("3d_2plus1d", "2plus1d")


def detect(path: str) -> str:
    """Returns the conv_type of the model in a checkpoint, by the ranks and names of its kernels.

    Raises: InputError if the checkpoint cannot be read or holds no MoViNet.
    """
    found = loading.shapes(path)
    if not any("/_stem/" in key for key in found):
        raise InputError(f"The checkpoint {path} holds no MoViNet.")
    return conv_type(found)


def conv_type(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Returns the layout of a network, by the shapes of its weights under any of their names."""
    kernels = {name: len(shape) for name, shape in shapes.items() if name.endswith("kernel")}
    if 4 in kernels.values():
        return "2plus1d"
    return "3d_2plus1d" if any("temporal/" in name for name in kernels) else "3d"


def count_classes(path: str) -> int:
    """Returns the number of logits of the classifier in a checkpoint.

    Raises: InputError if the checkpoint cannot be read or holds no classifier.
    """
    for key, shape in loading.shapes(path).items():
        if "/_classifier/" in key and key.endswith("/bias"):
            return shape[0]
    raise InputError(f"The checkpoint {path} holds no classifier.")


def convert(model: MovinetClassifier, conv_type: str) -> MovinetClassifier:
    """Returns a new model with the same weights in another layout.

    Raises: InputError if there is no conversion between the two.
    """
    config = model.get_config()
    config["backbone"]["config"]["conv_type"] = conv_type
    converted = MovinetClassifier.from_config(config)
    copy_weights(model, converted)
    return converted


def copy_weights(source: MovinetClassifier, target: MovinetClassifier) -> None:
    """Copies all weights into a model that has the same ones, in the same or the other layout.

    Activations, regularisers and the like may differ.

    Raises: InputError naming the first choice that makes the weights of the two differ in number,
    in shape or in meaning.
    """
    ours, theirs = _choices(source), _choices(target)
    for name, value in ours.items():
        if value != theirs[name]:
            raise InputError(
                f"These weights are of a model with {name} {value!r}; they do not fit one with "
                f"{theirs[name]!r}."
            )
    first, second = source.backbone.conv_type, target.backbone.conv_type
    if first != second and "3d" in (first, second):
        raise InputError(
            f"Weights cannot be converted from conv_type {first!r} to {second!r}: kernels of '3d' "
            "span time and space at once. Only 3d_2plus1d and 2plus1d hold the same numbers."
        )
    for original, copy in zip(source.variables, target.variables, strict=True):
        copy.assign(_reshaped(original, copy))


def _choices(model: MovinetClassifier) -> dict[str, Any]:
    """All that decides which weights a model has and what they mean, but for the layout."""
    config = model.backbone.layer_config
    return {
        "architecture": model.backbone.architecture,
        "causal": config.causal,
        "se_type": config.se_type,
        "use_positional_encoding": config.use_positional_encoding,
        "num_classes": model.num_classes,
    }


def _reshaped(original: Any, copy: Any) -> Any:
    """The value of one variable in the shape of the other, which must be the same but for ones."""
    kept = [[size for size in variable.shape if size != 1] for variable in (original, copy)]
    if kept[0] != kept[1] or math.prod(original.shape) != math.prod(copy.shape):
        raise ValueError(f"{original.name} {original.shape} is not {copy.name} {copy.shape}.")
    return tf_keras.backend.get_value(original).reshape(copy.shape)

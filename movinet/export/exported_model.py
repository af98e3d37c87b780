"""A model as a SavedModel holds it: its functions, and what they take and return."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras

from movinet import inputs as model_inputs
from movinet.checkpoints import layouts
from movinet.classifier import MovinetClassifier
from movinet.ensemble import Ensemble, VideoClassifier
from movinet.export import litert_graph
from movinet.export.folding import fold
from movinet.layers.base import States
from movinet.streaming.video_model import LOGITS

Shape: TypeAlias = Sequence[int | None]
Outputs: TypeAlias = tf.Tensor | tuple[tf.Tensor, States]

# What the official exports of models that do not stream call their logits.
BASE_LOGITS = "classifier_head"


def prepare(model: VideoClassifier, input_shape: Shape) -> VideoClassifier:
    """Returns a copy of a model for inference on clips of a shape [B, T, H, W, 3], None for any.

    It computes in float32, without statistics across replicas, and its swish has no gradient of its
    own, so that every converter can read the graph.
    """
    if isinstance(model, Ensemble):
        any_clip = (None, None, None, None, 3)
        members = [
            dataclasses.replace(member, model=_prepare(member.model, any_clip))
            for member in model.members
        ]
        return Ensemble(members, model.info, name=model.name)
    return _prepare(model, input_shape)


def _prepare(model: MovinetClassifier, input_shape: Shape) -> MovinetClassifier:
    config = model.get_config()
    spec = {"shape": list(input_shape), "dtype": "float32"}
    backbone = config["backbone"]["config"]
    backbone |= {"input_specs": spec, "dtype": "float32", "use_sync_bn": False}
    config |= {"input_specs": {model_inputs.IMAGE: spec}, "dtype": "float32"}
    config["output_states"] = True
    for choices in (backbone, config):
        if choices["activation"] == "swish":
            choices["activation"] = "simple_swish"
    prepared = MovinetClassifier.from_config(config)
    layouts.copy_weights(model, prepared)
    return prepared


class ExportedModel(tf_keras.Model):
    """Owns all weights of a classifier, and runs it as one function.

    Keras traces every layer of a model that it saves, several times each; here it finds a single
    one. What it writes can be loaded by TensorFlow, by Keras and by TensorFlow Hub, without this
    package, and trained further. An export of single frames alone holds the folded network instead:
    it has a fifth of the ops, and batch statistics of one frame teach nothing. An ensemble is not
    trained, so that it has one function for both.

    Args:
      model: what `prepare` returns.
      input_shape: of the clips, [B, T, H, W, 3], None for any.

    Call:     `{**states, 'image': clip}`; all states if the model is causal, none if it is not.
    Returns:  logits [B, num_classes]; if it is causal, (logits, states).
    """

    def __init__(self, model: VideoClassifier, input_shape: Shape) -> None:
        super().__init__(name=model.name)
        self.causal = model.causal
        states = model.initial_state_specs(input_shape)
        self.specs = {
            name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in states.items()
        }
        self.specs[model_inputs.IMAGE] = tf.TensorSpec(input_shape, tf.float32, model_inputs.IMAGE)
        self._init_states = model.init_states
        # Each is traced once, here; all that is saved calls these two.
        if isinstance(model, Ensemble):
            self.weights_of_the_model = model.variables
            self._inference = self._training = _trace(_outputs(model), self.specs)
        elif _reads_single_frames(model, input_shape):
            self._inference = self._training = _trace(_folded_frame(model), self.specs)
        else:
            self.weights_of_the_model = model.variables
            self._inference = _trace(lambda inputs: model(inputs, training=False), self.specs)
            self._training = _trace(lambda inputs: model(inputs, training=True), self.specs)
        self.built = True
        self._set_save_spec(self.specs)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> Outputs:
        """Classifies; see the class."""
        return (self._training if training else self._inference)(dict(inputs))

    def get_config(self) -> dict[str, Any]:
        """Refuses: a SavedModel is loaded by its functions."""
        raise NotImplementedError("An exported model is loaded by its functions.")

    def signatures(self, bundle_init_states: bool) -> dict[str, Any]:
        """Returns the functions by the names that the official exports have.

        Args: bundle_init_states: whether a causal model brings the function that makes its states;
        `call` and `init_states` then, else `serving_default` alone.
        """

        def predict(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            outputs = self(inputs)
            return {**outputs[1], LOGITS: outputs[0]} if self.causal else {BASE_LOGITS: outputs}

        traced = _trace(predict, self.specs)
        if not (self.causal and bundle_init_states):
            return {"serving_default": traced}

        def init_states(input_shape: tf.Tensor) -> States:
            return self._init_states(input_shape)

        shape = tf.TensorSpec([5], tf.int32, "input_shape")
        return {"call": traced, "init_states": _trace(init_states, shape)}


def _reads_single_frames(model: MovinetClassifier, input_shape: Shape) -> bool:
    config = model.backbone.layer_config
    fixed = None not in input_shape and tuple(input_shape[:2]) == (1, 1)
    return fixed and config.causal and config.average_pooling_type == "3d"


def _outputs(model: Ensemble) -> Callable[[Mapping[str, tf.Tensor]], Outputs]:
    """Returns an ensemble as a function with the outputs of a classifier."""

    def run(inputs: Mapping[str, tf.Tensor]) -> Outputs:
        logits, states = model.run(inputs)
        return (logits, states) if model.causal else logits

    return run


def _folded_frame(model: MovinetClassifier) -> Callable[[Mapping[str, tf.Tensor]], Outputs]:
    """Returns the folded network for one frame of a stream with the official states."""
    network = fold(model)

    def run(inputs: Mapping[str, tf.Tensor]) -> Outputs:
        outputs = litert_graph.compute(network, inputs)
        return outputs.pop(LOGITS), outputs

    return run


def _trace(function: Callable[[Any], Any], specs: Any) -> Any:
    """A concrete function of one argument; no code here needs AutoGraph, which takes its time."""
    return tf.function(function, autograph=False).get_concrete_function(specs)


def write(
    model: VideoClassifier, folder: pathlib.Path, input_shape: Shape, bundle_init_states: bool
) -> None:
    """Writes what `prepare` returned as a SavedModel."""
    exported = ExportedModel(model, input_shape)
    tf_keras.models.save_model(
        exported,
        folder,
        include_optimizer=False,
        save_format="tf",
        signatures=exported.signatures(bundle_init_states),
    )

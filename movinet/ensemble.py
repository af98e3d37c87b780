"""Several classifiers as one: the mean of their logits over the same video."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras

from movinet import inputs as model_inputs
from movinet.classifier import MovinetClassifier, StreamView
from movinet.ensemble_member import LOGITS, Member
from movinet.errors import InputError
from movinet.layers.base import States
from movinet.layers.frames import dimensions
from movinet.model_info import ModelInfo

FRAME_COUNT = "state_ensemble_frame_count"


@tf_keras.utils.register_keras_serializable(package="movinet")
class Ensemble(tf_keras.Model):
    """Averages the logits of classifiers that read the same video, each in its own way.

    MoViNet-A6 is A4 and A5; a temporal ensemble (section 3.3 of https://arxiv.org/abs/2103.11511)
    is two networks of one architecture at half of the frame rate, one of which reads the even
    frames and the other the odd ones. It is used, exported and streamed like `MovinetClassifier`,
    but not trained: its members are, each by itself.

    A stream hands each frame to the members whose it is; the others keep the logits that they last
    gave, and those that have read no frame yet do not count. States are those of the members, with
    `member0_`, `member1_`, ... before their names, `member{i}_logits` of those that do not read all
    frames, and `state_ensemble_frame_count`.

    Args:
      members: classifiers, or `Member`s to say what each reads. One of them reads the first frame.
      info: what belongs to the ensemble besides weights.

    Call:     a clip [B, T, H, W, 3] of floats, as its members take them, or `{**states, 'image':
              clip}`; without states a new video begins.
    Returns:  logits [B, num_classes] in float32 (no softmax).

    Raises: InputError if there are no members or they do not belong together.
    """

    def __init__(
        self,
        members: Sequence[Member | MovinetClassifier],
        info: ModelInfo | None = None,
        **kwargs: Any,
    ) -> None:
        chosen = [m if isinstance(m, Member) else Member(m) for m in members]
        _check(chosen)
        super().__init__(**{"name": "movinet_ensemble", **kwargs}, autocast=False)
        self.models = [member.model for member in chosen]
        self._readings = tuple((m.image_size, m.every, m.offset) for m in chosen)
        self.num_classes = chosen[0].model.num_classes
        self.info = info
        self.built = True
        self._set_save_spec(tf.TensorSpec([None, None, None, None, 3], name=model_inputs.IMAGE))

    def build(self, input_shape: Any = None) -> None:
        """Does nothing: all variables exist since construction."""

    def call(self, inputs: model_inputs.Inputs, training: bool | None = None) -> tf.Tensor:
        """Classifies; see the class."""
        return self.run(inputs)[0]

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Refuses."""
        raise InputError("An ensemble is not trained: train each of its members by itself.")

    # What depends on values of tensors is written as such: there is nothing to convert.
    @tf.autograph.experimental.do_not_convert
    def run(self, inputs: model_inputs.Inputs) -> tuple[tf.Tensor, States]:
        """Returns logits and new states; none of a model that is not causal.

        In a batch of videos of different ages, whose frame count is [B], all pieces are single
        frames.

        Raises: ValueError for a clip or states that are not of this model.
        """
        clip, states = model_inputs.split(inputs, self.initial_state_specs([None] * 5))
        if self.causal and not states:
            states = self.init_states(dimensions(clip))
        count = states.get(FRAME_COUNT)
        if count is not None and count.shape[0] != 1 and clip.shape[1] != 1:
            raise ValueError("Videos that began at different times are read frame by frame.")
        new_count = dimensions(clip)[1] + (tf.zeros([1], tf.int32) if count is None else count)
        total, members, new_states = 0.0, 0.0, {FRAME_COUNT: new_count}
        for index, member in enumerate(self.members):
            prefix = prefix_of(index)
            own = {name[len(prefix) :]: x for name, x in states.items() if name.startswith(prefix)}
            logits, own = member.read(clip, count, own)
            # [1, 1], or [B, 1] in a batch of different ages.
            has_read = tf.cast(new_count > member.offset, tf.float32)[:, tf.newaxis]
            total += logits * has_read
            members += has_read
            new_states |= {prefix + name: value for name, value in own.items()}
        return total / members, new_states if self.causal else {}

    def stream(self) -> StreamView:
        """Returns the same network with external states. Raises ValueError if it is not causal."""
        return StreamView(self)

    def initial_state_specs(
        self, input_shape: Sequence[int | None]
    ) -> dict[str, tf_keras.layers.InputSpec]:
        """Returns an input spec for every state, for clips of shape [B, T, H, W, 3]."""
        return self._states(
            input_shape,
            lambda model, shape: model.initial_state_specs(shape),
            lambda shape, dtype: tf_keras.layers.InputSpec(shape=shape, dtype=dtype),
        )

    def init_states(self, input_shape: Sequence[int] | tf.Tensor) -> States:
        """Returns the states at the start of a video, for clips of shape [B, T, H, W, 3]."""
        if isinstance(input_shape, tf.Tensor):
            input_shape = tf.unstack(input_shape, num=5)
        return self._states(input_shape, lambda model, shape: model.init_states(shape), tf.zeros)

    def _states(
        self,
        input_shape: Sequence[Any],
        of_model: Callable[[MovinetClassifier, Sequence[Any]], Mapping[str, Any]],
        make: Callable[[Sequence[Any], str], Any],
    ) -> dict[str, Any]:
        """All states by their names: those `of_model`s, and ours as `make` makes them."""
        if not self.causal:
            return {}
        batch, num_frames, height, width, channels = input_shape
        states = {}
        for index, member in enumerate(self.members):
            prefix, size = prefix_of(index), member.size or (height, width)
            shape = [batch, num_frames, *size, channels]
            for name, state in of_model(member.model, shape).items():
                states[prefix + name] = state
            if member.every > 1:
                states[prefix + LOGITS] = make([batch, self.num_classes], "float32")
        states[FRAME_COUNT] = make([1], "int32")
        return states

    @property
    def members(self) -> tuple[Member, ...]:
        """The classifiers, and what each reads."""
        pairs = zip(self.models, self._readings, strict=True)
        return tuple(Member(model, *reading) for model, reading in pairs)

    @property
    def causal(self) -> bool:
        """Whether the members stream, and so the ensemble."""
        return self.models[0].causal

    def get_config(self) -> dict[str, Any]:
        """Returns every argument of the constructor but the info, which belongs to the weights."""
        return {
            "name": self.name,
            "members": [
                {
                    "model": tf_keras.saving.serialize_keras_object(member.model),
                    "image_size": member.image_size,
                    "every": member.every,
                    "offset": member.offset,
                }
                for member in self.members
            ],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        """Builds the ensemble that `get_config` describes, with new weights."""
        members = []
        for settings in config["members"]:
            model, size = settings["model"], settings["image_size"]
            if not isinstance(model, MovinetClassifier):
                model = tf_keras.saving.deserialize_keras_object(model, custom_objects)
            size = tuple(size) if isinstance(size, list | tuple) else size
            members.append(Member(model, size, settings["every"], settings["offset"]))
        return cls(**{**config, "members": members})


VideoClassifier: TypeAlias = MovinetClassifier | Ensemble


def members_of(model: VideoClassifier) -> list[MovinetClassifier]:
    """Returns the networks that a model is made of."""
    return list(model.models) if isinstance(model, Ensemble) else [model]


def prefix_of(index: int) -> str:
    """Returns what stands before the names of a member's states."""
    return f"member{index}_"


def _check(members: Sequence[Member]) -> None:
    """Raises InputError if these are not members of one ensemble."""
    if not members:
        raise InputError("An ensemble has at least one member; none is given.")
    common: dict[str, list[Any]] = {
        "num_classes": [member.model.num_classes for member in members],
        "causal": [member.model.causal for member in members],
    }
    for what, values in common.items():
        if len(set(values)) > 1:
            raise InputError(
                f"The members of an ensemble have the same {what}; here it is "
                f"{', '.join(map(str, values))}."
            )
    if all(member.offset for member in members):
        raise InputError(
            "No member reads the first frame, so that the ensemble could not answer after it: let "
            "one have the offset 0."
        )

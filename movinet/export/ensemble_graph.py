"""From an ensemble to the bytes of a LiteRT (`.tflite`) model in float32.

Each member is a branch of the graph, which runs on the member's own frames. GPUs have no branches:
in the layout that is for them all members run at every frame, and the results of those whose frame
it is not are left out by arithmetic.
"""

import functools
from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from movinet.ensemble import FRAME_COUNT, Ensemble, prefix_of
from movinet.ensemble_member import Member
from movinet.export import litert_graph
from movinet.export.folding import fold
from movinet.export.litert_graph import Outputs
from movinet.streaming.video_model import IMAGE, LOGITS

Specs: TypeAlias = dict[str, tf.TensorSpec]


def convert(model: Ensemble, clip: tuple[int, int, int], state_layout: str = "5d") -> bytes:
    """Converts an ensemble as `litert_graph.convert` does a classifier.

    In the layout 4d the frame count of the ensemble is float32 [1, 1, 1, 1], and the last logits of
    a member are [1, 1, 1, num_classes].

    Args:
      clip: frames (1 if the ensemble streams), height and width in pixels.
      state_layout: `5d` for the states as the ensemble has them, `4d` for tensors of rank 4.
    """
    num_frames, height, width = (1, *clip[1:]) if model.causal else clip
    size = height, width
    members = [
        _GraphMember(index, member, size, num_frames, state_layout)
        for index, member in enumerate(model.members)
        if model.causal or member.offset < num_frames
    ]
    image = (num_frames, *size, 3)
    specs = {IMAGE: tf.TensorSpec(image if state_layout == "4d" else (1, *image), name=IMAGE)}
    for member in members:
        specs |= member.specs
    if model.causal:
        count = ((1,), tf.int32) if state_layout == "5d" else ((1, 1, 1, 1), tf.float32)
        specs[FRAME_COUNT] = tf.TensorSpec(*count, name=FRAME_COUNT)

    def classify(inputs: Mapping[str, tf.Tensor]) -> Outputs:
        frames = tf.reshape(inputs[IMAGE], image)
        return _stream(members, frames, inputs) if model.causal else _whole(members, frames)

    return litert_graph.lower(classify, specs)


class _GraphMember:
    """The folded network of a member, and its part of the signature.

    Args:
      size, num_frames: of the ensemble's clip.
    """

    def __init__(
        self, index: int, member: Member, size: tuple[int, int], num_frames: int, layout: str
    ) -> None:
        self.every, self.offset = member.every, member.offset
        self.prefix = prefix_of(index)
        self._member, self._layout = member, layout
        self._network = fold(member.model)
        self._num_frames = len(range(self.offset, num_frames, self.every)) or 1
        self.specs: Specs = {}
        if member.model.causal:
            specs = litert_graph.signature(member.model, *(member.size or size), 1, layout)
            del specs[IMAGE]
            if self.every > 1:
                shape = [1] * (1 if layout == "5d" else 3) + [member.model.num_classes]
                specs[LOGITS] = tf.TensorSpec(shape, tf.float32)
            self.specs = {
                self.prefix + name: tf.TensorSpec(spec.shape, spec.dtype, self.prefix + name)
                for name, spec in specs.items()
            }

    def run(self, frames: tf.Tensor, states: Mapping[str, tf.Tensor]) -> Outputs:
        """Returns logits [1, K] and new states of the member's own frames [T, H, W, 3]."""
        with tf.name_scope(self.prefix[:-1]):
            image = self._member.resize(frames)
            if self._layout == "5d":
                image = tf.reshape(image, [1, *image.shape])
            return litert_graph.compute(
                self._network,
                {**states, IMAGE: image},
                num_frames=self._num_frames,
                state_layout=self._layout,
            )

    def advance(self, frame: tf.Tensor, count: tf.Tensor, old: Outputs) -> Outputs:
        """Returns the member's last logits and its states after a frame, its own or not.

        Args:
          frame: [1, H, W, 3].
          count: of the frames before it.
          old: the states, and the last logits of a member that does not read all frames.
        """

        def read() -> Outputs:
            new = self.run(frame, {name: value for name, value in old.items() if name != LOGITS})
            return {**new, LOGITS: tf.reshape(new[LOGITS], old.get(LOGITS, new[LOGITS]).shape)}

        if self.every == 1:
            return read()
        if self._layout == "5d":
            return tf.cond(tf.reshape(count % self.every == self.offset, []), read, lambda: old)
        # 1 if the frame is the member's, else 0; in ops that every device has.
        mine = tf.nn.relu(1.0 - tf.abs(count % float(self.every) - float(self.offset)))
        return {name: _choose(mine, value, old[name]) for name, value in read().items()}

    def states(self, inputs: Mapping[str, tf.Tensor]) -> Outputs:
        """Returns the member's states among those of the ensemble, by its own names."""
        return {name[len(self.prefix) :]: inputs[name] for name in self.specs}


def _whole(members: list[_GraphMember], frames: tf.Tensor) -> Outputs:
    logits = [member.run(frames[member.offset :: member.every], {})[LOGITS] for member in members]
    return {LOGITS: functools.reduce(tf.add, logits) * (1.0 / len(logits))}


def _stream(
    members: list[_GraphMember], frame: tf.Tensor, inputs: Mapping[str, tf.Tensor]
) -> Outputs:
    count = inputs[FRAME_COUNT]
    outputs = {FRAME_COUNT: count + 1}
    age = tf.cast(count, tf.float32)
    logits, shares = [], []
    for member in members:
        new = member.advance(frame, count, member.states(inputs))
        last = tf.reshape(new[LOGITS], [1, -1])
        outputs |= {n: new[n[len(member.prefix) :]] for n in member.specs}
        # 1 from the member's first frame on, 0 before it.
        share = 1.0 - tf.nn.relu(float(member.offset) - age) if member.offset else tf.ones_like(age)
        share = tf.reshape(tf.nn.relu(share), [1, 1])
        logits.append(last * share)
        shares.append(share)
    total, weight = (functools.reduce(tf.add, values) for values in (logits, shares))
    return {LOGITS: total / weight, **outputs}


def _choose(mine: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """Returns the new value where `mine` is 1, and the old one where it is 0; both exactly."""
    mine = tf.cast(tf.reshape(mine, [1] * new.shape.rank), new.dtype)
    return new * mine + old * (1 - mine)

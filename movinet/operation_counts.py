"""What one operation of a network costs: arithmetic, and bytes between memory and processor.

The model of memory traffic: each operation reads its inputs once and writes its outputs once, and
nothing stays in a cache from one operation to the next. A chain of element-wise operations (bias or
batch norm, activation, residual sum) is fused: in inference into the convolution before it, in
training, which keeps what the norm reads, into one operation. Reshapes cost nothing. `chain_bytes`
are what the operations of a chain would move besides if each were one of its own, reading one value
and writing one.
"""

import dataclasses
from collections.abc import Iterable

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of an activation or a weight. Sums of pools stay in float32."""

SUM_BYTES = 4
# Under a mixed policy variables and their gradients are float32.
_VARIABLE_BYTES = 4
# Learned and running, each: scale, shift, mean and variance.
_NORM_WEIGHTS = 4

# Operations a value. A batch norm in training: mean 1, variance 3, scale and shift 2; its gradient
# sums (3) and combines (6).
_BIAS, _TRAINED_BIAS, _TRAINED_NORM = 1, 2, 15
# A sum with the skip; in training with ReZero and stochastic depth, 4 and their gradients.
_RESIDUAL, _TRAINED_RESIDUAL = 1, 8
# Of the function, and of its gradient.
_ACTIVATIONS = {
    "linear": (0, 0),
    "swish": (2, 6),
    "hard_swish": (4, 5),
    "sigmoid": (1, 3),
    "hard_sigmoid": (3, 2),
}

VECTOR_KINDS = frozenset({"depthwise", "temporal"})
"""Kinds whose multiply-adds are of no use to a matrix unit: each channel has its own filter."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """What a network runs on, and how.

    Attributes:
      num_frames, image_size, batch_size: of the clips, [batch, frames, size, size, 3].
      dtype: of activations and weights, a key of `DTYPES`; variables are float32 in training.
      training: a step of gradient descent; else inference with batch norm folded, in which a causal
        network reads its states and writes them.
      whole_kernels: whether a depthwise kernel over space and time runs in one pass, as cuDNN has
        it; else as one convolution a frame of it, as our graph does.
    """

    num_frames: int
    image_size: int
    batch_size: int = 1
    dtype: str = "float32"
    training: bool = False
    whole_kernels: bool = False

    @property
    def value_bytes(self) -> int:
        """Bytes of an activation."""
        return DTYPES[self.dtype]

    @property
    def frames(self) -> int:
        """Frames of all clips."""
        return self.num_frames * self.batch_size


@dataclasses.dataclass(frozen=True)
class Operation:
    """The cost of one operation of one layer.

    Attributes:
      kind: stem, expansion, depthwise (over space, or space and time), temporal, pool, excitation
        (the two products of squeeze-excitation), gate, projection, skip, head or classifier.
      element_wise: operations on single values that are no multiply-adds of a convolution.
      activation_bytes, weight_bytes, state_bytes: read and written.
      parameters: stored weights, statistics of batch norm included.
    """

    layer: str
    kind: str
    multiply_adds: int = 0
    element_wise: int = 0
    activation_bytes: int = 0
    weight_bytes: int = 0
    state_bytes: int = 0
    chain_bytes: int = 0
    parameters: int = 0

    @property
    def bytes(self) -> int:
        """All bytes moved."""
        return self.activation_bytes + self.weight_bytes + self.state_bytes

    @property
    def arithmetic(self) -> int:
        """All operations, a multiply-add being two."""
        return 2 * self.multiply_adds + self.element_wise

    def plus(self, **amounts: int) -> "Operation":
        """Returns the operation with some of its fields larger."""
        larger = {name: getattr(self, name) + amount for name, amount in amounts.items()}
        return dataclasses.replace(self, **larger)

    def unfused(self) -> "Operation":
        """Returns the operation with the traffic of its chain."""
        return self.plus(activation_bytes=self.chain_bytes, chain_bytes=-self.chain_bytes)


def total(operations: Iterable[Operation], field: str) -> int:
    """Returns the sum of one attribute."""
    return sum(getattr(operation, field) for operation in operations)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution and the chain behind it.

    Attributes:
      kernel: number of weights; each meets every output position once.
      inputs: values read.
      positions: outputs of one filter.
      normalised: whether a batch norm follows; a bias takes its place if not.
      residual: whether ReZero, stochastic depth and a sum with a skip follow.
      first: whether nothing before it needs a gradient.
      passes: convolutions it runs as, whose outputs are moved in time and added: the frames of a
        depthwise kernel over space and time (`movinet.layers.depthwise`).
    """

    kernel: int
    filters: int
    inputs: int
    positions: int
    activation: str = "linear"
    normalised: bool = True
    residual: bool = False
    first: bool = False
    passes: int = 1

    def operation(self, layer: str, kind: str, workload: Workload) -> Operation:
        """Returns the cost."""
        outputs = self.filters * self.positions
        convolution = self.passes * (self.inputs + outputs)
        norm, chain = self._norm(workload.training), self._chain(workload.training)
        operation = Operation(
            layer,
            kind,
            multiply_adds=self.kernel * self.positions,
            element_wise=outputs * (norm + chain + self.passes - 1),
            activation_bytes=workload.value_bytes
            * (convolution + self._moved_outputs(outputs) + self.residual * outputs),
            weight_bytes=workload.value_bytes * (self.kernel + self.filters),
            # A batch norm in training is an operation of its own in any case.
            chain_bytes=workload.value_bytes
            * 2
            * outputs
            * (chain + (0 if workload.training else norm)),
            parameters=self.kernel
            + self.filters * (_NORM_WEIGHTS if self.normalised else 1)
            + self.residual,
        )
        return self._trained(operation, workload, outputs) if workload.training else operation

    def _trained(self, operation: Operation, workload: Workload, outputs: int) -> Operation:
        """Adds the gradients and the update.

        The chain reads the convolution and writes; its gradient reads both and writes. One
        convolution then makes the gradient of the kernel and one that of the input, which is the
        sum of as many as there are passes. The gradient of a residual also joins its skip's.
        """
        gradients = 1 if self.first else 2
        moved = 5 * outputs + gradients * self.passes * (self.inputs + outputs)
        moved += self.residual * outputs + 2 * (self.passes - 1) * outputs
        learned = self.kernel + self.filters * (2 if self.normalised else 1)
        # Each convolution reads the weights; the update reads them and their gradient, and writes.
        weight_bytes = _VARIABLE_BYTES * (self.kernel * (1 + gradients) + 3 * learned)
        return operation.plus(
            multiply_adds=gradients * operation.multiply_adds,
            element_wise=(self.passes - 1) * self.inputs + 2 * learned,
            activation_bytes=workload.value_bytes * (moved + self._moved_outputs(self.inputs)),
            weight_bytes=weight_bytes - operation.weight_bytes,
        )

    def _moved_outputs(self, values: int) -> int:
        """Returns the values that adding the outputs of the passes moves."""
        return (self.passes + 1) * values if self.passes > 1 else 0

    def _norm(self, training: bool) -> int:
        """Returns the operations an output of the batch norm or the bias."""
        return (_TRAINED_NORM if self.normalised else _TRAINED_BIAS) if training else _BIAS

    def _chain(self, training: bool) -> int:
        """Returns the operations an output of what follows."""
        forward, backward = _ACTIVATIONS[self.activation]
        if training:
            return forward + backward + self.residual * _TRAINED_RESIDUAL
        return forward + self.residual * _RESIDUAL


def pool(
    layer: str, workload: Workload, inputs: int, outputs: int, additions: int, shared: bool = False
) -> Operation:
    """Returns the cost of an average.

    Args:
      inputs, outputs: values.
      additions: of values, in all.
      shared: whether something else reads the same input, so that two gradients of it are added.
    """
    values, element_wise = inputs + outputs, additions
    if workload.training:
        values, element_wise = 2 * values + shared * inputs, additions + inputs
    moved = values * workload.value_bytes
    return Operation(layer, "pool", element_wise=element_wise, activation_bytes=moved)


def gate(layer: str, workload: Workload, values: int, gates: int) -> Operation:
    """Returns the cost of multiplying activations by fewer gates."""
    moved, products = 2 * values + gates, values
    if workload.training:  # The gradients of both: two products and a sum.
        moved, products = moved + 3 * values + 2 * gates, 4 * values
    moved *= workload.value_bytes
    return Operation(layer, "gate", element_wise=products, activation_bytes=moved)

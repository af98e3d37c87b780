"""The keys of other projects' networks as their code gives them, and random values for them.

Each line: their name, its shape there, our name. A norm, or a convolution without `.weight` behind
it, stands for all weights of one.
"""

import zlib

import numpy as np

from movinet.architectures import (
    ARCHITECTURES,
    K15,
    K33,
    Architecture,
    BlockSpec,
    HeadSpec,
    StemSpec,
)

TWO_BLOCKS = Architecture(
    StemSpec(8),
    (
        BlockSpec(8, ((K15, 16),)),
        BlockSpec(16, ((K33, 24), (K15, 24)), stride=1),
    ),
    HeadSpec(project_filters=8, head_filters=16),
)
"""A block that strides and one that does not; model_id `two_blocks`."""

ARCHITECTURES["two_blocks"] = TWO_BLOCKS
NUM_CLASSES = 3

# https://github.com/Atze00/MoViNet-pytorch/blob/main/movinets/models.py: '3d', not causal.
PYTORCH_BASE = """
conv1.conv_1.conv3d.weight                 8,3,1,3,3    stem/stem/kernel
conv1.conv_1.norm                          8            stem/stem
blocks.b0_l0.alpha                         -            block0_layer0/rezero/scale
blocks.b0_l0.expand.conv_1.conv3d.weight   16,8,1,1,1   block0_layer0/expansion/kernel
blocks.b0_l0.expand.conv_1.norm            16           block0_layer0/expansion
blocks.b0_l0.deep.conv_1.conv3d.weight     16,1,1,5,5   block0_layer0/feature/kernel
blocks.b0_l0.deep.conv_1.norm              16           block0_layer0/feature
blocks.b0_l0.se.fc1.conv_1.conv3d          8,16,1,1,1   block0_layer0/se_reduce
blocks.b0_l0.se.fc2.conv_1.conv3d          16,8,1,1,1   block0_layer0/se_expand
blocks.b0_l0.project.conv_1.conv3d.weight  8,16,1,1,1   block0_layer0/projection/kernel
blocks.b0_l0.project.conv_1.norm           8            block0_layer0/projection
blocks.b0_l0.res.1.conv_1.conv3d.weight    8,8,1,1,1    block0_layer0/skip/kernel
blocks.b0_l0.res.1.conv_1.norm             8            block0_layer0/skip
blocks.b1_l0.alpha                         -            block1_layer0/rezero/scale
blocks.b1_l0.expand.conv_1.conv3d.weight   24,8,1,1,1   block1_layer0/expansion/kernel
blocks.b1_l0.expand.conv_1.norm            24           block1_layer0/expansion
blocks.b1_l0.deep.conv_1.conv3d.weight     24,1,3,3,3   block1_layer0/feature/kernel
blocks.b1_l0.deep.conv_1.norm              24           block1_layer0/feature
blocks.b1_l0.se.fc1.conv_1.conv3d          8,24,1,1,1   block1_layer0/se_reduce
blocks.b1_l0.se.fc2.conv_1.conv3d          24,8,1,1,1   block1_layer0/se_expand
blocks.b1_l0.project.conv_1.conv3d.weight  16,24,1,1,1  block1_layer0/projection/kernel
blocks.b1_l0.project.conv_1.norm           16           block1_layer0/projection
blocks.b1_l0.res.0.conv_1.conv3d.weight    16,8,1,1,1   block1_layer0/skip/kernel
blocks.b1_l0.res.0.conv_1.norm             16           block1_layer0/skip
blocks.b1_l1.alpha                         -            block1_layer1/rezero/scale
blocks.b1_l1.expand.conv_1.conv3d.weight   24,16,1,1,1  block1_layer1/expansion/kernel
blocks.b1_l1.expand.conv_1.norm            24           block1_layer1/expansion
blocks.b1_l1.deep.conv_1.conv3d.weight     24,1,1,5,5   block1_layer1/feature/kernel
blocks.b1_l1.deep.conv_1.norm              24           block1_layer1/feature
blocks.b1_l1.se.fc1.conv_1.conv3d          8,24,1,1,1   block1_layer1/se_reduce
blocks.b1_l1.se.fc2.conv_1.conv3d          24,8,1,1,1   block1_layer1/se_expand
blocks.b1_l1.project.conv_1.conv3d.weight  16,24,1,1,1  block1_layer1/projection/kernel
blocks.b1_l1.project.conv_1.norm           16           block1_layer1/projection
conv7.conv_1.conv3d.weight                 8,16,1,1,1   head/project/kernel
conv7.conv_1.norm                          8            head/project
classifier.0.conv_1.conv3d                 16,8,1,1,1   classifier_head/head
classifier.3.conv_1.conv3d                 3,16,1,1,1   classifier_head/classifier
"""

# The same with conv_type='2plus1d' and causal=True.
PYTORCH_STREAM = """
conv1.conv_1.conv2d.weight                 8,3,3,3      stem/stem/kernel
conv1.conv_1.norm                          8            stem/stem
blocks.b0_l0.alpha                         -            block0_layer0/rezero/scale
blocks.b0_l0.expand.conv_1.conv2d.weight   16,8,1,1     block0_layer0/expansion/kernel
blocks.b0_l0.expand.conv_1.norm            16           block0_layer0/expansion
blocks.b0_l0.deep.conv_1.conv2d.weight     16,1,5,5     block0_layer0/feature/kernel
blocks.b0_l0.deep.conv_1.norm              16           block0_layer0/feature
blocks.b0_l0.se.fc1.conv_1.conv2d          8,32,1,1     block0_layer0/se_reduce
blocks.b0_l0.se.fc2.conv_1.conv2d          16,8,1,1     block0_layer0/se_expand
blocks.b0_l0.project.conv_1.conv2d.weight  8,16,1,1     block0_layer0/projection/kernel
blocks.b0_l0.project.conv_1.norm           8            block0_layer0/projection
blocks.b0_l0.res.1.conv_1.conv2d.weight    8,8,1,1      block0_layer0/skip/kernel
blocks.b0_l0.res.1.conv_1.norm             8            block0_layer0/skip
blocks.b1_l0.alpha                         -            block1_layer0/rezero/scale
blocks.b1_l0.expand.conv_1.conv2d.weight   24,8,1,1     block1_layer0/expansion/kernel
blocks.b1_l0.expand.conv_1.norm            24           block1_layer0/expansion
blocks.b1_l0.deep.conv_1.conv2d.weight     24,1,3,3     block1_layer0/feature/kernel
blocks.b1_l0.deep.conv_1.norm              24           block1_layer0/feature
blocks.b1_l0.deep.conv_2.conv2d.weight     24,1,3,1     block1_layer0/feature/temporal/kernel
blocks.b1_l0.deep.conv_2.norm              24           block1_layer0/feature/temporal
blocks.b1_l0.se.fc1.conv_1.conv2d          16,48,1,1    block1_layer0/se_reduce
blocks.b1_l0.se.fc2.conv_1.conv2d          24,16,1,1    block1_layer0/se_expand
blocks.b1_l0.project.conv_1.conv2d.weight  16,24,1,1    block1_layer0/projection/kernel
blocks.b1_l0.project.conv_1.norm           16           block1_layer0/projection
blocks.b1_l0.res.0.conv_1.conv2d.weight    16,8,1,1     block1_layer0/skip/kernel
blocks.b1_l0.res.0.conv_1.norm             16           block1_layer0/skip
blocks.b1_l1.alpha                         -            block1_layer1/rezero/scale
blocks.b1_l1.expand.conv_1.conv2d.weight   24,16,1,1    block1_layer1/expansion/kernel
blocks.b1_l1.expand.conv_1.norm            24           block1_layer1/expansion
blocks.b1_l1.deep.conv_1.conv2d.weight     24,1,5,5     block1_layer1/feature/kernel
blocks.b1_l1.deep.conv_1.norm              24           block1_layer1/feature
blocks.b1_l1.se.fc1.conv_1.conv2d          16,48,1,1    block1_layer1/se_reduce
blocks.b1_l1.se.fc2.conv_1.conv2d          24,16,1,1    block1_layer1/se_expand
blocks.b1_l1.project.conv_1.conv2d.weight  16,24,1,1    block1_layer1/projection/kernel
blocks.b1_l1.project.conv_1.norm           16           block1_layer1/projection
conv7.conv_1.conv2d.weight                 8,16,1,1     head/project/kernel
conv7.conv_1.norm                          8            head/project
classifier.0.conv_1.conv2d                 16,8,1,1     classifier_head/head
classifier.3.conv_1.conv2d                 3,16,1,1     classifier_head/classifier
"""

# https://github.com/PaddlePaddle/PaddleVideo/blob/develop/paddlevideo/modeling/backbones/movinet.py
PADDLE = """
conv1.conv_1.0.weight                      8,3,1,3,3    stem/stem/kernel
conv1.conv_1.1                             8            stem/stem
blocks.0.alpha                             1            block0_layer0/rezero/scale
blocks.0.expand.conv_1.0.weight            16,8,1,1,1   block0_layer0/expansion/kernel
blocks.0.expand.conv_1.1                   16           block0_layer0/expansion
blocks.0.deep.conv_1.0.weight              16,1,1,5,5   block0_layer0/feature/kernel
blocks.0.deep.conv_1.1                     16           block0_layer0/feature
blocks.0.se.fc1.conv_1.0                   8,16,1,1,1   block0_layer0/se_reduce
blocks.0.se.fc2.conv_1.0                   16,8,1,1,1   block0_layer0/se_expand
blocks.0.project.conv_1.0.weight           8,16,1,1,1   block0_layer0/projection/kernel
blocks.0.project.conv_1.1                  8            block0_layer0/projection
blocks.0.res.1.conv_1.0.weight             8,8,1,1,1    block0_layer0/skip/kernel
blocks.0.res.1.conv_1.1                    8            block0_layer0/skip
blocks.1.alpha                             1            block1_layer0/rezero/scale
blocks.1.expand.conv_1.0.weight            24,8,1,1,1   block1_layer0/expansion/kernel
blocks.1.expand.conv_1.1                   24           block1_layer0/expansion
blocks.1.deep.conv_1.0.weight              24,1,3,3,3   block1_layer0/feature/kernel
blocks.1.deep.conv_1.1                     24           block1_layer0/feature
blocks.1.se.fc1.conv_1.0                   8,24,1,1,1   block1_layer0/se_reduce
blocks.1.se.fc2.conv_1.0                   24,8,1,1,1   block1_layer0/se_expand
blocks.1.project.conv_1.0.weight           16,24,1,1,1  block1_layer0/projection/kernel
blocks.1.project.conv_1.1                  16           block1_layer0/projection
blocks.1.res.0.conv_1.0.weight             16,8,1,1,1   block1_layer0/skip/kernel
blocks.1.res.0.conv_1.1                    16           block1_layer0/skip
blocks.2.alpha                             1            block1_layer1/rezero/scale
blocks.2.expand.conv_1.0.weight            24,16,1,1,1  block1_layer1/expansion/kernel
blocks.2.expand.conv_1.1                   24           block1_layer1/expansion
blocks.2.deep.conv_1.0.weight              24,1,1,5,5   block1_layer1/feature/kernel
blocks.2.deep.conv_1.1                     24           block1_layer1/feature
blocks.2.se.fc1.conv_1.0                   8,24,1,1,1   block1_layer1/se_reduce
blocks.2.se.fc2.conv_1.0                   24,8,1,1,1   block1_layer1/se_expand
blocks.2.project.conv_1.0.weight           16,24,1,1,1  block1_layer1/projection/kernel
blocks.2.project.conv_1.1                  16           block1_layer1/projection
conv7.conv_1.0.weight                      8,16,1,1,1   head/project/kernel
conv7.conv_1.1                             8            head/project
classifier.0.conv_1.0                      16,8,1,1,1   classifier_head/head
classifier.3.conv_1.0                      3,16,1,1,1   classifier_head/classifier
"""

_NORMS = {
    "norm": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
    "1": {
        "weight": "gamma",
        "bias": "beta",
        "_mean": "moving_mean",
        "_variance": "moving_variance",
    },
}
_BIASED = {"conv2d", "conv3d", "0"}


def rows(table):
    """Yields (their name, its shape, our name) for every tensor but the counters of steps."""
    for line in table.strip().splitlines():
        name, shape, ours = line.split()
        shape = () if shape == "-" else tuple(map(int, shape.split(",")))
        last = name.rpartition(".")[2]
        if last in _NORMS and len(shape) == 1:
            for leaf, kind in _NORMS[last].items():
                yield f"{name}.{leaf}", shape, f"{ours}/{kind}"
        elif last in _BIASED:
            yield f"{name}.weight", shape, f"{ours}/kernel"
            yield f"{name}.bias", shape[:1], f"{ours}/bias"
        else:
            yield name, shape, ours


def tensor(name, shape):
    """Random values of a tensor, the same each time."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith(("alpha", "_var", "_variance")) or ("norm" in name and "weight" in name):
        return generator.uniform(0.6, 1.4, shape).astype(np.float32)
    fan = int(np.prod(shape[1:])) if len(shape) > 1 else 25
    return generator.normal(0, fan**-0.5, shape).astype(np.float32)


def tensors(table):
    """All tensors of a table by their names, with PyTorch's counters of steps."""
    found = {name: tensor(name, shape) for name, shape, _ in rows(table)}
    norms = [name.rpartition(".")[0] for name in found if name.endswith("running_var")]
    return found | {f"{norm}.num_batches_tracked": np.asarray(12) for norm in norms}


def ours(value, weight):
    """A tensor in our shape, by what its axes are."""
    if weight.kind == "scale":
        return value.reshape(())
    if weight.kind != "kernel":
        return value
    if value.ndim == 4 and weight.temporal:
        value = value[..., np.newaxis]  # Frames and one pixel.
    elif value.ndim == 4:
        value = value[:, :, np.newaxis]
    return np.einsum("oithw->thwoi" if weight.depthwise else "oithw->thwio", value)

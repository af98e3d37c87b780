"""MoViNet A0-A5 and T0 as data: tables 1 and 6 of https://arxiv.org/abs/2103.11511."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

Kernel = tuple[int, int, int]

# K(ab) is a kernel of a frames by b by b pixels.
K13: Kernel = (1, 3, 3)
K15: Kernel = (1, 5, 5)
K33: Kernel = (3, 3, 3)
K53: Kernel = (5, 3, 3)

# Height and width, in pixels, that the average pool of a residual connection sees.
POOL_WINDOW = 3


@dataclasses.dataclass(frozen=True)
class StemSpec:
    """The first convolution: full, with a stride of 2 in space.

    padding: pixels of zeros on each side of a frame; None for TensorFlow's `SAME`, which on frames
      of even size has one more behind than before.
    """

    filters: int
    kernel_size: Kernel = K13
    stride: int = 2
    name: str = "stem"
    padding: int | None = None


@dataclasses.dataclass(frozen=True)
class BlockSpec:
    """A run of bottlenecks of one width; the first of them strides in space.

    layers: one (kernel, expansion filters) pair a bottleneck.
    padding: of that first one, as in `StemSpec`; the others are `SAME`.
    pool_counts_padding: whether the average pool beside it counts those zeros as pixels; `SAME`
      never does.
    """

    filters: int
    layers: tuple[tuple[Kernel, int], ...]
    stride: int = 2
    padding: int | None = None
    pool_counts_padding: bool = False


@dataclasses.dataclass(frozen=True)
class HeadSpec:
    """The projection before the pool and the hidden layer behind it."""

    project_filters: int
    head_filters: int = 2048
    name: str = "head"


@dataclasses.dataclass(frozen=True)
class BottleneckSpec:
    """One bottleneck as `Architecture.walk` meets it.

    padding, pool_counts_padding: as in `BlockSpec`.
    depth: position among all bottlenecks, in (0, 1]; stochastic depth grows with it.
    """

    name: str
    kernel_size: Kernel
    input_filters: int
    expand_filters: int
    filters: int
    stride: int
    padding: int | None
    pool_counts_padding: bool
    depth: float

    @property
    def needs_skip_projection(self) -> bool:
        """Whether the residual connection changes shape and so needs weights of its own."""
        return self.stride > 1 or self.input_filters != self.filters

    @property
    def pool_padding(self) -> int | None:
        """The zeros on each side of the average pool: so many that both paths give one size."""
        window = self.kernel_size[1]
        return None if self.padding is None else self.padding - (window - POOL_WINDOW) // 2


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The geometry of one network: a stem, blocks of bottlenecks, and a head."""

    stem: StemSpec
    blocks: tuple[BlockSpec, ...]
    head: HeadSpec

    def walk(self) -> Iterator[BottleneckSpec]:
        """Yields every bottleneck in order, under its name in endpoints, states and checkpoints."""
        total = sum(len(block.layers) for block in self.blocks)
        input_filters, count = self.stem.filters, 0
        for block_index, block in enumerate(self.blocks):
            for layer_index, (kernel_size, expand_filters) in enumerate(block.layers):
                count += 1
                strided = layer_index == 0
                yield BottleneckSpec(
                    name=f"block{block_index}_layer{layer_index}",
                    kernel_size=kernel_size,
                    input_filters=input_filters,
                    expand_filters=expand_filters,
                    filters=block.filters,
                    stride=block.stride if strided else 1,
                    padding=block.padding if strided else None,
                    pool_counts_padding=block.pool_counts_padding if strided else False,
                    depth=count / total,
                )
                input_filters = block.filters

    @property
    def output_filters(self) -> int:
        """Width of the last block, which the head reads."""
        return self.blocks[-1].filters

    def to_config(self) -> dict[str, Any]:
        """Returns a JSON-ready dict that `from_config` reads back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Architecture":
        """Builds an architecture from `to_config`, after JSON has made lists of the tuples."""
        stem = dict(config["stem"], kernel_size=tuple(config["stem"]["kernel_size"]))
        blocks = [
            dict(block, layers=tuple((tuple(kernel), width) for kernel, width in block["layers"]))
            for block in config["blocks"]
        ]
        return cls(
            StemSpec(**stem),
            tuple(BlockSpec(**block) for block in blocks),
            HeadSpec(**config["head"]),
        )


def squeeze_excitation_filters(filters: int, se_type: str) -> int:
    """Returns the hidden width of squeeze-excitation: a quarter of what it pools, in eights.

    Rounded to the nearest multiple of 8, but never down by more than a tenth. `2plus3d` pools
    twice the filters.
    """
    width = filters * (2 if se_type == "2plus3d" else 1) / 4
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded


def _block(filters: int, kernels: str, widths: str, stride: int = 2) -> BlockSpec:
    """Reads a row of the paper's table: kernels `53 33 33` and expansion filters `184 112 184`."""
    named = {"13": K13, "15": K15, "33": K33, "53": K53}
    layers = zip((named[k] for k in kernels.split()), map(int, widths.split()), strict=True)
    return BlockSpec(filters, tuple(layers), stride)


ARCHITECTURES: dict[str, Architecture] = {
    "a0": Architecture(
        StemSpec(8),
        (
            _block(8, "15", "24"),
            _block(32, "33 33 33", "80 80 80"),
            _block(56, "53 33 33", "184 112 184"),
            _block(56, "53 33 33 33", "184 184 184 184", stride=1),
            _block(104, "53 15 15 15", "384 280 280 344"),
        ),
        HeadSpec(480),
    ),
    "a1": Architecture(
        StemSpec(16),
        (
            _block(16, "15 33", "40 40"),
            _block(40, "33 33 33 33", "96 120 96 96"),
            _block(64, "53 33 33 33 33", "216 128 216 168 216"),
            _block(64, "53 33 33 33 15 33", "216 216 216 128 128 216", stride=1),
            _block(136, "53 15 15 15 15 33 13", "456 360 360 360 456 456 544"),
        ),
        HeadSpec(600),
    ),
    "a2": Architecture(
        StemSpec(16),
        (
            _block(16, "15 33 33", "40 40 64"),
            _block(40, "33 33 33 33 33", "96 120 96 96 120"),
            _block(72, "53 33 33 33 33", "240 160 240 192 240"),
            _block(72, "53 33 33 33 15 33", "240 240 240 240 144 240", stride=1),
            _block(144, "53 15 15 15 15 33 13", "480 384 384 480 480 480 576"),
        ),
        HeadSpec(640),
    ),
    "a3": Architecture(
        StemSpec(16),
        (
            _block(16, "15 33 33 33", "40 40 64 40"),
            _block(48, "33 33 33 15 33 33", "112 144 112 112 144 144"),
            _block(80, "53 33 33 33 33", "240 152 240 192 240"),
            _block(88, "53 33 33 33 15 33 33 33", "264 264 264 264 160 264 264 264", stride=1),
            _block(
                168,
                "53 15 15 15 15 33 15 15 33 13",
                "560 448 448 560 560 560 448 448 560 672",
            ),
        ),
        HeadSpec(744),
    ),
    "a4": Architecture(
        StemSpec(24),
        (
            _block(24, "15 33 33 33 33 33", "64 64 96 64 96 64"),
            _block(56, "33 33 33 33 33 33 33 15 33", "168 168 136 136 168 168 168 136 136"),
            _block(96, "53 33 33 33 33 33 33 33 33", "320 160 320 192 320 160 320 256 320"),
            _block(
                96,
                "53 33 33 33 15 33 33 33 33 33",
                "320 320 320 320 192 320 320 192 320 320",
                stride=1,
            ),
            _block(
                192,
                "53 15 15 15 15 33 15 15 15 15 15 33 33",
                "640 512 512 640 640 640 512 512 640 768 640 640 768",
            ),
        ),
        HeadSpec(856),
    ),
    "a5": Architecture(
        StemSpec(24),
        (
            _block(24, "15 15 33 33 33 33", "64 64 96 64 96 64"),
            _block(
                64,
                "53 33 33 33 33 33 33 33 33 33 33",
                "192 152 152 152 192 192 192 152 152 192 192",
            ),
            _block(
                112,
                "53 33 33 33 33 33 33 33 33 33 33 33 33",
                "376 224 376 376 296 376 224 376 376 296 376 376 376",
            ),
            _block(
                120,
                "53 33 33 33 15 33 33 33 33 33 33",
                "376 376 376 376 224 376 376 224 376 376 376",
                stride=1,
            ),
            _block(
                224,
                "53 33 15 15 15 15 33 15 15 15 15 15 33 15 15 15 15 33",
                "744 744 600 600 744 744 744 896 600 600 896 744 744 896 600 600 744 744",
            ),
        ),
        HeadSpec(992),
    ),
    "t0": Architecture(
        StemSpec(8),
        (
            _block(8, "15", "16"),
            _block(32, "33 15", "72 72"),
            _block(56, "53 15 33", "112 112 112"),
            _block(56, "53 15 33 33", "184 184 184 184", stride=1),
            _block(104, "53 15 15 33", "344 344 344 344"),
        ),
        HeadSpec(240, head_filters=1024),
    ),
}

# Pixels of zeros on each side in the first layer of each block, None where it does not stride, as
# two other projects have them in place of TensorFlow's `SAME`. In every stem it is 1.
# https://github.com/Atze00/MoViNet-pytorch/blob/main/movinets/config.py (with tf_like=False)
# https://github.com/PaddlePaddle/PaddleVideo/blob/develop/paddlevideo/modeling/backbones/movinet.py
_PADDINGS = {
    "a0": (2, 0, 0, None, 1),
    "a1": (2, 0, 0, None, 1),
    "a2": (2, 1, 1, None, 1),
    "a3": (2, 1, 1, None, 1),
    "a4": (1, 1, 1, None, 1),
    "a5": (2, 1, 1, None, 1),
}


def _padded(plain: Architecture, paddings: Sequence[int | None], counted: bool) -> Architecture:
    """Returns an architecture padded like that: the same weights, other numbers."""
    blocks = tuple(
        dataclasses.replace(block, padding=padding, pool_counts_padding=counted)
        for block, padding in zip(plain.blocks, paddings, strict=True)
    )
    return Architecture(dataclasses.replace(plain.stem, padding=1), blocks, plain.head)


# PyTorch's AvgPool3d counts the zeros; Paddle's AvgPool3D does not.
ARCHITECTURES |= {
    f"{name}_pytorch": _padded(ARCHITECTURES[name], zeros, True)
    for name, zeros in _PADDINGS.items()
}
ARCHITECTURES["a0_paddle"] = _padded(ARCHITECTURES["a0"], _PADDINGS["a0"], False)

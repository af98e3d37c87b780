"""Writes tests/golden/pytorch_*: what PyTorch itself saves, and what the port computes with it.

    python3 tests/checkpoints/pytorch_golden.py CHECKOUT

CHECKOUT is one of https://github.com/Atze00/MoViNet-pytorch; torch, einops and fvcore must be
installed. No test needs them.
"""

import pathlib
import sys
import types

import numpy as np

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2])]

import foreign_tables  # noqa: E402

GOLDEN = HERE.parents[1] / "golden"
TABLES = {
    "base_3d": foreign_tables.PYTORCH_BASE,
    "stream_2plus1d": foreign_tables.PYTORCH_STREAM,
}
VIDEO_SHAPE = (1, 5, 34, 34, 3)


def video():
    """The clip of which the logits are, [B, T, H, W, 3]: noise, brighter later and to the right."""
    noise = np.random.default_rng(0).random(VIDEO_SHAPE, np.float32)
    later = np.linspace(0, 1, VIDEO_SHAPE[1], dtype=np.float32)[:, np.newaxis, np.newaxis]
    right = np.linspace(0, 1, VIDEO_SHAPE[3], dtype=np.float32)
    return noise * (later * right)[..., np.newaxis]


def _config():
    """The architecture in the words of the port's config.py."""
    architecture = foreign_tables.TWO_BLOCKS
    pointwise = {"kernel_size": (1, 1, 1), "stride": (1, 1, 1), "padding": 0}
    blocks = [[] for _ in architecture.blocks]
    for spec in architecture.walk():
        index = int(spec.name[len("block")])
        blocks[index].append(
            types.SimpleNamespace(
                input_channels=spec.input_filters,
                out_channels=spec.filters,
                expanded_channels=spec.expand_filters,
                kernel_size=spec.kernel_size,
                stride=(1, spec.stride, spec.stride),
                padding=0,
            )
        )
    head = architecture.head
    return types.SimpleNamespace(
        conv1=types.SimpleNamespace(
            input_channels=3, out_channels=8, kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=0
        ),
        blocks=blocks,
        conv7=types.SimpleNamespace(
            input_channels=architecture.output_filters,
            out_channels=head.project_filters,
            **pointwise,
        ),
        dense9=types.SimpleNamespace(hidden_dim=head.head_filters),
    )


def main(checkout: str) -> None:
    """Writes a state dict and logits for each table."""
    sys.path.insert(0, checkout)
    import torch
    from movinets.models import MoViNet

    for name, table in TABLES.items():
        causal, conv_type = name.startswith("stream"), name.partition("_")[2]
        model = MoViNet(
            _config(),
            causal=causal,
            conv_type=conv_type,
            num_classes=foreign_tables.NUM_CLASSES,
            tf_like=True,
        ).eval()
        values = {k: torch.from_numpy(v) for k, v in foreign_tables.tensors(table).items()}
        model.load_state_dict(values, strict=True)
        torch.save(model.state_dict(), GOLDEN / f"pytorch_{name}.pt")
        with torch.inference_mode():
            logits = model(torch.from_numpy(video()).permute(0, 4, 1, 2, 3)).numpy()
        np.save(GOLDEN / f"pytorch_{name}.npy", logits)


if __name__ == "__main__":
    main(sys.argv[1])

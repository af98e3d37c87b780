r"""Largest difference between our logits and those of MoViNet-pytorch on the same weights.

    python3 benchmarks/pytorch_weights.py --pytorch=CHECKOUT

CHECKOUT is one of https://github.com/Atze00/MoViNet-pytorch; torch, einops and fvcore must be
installed. `written` are our random weights, which the port has loaded from .pt and .safetensors
with `strict=True`; `read` are random weights of the port, which we have read from what torch.save
wrote. Networks that stream run on the whole clip and frame by frame. The last column is the
control: `read` with a darker video for the port, mirrored and upside down.
"""

import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("", "tests")]

from absl import app, flags  # noqa: E402

_PYTORCH = flags.DEFINE_string("pytorch", None, "Checkout of MoViNet-pytorch.", required=True)
_MODEL_IDS = flags.DEFINE_list("model_ids", ["a0"], "Architectures (default a0).")
_PIXELS = flags.DEFINE_list(
    "image_sizes", ["64", "172"], "Heights and widths in pixels (default 64,172)."
)
_FRAMES = flags.DEFINE_integer("frames", 6, "Frames of the clip (default 6).")
_TF_LIKE = flags.DEFINE_bool("tf_like", True, "How the port pads (default as TensorFlow).")

NUM_CLASSES = 11
CASES = {
    "base 3d": (False, False),
    "base 2plus1d": (False, True),
    "causal 3d": (True, False),
    "stream 2plus1d": (True, True),
}
"""Whether a network is causal, and whether its convolutions are split."""


class Port:
    """A network of the port as one of `movinet.comparison`; its states are inside it."""

    def __init__(self, model_id: str, causal: bool, split: bool) -> None:
        from movinets.config import _C
        from movinets.models import MoViNet

        self.model = MoViNet(
            getattr(_C.MODEL, f"MoViNet{model_id.upper()}"),
            causal=causal,
            conv_type="2plus1d" if split else "3d",
            num_classes=NUM_CLASSES,
            tf_like=_TF_LIKE.value,
        ).eval()

    def __call__(self, inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Begins a new video where there are no states, as ours do."""
        import torch

        if len(inputs) == 1:
            self.model.clean_activation_buffers()
        clip = torch.from_numpy(inputs["image"].numpy()).permute(0, 4, 1, 2, 3)
        with torch.inference_mode():
            return self.model(clip).numpy(), {"states": "inside"}

    def load(self, path: pathlib.Path) -> None:
        """Loads a state dict as its users do."""
        import safetensors.torch
        import torch

        whole = path.suffix == ".pt"
        values = torch.load(path, weights_only=True) if whole else safetensors.torch.load_file(path)
        self.model.load_state_dict(values, strict=True)

    def randomise(self, path: pathlib.Path) -> None:
        """Gives every tensor random values, as ours get them, and saves the state dict."""
        import numpy as np
        import torch

        generator = np.random.default_rng(3)
        for name, tensor in self.model.state_dict().items():
            shape, fan = tuple(tensor.shape), int(np.prod(tensor.shape[1:]))
            if tensor.dtype == torch.int64:
                value = np.asarray(12)
            elif name.endswith(("alpha", "norm.weight", "running_var")):
                value = generator.uniform(0.6, 1.4, shape)
            else:
                value = generator.normal(0, 0.2 if len(shape) < 2 else fan**-0.5, shape)
            tensor.copy_(torch.from_numpy(np.asarray(value)))
        torch.save(self.model.state_dict(), path)


def differences(model_id: str, causal: bool, split: bool, folder: pathlib.Path) -> Iterator[str]:
    """Yields the cells of a row for each image size."""
    import models

    import movinet
    from movinet import comparison
    from movinet.checkpoints import foreign, pytorch

    name = model_id if _TF_LIKE.value else f"{model_id}_pytorch"
    network = pytorch.network_of(name, causal, split)
    backbone = movinet.Movinet(**network.backbone_arguments())
    ours, port = movinet.MovinetClassifier(backbone, NUM_CLASSES), Port(model_id, causal, split)
    count = _FRAMES.value
    cuts = [[count], [1] * count] if causal else [[count]]
    videos = [
        comparison.random_video((2, count, int(size), int(size), 3)) for size in _PIXELS.value
    ]

    def compare(video: Any, expected: Any = port) -> str:
        return f"{comparison.compare(expected, ours.run, video, cuts).relative:.1e}"

    written = []
    models.randomise(ours)
    network = foreign.network_of(ours)
    for suffix in (".pt", ".safetensors"):
        path = folder / f"ours{suffix}"
        pytorch.write(path, foreign.read(ours, network), network)
        port.load(path)
        written.append([compare(video) for video in videos])
    saved = folder / "port"
    port.randomise(saved)
    source = pytorch.read(saved, tf_like=_TF_LIKE.value)
    foreign.assign(ours, source.network, foreign.values(source))

    def backwards(inputs: Mapping[str, Any]) -> Any:
        return port({**inputs, "image": inputs["image"][:, :, ::-1, ::-1] * 0.9})

    for index, video in enumerate(videos):
        cells = [rows[index] for rows in written] + [compare(video), compare(video, backwards)]
        yield " | ".join(cells)


def main(_: list[str]) -> None:
    """Prints the table."""
    from benchmarks import pytorch_port

    pytorch_port.check(_PYTORCH.value)
    sys.path.insert(0, os.path.abspath(_PYTORCH.value))
    print("| network | pixels | written .pt | written .safetensors | read | control |")
    print("|---|---|---|---|---|---|", flush=True)
    for model_id in _MODEL_IDS.value:
        for case, (causal, split) in CASES.items():
            with tempfile.TemporaryDirectory() as folder:
                rows = differences(model_id, causal, split, pathlib.Path(folder))
                for size, row in zip(_PIXELS.value, rows, strict=True):
                    print(f"| {model_id} {case} | {size} | {row} |", flush=True)


if __name__ == "__main__":
    app.run(main)

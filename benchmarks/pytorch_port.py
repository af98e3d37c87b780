"""The PyTorch port (https://github.com/Atze00/MoViNet-pytorch), from a checkout of the user's.

It runs in processes of its own, since PyTorch and TensorFlow would share threads, with random
weights of its own, since speed does not depend on them.
"""

import importlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.results import Line, compare
from benchmarks.settings import BASE, BATCH_SIZE, CLIP_FRAMES, MOBILE_STREAM, Settings
from benchmarks.timing import turns
from movinet.errors import InputError


def jobs(settings: Settings, model_id: str, case: str) -> list[Any]:
    """Returns the process that measures the port on the work of a case, if there is a checkout."""
    from benchmarks.jobs import Job

    if not settings.pytorch:
        return []
    arguments = {"model_id": model_id, "case": case}
    words = f"{case}, PyTorch port"
    return [Job(__name__, model_id, words, 15, settings.threads, arguments)]


def check(folder: str) -> None:
    """Raises InputError if the folder is no checkout of the port."""
    if folder and not (pathlib.Path(folder) / "movinets" / "models.py").is_file():
        raise InputError(
            f"--pytorch: there is no movinets/models.py in {folder}; name a checkout of "
            "github.com/Atze00/MoViNet-pytorch."
        )


def measure(settings: Settings, model_id: str, case: str) -> list[Line]:
    """Times the port on the work of a case; the lines merge with those of that case."""
    import torch

    torch.set_num_threads(settings.threads)
    found = importlib.import_module(f"benchmarks.cases.{case}")
    layout = MOBILE_STREAM if case == "saved_model" else BASE
    size = settings.preset(model_id, layout).image_size
    call = _CALLS[case](_build(settings, model_id, layout), size)
    slow = case == "training"
    rounds = 3 if slow else settings.repeats
    samples = turns({"pytorch": call}, rounds=rounds, runs=3, warm_up=2)
    return compare(samples, scale=1e3, **found.line(settings, model_id, layout))


def _build(settings: Settings, model_id: str, layout: str) -> Any:
    """The port's network; `tf_like` gives it the padding of the official one."""
    sys.path.insert(0, settings.pytorch)
    config = importlib.import_module("movinets.config")._C
    network = importlib.import_module("movinets.models").MoViNet
    causal, conv_type = layout == MOBILE_STREAM, layout.split()[1]
    published = getattr(config.MODEL, f"MoViNet{model_id.upper()}")
    return network(published, causal=causal, conv_type=conv_type, tf_like=True, num_classes=600)


def _clip(model: Any, size: int) -> Callable[[], Any]:
    return _inference(model, size, CLIP_FRAMES)


def _frame(model: Any, size: int) -> Callable[[], Any]:
    return _inference(model, size, 1)


def _inference(model: Any, size: int, frames: int) -> Callable[[], Any]:
    import torch

    model.eval()
    clip = torch.rand(1, 3, frames, size, size)

    @torch.inference_mode()
    def run() -> Any:
        return model(clip)

    return run


def _step(model: Any, size: int) -> Callable[[], Any]:
    import torch

    model.train()
    clips, labels = torch.rand(BATCH_SIZE, 3, CLIP_FRAMES, size, size), torch.arange(BATCH_SIZE)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

    def run() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(clips), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


_CALLS = {"clip": _clip, "training": _step, "saved_model": _frame}

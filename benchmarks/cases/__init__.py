"""What is measured, one module a kind of work.

A case has `jobs(settings)`, its processes, and `measure(settings, ...)`, which does the work of one
of them and returns its lines. What is measured against what stands in its table of subjects.
"""

import importlib
from collections.abc import Callable, Sequence

from benchmarks import pytorch_port
from benchmarks.jobs import Job
from benchmarks.settings import LAYOUTS, Settings

FLOOR = "matrix"
NAMES = (
    "clip",
    "training",
    "export",
    "saved_model",
    "litert",
    "input_pipeline",
    "training_memory",
    "length_memory",
    "help",
)
"""The cases in the order of the table."""


def jobs(names: Sequence[str], settings: Settings) -> list[Job]:
    """Returns the processes of some cases, and those of the floor that all are compared with."""
    found = []
    for name in (FLOOR, *(name for name in NAMES if name in names)):
        module = importlib.import_module(f"{__name__}.{name}")
        found += module.jobs(settings)
    return found


def jobs_of_layouts(
    case: str, settings: Settings, seconds: Callable[[str, str], float]
) -> list[Job]:
    """Returns a process for each layout of each model, and those of the PyTorch port.

    Args: seconds: that a model in a layout is expected to take.
    """
    found = []
    for model_id in settings.model_ids:
        for layout in LAYOUTS:
            arguments = {"model_id": model_id, "layout": layout}
            expected, words = seconds(model_id, layout), f"{case}, {layout}"
            module = f"{__name__}.{case}"
            found.append(Job(module, model_id, words, expected, settings.threads, arguments))
        found += pytorch_port.jobs(settings, model_id, case)
    return found

"""What is measured, one module a kind of work.

A case has `jobs(settings)`, its processes, and `measure(settings, ...)`, which does the work of one
of them and returns its lines. What is measured against what stands in its table of subjects.
"""

import importlib
from collections.abc import Sequence

from benchmarks.jobs import Job
from benchmarks.settings import Settings

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

"""Mobile Video Networks (https://arxiv.org/abs/2103.11511): video classifiers for phones.

Names are imported on first use: `import movinet` costs nothing, and tools that need no TensorFlow
never load it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from movinet.version import __version__

if TYPE_CHECKING:
    from movinet.architectures import ARCHITECTURES, Architecture
    from movinet.backbone import Movinet
    from movinet.classifier import MovinetClassifier
    from movinet.errors import InputError
    from movinet.presets import PRESETS, Preset

_HOMES = {
    "ARCHITECTURES": "movinet.architectures",
    "Architecture": "movinet.architectures",
    "InputError": "movinet.errors",
    "Movinet": "movinet.backbone",
    "MovinetClassifier": "movinet.classifier",
    "PRESETS": "movinet.presets",
    "Preset": "movinet.presets",
}

__all__ = [
    "ARCHITECTURES",
    "PRESETS",
    "Architecture",
    "InputError",
    "Movinet",
    "MovinetClassifier",
    "Preset",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'movinet' has no attribute {name!r}")

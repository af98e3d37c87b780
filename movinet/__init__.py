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
    from movinet.ensemble import Ensemble
    from movinet.ensemble_member import Member
    from movinet.errors import InputError
    from movinet.presets import PRESETS, Preset
    from movinet.pretrained import load

_HOMES = {
    "ARCHITECTURES": "movinet.architectures",
    "Architecture": "movinet.architectures",
    "Ensemble": "movinet.ensemble",
    "InputError": "movinet.errors",
    "Member": "movinet.ensemble_member",
    "Movinet": "movinet.backbone",
    "MovinetClassifier": "movinet.classifier",
    "PRESETS": "movinet.presets",
    "Preset": "movinet.presets",
    "load": "movinet.pretrained",
}

__all__ = [
    "ARCHITECTURES",
    "PRESETS",
    "Architecture",
    "Ensemble",
    "InputError",
    "Member",
    "Movinet",
    "MovinetClassifier",
    "Preset",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'movinet' has no attribute {name!r}")

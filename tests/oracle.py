"""The official implementation as an oracle: how tests load and run it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from official.core import exp_factory

from movinet.architectures import ARCHITECTURES


@contextlib.contextmanager
def _official_registrations_apart() -> Iterator[None]:
    """Drops what the official package registers: the experiment names are ours in this process."""
    registry = exp_factory._REGISTERED_CONFIGS
    ours = dict(registry)
    registry.pop("movinet_kinetics600", None)
    try:
        yield
    finally:
        registry.clear()
        registry.update(ours)


with _official_registrations_apart():
    from official.projects.movinet.modeling import movinet as official_movinet
    from official.projects.movinet.modeling import movinet_model


def build(model_id: str, num_classes: int, output_states: bool = False, **choices: Any) -> Any:
    """Builds the official classifier; `model_id` may be one that only tests know."""
    with _architecture(model_id):
        backbone = official_movinet.Movinet(model_id, **choices)
        return movinet_model.MovinetClassifier(backbone, num_classes, output_states=output_states)


@contextlib.contextmanager
def _architecture(model_id: str) -> Iterator[None]:
    """Describes an architecture of ours in the official words while a network is built."""
    specs = official_movinet.BLOCK_SPECS
    if model_id in specs:
        yield
        return
    architecture = ARCHITECTURES[model_id]
    stem, head = architecture.stem, architecture.head
    blocks = [
        official_movinet.MovinetBlockSpec(
            base_filters=block.filters,
            expand_filters=tuple(width for _, width in block.layers),
            kernel_sizes=tuple(kernel for kernel, _ in block.layers),
            strides=tuple(
                (1, block.stride, block.stride) if index == 0 else (1, 1, 1)
                for index in range(len(block.layers))
            ),
        )
        for block in architecture.blocks
    ]
    specs[model_id] = (
        official_movinet.StemSpec(stem.filters, stem.kernel_size, (1, stem.stride, stem.stride)),
        *blocks,
        official_movinet.HeadSpec(head.project_filters, head.head_filters),
    )
    try:
        yield
    finally:
        del specs[model_id]

"""A published variant with weights of any kind, ready for use."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TypeAlias

from movinet.checkpoints import foreign
from movinet.checkpoints.importing import Imported
from movinet.classifier import MovinetClassifier
from movinet.data import kinetics_labels
from movinet.ensemble import Ensemble
from movinet.errors import InputError
from movinet.export import converted, ensemble_folder, sources
from movinet.model_info import ModelInfo
from movinet.presets import ENSEMBLES, PRESETS

StrPath: TypeAlias = str | os.PathLike[str]
_KINETICS = 600


def load(
    preset: str,
    weights: StrPath | Sequence[StrPath] | None = None,
    *,
    num_classes: int | None = None,
    labels: str | Sequence[str] | None = None,
) -> MovinetClassifier | Ensemble:
    """Returns a published variant with the right settings and, if given, weights.

    Its `info` (`movinet.model_info.ModelInfo`) holds labels and how to feed it video. The model is
    ready for `predict`, `fit`, `stream()`, and the exports, which take
    `movinet.export.sources.Source(model, model.info)`.

    Args:
      preset: such as `a0_stream`, or an ensemble, such as `a6_base`.
      weights: whatever `tools/convert_weights.py` reads, or what it wrote; None for random ones.
        Those of each member in order for an ensemble.
      num_classes: number of logits; that of the weights, else 600, if None. If the weights are of
        another number, the last layer starts anew: what fine-tuning begins with.
      labels: class names in index order, a file of them, or `kinetics400` or `kinetics600`; those
        of the weights, or of Kinetics if there are 400 or 600 classes, if None.

    Raises:
      InputError: there is no such variant, the weights are damaged or of another one, or the labels
        are not as many as the classes.
      VerificationError: the weights compute something else here than in their own form.
    """
    if preset in ENSEMBLES:
        return _load_ensemble(preset, weights, num_classes, labels)
    if preset not in PRESETS:
        known = ", ".join((*PRESETS, *ENSEMBLES))
        raise InputError(f"No variant {preset!r}; choose one of {known}.")
    if weights is None:
        source = sources.from_preset(
            preset, num_classes=num_classes or _KINETICS, allow_random=True
        )
        model, info = source.model, source.info
    elif isinstance(weights, str | os.PathLike):
        model, info = _read(preset, os.fspath(weights), num_classes)
    else:
        raise InputError(f"{preset} is one model, not an ensemble: give one path of weights.")
    if labels or not info.labels:
        info = dataclasses.replace(info, labels=kinetics_labels.choose(labels, info.num_classes))
    model.info = info
    return model


def _load_ensemble(
    preset: str,
    weights: StrPath | Sequence[StrPath] | None,
    num_classes: int | None,
    labels: str | Sequence[str] | None,
) -> Ensemble:
    names = [member.name for member in ENSEMBLES[preset].members]
    paths = [None] * len(names) if weights is None else weights
    if isinstance(paths, str | os.PathLike) or len(paths) != len(names):
        raise InputError(f"{preset} is made of {' and '.join(names)}: give the weights of each.")
    members = [
        load(name, path, num_classes=num_classes, labels=labels)
        for name, path in zip(names, paths, strict=True)
    ]
    return ensemble_folder.from_preset(preset, members)


def _read(
    preset: str, weights: str, num_classes: int | None
) -> tuple[MovinetClassifier, ModelInfo]:
    imported = converted.read(weights)
    if imported.network.name != preset:
        raise InputError(f"{weights} holds weights of {imported.network.name}, not of {preset}.")
    if num_classes and num_classes != imported.network.num_classes:
        model = _with_new_logits(imported, num_classes)
        return model, dataclasses.replace(
            converted.describe(imported), num_classes=num_classes, labels=()
        )
    return imported.model, converted.describe(imported)


def _with_new_logits(imported: Imported, num_classes: int) -> MovinetClassifier:
    """A model with all of the weights but those of the last layer, which are random."""
    model = MovinetClassifier.from_config(
        {**imported.model.get_config(), "num_classes": num_classes}
    )
    values = foreign.read(imported.model, imported.network)
    kept = {weight: value for weight, value in values.items() if weight.part != "classifier"}
    network = dataclasses.replace(imported.network, num_classes=num_classes)
    foreign.assign(model, network, kept)
    return model

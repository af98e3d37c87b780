"""From weights of any kind that is known to a model of ours that computes the same.

Each kind has a reader with two functions: `recognises(path)`, and `read(path)`, which returns a
`foreign.Source`.
"""

import contextlib
import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from movinet import comparison
from movinet.backbone import Movinet
from movinet.checkpoints import (
    archives,
    foreign,
    gates,
    official,
    paddle,
    pytorch,
    saved_models,
    tflite,
)
from movinet.checkpoints.foreign import Source
from movinet.checkpoints.weights import Network, Weight
from movinet.classifier import MovinetClassifier
from movinet.comparison import Difference
from movinet.errors import InputError

KINDS = (
    "a checkpoint, a SavedModel folder, a .tflite file, a state dict (.pt, .pth, .safetensors), a "
    ".pdparams file, or an archive (.tar.gz, .zip) of one of these"
)
# The first that recognises a path reads it.
_READERS: tuple[Any, ...] = (paddle, pytorch, tflite, saved_models, official)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a network computes that its weights do not tell.

    Attributes:
      classifier_activation: of the classifier's hidden layer.
      gate_slope: of hard sigmoids (`gates`).
    """

    classifier_activation: str
    gate_slope: float = gates.OURS

    def __str__(self) -> str:
        slope = "" if self.gate_slope == gates.OURS else f" with gates of slope {self.gate_slope:g}"
        return f"{self.classifier_activation}{slope}"


@dataclasses.dataclass(frozen=True)
class Imported:
    """A model with the weights of a source, and how far it was compared with it.

    Attributes:
      model: in the layout of the source.
      network: that it is; its `classifier_activation` is the one that was found.
      source: what was read.
      differences: between the logits of the running source and of the model, for each choice that
        was tried, the best first; none if the source cannot be run.
      allowed: weights that were let pass.
    """

    model: MovinetClassifier
    network: Network
    source: Source
    differences: dict[Choice, Difference]
    allowed: tuple[str, ...]


def read(
    path: str,
    *,
    allowed: Collection[str] = (),
    classifier_activation: str = "",
    gate_slope: float | None = None,
    tf_like: bool = True,
    say: Callable[[str], None] = lambda words: None,
) -> Imported:
    """Reads weights of any kind, and compares the model that they make with their source.

    Args:
      path: to what KINDS names.
      allowed: names of weights that may be unknown, missing or misshapen; those stay random.
      classifier_activation: of the classifier's hidden layer; '' for what the running source
        computes or, where it cannot be run, for what is documented.
      gate_slope: of the source's hard sigmoids; None for what the running source computes or, where
        it cannot be run, for that of the Model Garden.
      tf_like: whether a network of the PyTorch port pads as TensorFlow does, as its published
        weights were trained.
      say: is told what takes long.

    Raises:
      InputError: the path is of no kind that is known, is damaged, or does not fit any network.
      VerificationError: the model computes something else than the source.
    """
    with _opened(pathlib.Path(path)) as found:
        reader = _reader(found, path)
        say(f"reading {path} ...")
        source = reader.read(found, tf_like=tf_like) if reader is pytorch else reader.read(found)
        source = dataclasses.replace(source, path=path)
        values = foreign.values(source, allowed)
        choices = _choices(source, classifier_activation, gate_slope)
        if source.run is None:
            model = build(source, values, choices[0])
            return _imported(model, choices[0], source, {}, allowed)
        models, differences = compare(source, values, choices, say)
    best = min(models, key=lambda choice: differences[choice].relative)
    differences[best].check(source.tolerance)
    return _imported(models[best], best, source, differences, allowed)


def compare(
    source: Source,
    values: Mapping[Weight, np.ndarray],
    choices: list[Choice],
    say: Callable[[str], None],
) -> tuple[dict[Choice, MovinetClassifier], dict[Choice, Difference]]:
    """Runs a source and the model of each choice on the same random video, frame by frame if they
    stream; choices of another slope only where nothing else agrees.
    """
    assert source.run is not None
    runner = source.run()
    video = comparison.random_video(source.video_shape)
    num_frames = source.video_shape[1]
    cut = [1] * num_frames if source.network.causal else [num_frames]
    models: dict[Choice, MovinetClassifier] = {}
    differences: dict[Choice, Difference] = {}
    for _, alike in itertools.groupby(choices, key=lambda choice: choice.gate_slope):
        for choice in alike:
            say(f"running it and {source.network.name} with {choice} on the same random video ...")
            models[choice] = build(source, values, choice)
            differences[choice] = comparison.compare(runner, models[choice].run, video, [cut])
        if any(found.relative <= source.tolerance for found in differences.values()):
            break
    return models, differences


def build(source: Source, values: Mapping[Weight, np.ndarray], choice: Choice) -> MovinetClassifier:
    """Returns a model with the weights of a source. Raises InputError if there can be none."""
    network = source.network
    try:
        backbone = Movinet(**network.backbone_arguments())
        model = MovinetClassifier(
            backbone, network.num_classes, activation=choice.classifier_activation
        )
    except ValueError as error:
        raise InputError(f"{source.path}: {error}") from error
    if choice.gate_slope != gates.OURS:
        values = gates.convert(values, choice.gate_slope)
    foreign.assign(model, network, values)
    return model


def _choices(source: Source, classifier_activation: str, gate_slope: float | None) -> list[Choice]:
    """All that is to be tried, what is documented first."""
    activations = source.activations or (source.network.classifier_activation,)
    if classifier_activation:
        activations = (classifier_activation,)
    slopes: tuple[float, ...] = (gates.OURS,) if gate_slope is None else (gate_slope,)
    if gate_slope is None and source.network.gating_activation == "hard_sigmoid":
        slopes = (gates.OURS, gates.KERAS)
    return [Choice(activation, slope) for slope in slopes for activation in activations]


def _imported(
    model: MovinetClassifier,
    choice: Choice,
    source: Source,
    differences: dict[Choice, Difference],
    allowed: Collection[str],
) -> Imported:
    network = dataclasses.replace(
        source.network, classifier_activation=choice.classifier_activation
    )
    ordered = sorted(differences, key=lambda other: other != choice)
    found = {choice: differences[choice] for choice in ordered}
    return Imported(model, network, source, found, tuple(allowed))


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The path, or what an archive at the path holds, for as long as it is needed."""
    if archives.recognises(path):
        with archives.opened(path) as folder:
            yield archives.find(folder)
    else:
        yield path


def _reader(path: pathlib.Path, named: str) -> Any:
    for reader in _READERS:
        if reader.recognises(path):
            return reader
    if not path.exists():
        raise InputError(f"There is no {named}: name {KINDS}.")
    raise InputError(f"{named} holds no weights of a kind that is known: name {KINDS}.")

"""What the recipes in configs/ say of themselves, and what a run of one costs.

A recipe opens with comments: what it is, a blank one, its command, and paragraphs that begin with
`Published:`, `Cost:` and further words.
"""

import dataclasses
import os
import pathlib
import re

from official.core import config_definitions

from movinet import complexity
from movinet.errors import InputError
from movinet.presets import PRESETS
from movinet.training import configuration

FOLDER = pathlib.Path(__file__).parents[2] / "configs"

_RATE = 10e12
_ACCURACY = re.compile(r"Published: ([\d.]+ % [^(]+?) \(")
_FLAG = re.compile(r"--(\w+)=(\"[^\"]*\"|\S+)")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe as its file and its configuration give it.

    name: of the file. flags: of the command in its comments. published: accuracy, and of what; '-'
    when there is none. stated_cost: the paragraph in its comments. config: with its defaults.
    """

    name: str
    flags: dict[str, str]
    published: str
    stated_cost: str
    config: config_definitions.ExperimentConfig


@dataclasses.dataclass(frozen=True)
class Cost:
    """What training takes: clips, and operations, a multiply-add counting as two.

    A step is three forward passes, one when only the classifier is trained; evaluation, norms and
    activations are not counted.
    """

    clips: int
    operations: float

    def __str__(self) -> str:
        return (
            f"{self.clips:,} clips, {self.operations:.1e} operations: "
            f"{_duration(self.operations / _RATE)} at {_RATE / 1e12:.0f} TFLOP/s"
        )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def read(path: str | os.PathLike[str]) -> Recipe:
    """Reads a recipe and applies it to its experiment. Raises InputError."""
    path = pathlib.Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
    flags = {name: value.strip('"') for name, value in _FLAG.findall(comments)}
    if "experiment" not in flags:
        raise InputError(f"{path} names no --experiment in its comments.")
    accuracy = _ACCURACY.search(comments)
    stated = re.search(r"Cost: (.*?)\.(?= |$)", comments)
    return Recipe(
        name=path.name,
        flags=flags,
        published=accuracy[1] if accuracy else "-",
        stated_cost=stated[1] if stated else "",
        config=configuration.load_experiment(flags["experiment"], [str(path)]),
    )


def read_all() -> list[Recipe]:
    """The recipes of configs/ that train a named architecture, by name."""
    return [read(path) for path in sorted(FOLDER.glob("movinet_*.yaml"))]


def cost(config: config_definitions.ExperimentConfig) -> Cost:
    """What the run described by `config` takes."""
    data, backbone = config.task.train_data, config.task.model.backbone.movinet
    variant = f"{backbone.model_id}_{'stream' if backbone.causal else 'base'}"
    num_frames, image_size, _, _ = data.feature_shape
    preset = dataclasses.replace(
        PRESETS[variant], image_size=image_size, conv_type=backbone.conv_type
    )
    forward = 2 * complexity.count(preset, data.num_classes).multiply_adds(num_frames)
    clips = config.trainer.train_steps * data.global_batch_size
    return Cost(clips, clips * forward * (1 if config.task.freeze_backbone else 3))


def row(recipe: Recipe) -> str:
    """The recipe's line in the table of docs/recipes.md."""
    config, total = recipe.config, cost(recipe.config)
    shapes = [
        " x ".join(str(size) for size in data.feature_shape[:3])
        for data in (config.task.train_data, config.task.validation_data)
    ]
    cells = (
        f"[{recipe.name}](../configs/{recipe.name})",
        recipe.flags["experiment"].removeprefix("movinet_"),
        *shapes,
        f"{config.task.train_data.global_batch_size:,}",
        f"{config.trainer.train_steps:,}",
        recipe.published,
        f"{total.operations:.1e}",
    )
    return f"| {' | '.join(cells)} |"

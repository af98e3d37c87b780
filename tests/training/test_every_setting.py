"""Every setting of the configuration, however deep: a misspelt name, each wrong type, and each
right one, from YAML and from --params_override."""

import dataclasses
import math
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from official.modeling import hyperparams

from movinet import InputError
from movinet.training import configuration, experiments, overrides, ranges
from movinet.yaml_files import Settings

# As --params_override has it, and as it must arrive.
SAMPLES = {
    "nothing": ("", None),
    "flag": ("true", True),
    "whole": ("1", 1),
    "number": ("5e-1", 0.5),
    "no number": (".nan", math.nan),
    "word": ("'a=b, {c'", "a=b, {c"),
    "empty": ("[]", []),
    "words": ('[é, "b, c=d"]', ["é", "b, c=d"]),
    "wholes": ("[0, 1]", [0, 1]),
    "numbers": ("[.5, 0.25]", [0.5, 0.25]),
    "triple": ("[0.5, 1, 0]", [0.5, 1.0, 0.0]),
    "flags": ("[true, false]", [True, False]),
    "mixture": ("[1, a]", [1, "a"]),
    "gaps": ("[1, ~]", [1, None]),
    "lists": ("[[1, a], [.5]]", [[1, "a"], [0.5]]),
    "group": ("{a: {b: [1, 2]}}", {"a": {"b": [1, 2]}}),
    "groups": ("[{a: 1}, {}]", [{"a": 1}, {}]),
    "empty group": ("{}", {}),
}
# The samples that a setting takes, by its annotation; all others must be refused.
TAKES = {
    "bool": {"flag"},
    "int": {"whole"},
    "float": {"whole", "number"},
    "str": {"word"},
    "Optional[bool]": {"nothing", "flag"},
    "Optional[int]": {"nothing", "whole"},
    "Optional[float]": {"nothing", "whole", "number"},
    "Optional[str]": {"nothing", "word"},
    "List[str]": {"empty", "words"},
    "Optional[List[str]]": {"nothing", "empty", "words"},
    "Optional[List[int]]": {"nothing", "empty", "wholes"},
    "Optional[List[float]]": {"nothing", "empty", "wholes", "numbers", "triple"},
    "Optional[Tuple[str, ...]]": {"nothing", "empty", "words"},
    "Optional[Tuple[int, ...]]": {"nothing", "empty", "wholes"},
    "Tuple[int, ...]": {"empty", "wholes"},
    "tuple[float, float]": {"wholes", "numbers"},
    "Optional[tuple[float, float, float]]": {"nothing", "triple"},
    "Union[str, float, NoneType]": {"nothing", "word", "whole", "number"},
    "Union[str, tuple[str, ...]]": {"word", "empty", "words"},
    # A mapping from names to paths, which this trainer does not read.
    "Union[str, official.modeling.hyperparams.base_config.Config]": {"word"},
    "a type": set(),
    "a type or nothing": {"nothing"},
    "a group": {"empty group"},
    "a group or nothing": {"empty group", "nothing"},
    "groups": {"empty"},
    "four groups": set(),
}


class Setting(NamedTuple):
    """A setting. types: the choices that lead to it, as (group, type)."""

    path: tuple[str, ...]
    annotation: str
    default: Any
    types: tuple[tuple[tuple[str, ...], str], ...]

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def takes(self) -> set[str]:
        return TAKES[self.annotation] | ({"nothing"} if self.default is None else set())

    def nested(self, value: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for path, item in ((self.path, value), *(((*g, "type"), kind) for g, kind in self.types)):
            for part in reversed(path):
                item = [item, {}, {}, {}] if part == "0" else {part: item}
            merge(values, item)
        return values

    def override(self, text: str) -> list[str]:
        path = self.path
        if "0" in path:
            item = path.index("0")
            path, text = path[:item], f"[{{{path[-1]}: {text}}}, {{}}, {{}}, {{}}]"
        pairs = [f"{'.'.join(group)}.type={kind}" for group, kind in self.types]
        return [*pairs, f"{'.'.join(path)} = {text}"]


def merge(values: dict[str, Any], others: dict[str, Any]) -> None:
    for name, value in others.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            merge(values[name], value)
        else:
            values[name] = value


def settings(config: Any, turn: int, path=(), types=()) -> Iterator[Setting]:
    """All settings below `config` where each choice falls on its `turn`-th (round and round)."""
    annotations = typing.get_type_hints(type(config))
    names = [field.name for field in dataclasses.fields(config)]
    if isinstance(config, hyperparams.OneOfConfig):
        choices = [name for name in names if name != "type"]
        names = [choices[turn % len(choices)]]
        kind = "a type" if annotations["type"] is str else "a type or nothing"
        yield Setting((*path, "type"), kind, config.type, types)
        types = (*types, (path, names[0]))
    for name in names:
        here, value, annotation = (*path, name), getattr(config, name), annotations[name]
        members = typing.get_args(annotation)
        classes = [kind for kind in (annotation, *members) if is_group(kind)]
        if not classes:
            text = getattr(annotation, "__name__", "") if isinstance(annotation, type) else ""
            text = text if text and not members else str(annotation).replace("typing.", "")
            yield Setting(here, text, value, types)
        elif isinstance(value, tuple):
            kind = "four groups" if len(members) == 4 else "groups"
            yield Setting(here, kind, value, types)
            yield from settings(classes[0](), turn, (*here, "0"), types)
        else:
            kind = "a group" if is_group(annotation) else "a group or nothing"
            yield Setting(here, kind, value, types)
            group = classes[0]() if value is None else value
            yield from settings(group, turn, here, types)


def is_group(kind: Any) -> bool:
    if not isinstance(kind, type) or typing.get_args(kind):
        return False
    return issubclass(kind, hyperparams.Config) and kind is not hyperparams.Config


CONFIG = experiments.movinet_kinetics600()
TURNS = [list(settings(CONFIG, turn)) for turn in range(13)]
ALL = {setting.name: setting for turn in TURNS for setting in turn}


def refusal(values: Settings) -> str:
    try:
        configuration.apply(CONFIG, values)
    except InputError as error:
        return str(error)
    return "accepted"


def found(config: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        config = config[int(part)] if part.isdigit() else getattr(config, part)
    return config


def arrived(setting: Setting, kind: str, config: Any) -> bool:
    value, wanted = found(config, setting.path), SAMPLES[kind][1]
    if kind == "empty group":
        return isinstance(value, hyperparams.Config)
    if "float" in setting.annotation and isinstance(wanted, int):
        return value == wanted and type(value) is float
    same_kind = isinstance(value, bool) == isinstance(wanted, bool)
    return (list(value) if isinstance(value, tuple) else value) == wanted and same_kind


def test_the_settings_are_all_of_them():
    """Those of each optimizer, of the augmentations that are off, and of groups in lists too."""
    assert len(ALL) > 500
    for name in (
        "task.train_data.aug_type.ssd_random_crop.ssd_random_crop_params.0.min_box_overlap",
        "task.model.backbone.resnet_3d_rs.block_specs.0.temporal_kernel_sizes",
        "trainer.optimizer_config.optimizer.adafactor_keras.relative_step",
        "trainer.optimizer_config.ema.average_decay",
        "task.differential_privacy_config.noise_multiplier",
    ):
        assert name in ALL


def typos(name: str) -> set[str]:
    middle = len(name) // 2
    start, letter, end = name[:middle], name[middle], name[middle + 1 :]
    return {start + letter + letter + end, start + end, start[:-1] + letter + start[-1] + end}


def test_a_misspelt_name_is_named_with_its_path_and_the_right_one():
    failures = []
    for setting in ALL.values():
        *parents, name = setting.path
        siblings = {other.path[-1] for other in ALL.values() if other.path[:-1] == tuple(parents)}
        for typo in typos(name) - siblings:
            wrong = setting._replace(path=(*parents, typo))
            sentence = refusal(Settings("f.yaml", wrong.nested(1)))
            wanted = f"f.yaml: {wrong.name}: no such setting; did you mean {name!r}?"
            if sentence != wanted:
                failures.append(f"{sentence} instead of {wanted}")
    assert not failures, "\n".join(failures)


def test_each_wrong_type_is_named_with_its_path():
    failures = []
    for setting in ALL.values():
        for kind in SAMPLES.keys() - setting.takes:
            text = ", ".join(setting.override(SAMPLES[kind][0]))
            sentence = refusal(overrides.parse(text))
            named = sentence.startswith(f"--params_override: {setting.name}")
            if not named or not ("expected" in sentence or "no such" in sentence):
                failures.append(f"{text}: {sentence}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("kind", sorted(set().union(*TAKES.values())))
def test_each_right_type_arrives(kind):
    failures, (text, value) = [], SAMPLES[kind]
    for turn in TURNS:
        taking = [setting for setting in turn if kind in setting.takes]
        alone = [s for s in taking if s.annotation.startswith(("a ", "groups")) or "0" in s.path]
        together = [setting for setting in taking if setting not in alone]
        groups = [together, *([setting] for setting in alone if ALL[setting.name] is setting)]
        for group in groups:
            values: dict[str, Any] = {}
            for setting in group:
                merge(values, setting.nested(value))
            config = configuration.apply(CONFIG, Settings("f.yaml", values))
            failures += [setting.name for setting in group if not arrived(setting, kind, config)]
    pairs = dict.fromkeys(pair for setting in together[-50:] for pair in setting.override(text))
    if pairs:
        config = configuration.apply(CONFIG, overrides.parse(",\n".join(pairs) + ",\n"))
        failures += [s.name for s in together[-50:] if not arrived(s, kind, config)]
    assert not failures, "\n".join(failures)


# Less than nothing means something for these alone.
SIGNED = {
    *("power", "beta_2_decay", "seed", "offset", "step_offset"),
    # Refused later, in words of their own.
    *("reference_batch_size", "frames"),
}


def test_numbers_that_make_no_sense_are_refused_everywhere():
    failures = []
    numbers = [s for s in ALL.values() if {"whole", "number"} & s.takes and "word" not in s.takes]
    for setting in numbers:
        name, wrong = setting.path[-1], {-2: SIGNED, math.inf: {"loss_upper_bound"}}
        if "number" not in setting.takes:
            wrong[2**31] = {"seed"}
        for number, taking in wrong.items():
            sentence = refusal(Settings("f.yaml", setting.nested(number)))
            if sentence.startswith(f"f.yaml: {setting.name}: expected a") != (name not in taking):
                failures.append(f"{setting.name}={number}: {sentence}")
    assert len(numbers) > 200 and not failures, "\n".join(failures)
    assert ranges._RANGES.keys() <= {setting.path[-1] for setting in ALL.values()}

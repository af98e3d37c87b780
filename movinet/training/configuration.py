"""Applies settings onto an experiment's dataclasses, checking every name and type on the way.

The Model Garden's own `override` takes any value for any field and any name below an optional
field; here each mistake ends in one
sentence with the file, the line, the dotted path, and the nearest valid name.

A file may begin with `include: [other.yaml, ...]`, paths seen from its own folder: their settings
come first, in order, and its own win.
"""

import dataclasses
import difflib
import functools
import math
import os
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from official.core import config_definitions, exp_factory
from official.modeling import hyperparams

from movinet import yaml_files
from movinet.errors import InputError
from movinet.training import experiments, overrides, ranges, schedule
from movinet.yaml_files import Path, Settings

ConfigType = TypeVar("ConfigType", bound=hyperparams.Config)
_INCLUDE = "include"
# Files that include others twice each would be read without end.
_MOST_FILES = 100
_SHOWN = 3
_NOTHING = type(None)
_UNSET = object()


def load_experiment(
    experiment: str, config_files: Sequence[str] = (), params_override: str = ""
) -> config_definitions.ExperimentConfig:
    """The experiment's defaults, then each file in order, then `params_override`; the schedule
    last fitted to the batch if that is asked for (`schedule.fit_to_batch`). Raises InputError.
    """
    config = _find_experiment(experiment)
    sources = [yaml_files.load(path) for path in config_files]
    if params_override:
        sources.append(overrides.parse(params_override))
    for source in sources:
        found: list[Settings] = []
        _add_with_includes(source, (), found)
        for settings in found:
            config = apply(config, settings)
    return schedule.fit_to_batch(config)


def _find_experiment(name: str) -> config_definitions.ExperimentConfig:
    try:
        config = exp_factory.get_exp_config(name)
    except LookupError:
        config = None
    # The factory knows the Model Garden's own experiments too, which this trainer cannot run.
    if config is None or not isinstance(config.task, experiments.MovinetTaskConfig):
        known = [known for known in exp_factory._REGISTERED_CONFIGS if known.startswith("movinet_")]
        raise InputError(_end(f"--experiment={name}: no such experiment; {suggest(name, known)}"))
    return config


def _add_with_includes(
    settings: Settings, including: tuple[str, ...], found: list[Settings]
) -> None:
    """Adds what the settings include, in order, then they themselves. Raises InputError."""
    including = (*including, os.path.realpath(settings.source))
    if len(including) + len(found) > _MOST_FILES:
        raise InputError(
            f"{settings.place((_INCLUDE,))}: more than {_MOST_FILES} files are included."
        )
    values = dict(settings.values)
    included = values.pop(_INCLUDE, [])
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        place = settings.place((_INCLUDE,))
        raise InputError(f"{place}: expected a list of YAML files, got {_show(included)}.")
    for name in included:
        path = os.path.join(os.path.dirname(settings.source), name)
        if os.path.realpath(path) in including:
            raise InputError(f"{settings.place((_INCLUDE,))}: {name} includes itself.")
        _add_with_includes(yaml_files.load(path), including, found)
    found.append(dataclasses.replace(settings, values=values))


def apply(config: ConfigType, settings: Settings) -> ConfigType:
    """A copy of `config` with the settings applied. Raises InputError on the first that does not
    fit.
    """
    return _Application(settings).config(config, settings.values, ())


def suggest(name: str, valid: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: the nearest valid name, or all when none is
    near.
    """
    spelled = {option.lower(): option for option in sorted(valid)}
    near = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=0.6)
    if near:
        return f"did you mean {spelled[near[0]]!r}?"
    return f"valid are {', '.join(spelled.values())}"


def _find_below(config: hyperparams.Config, name: str) -> Iterator[Path]:
    """The paths of the settings of that name in the groups of `config`."""
    for field in dataclasses.fields(config):
        group = getattr(config, field.name)
        if isinstance(group, hyperparams.Config):
            if name in group.__dataclass_fields__:
                yield (field.name, name)
            yield from ((field.name, *found) for found in _find_below(group, name))


class _MisfitError(Exception):
    """A value that a type does not take; the message says what the type takes."""


class _Application:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def error(self, path: Path, problem: str) -> InputError:
        return InputError(_end(f"{self.settings.place(path)}: {problem}"))

    def config(self, config: ConfigType, values: dict[str, Any], path: Path) -> ConfigType:
        """A copy of `config` with `values` applied; new sub-configurations are made where there
        were none.
        """
        config_class: Any = type(config)
        annotations = _annotations(config_class)
        names = [field.name for field in dataclasses.fields(config)]
        changed = {}
        for name, value in values.items():
            here = (*path, name)
            if name not in names:
                below = [".".join((*path, *found)) for found in _find_below(config, name)][:_SHOWN]
                hint = f"did you mean {' or '.join(below)}?" if below else suggest(name, names)
                raise self.error(here, f"no such setting; {hint}")
            current = getattr(config, name)
            try:
                changed[name] = self.convert(annotations[name], value, current, here)
            except _MisfitError as misfit:
                raise self.error(here, f"expected {misfit}, got {_show(value)}") from None
        copy = config.replace()
        for name, value in changed.items():
            setattr(copy, name, value)
        if isinstance(copy, hyperparams.OneOfConfig):
            self.check_choice(copy, values, path)
        return copy

    def check_choice(
        self, config: hyperparams.OneOfConfig, values: dict[str, Any], path: Path
    ) -> None:
        choices = [field.name for field in dataclasses.fields(config) if field.name != "type"]
        if config.type is not None and config.type not in choices:
            raise self.error(
                (*path, "type"), f"no such type {config.type!r}; {suggest(config.type, choices)}"
            )
        for name in values:
            if name not in ("type", config.type):
                raise self.error(
                    (*path, name),
                    f"is set, but the type in use is {config.type!r}; set 'type: {name}' to use it",
                )

    def convert(self, annotation: Any, value: Any, current: Any, path: Path) -> Any:
        """`value` as `annotation` wants it. Raises _MisfitError naming what it wants."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if value is None and (current is None or _NOTHING in arguments):
            return None
        if origin in (typing.Union, types.UnionType):
            return self.convert_union(arguments, value, current, path)
        if isinstance(annotation, type) and issubclass(annotation, hyperparams.Config):
            return self.convert_config(annotation, value, current, path)
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return self.convert_sequence(origin, arguments, value, path)
        name = next(part for part in reversed(path) if not part.isdigit())
        return _convert_scalar(annotation, value, name)

    def convert_union(self, members: tuple[Any, ...], value: Any, current: Any, path: Path) -> Any:
        expected = []
        for member in members:
            # `Config` itself has no settings: it stands for a mapping, which nothing here reads.
            if member in (_NOTHING, hyperparams.Config):
                continue
            try:
                return self.convert(member, value, current, path)
            except _MisfitError as misfit:
                expected.append(str(misfit))
        raise _MisfitError(" or ".join(expected))

    def convert_config(self, annotation: type, value: Any, current: Any, path: Path) -> Any:
        start = current if isinstance(current, annotation) else annotation()
        if isinstance(value, str) and isinstance(start, hyperparams.OneOfConfig):
            value = {"type": value}
        if not isinstance(value, dict):
            raise _MisfitError("a group of settings")
        return self.config(start, value, path)

    def convert_sequence(
        self, origin: type, arguments: tuple[Any, ...], value: Any, path: Path
    ) -> Any:
        if not isinstance(value, list | tuple):
            raise _MisfitError("a list")
        kinds = [argument for argument in arguments if argument is not Ellipsis]
        if len(kinds) > 1 and len(kinds) != len(value):
            raise _MisfitError(f"a list of {len(kinds)} values")
        items = []
        for index, item in enumerate(value):
            here = (*path, str(index))
            kind = kinds[index] if len(kinds) > 1 else kinds[0]
            try:
                items.append(self.convert(kind, item, _UNSET, here))
            except _MisfitError as misfit:
                raise self.error(here, f"expected {misfit}, got {_show(item)}") from None
        return tuple(items) if issubclass(origin, tuple) else items


@functools.cache
def _annotations(config_class: Any) -> dict[str, Any]:
    return typing.get_type_hints(config_class)


def _convert_scalar(annotation: Any, value: Any, name: str) -> Any:
    if annotation is bool:
        if isinstance(value, bool):
            return value
        raise _MisfitError("true or false")
    if annotation is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return _in_range(value, name, whole=True)
        raise _MisfitError("a whole number")
    if annotation is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
            return float(_in_range(value, name, whole=False))
        raise _MisfitError("a number")
    if annotation is str:
        if isinstance(value, str):
            return value
        raise _MisfitError("a word (in quotes if it looks like a number)")
    raise _MisfitError(f"a value of type {annotation}")


def _in_range(value: float, name: str, *, whole: bool) -> float:
    allowed = ranges.find(name, whole=whole)
    if not allowed.least <= value <= allowed.most:
        raise _MisfitError(f"a {'whole ' if whole else ''}number {allowed}")
    return value


def _end(sentence: str) -> str:
    return sentence if sentence.endswith(("?", ".")) else f"{sentence}."


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def save(path: str, config: hyperparams.Config) -> None:
    """Writes the whole configuration as plain YAML that `--config_file` takes."""
    yaml_files.save(path, config.as_dict())

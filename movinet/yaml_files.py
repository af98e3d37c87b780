"""Reads and writes plain YAML: data only, each key once, numbers as people write them.

Every value keeps the line it came from, so that an error can name it. Tags that build Python
objects are refused; the official
recipes' `!!python/tuple` is read as a list. Plain scalars follow YAML 1.2 (`1e-3` is a number, `no`
and `off` are words).
"""

import dataclasses
import os
import pathlib
import re
from typing import Any, TypeAlias

import yaml

from movinet import files
from movinet.errors import InputError

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 40

Path: TypeAlias = tuple[str, ...]

_SCALARS: dict[str, tuple[str, str]] = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", "~nN\0"),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "tag:yaml.org,2002:merge": (r"<<", "<"),
}
_SEQUENCES = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:python/tuple")


@dataclasses.dataclass(frozen=True)
class Settings:
    """A mapping read from `source`, with the line of each of its values (none for a command
    line).
    """

    source: str
    values: dict[str, Any]
    lines: dict[Path, int] = dataclasses.field(default_factory=dict)

    def place(self, path: Path) -> str:
        """The words that lead a user to a value: file, line, and dotted path."""
        line = self.lines.get(path)
        where = f"{self.source}, line {line}" if line else self.source
        return f"{where}: {'.'.join(path)}" if path else where


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict = {}


class _Dumper(yaml.SafeDumper):
    """Writes lists in one line and quotes every word that any reader could take for a number."""

    yaml_implicit_resolvers = {
        first: list(resolvers)
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, (_pattern, _first) in _SCALARS.items():
    _first_letters = ["" if letter == "\0" else letter for letter in _first]
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first_letters)
    _Dumper.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), _first_letters)
_Dumper.add_representer(
    list,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)


class _Reader:
    """Turns one document's nodes into plain values, counting them as aliases are expanded."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.count = 0

    def refuse(self, node: yaml.Node, problem: str) -> InputError:
        return InputError(f"{self.source}, line {node.start_mark.line + 1}: {problem}.")

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise self.refuse(
                node, f"the file expands to more than {MAX_VALUES} values or {MAX_DEPTH} levels"
            )
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag in _SEQUENCES:
            return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        raise self.refuse(
            node, f"the tag {node.tag!r} is not plain data; write the value without it"
        )

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                sources = (
                    value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                )
                for source in sources:
                    if not isinstance(source, yaml.MappingNode):
                        raise self.refuse(key_node, "'<<' can only merge a mapping")
                    merged = {**self.value(source, path), **merged}
                continue
            if key_node.tag != "tag:yaml.org,2002:str":
                raise self.refuse(
                    key_node, f"the key {getattr(key_node, 'value', '')!r} is not a name"
                )
            key = key_node.value
            if key in own:
                raise self.refuse(key_node, f"{'.'.join((*path, key))} is set twice; keep one")
            own[key] = self.value(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return {**merged, **own}

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text = node.value
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if len(text) < 32:
                return int(text)
            case "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        raise self.refuse(
            node, f"the value {text[:40]!r} with the tag {node.tag!r} is not plain data"
        )


def parse(text: str, source: str) -> Any:
    """The plain value written in `text`; `source` is named in errors (InputError)."""
    return _parse(text, source)[0]


def parse_settings(text: str, source: str) -> Settings:
    """The mapping written in `text`. Raises InputError on anything but a plain mapping."""
    values, lines = _parse(text, source)
    if not isinstance(values, dict):
        what = "is empty" if values is None else "does not hold a mapping"
        raise InputError(
            f"{source} {what}; expected settings such as 'trainer: {{train_steps: 100}}'."
        )
    return Settings(source, values, lines)


def load(path: str | os.PathLike[str]) -> Settings:
    """The mapping in the file `path`. Raises InputError when it cannot be read or is not a plain
    mapping.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise InputError(
            f"{path} is larger than {MAX_BYTES >> 20} MiB; that is no configuration file."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    return parse_settings(text, str(path))


def save(path: str | os.PathLike[str], values: dict[str, Any]) -> None:
    """Writes `values` so that `load` gives them back; tuples become lists."""
    text = yaml.dump(_plain(values), Dumper=_Dumper, default_flow_style=False, sort_keys=True)
    files.write_text(pathlib.Path(path), text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _parse(text: str, source: str) -> tuple[Any, dict[Path, int]]:
    reader = _Reader(source)
    try:
        node = yaml.compose(text, Loader=_Loader)
        return (None if node is None else reader.value(node, ())), reader.lines
    except RecursionError:
        raise InputError(f"{source} is nested more than {MAX_DEPTH} levels deep.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{source}{where}: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source} is not YAML: {str(error).splitlines()[0]}.") from None

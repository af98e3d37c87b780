"""Reads and writes plain YAML: data only, each key once, numbers as people write them.

Every value keeps the line it came from, so that an error can name it. Tags that build Python
objects are refused; the official recipes' `!!python/tuple` is read as a list. Plain scalars follow
YAML 1.2 (`1e-3` is a number, `no` and `off` are words).
"""

import dataclasses
import errno
import os
import pathlib
import re
import stat
from typing import Any, TypeAlias

import yaml

from movinet import files
from movinet.errors import InputError

# Ten times what the largest configuration takes, and read in less than a second.
MAX_BYTES = 1 << 17
MAX_VALUES = 10_000
MAX_DEPTH = 40
MAX_NAME = 100

Path: TypeAlias = tuple[str, ...]

_PREFIX = "tag:yaml.org,2002:"
_SCALARS: dict[str, tuple[str, str]] = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+", "-+0123456789"),
    "float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}
_PATTERNS = {kind: re.compile(f"(?:{pattern})\\Z") for kind, (pattern, _) in _SCALARS.items()}
_MAPPING, _WORD, _MERGE = (f"{_PREFIX}{kind}" for kind in ("map", "str", "merge"))
_SEQUENCES = (f"{_PREFIX}seq", f"{_PREFIX}python/tuple")
# On a terminal they do something; half a surrogate pair cannot be written to any file.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_NUMBER = 32


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
    """Stops at a document that is larger or deeper than a configuration can be."""

    yaml_implicit_resolvers: dict = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.count = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.count += 1
        self.depth += 1
        if problem := _excess(self.count, self.depth):
            raise yaml.MarkedYAMLError(
                problem=f"the file {problem}", problem_mark=self.peek_event().start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    """Writes lists in one line and quotes every word that any reader could take for a number."""

    yaml_implicit_resolvers = {
        first: list(resolvers)
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _kind, (_, _first) in _SCALARS.items():
    _first_letters = ["" if letter == "\0" else letter for letter in _first]
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{_PREFIX}{_kind}", _PATTERNS[_kind], _first_letters)
_Dumper.add_representer(
    list,
    lambda dumper, data: dumper.represent_sequence(_SEQUENCES[0], data, flow_style=True),
)


class _Reader:
    """Turns one document's nodes into plain values, counting them as aliases are expanded."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.count = self.depth = 0

    def refuse(self, node: yaml.Node, problem: str) -> InputError:
        return InputError(f"{self.source}, line {node.start_mark.line + 1}: {problem}.")

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        self.depth += 1
        if problem := _excess(self.count, self.depth):
            raise self.refuse(node, f"with what '*' repeats, the file {problem}")
        self.lines.setdefault(path, node.start_mark.line + 1)
        value = self.content(node, path)
        self.depth -= 1
        return value

    def content(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING:
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag in _SEQUENCES:
            return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        raise self.refuse(
            node, f"the tag {node.tag[:40]!r} is not plain data; write the value without it"
        )

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        # What is merged comes first, wherever it stands: what is written beside it wins.
        for key_node, value_node in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            if key_node.tag == _MERGE:
                for name, value in self.merge(key_node, value_node, path):
                    merged.setdefault(name, value)
                continue
            key = self.name(key_node)
            if key in own:
                raise self.refuse(key_node, f"{'.'.join((*path, key))} is set twice; keep one")
            own[key] = self.value(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return {**merged, **own}

    def merge(
        self, key_node: yaml.Node, value_node: yaml.Node, path: Path
    ) -> list[tuple[str, Any]]:
        """What `<<` adds to a mapping, the first of a name first."""
        sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
        if not all(isinstance(source, yaml.MappingNode) for source in sources):
            raise self.refuse(key_node, "'<<' can only merge a mapping")
        return [item for source in sources for item in self.value(source, path).items()]

    def name(self, node: yaml.Node) -> str:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if node.tag != _WORD or not 0 < len(text) <= MAX_NAME or _CONTROL.search(text):
            raise self.refuse(node, f"the key {text[:40]!r} is not a name")
        return text

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text, kind = node.value, node.tag.removeprefix(_PREFIX)
        self.count += len(text) // 100  # Repeating a long text takes time too.
        if kind == "str":
            if _CONTROL.search(text):
                raise self.refuse(
                    node, f"the text {text[:40]!r} holds a line break or a control character"
                )
            return text
        # A tag that is written out may stand before anything.
        if kind in _PATTERNS and _PATTERNS[kind].match(text):
            match kind:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int" if len(text) <= _LONGEST_NUMBER:
                    return int(text)
                case "float":
                    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        raise self.refuse(
            node, f"the value {text[:40]!r} with the tag {node.tag[:40]!r} is not plain data"
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
        if not stat.S_ISREG(os.stat(path).st_mode):
            # A pipe would be waited for, and a device may have no end.
            raise OSError(errno.EINVAL, "it is not an ordinary file")
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read {path}: {getattr(error, 'strerror', error)}.") from None
    if len(content) > MAX_BYTES:
        raise _too_large(str(path))
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


def _excess(count: int, depth: int) -> str:
    if count > MAX_VALUES:
        return f"holds more than {MAX_VALUES} values"
    return f"is nested more than {MAX_DEPTH} levels deep" if depth > MAX_DEPTH else ""


def _too_large(source: str) -> InputError:
    return InputError(f"{source} is larger than {MAX_BYTES >> 10} KiB; that is no configuration.")


def _parse(text: str, source: str) -> tuple[Any, dict[Path, int]]:
    if len(text) > MAX_BYTES:
        raise _too_large(source)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = str(error.problem or error.context)[:200]
        raise InputError(f"{source}{where}: {reason}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"{source}, line {line}: the character U+{error.character:04X} is not YAML."
        ) from None
    except (ValueError, OverflowError):  # "\UFFFFFFFF" in double quotes
        raise InputError(f"{source} is not YAML: it names a character that is none.") from None
    reader = _Reader(source)
    return (None if node is None else reader.value(node, ())), reader.lines

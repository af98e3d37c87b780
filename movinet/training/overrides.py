"""The value of `--params_override`: a YAML mapping, dotted `name=value` pairs, or the path of a
YAML file.
"""

import os
import re
from typing import Any

from movinet import yaml_files
from movinet.errors import InputError
from movinet.yaml_files import Settings

SOURCE = "--params_override"
_PAIR = re.compile(r"\s*(?P<name>[A-Za-z_]\w*(\.\w+)*)\s*=(?P<value>.*)", re.DOTALL)
_CLOSES = {"[": "]", "{": "}"}
# As YAML has it: a quote is doubled in single quotes, and escaped in double ones.
_QUOTED = {"'": re.compile(r"'(''|[^'])*'"), '"': re.compile(r'"(\\.|[^"\\])*"', re.DOTALL)}
_BEFORE_VALUE = ("=", ",", "[", "{", ":")


def parse(text: str) -> Settings:
    """The settings that `text` gives. Raises InputError when it is none of the three forms."""
    if _PAIR.match(text):
        return Settings(SOURCE, _parse_pairs(text))
    if os.path.isfile(text):
        return yaml_files.load(text)
    if ":" not in text:
        raise InputError(
            f"{SOURCE}={text!r} is neither settings such as task.train_data.global_batch_size=8 "
            "nor a file that exists."
        )
    return yaml_files.parse_settings(text, SOURCE)


def _parse_pairs(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in _split_at_commas(text):
        pair = _PAIR.fullmatch(part)
        if not pair:
            raise InputError(
                f"{SOURCE}: {part.strip()!r} is not of the form name=value; lists are written "
                "name=[1,2,3]."
            )
        *parents, leaf = pair["name"].split(".")
        if len(parents) >= yaml_files.MAX_DEPTH:
            raise InputError(
                f"{SOURCE}: {leaf!r} is nested more than {yaml_files.MAX_DEPTH} levels deep."
            )
        branch = values
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise InputError(
                    f"{SOURCE}: {pair['name']} is set both as a value and as a group of settings."
                )
        if leaf in branch:
            raise InputError(f"{SOURCE}: {pair['name']} is set twice; keep one.")
        branch[leaf] = _parse_value(pair["name"], pair["value"].strip())
    return values


def _parse_value(name: str, text: str) -> Any:
    if text.startswith(("&", "*", "|", ">", "#")):
        raise InputError(
            f"{SOURCE}: {name} begins with {text[0]!r}, which has a meaning of its own in YAML: "
            "put the value in quotes."
        )
    if "\n" in text and text[0] not in "[{'\"":
        raise InputError(f"{SOURCE}: {name} holds a line break; a comma separates settings.")
    return yaml_files.parse(text, f"{SOURCE}, {name}")


def _split_at_commas(text: str) -> list[str]:
    """The parts between the commas that are outside of quotes and brackets; the last may be
    followed by a comma.
    """
    parts, closers = list[str](), list[str]()
    start = position = 0
    before = ","  # The last letter that is no space.
    while position < len(text):
        letter = text[position]
        end = position + 1
        if letter in _QUOTED and before in _BEFORE_VALUE:
            quoted = _QUOTED[letter].match(text, position)
            if not quoted:
                raise _unclosed(letter, text)
            end = quoted.end()
        elif closers and letter == closers[-1]:
            closers.pop()
        elif letter in _CLOSES:
            closers.append(_CLOSES[letter])
        elif letter == "#" and text[position - 1].isspace():
            raise InputError(
                f"{SOURCE}: {text[position : position + 40]!r} would be a comment in YAML: put "
                "the value in quotes."
            )
        elif letter == "," and not closers:
            parts.append(text[start:position])
            start = end
        if not letter.isspace():
            before = letter
        position = end
    if closers:
        raise _unclosed(closers[-1], text)
    last = text[start:]
    return [*parts, last] if last.strip() or not parts else parts


def _unclosed(letter: str, text: str) -> InputError:
    return InputError(
        f"{SOURCE}: a {letter!r} is missing in {text!r}; a value that holds one stands in quotes."
    )

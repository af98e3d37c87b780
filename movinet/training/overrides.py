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
_PAIR = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*=(?P<value>.*)", re.DOTALL)
_CLOSES = {"[": "]", "{": "}"}


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
        branch = values
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise InputError(
                    f"{SOURCE}: {pair['name']} is set both as a value and as a group of settings."
                )
        if leaf in branch:
            raise InputError(f"{SOURCE}: {pair['name']} is set twice; keep one.")
        branch[leaf] = yaml_files.parse(pair["value"].strip(), f"{SOURCE}, {pair['name']}")
    return values


def _split_at_commas(text: str) -> list[str]:
    """Splits at the commas that are outside of quotes and brackets."""
    parts, start, closers = [], 0, list[str]()
    for position, letter in enumerate(text):
        if closers and letter == closers[-1]:
            closers.pop()
        elif closers and closers[-1] in "'\"":
            continue
        elif letter in _CLOSES:
            closers.append(_CLOSES[letter])
        elif letter in "'\"" and text[:position].rstrip().endswith(("=", ",", "[", "{", ":")):
            closers.append(letter)
        elif letter == "," and not closers:
            parts.append(text[start:position])
            start = position + 1
    if closers:
        raise InputError(f"{SOURCE}: a {closers[-1]!r} is missing in {text!r}.")
    return [*parts, text[start:]]

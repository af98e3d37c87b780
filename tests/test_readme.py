"""What the README shows works as it stands."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import tensorflow as tf
from models import random_clip

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_first_screen_has_exactly_two_commands():
    commands = _blocks("shell")[0].strip().splitlines()
    assert [command.split("#")[0].strip() for command in commands] == [
        "python3 tasks.py demo",
        "python3 tasks.py test",
    ]
    assert README.index("```shell") < README.index("\n## ")


def test_the_python_example_streams():
    (example,) = _blocks("python")
    clip = random_clip(1, 3, 32, 32, 3)
    names = {"clip": clip, "frames": tf.split(clip, 3, axis=1)}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102 (the project's own text)
    np.testing.assert_allclose(names["logits"], names["model"](clip), rtol=1e-4, atol=1e-5)


def test_files_and_pictures_that_it_names_exist():
    names = re.findall(r"\]\((?!http|#)([^)]+)\)|config_file=(configs/\S+)", README)
    assert names
    for name in (first or second for first, second in names):
        assert (ROOT / name.partition("#")[0]).exists(), name


def test_its_table_of_variants_is_what_the_tool_prints():
    output = subprocess.run(
        [sys.executable, "tools/list_presets.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for line in output.splitlines():
        assert line in README, line

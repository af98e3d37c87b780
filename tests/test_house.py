"""The rules of the house that a machine can check: who may import whom, and how long a file is."""

import ast
import pathlib
import subprocess
import sys

import pytest
import unsafe_calls

import tasks

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = [
    path
    for folder in ("movinet", "tools", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / name for name in ("train.py", "export_saved_model.py", "predict.py", "tasks.py")]
LONGEST_FILE = 300
MODEL_GARDEN = {"official", "orbit", "gin"}
# Package: the packages of ours that it must not know.
FORBIDDEN = {
    "movinet/layers": (
        "movinet.backbone",
        "movinet.classifier",
        "movinet.data",
        "movinet.training",
    ),
    "movinet/data": (
        "movinet.backbone",
        "movinet.classifier",
        "movinet.layers",
        "movinet.training",
    ),
    "movinet/checkpoints": ("movinet.training",),
    "movinet/export": ("movinet.training",),
    "movinet/streaming": ("movinet.training",),
}
TENSORFLOW = {"tensorflow", "tf_keras", "keras"}

_OWN_DOCUMENT = "runs an example of a document of this repository or of the installed Model Garden"
_OWN_EXPORT = "loads what the same program has just written"
JUSTIFIED = {
    "movinet/data/building/workers.py": dict.fromkeys(
        ("multiprocessing.Pipe", "multiprocessing.connection.Connection"),
        "talks to children that it started, through a pipe without a name",
    ),
    "movinet/streaming/tensorflow_models.py": {
        "tensorflow.saved_model.load": "the user asks to run it; SECURITY.md says what that means"
    },
    "movinet/checkpoints/saved_model_runs.py": {
        "tensorflow.saved_model.load": "only after every operation it reaches was found harmless"
    },
    "benchmarks/variants.py": {
        "concurrent.futures.ProcessPoolExecutor": "its own processes, which return its own figures"
    },
    "tests/checkpoints/test_importing.py": {"tf_keras.models.load_model": _OWN_EXPORT},
    "tests/checkpoints/test_saved_model_runs.py": {"tensorflow.saved_model.load": _OWN_EXPORT},
    "movinet/export/measurements.py": {"tensorflow.saved_model.load": _OWN_EXPORT},
    **dict.fromkeys(
        (
            "tests/test_readme.py",
            "tests/model/test_readme_examples.py",
            "tests/export/test_litert.py",
            "tests/export/test_export_command.py",
        ),
        dict.fromkeys(("exec", "compile"), _OWN_DOCUMENT),
    ),
    "tests/model/test_classifier.py": {"tf_keras.models.load_model": _OWN_EXPORT},
    "tests/export/test_saved_model.py": dict.fromkeys(
        ("tensorflow.saved_model.load", "tf_keras.models.load_model"), _OWN_EXPORT
    ),
    "tests/export/test_signatures.py": {"tensorflow.saved_model.load": _OWN_EXPORT},
    "tests/fuzzing/test_fuzz_targets.py": {
        "os.system": "shows that the guard refuses it before it runs"
    },
}
"""File: unsafe call: why it may stay."""


def _names(path):
    return path.relative_to(ROOT).as_posix()


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_imports_point_downwards(path):
    name = _names(path)
    imported = set(_imports(_tree(path)))
    if not name.startswith(("tests/", "benchmarks/")):
        assert not {i for i in imported if i.startswith("official.projects.movinet")}
        if not name.startswith("movinet/training/"):
            assert not {i.split(".")[0] for i in imported} & MODEL_GARDEN
    for folder, forbidden in FORBIDDEN.items():
        if name.startswith(folder + "/"):
            assert not {i for i in imported if i.startswith(forbidden)}


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_no_unsafe_call(path):
    found = unsafe_calls.find(path.read_text(encoding="utf-8"))
    assert found == JUSTIFIED.get(_names(path), {}).keys()


UNSAFE = {
    "yaml.load": "import yaml; yaml.load(text)",
    "yaml.load_all": "import yaml as y; y.load_all(text, Loader=y.FullLoader)",
    "yaml.unsafe_load": "from yaml import unsafe_load as read; read(text)",
    "pickle.loads": "import pickle; pickle.loads(data)",
    "pickle.Unpickler": "from pickle import Unpickler; Unpickler(file).load()",
    "marshal.load": "import marshal; marshal.load(file)",
    "shelve.open": "import shelve; shelve.open(path)",
    "dill.load": "import dill; dill.load(file)",
    "joblib.load": "from joblib import load; load(path)",
    "numpy.load": "import numpy as np; np.load(path, allow_pickle=True)",
    "torch.load": "import torch; torch.load(path)",
    "?.extractall": "import tarfile; tarfile.open(path).extractall(folder)",
    "archive.extract": "archive.extract(member, filter='data')",
    "shutil.unpack_archive": "import shutil; shutil.unpack_archive(path)",
    "tf_keras.utils.get_file": "import tf_keras; tf_keras.utils.get_file(a, b, extract=True)",
    "eval": "eval(text)",
    "exec": "exec(text)",
    "compile": "compile(text, '', 'exec')",
    "subprocess.run": "import subprocess; subprocess.run(command, shell=True)",
    "subprocess.Popen": "from subprocess import Popen; Popen(f'cat {path}')",
    "subprocess.check_output": "import subprocess; subprocess.check_output('cat ' + path)",
    "os.system": "from os import system; system(command)",
    "tempfile.mktemp": "import tempfile; tempfile.mktemp()",
    "multiprocessing.Pool": "import multiprocessing as m; m.Pool(2)",
    "tensorflow.saved_model.load": "import tensorflow as tf; tf.saved_model.load(path)",
}
SAFE = """
import re, subprocess, yaml
import numpy as np
import torch
yaml.load(text, Loader=yaml.SafeLoader)
yaml.safe_load(text)
np.load(path)
np.load(path, allow_pickle=False)
torch.load(path, weights_only=True)
get_file(name, origin)
subprocess.run([program, "--help"])
re.compile(text)
model.compile("sgd")
model.eval()
"""


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_calls_are_found(name):
    assert unsafe_calls.find(UNSAFE[name]) == {name}


def test_safe_calls_are_not():
    assert not unsafe_calls.find(SAFE)


def test_make_knows_the_commands_of_tasks():
    named = (ROOT / "Makefile").read_text().partition("COMMANDS = ")[2].splitlines()[0]
    assert sorted(named.split()) == sorted(tasks.COMMANDS)
    assert tasks.TAKE_OPTIONS and set(tasks.TAKE_OPTIONS) < set(tasks.COMMANDS)


def test_building_a_model_loads_no_trainer():
    code = (
        "import sys, movinet\n"
        "movinet.MovinetClassifier(movinet.Movinet('t0'), 3)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'official', 'orbit', 'gin'}))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert output.stdout.strip() == "[]"


def test_streaming_knows_tensorflow_in_one_module():
    folder = ROOT / "movinet/streaming"
    found = {
        path.name
        for path in folder.glob("*.py")
        if {name.split(".")[0] for name in _imports(_tree(path))} & TENSORFLOW
    }
    assert found == {"tensorflow_models.py"}


def test_importing_streaming_loads_neither_tensorflow_nor_matplotlib():
    code = (
        "import sys, movinet.streaming, movinet.streaming.predict_command\n"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'matplotlib', 'PIL'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert output.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "script",
    [
        "train.py",
        "export_saved_model.py",
        "predict.py",
        *(_names(p) for p in sorted((ROOT / "tools").glob("[!p]*.py"))),
    ],
)
def test_help_needs_no_tensorflow(script):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{script!r}, '--help']\n"
        "sys.path.insert(0, 'tools')\n"
        "try:\n"
        f"    runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit as ended:\n"
        "    print('EXIT', ended.code, 'tensorflow' in sys.modules)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "EXIT 0 False" in output.stdout
    assert "--" in output.stdout

"""The rules of the house that a machine can check: who may import whom, and how long a file is."""

import ast
import pathlib
import subprocess
import sys

import pytest

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
    "movinet/checkpoints": ("movinet.export", "movinet.streaming", "movinet.training"),
    "movinet/export": ("movinet.training",),
    "movinet/streaming": ("movinet.training",),
}
TENSORFLOW = {"tensorflow", "tf_keras", "keras"}
UNSAFE_CALLS = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "pickle.load", "pickle.loads"}


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
def test_no_loader_that_runs_code(path):
    calls = {ast.unparse(n.func) for n in ast.walk(_tree(path)) if isinstance(n, ast.Call)}
    assert not calls & UNSAFE_CALLS


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

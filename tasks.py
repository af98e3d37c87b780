"""The project's commands, for a machine that has only Python and git; `make NAME` is the same.

python3 tasks.py demo    installs, then trains, evaluates and exports a MoViNet on the sample videos
python3 tasks.py test    installs, then checks style and types and runs all tests

All work in .venv, which is made once for each set of requirements. Also: `test_all` (with the
exports of the largest networks, ten minutes more), `check` (style and types alone), `fuzz` (every
reader of files of others for a minute), `soak` (kills a training again and again) and `constraints`
(resolves constraints.txt anew). Options of `fuzz` and `soak` follow their name.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import venv
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SUPPORTED = ((3, 10), (3, 13))


def _run(*command: object) -> None:
    """Runs a command in the project's folder; ends with its exit code if it fails."""
    if code := _exit_code(*command):
        sys.exit(code)


def _exit_code(*command: object, **variables: str) -> int:
    """Runs a command in the project's folder."""
    print("$", " ".join(map(str, command)).replace(f"{ROOT}{os.sep}", ""), flush=True)
    environment = {**os.environ, **variables}
    return subprocess.run([str(word) for word in command], cwd=ROOT, env=environment).returncode


def install(requirements: str) -> None:
    """Makes .venv and installs into it, unless exactly that has been done before."""
    if not SUPPORTED[0] <= sys.version_info[:2] < SUPPORTED[1]:
        sys.exit(f"error: Python 3.10, 3.11 or 3.12 is needed, this is {sys.version.split()[0]}.")
    files = (*sorted(path.name for path in ROOT.glob("requirements*.txt")), "constraints.txt")
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        digest.update((ROOT / name).read_bytes())
    stamp = ENVIRONMENT / f"installed-{requirements}"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    try:
        venv.create(ENVIRONMENT, with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit("error: this Python lacks ensurepip; install it (Debian: python3-venv).")
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    # Python 3.10 brings a pip that builds source packages the old way, and fails on seqeval.
    _run(*pip, "--upgrade", "pip")
    _run(*pip, "-r", requirements, "-c", "constraints.txt")
    stamp.write_text(digest.hexdigest())


def demo() -> None:
    """Sample videos -> dataset -> training -> evaluation -> export -> prediction, in runs/."""
    install("requirements.txt")
    _run(PYTHON, "train.py")
    model = "runs/sample/phone/sample.tflite"
    _run(
        *(PYTHON, "tools/export_litert.py", "--model_dir=runs/sample", f"--output={model}"),
        *("--precision=int8", "--evaluation_split=test"),
    )
    video = "runs/sample_data/videos/test/rotate_clockwise/rotate_clockwise_0003.mp4"
    _run(PYTHON, "predict.py", video, f"--model={model}", "--plot=runs/sample/phone/timeline.png")


def check() -> None:
    """Style and types."""
    install("requirements-dev.txt")
    _run(PYTHON, "-m", "ruff", "check", ".")
    _run(PYTHON, "-m", "ruff", "format", "--check", ".")
    _run(PYTHON, "-m", "mypy")


# What TensorFlow has traced stays in memory until a process ends: two runs need half as much.
_TRAINING = ("tests/training", "tests/survival")
_PARTS = (("tests", *(f"--ignore={folder}" for folder in _TRAINING)), _TRAINING)


def test(selected: str = "not large") -> None:
    """Style, types and all tests but the large ones, on two cores."""
    check()
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    workers = ("-n", "2", "--dist", "worksteal")
    pytest = (PYTHON, "-m", "pytest", *workers, "--durations=15", "-m", selected)
    codes = [_exit_code(*pytest, *part, **threads) for part in _PARTS]
    if any(codes):
        sys.exit(1)


def test_all() -> None:
    """As `test`, with the exports of A3 to A5."""
    test("")


def fuzz(*options: str) -> None:
    """Fuzzes every reader of what others may have written, a minute each (tests/fuzzing/run.py)."""
    install("requirements-dev.txt")
    _run(PYTHON, "tests/fuzzing/run.py", "--seconds=60", *options)


def soak(*options: str) -> None:
    """Kills a training many times and compares its end with that of one left alone."""
    install("requirements-dev.txt")
    _run(PYTHON, "tests/soak.py", *options)


def constraints() -> None:
    """Resolves exact versions for every supported Python."""
    install("requirements-dev.txt")
    _run(PYTHON, "-m", "pip", "install", "--quiet", "uv")
    _run(
        *(PYTHON, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.10"),
        *("--no-annotate", "--no-header", "--upgrade"),
        *("requirements-dev.txt", "-o", "constraints.txt"),
    )


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "test": test,
    "test_all": test_all,
    "check": check,
    "fuzz": fuzz,
    "soak": soak,
    "constraints": constraints,
}
TAKE_OPTIONS = ("fuzz", "soak")

if __name__ == "__main__":
    command, *options = sys.argv[1:] or [""]
    if command not in COMMANDS:
        sys.exit(f"{__doc__}\nerror: name one of {', '.join(COMMANDS)}.")
    if options and command not in TAKE_OPTIONS:
        sys.exit(f"error: {command} takes no options.")
    COMMANDS[command](*options)

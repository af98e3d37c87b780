"""`train.py` as a command that knows the tiny network."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
_PROGRAM = f"""
import runpy, sys
sys.path[:0] = [{str(ROOT / "tests")!r}, {str(ROOT)!r}]
import conftest
sys.argv[0] = "train.py"
runpy.run_path({str(ROOT / "train.py")!r}, run_name="__main__")
"""


def tiny_command(*arguments: str) -> list[str]:
    """The words of `python3 train.py ARGUMENTS`, with the tiny network known."""
    return [sys.executable, "-c", _PROGRAM, *arguments]

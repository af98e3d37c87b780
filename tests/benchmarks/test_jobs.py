"""Cases in processes of their own: who fails alone, and what the command writes."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import quick_case
import stored

from benchmarks import jobs, table
from benchmarks.settings import Settings

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_each_job_has_its_own_process_and_threads(tmp_path):
    said = []
    work = [quick_case.job("first", threads=3, value=4.0), quick_case.job("last", value=9.0)]
    first, last = jobs.run_all(work, Settings(), tmp_path, said.append)
    processes = {line.median("ours") for line in (first, last)} | {float(os.getpid())}
    assert len(processes) == 3
    assert (first.threads, last.threads) == (3, 1)
    assert (first.median("official"), last.median("official")) == (5.0, 10.0)
    assert "[1/2] A0 first" in said[0] and "left" in said[0]


def test_a_failure_is_a_line_and_the_others_go_on(tmp_path):
    first, raises, dies, last = jobs.run_all(
        quick_case.jobs((), Settings()), Settings(), tmp_path, lambda words: None
    )
    assert not first.error and not last.error
    assert raises.error.startswith("RuntimeError: The outputs differ. (see ")
    assert "code 3" in dies.error
    assert "Traceback" in (tmp_path / "02_quick_case.txt").read_text()


def run_command(folder, case_jobs, *arguments):
    code = (
        "import runpy, sys\n"
        f"sys.path[1:1] = {[str(ROOT), str(pathlib.Path(__file__).parent)]!r}\n"
        "import quick_case\n"
        "from benchmarks import cases\n"
        f"cases.jobs = lambda names, settings: {case_jobs}\n"
        f"sys.argv = ['run.py', '--output_dir={folder}', *{list(arguments)!r}]\n"
        "runpy.run_path('benchmarks/run.py', run_name='__main__')\n"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_the_command_writes_all_files_and_says_so(tmp_path):
    done = run_command(tmp_path, "[quick_case.job('first', value=4.0)]")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    (line,) = results["lines"]
    official = line["measurements"]["official"]
    assert official == {"median": 5.0, "spread": 1.0, "samples": [4.0, 6.0]}
    assert results["machine"]["processor"] and results["machine"]["packages"]["tensorflow"]
    row = next(csv.DictReader((tmp_path / "results.csv").open()))
    assert (row["implementation"], row["median"], row["spread"]) == ("official", "5.0", "1.0")
    written = (tmp_path / "table.md").read_text()
    assert "| first | 5.00 ms |" in written
    assert written in done.stdout


def test_a_failed_case_is_in_the_table_and_in_the_exit_code(tmp_path):
    done = run_command(tmp_path, "quick_case.jobs(names, settings)", "--model_ids=a0")
    assert done.returncode == 1
    assert "2 failed: raises, dies." in done.stderr
    written = (tmp_path / "table.md").read_text()
    assert "| raises | failed: RuntimeError: The outputs differ." in written
    assert "| last | 10.0 ms |" in written


def test_results_can_be_rendered_again_without_measuring(tmp_path):
    stored.results().write(tmp_path)
    done = run_command(tmp_path, "1 / 0", "--render")
    assert done.returncode == 1  # One line of it has failed.
    assert table.render(stored.results()) == (tmp_path / "table.md").read_text()
    missing = run_command(tmp_path / "nothing", "1 / 0", "--render")
    assert missing.returncode == 2 and "measure first" in missing.stderr


def test_bad_flags_end_in_a_sentence():
    for flag, sentence in (
        ("--model_ids=a9", "no 'a9'; choose of a0, a1"),
        ("--cases=clips", "no 'clips'; choose of clip, training"),
        ("--pytorch=/nowhere", "there is no movinets/models.py in /nowhere"),
    ):
        command = [sys.executable, "benchmarks/run.py", flag]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert sentence in done.stderr


def test_help_needs_no_tensorflow():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['benchmarks/run.py', '--help']\n"
        "try:\n"
        "    runpy.run_path('benchmarks/run.py', run_name='__main__')\n"
        "except SystemExit as ended:\n"
        "    print('EXIT', ended.code, 'tensorflow' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "EXIT 0 False" in output.stdout and "--model_ids" in output.stdout

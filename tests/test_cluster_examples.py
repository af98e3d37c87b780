"""The ready files for SLURM and Kubernetes, run with stand-ins for the programs of a cluster: each
process is told of the others as TensorFlow reads it, and ends as it should."""

import json
import os
import pathlib
import subprocess

import pytest
import yaml

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "examples"
STAND_INS = {
    "python3": 'echo "$TF_CONFIG" >> started; printf "%s\\n" "$@" > words; exit "${CODE:-0}"',
    "scontrol": 'if [ "$1" = show ]; then printf "n%s\\n" 8 9 10; else echo "$@" >> done; fi',
    "srun": (
        "shift; worst=0\n"
        'for SLURM_PROCID in 0 1 2; do export SLURM_PROCID; "$@" || worst=$?; done; exit $worst'
    ),
}


@pytest.fixture
def run(tmp_path):
    """Runs a command in tmp_path; returns its exit code, the TF_CONFIG of each process started, and
    what was asked of the cluster."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, program in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{program}\n")
        (folder / name).chmod(0o15)

    def run(*command, **variables):
        for name in ("started", "done"):
            (tmp_path / name).write_text("")
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **variables}
        code = subprocess.run(command, cwd=tmp_path, env=environment).returncode
        started = [json.loads(line) for line in (tmp_path / "started").read_text().splitlines()]
        return code, started, (tmp_path / "done").read_text().splitlines()

    return run


def clusters(*hosts):
    addresses = [f"{host}:12345" for host in hosts]
    return [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        for index in range(len(hosts))
    ]


def test_slurm(run, tmp_path):
    def job(**variables):
        words = ("--model_dir=a b", "--mode=train")
        slurm = {"SLURM_JOB_NODELIST": "n[8-10]", "SLURM_JOB_ID": "7"}
        return run("bash", str(EXAMPLES / "train.sbatch"), *words, **slurm, **variables)

    # In the order of SLURM's tasks, which is not that of the alphabet.
    assert job() == (0, clusters("n8", "n9", "n10"), [])
    assert (tmp_path / "words").read_text() == "train.py\n--model_dir=a b\n--mode=train\n"
    assert job(CODE="1")[::2] == (1, ["requeue 7"])
    assert job(CODE="1", SLURM_RESTART_COUNT="20")[::2] == (1, [])
    assert job(CODE="2")[::2] == (2, [])


def test_kubernetes(run):
    service, job = yaml.safe_load_all((EXAMPLES / "train_kubernetes.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (workers,) = (entry["value"] for entry in container["env"] if entry["name"] == "WORKERS")
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(workers)
    # The names of the pods lead to them through the service.
    assert service["metadata"]["name"] == pod["subdomain"] == job["metadata"]["name"] == "movinet"
    assert service["spec"]["clusterIP"] == "None"
    hosts = [f"movinet-{index}.movinet" for index in range(3)]
    for index, expected in enumerate(clusters(*hosts)):
        words = [*container["command"], *container["args"]]
        variables = {"WORKERS": "3", "JOB_COMPLETION_INDEX": str(index), "CODE": "1"}
        assert run(*words, **variables) == (1, [expected], [])

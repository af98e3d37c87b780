"""The workers of one run as processes on this machine, which talk over loopback."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]


def free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


class WorkerProcesses:
    """Processes of one command, each told of the others; none is left when the block ends."""

    def __init__(self, command: Sequence[str], folder: pathlib.Path, count: int = 2) -> None:
        self.command = [str(word) for word in command]
        self.addresses = free_addresses(count)
        folder.mkdir(parents=True, exist_ok=True)
        self.logs = [folder / f"worker_{index}.log" for index in range(count)]
        self.processes: list[subprocess.Popen] = []

    def __enter__(self):
        for index, log in enumerate(self.logs):
            task = {"type": "worker", "index": index}
            cluster = {"cluster": {"worker": self.addresses}, "task": task}
            paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
            variables = {"TF_CONFIG": json.dumps(cluster), "PYTHONPATH": paths}
            with open(log, "w") as output:
                self.processes.append(
                    subprocess.Popen(
                        self.command,
                        env={**os.environ, **variables, "TMPDIR": str(log.parent)},
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()

    def exit_codes(self, seconds: float) -> list[int]:
        """Those of all processes, once they have ended."""
        end = time.monotonic() + seconds
        try:
            return [process.wait(max(0.1, end - time.monotonic())) for process in self.processes]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"Not over after {seconds} s.\n{self.said()}") from None

    def wait_for(self, text: str, seconds: float) -> None:
        """Waits until worker 0 has said the text."""
        end = time.monotonic() + seconds
        while text not in self.logs[0].read_text():
            ended = self.processes[0].poll() is not None
            assert time.monotonic() < end and not ended, f"No {text!r}.\n{self.said()}"
            time.sleep(0.02)

    def said(self) -> str:
        """The ends of the logs of all processes."""
        return "\n".join(f"{log.name}:\n{log.read_text()[-3000:]}" for log in self.logs)

"""Runs of `train.py` in processes of their own, that do not import TensorFlow for seconds each.

They are forked from a process that has everything imported and nothing used. What a run does, from
its flags to its exit, is as from a shell; the network `tiny` is known to it.
"""

import json
import os
import pathlib
import resource
import runpy
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Life:
    """One process: `process` is its number, `log` the file of what it says."""

    def __init__(self, server, process, log):
        self.server, self.process, self.log = server, process, log

    def signal(self, number):
        os.kill(self.process, number)

    def wait_at_most(self, seconds):
        """The exit code, negative for a signal that killed it; None if it lives on."""
        deadline = time.monotonic() + seconds
        while True:
            code = self.server.ask(do="poll", process=self.process)
            if code is not None or time.monotonic() > deadline:
                return code
            time.sleep(0.02)

    def wait(self, timeout=120.0):
        """The exit code; fails if it has not ended after `timeout` seconds."""
        code = self.wait_at_most(timeout)
        if code is None:
            os.kill(self.process, signal.SIGKILL)
            raise AssertionError(f"not ended after {timeout} s:\n{self.output()}")
        return code

    def says(self, text, timeout=120.0):
        """Waits until it has said `text`; false if it ended before."""
        deadline = time.monotonic() + timeout
        while text not in self.output():
            if self.server.ask(do="poll", process=self.process) is not None:
                return text in self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)
        return True

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class ForkServer:
    """Starts runs; use it as a context.

    Attributes: longest: seconds of the longest run of `train.py` that nobody disturbed.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.lives = 0
        self.longest = 0.0

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            # What killed runs leave of their temporary files goes with the folder.
            env={**os.environ, "TMPDIR": str(self.folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert json.loads(self.process.stdout.readline()) == "ready"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def ask(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def start(self, *arguments, program="train.py", largest_file=None, cwd=None):
        """Starts `python3 PROGRAM ARGUMENTS`; it may write files of `largest_file` bytes at most,
        as on a disk that is full."""
        self.lives += 1
        log = self.folder / f"life_{self.lives:03}.log"
        arguments = [str(argument) for argument in arguments]
        process = self.ask(
            do="start",
            program=str(ROOT / program),
            arguments=arguments,
            log=str(log),
            largest_file=largest_file,
            cwd=str(cwd or self.folder),
        )
        return Life(self, process, log)

    def run(self, *arguments, timeout=120.0, **options):
        """Starts a run and waits; returns (exit code, output)."""
        begin = time.monotonic()
        life = self.start(*arguments, **options)
        code = life.wait(timeout)
        if "program" not in options:
            self.longest = max(self.longest, time.monotonic() - begin)
        return code, life.output()


def serve():
    """The server: reads requests, forks, and reports how children ended."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import conftest  # noqa: F401  (it makes the tiny network known)

    import movinet.training.runner
    import movinet.training.sample_data  # noqa: F401

    ended = {}
    print(json.dumps("ready"), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            process = os.fork()
            if not process:
                answers.close()
                _live(request)
                return
            print(json.dumps(process), file=answers)
            continue
        process = request["process"]
        if process not in ended:
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                ended[process] = os.waitstatus_to_exitcode(status)
        print(json.dumps(ended.get(process)), file=answers)


def _live(request):
    """Becomes the run that the request describes."""
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if request["largest_file"] is not None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], hard))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    sys.argv = [request["program"], *request["arguments"]]
    runpy.run_path(request["program"], run_name="__main__")


if __name__ == "__main__":
    serve()

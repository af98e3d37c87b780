"""Building shards by the workers of Apache Beam, on this machine or on a cluster.

The elements of the pipeline are names of shards. All else goes through the staging folder, which
the workers share: the clips of a shard, the shard, and the note that it is complete.
"""

import contextlib
import functools
import io
import os
import pathlib
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import create_runner
from tqdm import tqdm

import movinet
from movinet.data.building.planning import PlannedShard
from movinet.data.building.shards import BuildShards, ShardBuilder, encode
from movinet.data.building.staging import Staging
from movinet.data.building.workers import ProcessPool, available_cores
from movinet.errors import InputError

_DIRECT = ("direct", "directrunner")
_WORKER_THREAD = "run_worker"  # Beam's name of the thread that waits for a worker process.
_SECONDS_BETWEEN_LOOKS = 1.0
_GRACE_SECONDS = 10.0  # Of an end that somebody asked for, in which worker processes may fail.
_LISTED = 3
_CALL = signal.SIGUSR1


def prepare(runner: str, options: Sequence[str], workers: int, timeout: float) -> BuildShards:
    """Returns who builds shards by a runner of Beam.

    Args:
        runner: as Beam names it: DirectRunner, FlinkRunner, SparkRunner, DataflowRunner, ...
        options: of Beam, as on a command line.
        workers: processes of DirectRunner, or 0 for one per core; other runners have options.
        timeout: seconds after which the decoding of one video is given up.

    Raises:
        InputError: no such runner, or bad options.
    """
    if runner.lower() in _DIRECT:
        # DirectRunner would first try to download Prism, a program that runs pipelines. This is
        # the runner that it falls back on.
        runner = "FnApiRunner"
        count = f"--direct_num_workers={workers or available_cores()}"
        options = ["--direct_running_mode=multi_processing", count, *options]
    elif workers:
        raise InputError(f"--workers is for this machine: {runner} takes options of Beam instead.")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed = PipelineOptions([f"--runner={runner}", *options])
            parsed.get_all_options(retain_unknown_options=True)  # Those are the runner's own.
        return functools.partial(_build_shards, create_runner(runner), parsed, timeout)
    except SystemExit:  # Beam prints all its options, and what is wrong at the end.
        raise InputError(f"Options of Beam: {said.getvalue().strip().splitlines()[-1]}.") from None
    except (AttributeError, ImportError, ValueError) as error:
        raise InputError(f"--runner={runner}: {str(error).rstrip('.')}.") from error


def _build_shards(
    runner: Any,
    options: PipelineOptions,
    timeout: float,
    builder: ShardBuilder,
    shards: Sequence[PlannedShard],
    progress: tqdm,
) -> None:
    staging = builder.staging
    for shard in shards:
        staging.write_plan(shard)
    pipeline = beam.Pipeline(runner, options)
    keys = pipeline | "Shards" >> beam.Create([shard.key for shard in shards])
    _ = keys | "Build" >> beam.ParDo(_BuildShard(builder, timeout))
    problems: list[str] = []
    with _importable(), _watched(staging, shards, progress), _noticing_deaths(problems):
        result = pipeline.run()
        result.wait_until_finish()
        for metric in result.metrics().query()["string_sets"]:
            problems += metric.result
    if unfinished := [shard.key for shard in shards if not staging.finished(shard.key)]:
        reasons = " ".join(sorted(problems)[:_LISTED]) or "See what the workers have logged."
        raise InputError(
            f"{len(unfinished)} of {len(shards)} shards could not be built. {reasons} All workers "
            "must have the videos and the output under the paths of this machine. What is done is "
            f"kept in {staging.folder}: run the same command again."
        )


class _BuildShard(beam.DoFn):
    """Builds one shard after the other; each decodes in a process that is allowed to die."""

    def __init__(self, builder: ShardBuilder, timeout: float) -> None:
        self._builder = builder
        self._timeout = timeout
        self._problems = Metrics.string_set("movinet", "problems")
        self._stopped = False

    def setup(self) -> None:
        self._pool = ProcessPool(encode, 1, self._timeout)

    def process(self, key: str) -> None:
        if self._stopped or self._builder.staging.finished(key):
            return
        try:
            shard = self._builder.staging.read_plan(key)
            self._builder.build(shard, self._pool.map(self._builder.tasks(shard)))
        except InputError as error:  # A full disk, say: nothing that another attempt would mend.
            self._problems.add(str(error))
            self._stopped = True

    def teardown(self) -> None:
        self._pool.close()


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """Has worker processes of this machine find this package where this process found it."""
    before = os.environ.get("PYTHONPATH")
    root = str(pathlib.Path(movinet.__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, before)))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def _watched(staging: Staging, shards: Sequence[PlannedShard], progress: tqdm) -> Iterator[None]:
    """Advances the bar as notes on complete shards appear, whoever writes them."""
    clips = {shard.key: len(shard.clips) for shard in shards}
    ended = threading.Event()

    def look() -> None:
        for key in clips.keys() & staging.complete():
            progress.update(clips.pop(key))

    def keep_looking() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            look()

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        look()


class _DeadWorkerError(BaseException):
    """A worker process of this machine is gone; nothing of Beam's may hold this up."""


@contextlib.contextmanager
def _noticing_deaths(problems: list[str]) -> Iterator[None]:
    """Ends the pipeline when a worker process of this machine dies, and adds to `problems`.

    Beam would wait for its answer forever: the thread that started the process ends with an
    exception, and nobody looks. Only the main thread can be called away from its waiting, by a
    signal; not by that of Ctrl-C, which shells have their background jobs ignore.
    """
    otherwise, leader = threading.excepthook, threading.current_thread()
    ended, in_turn = threading.Event(), threading.Lock()

    def notice(arguments: threading.ExceptHookArgs) -> None:
        if arguments.thread is None or arguments.thread.name != _WORKER_THREAD:
            otherwise(arguments)
            return
        ended.wait(_GRACE_SECONDS)
        with in_turn:
            if not ended.is_set():
                problems.append(f"{arguments.exc_value} (out of memory?).")
                signal.pthread_kill(leader.ident or 0, _CALL)

    def answer(*_: Any) -> None:
        raise _DeadWorkerError

    if leader is not threading.main_thread():
        yield
        return
    before = signal.signal(_CALL, answer)
    threading.excepthook = notice
    try:
        yield
    except _DeadWorkerError:
        pass
    finally:
        with in_turn:
            ended.set()
        threading.excepthook = otherwise
        signal.signal(_CALL, before)

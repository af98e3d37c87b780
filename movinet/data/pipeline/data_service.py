"""Preparing clips on other machines: the tf.data service, its servers and what a training asks of
them.
"""

import dataclasses
import re
import socket

import tensorflow as tf

from movinet.errors import InputError

ROLES = ("dispatcher", "worker")
_ADDRESS = re.compile(r"(?:grpc://)?(?P<host>[^:/]+|\[[^]]+\]):(?P<port>\d+)")
_PATIENCE = 10.0  # Seconds for the first sign of life of a server.


@dataclasses.dataclass(frozen=True)
class DataService:
    """A running tf.data service.

    Args:
        address: of its dispatcher, `grpc://host:port`.
        job_name: clips of one job go to all trainings that name it, each to one of them. Without a
            name every training has a job of its own.
    """

    address: str
    job_name: str | None = None

    def check(self, pipelines: int, seed: int | None, cache: bool, skips: bool = False) -> None:
        """Raises InputError if the service cannot be reached, or not be used with these settings.

        Args:
            pipelines: machines that train together. seed, cache: as for the input pipeline.
            skips: whether bad clips are to be left out.
        """
        if skips:
            raise InputError(
                "on_bad_clip is 'skip': a tf.data service cannot tell which clips it left out, so "
                "set it to 'fail', or leave out enable_tf_data_service."
            )
        if cache:
            raise InputError(
                "cache keeps clips in the memory of one machine: leave it out with "
                "enable_tf_data_service, whose workers share the clips anew in each epoch."
            )
        if pipelines > 1 and (self.job_name is None or seed is None):
            raise InputError(
                f"{pipelines} machines share the clips of one tf.data service: set "
                "tf_data_service_job_name and seed, the same for all of them."
            )
        check_reachable(self.address)

    def distribute(self, clips: tf.data.Dataset, start: int = 0) -> tf.data.Dataset:
        """The same clips, each prepared by one worker of the service, as they become ready.

        Args: start: where in the stream they begin; a training that goes on has a job of its own.

        Raises:
            InputError: the service does not take them.
        """
        service = tf.data.experimental.service
        try:
            return clips.apply(
                service.distribute(
                    processing_mode=service.ShardingPolicy.DYNAMIC,
                    service=self.address,
                    job_name=self.job_name and f"{self.job_name} from {start}",
                    compression=None,  # Pictures take time to compress and hardly get smaller.
                )
            )
        except tf.errors.OpError as error:
            reason = str(error.message).splitlines()[0]
            raise InputError(f"The tf.data service {self.address} failed: {reason}") from error


def check_reachable(address: str) -> None:
    """Raises InputError if nothing answers at `[grpc://]host:port`.

    TensorFlow itself would go on trying for an hour, and say nothing.
    """
    parts = _ADDRESS.fullmatch(address)
    if not parts:
        raise InputError(f"{address!r} is no address of a tf.data service: give grpc://host:port.")
    if not _answers(parts["host"].strip("[]"), int(parts["port"])):
        raise InputError(
            f"No tf.data service answers at {address}: start one with tools/data_service.py "
            "--role=dispatcher."
        )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except (OSError, OverflowError):
        return False
    return True


def start(
    role: str, *, port: int, dispatcher: str = "", host: str = "localhost", work_dir: str = ""
) -> tf.data.experimental.service.DispatchServer | tf.data.experimental.service.WorkerServer:
    """Starts a server of a tf.data service in this process; it runs as long as it is referred to.

    Args:
        role: `dispatcher`, of which there is one, or `worker`, which prepares clips.
        port: where it listens; 0 for any that is free.
        dispatcher: host:port of the dispatcher, for a worker.
        host: name under which the machines that train reach this worker.
        work_dir: folder in which a dispatcher keeps its state, to go on after a restart.

    Raises:
        InputError: the port is taken, or the dispatcher cannot be reached.
    """
    service = tf.data.experimental.service
    if role not in ROLES:
        raise InputError(f"The role {role!r} is unknown: it is {' or '.join(ROLES)}.")
    if (role == "worker") != bool(dispatcher):
        raise InputError("A worker needs the address of its dispatcher; a dispatcher has none.")
    if port and _answers("localhost", port):
        raise InputError(f"Port {port} is taken: choose another.")
    try:
        if role == "dispatcher":
            return service.DispatchServer(
                service.DispatcherConfig(
                    port=port, work_dir=work_dir or None, fault_tolerant_mode=bool(work_dir)
                )
            )
        check_reachable(dispatcher)
        return service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=dispatcher.removeprefix("grpc://"),
                worker_address=f"{host}:%port%",
                data_transfer_address=f"{host}:%dts_port%",
                port=port,
            )
        )
    except (tf.errors.OpError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"Cannot start a {role} at port {port}: {reason}.") from error

"""Runs one server of a tf.data service, which prepares the clips of a training on other machines.

    python3 tools/data_service.py --role=dispatcher --port=5050
    python3 tools/data_service.py --role=worker --dispatcher=HOST:5050 --host=$(hostname)
    python3 train.py --tf_data_service=grpc://HOST:5050 ...

All machines read the same dataset under the same path, with the same version of TensorFlow.
"""

import os
import threading

import project  # noqa: F401  (first: makes movinet importable)
from absl import flags

from movinet import cli

_ROLE = flags.DEFINE_enum(
    "role",
    None,
    ("dispatcher", "worker"),
    "One dispatcher, and any number of workers.",
    required=True,
)
_PORT = flags.DEFINE_integer("port", 0, "Where it listens; 0 for any that is free.", 0, 65535)
_DISPATCHER = flags.DEFINE_string("dispatcher", "", "host:port of the dispatcher, for a worker.")
_HOST = flags.DEFINE_string(
    "host", "localhost", "Name under which the machines that train reach this worker."
)
_WORK_DIR = flags.DEFINE_string(
    "work_dir", "", "Folder of the dispatcher's state, to go on after a restart."
)


def main() -> None:
    """Starts the server and keeps it until it is interrupted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from movinet.data.pipeline import data_service

    server = data_service.start(
        _ROLE.value,
        port=_PORT.value,
        dispatcher=_DISPATCHER.value,
        host=_HOST.value,
        work_dir=_WORK_DIR.value,
    )
    where = f" at port {_PORT.value}" if _PORT.value else ""
    print(f"The {_ROLE.value} is running{where}; Ctrl-C ends it.", flush=True)
    threading.Event().wait()  # Unlike `join` of the server, this can be interrupted.
    del server  # It ends with the last reference to it.


if __name__ == "__main__":
    cli.run(main)

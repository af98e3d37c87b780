"""Several machines in one run: which of them this process is, what they agree on, and how the loss
of one ends the others.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from movinet.errors import LostWorkerError
from movinet.training import strategies

_LONGEST_AGREEMENT = 8192
_TOLD = "Collective ops is aborted by: "


class Workers:
    """The processes of a run, one a machine; where there is one machine, it is the chief.

    All take the same steps with their share of the data, and all read every variable together,
    since reading one (to save it, to report it) may take a sum over all of them. What the chief
    writes is kept; the others write into a folder of their own that is removed in the end.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        cluster = strategies.read_cluster() if several else strategies.Cluster()
        self.strategy = strategy
        self.index = cluster.index
        self.count = max(1, len(cluster.addresses))
        self._own = None if self.is_chief else tempfile.TemporaryDirectory(prefix="movinet_worker_")

    @property
    def is_chief(self) -> bool:
        """Whether this is the one that decides and whose files are kept."""
        return self.index == 0

    def own(self, folder: str) -> str:
        """Where this worker writes what the chief writes into `folder`."""
        if self._own is None:
            return folder
        own = os.path.join(self._own.name, os.path.abspath(folder).lstrip(os.sep))
        os.makedirs(own, exist_ok=True)
        return own

    def agree(self, value: Any) -> Any:
        """The chief's value, which JSON can hold, on every worker, once all have come here."""
        if self.count == 1:
            return value
        text = json.dumps(value).encode() if self.is_chief else b""
        letters = np.zeros(_LONGEST_AGREEMENT, np.int64)
        letters[: len(text)] = list(text)
        spread = self.strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(letters), axis=None)
        return json.loads(bytes(spread.numpy().astype(np.uint8)).rstrip(b"\0"))

    def any(self, value: bool) -> bool:
        """Whether the value is true on any worker, once all have come here."""
        if self.count == 1:
            return value
        number = tf.constant(int(value))
        return int(self.strategy.reduce(tf.distribute.ReduceOp.SUM, number, axis=None)) > 0

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Leaves the talking to the chief."""
        if self.is_chief:
            yield
            return
        print(f"Worker {self.index}: all {self.count} are here. Worker 0 reports.", flush=True)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield


@contextlib.contextmanager
def losses_named() -> Iterator[None]:
    """Turns what TensorFlow raises when another machine is gone into a LostWorkerError."""
    try:
        yield
    except strategies.LOSSES as error:
        addresses = strategies.read_cluster().addresses
        if len(addresses) < 2:
            raise
        # Before the reason stands where the operation was written, after it which one it was.
        lines = error.message.split("[[{{node")[0].strip().splitlines()
        told = [line.partition(_TOLD)[2] for line in lines if _TOLD in line]
        reason = (told or lines or [""])[-1].strip()[:300]
        raise LostWorkerError(
            f"One of {', '.join(addresses)} ended or cannot be reached ({reason}). Look for the "
            "error there; the same commands again, on all machines, go on from the last checkpoint."
        ) from error

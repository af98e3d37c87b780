"""What a broken video may do to the process that decodes it."""

import os
import signal
import time

import numpy as np


def attack(kind):
    """Attacks this process, if that is a kind of attack."""
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        time.sleep(1000)
    if kind == "gorge":
        np.ones(100 << 30, np.uint8)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)

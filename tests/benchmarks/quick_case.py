"""A case of milliseconds, for tests of what runs cases."""

import os

from benchmarks.jobs import Job
from benchmarks.results import Line, compare

CASE = "quick_case"


def jobs(names, settings):
    return [job("first", value=4.0), job("raises"), job("dies"), job("last", value=9.0)]


def job(what, threads=1, **arguments):
    return Job(CASE, "a0", what, 1, threads, {"what": what, **arguments})


def measure(settings, what, value=0.0) -> list[Line]:
    if what == "raises":
        raise RuntimeError("The outputs\n differ.")
    if what == "dies":
        os._exit(3)
    threads = int(os.environ["TF_NUM_INTRAOP_THREADS"])
    samples = {"official": [value, value + 2], "ours": [float(os.getpid())]}
    common = {"case": CASE, "model_id": "a0", "unit": "ms", "headline": True}
    return compare(samples, work=what, threads=threads, **common)

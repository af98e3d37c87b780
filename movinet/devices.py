"""Devices and their peak rates, published or measured."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from movinet.errors import InputError


class Device(NamedTuple):
    """Peak rates of a device.

    Attributes:
      matrix: operations a second of dense products, by dtype.
      vector: operations a second of everything else, at any dtype; the same number if the same
        units do both.
      bandwidth: bytes a second of the main memory.
      source: where the figures are from.
    """

    title: str
    matrix: dict[str, float]
    vector: float
    bandwidth: float
    source: str

    def matrix_rate(self, dtype: str) -> float:
        """Returns the rate of dense products.

        Raises: InputError if there is none for the dtype.
        """
        if dtype not in self.matrix:
            raise InputError(
                f"{self.title} has no rate for {dtype}: choose {' or '.join(self.matrix)}."
            )
        return self.matrix[dtype]


DEVICES = {
    "a100": Device(
        "NVIDIA A100 (40 GB)",
        {"float32": 156e12, "float16": 312e12, "bfloat16": 312e12, "int8": 624e12},
        19.5e12,
        1555e9,
        "NVIDIA A100 Tensor Core GPU datasheet, "
        "https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/"
        "nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf: float32 is TF32 on tensor cores, "
        "vector the FP32 rate of the CUDA cores; no sparsity",
    ),
    "t4": Device(
        "NVIDIA T4",
        {"float32": 8.1e12, "float16": 65e12, "int8": 130e12},
        8.1e12,
        320e9,
        "NVIDIA T4 Tensor Core GPU datasheet, https://www.nvidia.com/en-us/data-center/tesla-t4/; "
        "the bandwidth also in https://sysrqmts.com/en/gpus/nvidia/tesla/t4",
    ),
    "tpu_v5e": Device(
        "Google TPU v5e (one chip)",
        {"bfloat16": 197e12, "int8": 393e12},
        8 * 128 * 4 * 1.5e9,
        819e9,
        "https://cloud.google.com/tpu/docs/v5e; vector: 8 x 128 lanes of 4 units "
        "(https://jax-ml.github.io/scaling-book/tpus/) at 1.5 GHz, the clock at which four matrix "
        "units of 128 x 128 reach the published rate",
    ),
    "raspberry_pi_5": Device(
        "Raspberry Pi 5 (4 cores)",
        {"float32": 4 * 2.4e9 * 2 * 4 * 2, "int8": 4 * 2.4e9 * 2 * 16 * 2},
        4 * 2.4e9 * 2 * 4 * 2,
        4267e6 * 4,
        "4 Cortex-A76 at 2.4 GHz and 32 bits of LPDDR4X-4267 (Raspberry Pi 5 product brief, "
        "https://www.raspberrypi.com/products/raspberry-pi-5/), two 128-bit multiply-adds a cycle "
        "(Arm Cortex-A76 Software Optimization Guide): computed, not published",
    ),
}
"""Published peaks. What a TPU does with float32 is not published, and a T4 has no bfloat16."""

THIS = "this"


def find(name: str) -> Device:
    """Returns a device by its name; `this` is measured.

    Raises: InputError for a name that is not known.
    """
    if name == THIS:
        return measure()
    if name not in DEVICES:
        raise InputError(f"No such device: {name!r}; choose from {', '.join(DEVICES)}, {THIS}.")
    return DEVICES[name]


def measure(threads: int | None = None) -> Device:
    """Measures the CPU that runs this: numpy's matrix product, and copies from memory to memory.

    A CPU has the same units for products and for all else. numpy takes the threads that
    OPENBLAS_NUM_THREADS gave it when it was imported.

    Args: threads: that copy at once; all that the process may use by default.
    """
    import numpy as np

    threads = threads or len(os.sched_getaffinity(0))
    matrix = np.ones((1536, 1536), np.float32)
    rate = 2 * 1536**3 / _fastest(lambda: matrix @ matrix)
    # Far larger than any cache, and written before so that its pages exist.
    arrays = [(np.ones(2**24, np.float32), np.ones(2**24, np.float32)) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        copying = _fastest(lambda: list(pool.map(lambda pair: np.copyto(*pair), arrays)))
    moved = 2 * threads * arrays[0][0].nbytes
    source = f"measured: float32 product of 1536 x 1536, copies by {threads} thread(s)"
    return Device("this CPU", {"float32": rate}, rate, moved / copying, source)


def _fastest(run: Callable[[], object], repeats: int = 7) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)

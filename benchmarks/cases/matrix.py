"""The floor: how many operations a second a large matrix product in float32 gets here."""

from benchmarks.jobs import Job
from benchmarks.results import Line, Measurement
from benchmarks.settings import Settings
from benchmarks.table import threads_in_words
from benchmarks.timing import turns

_SIZE = 2048


def jobs(settings: Settings) -> list[Job]:
    """A process for each number of threads, which TensorFlow cannot change once it runs."""
    return [
        Job(
            __name__,
            "",
            f"matrix product, {threads_in_words(threads)}",
            6,
            threads,
            {"threads": threads},
        )
        for threads in sorted({1, 2, settings.threads})
    ]


def measure(settings: Settings, threads: int) -> list[Line]:
    """Times the product."""
    import tensorflow as tf

    left, right = (tf.random.stateless_normal([_SIZE, _SIZE], seed=(seed, 0)) for seed in (1, 2))
    product = tf.function(lambda: tf.linalg.matmul(left, right)[0, 0])
    times = turns({"": lambda: product().numpy()}, rounds=settings.repeats, runs=3, warm_up=3)[""]
    rates = Measurement(tuple(2 * _SIZE**3 / seconds / 1e9 for seconds in times))
    words = f"float32 matrix product, {threads_in_words(threads)}"
    return [Line("matrix", "", words, "GFLOP/s", {"machine": rates}, threads=threads)]

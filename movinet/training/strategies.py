"""On which devices of which machines a run computes: `runtime` of its configuration and, with
several machines, TF_CONFIG.
"""

import dataclasses
import functools
from typing import TypeAlias

import tensorflow as tf
from official.common import distribute_utils
from official.core import config_definitions
from official.modeling import performance

from movinet.errors import InputError

RuntimeConfig: TypeAlias = config_definitions.RuntimeConfig
_SEVERAL_MACHINES = "multi_worker_mirrored"
# What no trainer of the Model Garden reads either; to ignore it silently would mislead.
_UNUSED = (
    "gpu_thread_mode",
    "per_gpu_thread_count",
    "dataset_num_private_threads",
    "batchnorm_spatial_persistent",
    "num_cores_per_replica",
    "default_shard_dim",
    "use_tpu_mp_strategy",
)

# What TensorFlow raises in an operation that waits for another machine.
LOSSES = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The machines of a run, the chief first, as `host:port`, and which of them this one is.

    Without TF_CONFIG there are no addresses: this machine is alone.
    """

    addresses: tuple[str, ...] = ()
    index: int = 0


def read_cluster() -> Cluster:
    """What TF_CONFIG says. Raises InputError when that is no cluster of workers with a place for
    this one.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        jobs = resolver.cluster_spec().as_dict()
        job, index = resolver.task_type, resolver.task_id
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(_cluster_sentence(f"cannot be read ({error})")) from error
    if not jobs:
        return Cluster()
    if job == "evaluator" or "ps" in jobs:
        raise InputError(
            _cluster_sentence(
                "has a job that does not train in step with the others: evaluators run with "
                "--mode=continuous_eval and no TF_CONFIG, parameter servers are not supported"
            )
        )
    chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    if job not in ("chief", "worker") or index is None or not 0 <= index < len(jobs.get(job, [])):
        raise InputError(_cluster_sentence(f"has no address for its own task ({job} {index})"))
    addresses = (*chiefs, *workers)
    if len(set(addresses)) < len(addresses):
        raise InputError(_cluster_sentence("has an address twice"))
    return Cluster(addresses, index + (len(chiefs) if job == "worker" else 0))


def _cluster_sentence(problem: str) -> str:
    example = '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", '
    return f'TF_CONFIG {problem}. It looks like {example}"index": 0}}}} on the first machine.'


def build(runtime: RuntimeConfig) -> tf.distribute.Strategy:
    """Sets the precision and returns the strategy; with several machines, waits for all of them.

    Raises: InputError when the configuration, TF_CONFIG and the devices do not fit together.
    """
    _check(runtime)
    cluster = read_cluster()
    kind = runtime.distribution_strategy.lower()
    if len(cluster.addresses) > 1:
        if kind != _SEVERAL_MACHINES:
            raise InputError(
                f"TF_CONFIG lists {len(cluster.addresses)} machines, but "
                f"runtime.distribution_strategy is {kind!r}, for one: set it to "
                f"{_SEVERAL_MACHINES} (configs/runtime/multi_worker.yaml), or unset TF_CONFIG."
            )
        print(
            f"Worker {cluster.index} of {len(cluster.addresses)}; waiting for all of "
            f"{', '.join(cluster.addresses)}.",
            flush=True,
        )
    try:
        performance.set_mixed_precision_policy(
            tf.as_dtype(runtime.mixed_precision_dtype or "float32")
        )
        if runtime.run_eagerly:
            tf.config.run_functions_eagerly(True)
        strategy = _across_machines(runtime) if kind == _SEVERAL_MACHINES else _on_one(runtime)
    except LOSSES as error:
        if len(cluster.addresses) > 1:
            raise
        raise InputError(_sentence(kind, error)) from error
    except (ValueError, TypeError, RuntimeError, tf.errors.OpError) as error:
        raise InputError(_sentence(kind, error)) from error
    if runtime.tpu_enable_xla_dynamic_padder is not None:
        xla = tf.tpu.XLAOptions(enable_xla_dynamic_padder=runtime.tpu_enable_xla_dynamic_padder)
        options = tf.distribute.RunOptions(experimental_xla_options=xla)
        strategy.run = functools.partial(strategy.run, options=options)
    return strategy


def _sentence(kind: str, error: Exception) -> str:
    return f"runtime.distribution_strategy={kind!r}: {' '.join(str(error).split())[:400]}"


def _on_one(runtime: RuntimeConfig) -> tf.distribute.Strategy:
    return distribute_utils.get_distribution_strategy(
        distribution_strategy=runtime.distribution_strategy,
        all_reduce_alg=runtime.all_reduce_alg,
        num_gpus=runtime.num_gpus,
        num_packs=runtime.num_packs,
        tpu_address=runtime.tpu,
    )


def _across_machines(runtime: RuntimeConfig) -> tf.distribute.Strategy:
    algorithm = runtime.all_reduce_alg
    implementations = {None: "AUTO", "ring": "RING", "nccl": "NCCL"}
    if algorithm not in implementations:
        raise ValueError(f"all_reduce_alg is {algorithm!r}; across machines it is ring or nccl.")
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=implementations[algorithm]
    )
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def _check(runtime: RuntimeConfig) -> None:
    """Raises InputError for what this trainer does not do."""
    if runtime.distribution_strategy == "parameter_server":
        raise InputError(
            "runtime.distribution_strategy=parameter_server is not supported, since this trainer "
            f"takes its steps on all machines at once: use {_SEVERAL_MACHINES}."
        )
    if runtime.distribution_strategy == "tpu" and runtime.tpu is None:
        raise InputError("runtime.tpu is empty: name the TPU (--tpu), 'local' for this machine's.")
    if runtime.worker_hosts or runtime.task_index >= 0:
        raise InputError(
            "runtime.worker_hosts and task_index are not used: TF_CONFIG says who the machines "
            "are, so that all of them run the same command."
        )
    defaults = RuntimeConfig()
    for name in _UNUSED:
        if getattr(runtime, name) != getattr(defaults, name):
            raise InputError(f"runtime.{name} is set, but this trainer does not use it; remove it.")

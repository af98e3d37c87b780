"""Which machines and devices a run gets, and what is refused before anything waits for them."""

import json

import pytest
import tensorflow as tf
from official.core.config_definitions import RuntimeConfig

from movinet import InputError
from movinet.errors import LostWorkerError
from movinet.training import strategies
from movinet.training.strategies import Cluster
from movinet.training.workers import Workers, losses_named

HOSTS = ["a:1", "b:1", "c:1"]


def tf_config(job="worker", index=0, **jobs):
    return json.dumps({"cluster": jobs, "task": {"type": job, "index": index}})


@pytest.mark.parametrize(
    ("value", "cluster"),
    [
        (None, Cluster()),
        ("{}", Cluster()),
        (tf_config(index=2, worker=HOSTS), Cluster(("a:1", "b:1", "c:1"), 2)),
        (tf_config("chief", chief=["z:1"], worker=HOSTS), Cluster(("z:1", "a:1", "b:1", "c:1"), 0)),
        (tf_config(index=1, chief=["z:1"], worker=HOSTS), Cluster(("z:1", "a:1", "b:1", "c:1"), 2)),
    ],
)
def test_the_cluster_is_what_tf_config_says(value, cluster, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if value is not None:
        monkeypatch.setenv("TF_CONFIG", value)
    assert strategies.read_cluster() == cluster


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("host0,host1", "cannot be read"),
        ('{"cluster": ["a:1"]}', "cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "no address for its own task"),
        (tf_config(index=3, worker=HOSTS), r"no address for its own task \(worker 3\)"),
        (tf_config("chief", worker=HOSTS), "no address for its own task"),
        (tf_config(worker=["a:1", "a:1"]), "an address twice"),
        (tf_config("evaluator", worker=HOSTS), "--mode=continuous_eval and no TF_CONFIG"),
        (tf_config(worker=HOSTS, ps=["p:1"]), "parameter servers are not supported"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(value, says, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(InputError, match=says) as refused:
        strategies.read_cluster()
    assert '"task": {"type": "worker", "index": 0}} on the first machine' in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"distribution_strategy": "parameter_server"}, "use multi_worker_mirrored"),
        ({"distribution_strategy": "tpu"}, "name the TPU"),
        ({"distribution_strategy": "mirored"}, "mirored"),
        ({"distribution_strategy": "mirrored", "all_reduce_alg": "ring"}, "hierarchical_copy"),
        (
            {"distribution_strategy": "multi_worker_mirrored", "all_reduce_alg": "tree"},
            "it is ring or nccl",
        ),
        ({"worker_hosts": "a:1,b:1"}, "TF_CONFIG says who the machines are"),
        ({"task_index": 0}, "TF_CONFIG says who the machines are"),
        ({"gpu_thread_mode": "gpu_private"}, "runtime.gpu_thread_mode is set"),
        ({"num_cores_per_replica": 2}, "runtime.num_cores_per_replica is set"),
        ({"mixed_precision_dtype": "int8"}, "int8"),
    ],
)
def test_runtimes_that_cannot_be_are_refused(settings, says, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match=says):
        strategies.build(RuntimeConfig(**settings))


def test_machines_that_would_each_train_alone_are_refused(monkeypatch):
    """They would write into the same folder."""
    monkeypatch.setenv("TF_CONFIG", tf_config(worker=HOSTS))
    with pytest.raises(InputError, match="lists 3 machines, but"):
        strategies.build(RuntimeConfig(distribution_strategy="one_device"))


def test_packs_and_algorithms_reach_the_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    built = strategies.build(
        RuntimeConfig(
            distribution_strategy="mirrored", all_reduce_alg="hierarchical_copy", num_packs=3
        )
    )
    reduction = built.extended._cross_device_ops
    assert isinstance(reduction, tf.distribute.HierarchicalCopyAllReduce)
    assert reduction._num_packs == 3
    several = strategies.build(
        RuntimeConfig(distribution_strategy="multi_worker_mirrored", all_reduce_alg="ring")
    )
    chosen = several.extended._communication_options.implementation
    assert chosen == tf.distribute.experimental.CommunicationImplementation.RING


def test_the_padder_of_a_tpu_is_an_option_of_each_step(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for pads in (True, False):
        strategy = strategies.build(
            RuntimeConfig(distribution_strategy="mirrored", tpu_enable_xla_dynamic_padder=pads)
        )
        options = strategy.run.keywords["options"].experimental_xla_options
        assert options.enable_xla_dynamic_padder is pads
        assert strategy.run(lambda x: 2 * x, args=(3,)) == 6


def test_a_machine_alone_is_the_chief(tmp_path):
    workers = Workers(tf.distribute.get_strategy())
    assert workers.is_chief and workers.count == 1
    assert workers.agree("this") == "this" and workers.own(str(tmp_path)) == str(tmp_path)


def test_only_several_machines_lose_one(monkeypatch):
    message = "Failed.\n{{x}} Collective ops is aborted by: Gone.\nRestart.\n\t [[{{node X}}]]"
    lost = tf.errors.UnavailableError(None, None, message)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(tf.errors.UnavailableError), losses_named():
        raise lost
    monkeypatch.setenv("TF_CONFIG", tf_config(worker=HOSTS))
    with pytest.raises(LostWorkerError, match=r"a:1, b:1, c:1 ended or .* \(Gone\.\)"):
        with losses_named():
            raise lost

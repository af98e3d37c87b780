"""From what a command line says to a run: configuration, sample data if that is what it asks for,
and the runner.
"""

import os
from collections.abc import Sequence

import gin

from movinet.errors import InputError
from movinet.training import configuration, sample_data, strategies, workers
from movinet.training.evaluation import Report
from movinet.training.modes import check_mode
from movinet.training.runner import Runner


def launch(
    *,
    experiment: str,
    mode: str,
    model_dir: str,
    config_files: Sequence[str] = (),
    params_override: str = "",
    checkpoint: str = "",
    gin_files: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    tpu: str | None = None,
    tf_data_service: str | None = None,
) -> list[Report]:
    """Runs an experiment and returns the reports it wrote.

    Order of settings: the experiment's, each file's, `params_override`, `tpu` and
    `tf_data_service`. Raises InputError, and LostWorkerError when another machine of the run ended.
    """
    if not model_dir:
        raise InputError("--model_dir is empty; name the folder for checkpoints and reports.")
    check_mode(mode)
    try:
        with gin.unlock_config():
            gin.parse_config_files_and_bindings(
                list(gin_files), list(gin_bindings), finalize_config=False
            )
    except (OSError, ValueError, SyntaxError, ImportError) as error:
        raise InputError(f"--gin_file or --gin_params: {' '.join(str(error).split())}.") from error
    config = configuration.load_experiment(experiment, config_files, params_override)
    if tpu is not None:
        config.runtime.tpu = tpu
    if tf_data_service is not None:
        for data in (config.task.train_data, config.task.validation_data):
            data.enable_tf_data_service = True
            data.tf_data_service_address = tf_data_service
    if strategies.read_cluster().index == 0:
        sample_data.make_if_missing(config)
    _hint_at_unused_gpus(config.runtime.num_gpus, config.runtime.distribution_strategy)
    os.makedirs(model_dir, exist_ok=True)
    with workers.losses_named():
        return Runner(config, model_dir, mode).run(checkpoint)


def _hint_at_unused_gpus(num_gpus: int, strategy: str) -> None:
    import tensorflow as tf

    found = len(tf.config.list_physical_devices("GPU"))
    if found and not num_gpus and strategy in ("mirrored", "one_device"):
        print(
            f"{found} GPUs are there but unused; add --params_override=runtime.num_gpus={found} "
            "to use them."
        )

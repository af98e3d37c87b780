"""From what a command line says to a run: configuration, sample data if that is what it asks for,
and the runner.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from movinet.errors import InputError
from movinet.training import modes, run_lock
from movinet.training.stopping import StopSignals

if TYPE_CHECKING:
    from official.core import config_definitions

    from movinet.training.evaluation import Report


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
    deterministic: bool = False,
    fresh: bool = False,
    allow_config_change: bool = False,
    signals: StopSignals | None = None,
) -> "list[Report]":
    """Runs an experiment and returns the reports it wrote.

    Order of settings: the experiment's, each file's, `params_override`, then those that have
    arguments of their own. Raises InputError, LostWorkerError when another machine of the run
    ended, and Stopped after a signal.
    """
    if not model_dir:
        raise InputError("--model_dir is empty; name the folder for checkpoints and reports.")
    modes.check_mode(mode)
    if fresh and not modes.trains(mode):
        raise InputError(f"--fresh begins a training anew, which --mode={mode} is not.")
    # Before TensorFlow is imported: who comes second is told at once.
    with run_lock.held(model_dir) if run_lock.needed(mode) else contextlib.nullcontext():
        from movinet.training import configuration, strategies, workers
        from movinet.training.runner import Runner

        _read_gin(gin_files, gin_bindings)
        config = configuration.load_experiment(experiment, config_files, params_override)
        if tpu is not None:
            config.runtime.tpu = tpu
        if tf_data_service is not None:
            for data in (config.task.train_data, config.task.validation_data):
                data.enable_tf_data_service = True
                data.tf_data_service_address = tf_data_service
        config.trainer.deterministic |= deterministic
        if strategies.read_cluster().index == 0:
            _make_ready(config, model_dir, fresh)
        _hint_at_unused_gpus(config.runtime.num_gpus, config.runtime.distribution_strategy)
        with workers.losses_named():
            runner = Runner(
                config, model_dir, mode, allow_changes=allow_config_change, signals=signals
            )
            return runner.run(checkpoint)


def _read_gin(gin_files: Sequence[str], gin_bindings: Sequence[str]) -> None:
    import gin

    try:
        with gin.unlock_config():
            gin.parse_config_files_and_bindings(
                list(gin_files), list(gin_bindings), finalize_config=False
            )
    except (OSError, ValueError, SyntaxError, ImportError) as error:
        raise InputError(f"--gin_file or --gin_params: {' '.join(str(error).split())}.") from error


def _make_ready(config: "config_definitions.ExperimentConfig", model_dir: str, fresh: bool) -> None:
    """Sets an earlier run aside if that is asked for; makes the sample data if they are."""
    from movinet.training import run_folder, sample_data

    if fresh and (aside := run_folder.set_aside(model_dir)):
        print(f"Beginning anew; what was in {model_dir} is in {aside} now.", flush=True)
    sample_data.make_if_missing(config)


def _hint_at_unused_gpus(num_gpus: int, strategy: str) -> None:
    import tensorflow as tf

    found = len(tf.config.list_physical_devices("GPU"))
    if found and not num_gpus and strategy in ("mirrored", "one_device"):
        print(
            f"{found} GPUs are there but unused; add --params_override=runtime.num_gpus={found} "
            "to use them."
        )

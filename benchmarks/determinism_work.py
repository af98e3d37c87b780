"""What the processes of benchmarks/determinism.py do: train, read, save."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import input_pipeline

ORDINARY, DETERMINISTIC, STOCK = "ordinary", "deterministic", "stock"
WAYS = (ORDINARY, DETERMINISTIC, STOCK)
CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
_RECIPES = [str(CONFIGS / name) for name in ("base/kinetics600.yaml", "runtime/one_machine.yaml")]
_SAVES = 7  # Of a state in each way.

Answer = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Settings(input_pipeline.InputSettings):
    """What is read, trained and saved, and how often.

    Attributes:
      model_id: architecture that trains.
      steps: timed in each process, after `warm_up_steps`.
      threads: numbers of them; the last one trains.
      saved: architectures whose training state is saved.
      seed: of order, augmentation, weights and noise.
      folder: for files that the processes share; it is gone after the run.
    """

    model_id: str = "a0"
    steps: int = 12
    warm_up_steps: int = 3
    rounds: int = 3
    batches: int = 100
    threads: tuple[int, ...] = (1, 2)
    saved: tuple[str, ...] = ("a0", "a2")
    seed: int = 1
    folder: str = ""


def records(settings: Settings, _: str) -> Answer:
    """Makes or finds the files, and makes sure that both pipelines read the same from them.

    Raises: VerificationError if they do not.
    """
    folder = pathlib.Path(settings.folder)
    found = input_pipeline.find_records(settings, folder)
    input_pipeline.check_agreement(found, folder)
    return {"input_path": found.input_path, "num_classes": found.num_classes}


def train(settings: Settings, way: str) -> Answer:
    """Times steps of training; the bits are those of the loss and of all weights after them."""
    import numpy as np
    import orbit

    from benchmarks.timing import seconds

    config = configuration(settings, way)
    trainer = build_trainer(config)
    if way == STOCK:
        trainer.train_dataset = orbit.utils.make_distributed_dataset(
            trainer.strategy, build_stock_inputs, config.task.train_data
        )
    trainer.run_steps(settings.warm_up_steps)
    taken, _ = seconds(lambda: trainer.run_steps(settings.steps))
    weights = [variable.numpy() for variable in trainer.model.variables]
    return {"rate": settings.steps / taken, "bits": digest([np.float32(trainer.loss), *weights])}


def read(settings: Settings, way: str) -> Answer:
    """Times batches of the input; the bits are those of the clips of the first epoch of files made
    here, in whatever order.
    """
    from movinet.training import inputs

    build = build_stock_inputs if way == STOCK else inputs.build_inputs
    dataset = build(configuration(settings, way).task.train_data)
    rate = input_pipeline.clips_per_second(dataset, settings)
    clips = dataset.unbatch().take(settings.videos).as_numpy_iterator()
    found = sorted(digest([features["image"], label]) for features, label in clips)
    return {"rate": rate, "bits": found}


def save(settings: Settings, model_id: str) -> Answer:
    """Times saving the training state of an architecture: as TensorFlow does, and as training."""
    from benchmarks.timing import turns
    from movinet.training import saved_states

    config = configuration(dataclasses.replace(settings, model_id=model_id), ORDINARY)
    checkpoint = build_trainer(config).checkpoint
    folder = pathlib.Path(settings.folder, f"states_{model_id}")
    folder.mkdir()
    calls = {
        "written": lambda: checkpoint.write(str(folder / "written")),
        "saved": lambda: saved_states.save(checkpoint, str(folder), saved_states.name(1)),
    }
    times = turns(calls, rounds=_SAVES)
    return {"bytes": sum(path.stat().st_size for path in folder.glob("written.*")), **times}


WORKS: dict[str, Callable[[Settings, str], Answer]] = {
    "records": records,
    "training": train,
    "input": read,
    "saving": save,
}


def configuration(settings: Settings, way: str) -> Any:
    """Returns the experiment that trains so, with the sizes of its data filled in."""
    import tensorflow as tf

    from movinet.training import configuration, preparation

    shape = settings.num_frames, settings.image_size, settings.image_size, 3
    values = {
        "runtime.distribution_strategy": "one_device",
        "task.model.backbone.movinet.model_id": settings.model_id,
        "task.train_data.feature_shape": f"[{','.join(map(str, shape))}]",
        "task.train_data.temporal_stride": settings.temporal_stride,
        "task.train_data.global_batch_size": settings.batch_size,
        "task.train_data.num_classes": settings.num_classes,
        "task.train_data.seed": settings.seed,
    }
    override = ",".join(f"{name}={value}" for name, value in values.items())
    config = configuration.load_experiment("movinet_kinetics600", _RECIPES, override)
    config.task.train_data.input_path = settings.input_path
    if way == DETERMINISTIC:  # As the runner does it.
        config.trainer.deterministic = True
        preparation.check_deterministic(config)
        tf.config.experimental.enable_op_determinism()
    return preparation.prepare(config, train=True, evaluate=False)


def build_trainer(config: Any) -> Any:
    """Returns the trainer of an experiment, with weights that are a function of the seed."""
    import tf_keras

    from movinet.training import strategies
    from movinet.training.task import MovinetTask
    from movinet.training.trainer import Trainer

    tf_keras.utils.set_random_seed(config.task.train_data.seed)
    with strategies.build(config.runtime).scope():
        return Trainer(config, MovinetTask(config.task), train=True)


def build_stock_inputs(data: Any, input_context: Any = None) -> Any:
    """Returns what the official pipeline reads with the same settings, as its trainer builds it."""
    from official.vision.configs import video_classification
    from official.vision.tasks.video_classification import VideoClassificationTask

    fields = dataclasses.fields(video_classification.DataConfig)
    values = {field.name: getattr(data, field.name) for field in fields}
    config = video_classification.DataConfig(**values)
    task = video_classification.VideoClassificationTask(train_data=config, validation_data=config)
    return VideoClassificationTask(task).build_inputs(config, input_context)


def digest(arrays: Iterable[Any]) -> str:
    """Returns 16 hex digits, others if one bit differs."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()[:16]

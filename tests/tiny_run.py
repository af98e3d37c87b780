"""Settings that make the sample experiment a run of seconds."""

import pathlib

OVERRIDES = {
    "task.model.backbone.movinet.model_id": "tiny",
    "task.train_data.feature_shape": "[4,16,16,3]",
    "task.validation_data.feature_shape": "[6,24,24,3]",
    "task.train_data.global_batch_size": "8",
    "task.validation_data.global_batch_size": "4",
    "task.train_data.min_image_size": "24",
    "task.validation_data.min_image_size": "24",
    "task.train_data.temporal_stride": "1",
    "task.validation_data.temporal_stride": "1",
    "trainer.train_steps": "20",
    "trainer.steps_per_loop": "5",
    "trainer.validation_interval": "10",
    "trainer.checkpoint_interval": "10",
    "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate": "0.01",
    "trainer.optimizer_config.learning_rate.cosine.decay_steps": "20",
    "trainer.optimizer_config.warmup.linear.warmup_steps": "2",
}


def tiny_override(dataset: pathlib.Path, without: tuple[str, ...] = ()) -> str:
    """The value of --params_override that makes the sample experiment tiny."""
    data = {f"task.{name}_data.input_path": f"'{dataset}'" for name in ("train", "validation")}
    settings = {**OVERRIDES, **data}
    return ",".join(f"{name}={value}" for name, value in settings.items() if name not in without)

"""The experiments of `train.py`, in the Model Garden's factory: one a dataset, and the embedded
sample data. How to train on them is said by the recipes in configs/.

Field names and defaults are the Model Garden's, so that its recipes and overrides work as they are.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Optional, TypeAlias, Union

from official.core import config_definitions, exp_factory
from official.modeling import hyperparams, optimization
from official.vision.configs import backbones_3d, common, video_classification

from movinet.training.inputs import DataConfig

ExperimentConfig: TypeAlias = config_definitions.ExperimentConfig
SAMPLE_DATASET = "runs/sample_data/dataset"
SAMPLE_VIDEOS = "runs/sample_data/videos"


@dataclasses.dataclass
class Movinet(hyperparams.Config):
    """The backbone; the fields are keyword arguments of `movinet.Movinet`."""

    model_id: str = "a0"
    causal: bool = False
    use_positional_encoding: bool = False
    conv_type: str = "3d"
    se_type: str = "3d"
    activation: str = "swish"
    gating_activation: str = "sigmoid"
    stochastic_depth_drop_rate: float = 0.2
    use_external_states: bool = False
    average_pooling_type: str = "3d"
    output_states: bool = True


@dataclasses.dataclass
class Backbone3D(backbones_3d.Backbone3D):
    """The choice of a backbone; this trainer builds `movinet`."""

    type: str = "movinet"
    movinet: Movinet = dataclasses.field(default_factory=Movinet)


@dataclasses.dataclass
class MovinetModel(video_classification.VideoClassificationModel):
    """The classifier: backbone, normalisation, and head."""

    model_type: str = "movinet"
    backbone: Backbone3D = dataclasses.field(default_factory=Backbone3D)
    norm_activation: common.NormActivation = dataclasses.field(
        default_factory=lambda: common.NormActivation(
            activation=None, norm_momentum=0.99, norm_epsilon=1e-3, use_sync_bn=True
        )
    )
    activation: str = "swish"
    output_states: bool = False


@dataclasses.dataclass
class ClipByClip(hyperparams.Config):
    """How a causal network is trained as the stream it will be: on one clip of a video after the
    other, with the states handed on and the gradients ending where a clip begins.

    frames: of a clip; 0 trains on whole videos. loss: on the logits after every_clip (the mean), or
    after the last_clip. optimizer_step: one for each video, or one for each clip.
    """

    frames: int = 0
    loss: str = "every_clip"
    optimizer_step: str = "video"


@dataclasses.dataclass
class MovinetTaskConfig(video_classification.VideoClassificationTask):
    """The task: model, data, losses, and the weights to start from (`init_checkpoint_modules`: all
    or backbone).
    """

    model: MovinetModel = dataclasses.field(default_factory=MovinetModel)
    train_data: DataConfig = dataclasses.field(
        default_factory=lambda: DataConfig(is_training=True, drop_remainder=True)
    )
    validation_data: DataConfig = dataclasses.field(
        default_factory=lambda: DataConfig(is_training=False, drop_remainder=False)
    )
    init_checkpoint: Optional[str] = None  # noqa: UP045 (the Model Garden reads these annotations)
    init_checkpoint_modules: Union[str, tuple[str, ...]] = "all"  # noqa: UP007
    clip_by_clip: ClipByClip = dataclasses.field(default_factory=ClipByClip)


@dataclasses.dataclass
class TrainerConfig(config_definitions.TrainerConfig):
    """The Model Garden's fields, and those of ours.

    reference_batch_size: the batch size that learning rate, warm-up and numbers of steps are
    written for; when it is given, they are scaled to `task.train_data.global_batch_size`. 0 for no
    scaling. gradient_accumulation_steps: micro-batches that a batch is read as, one after the
    other, where it does not fit into memory. deterministic: the same command gives the same bits,
    on the same machine and versions; the seed of task.train_data is 0 if none is given.
    """

    reference_batch_size: int = 0
    gradient_accumulation_steps: int = 1
    deterministic: bool = False


def _data(reference: video_classification.DataConfig, **changes: object) -> DataConfig:
    """The Model Garden's description of a dataset as ours, with the fields only ours has at their
    defaults.
    """
    return DataConfig(**{**_values(reference), **changes})


def _values(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _kinetics(reference: ExperimentConfig) -> ExperimentConfig:
    """The Model Garden's Kinetics experiment with a MoViNet in the place of its ResNet."""
    task = reference.task
    return ExperimentConfig(
        runtime=reference.runtime,
        trainer=TrainerConfig(**_values(reference.trainer)),
        task=MovinetTaskConfig(
            losses=task.losses,
            train_data=_data(task.train_data, dtype="bfloat16"),
            validation_data=_data(task.validation_data, dtype="bfloat16"),
        ),
        restrictions=list(reference._restrictions),
    )


def movinet_kinetics600() -> ExperimentConfig:
    """Kinetics-600; the official recipes are written on top of it."""
    return _kinetics(video_classification.video_classification_kinetics600())


def movinet_kinetics400() -> ExperimentConfig:
    """Kinetics-400 with the same settings."""
    return _kinetics(video_classification.video_classification_kinetics400())


def movinet_kinetics700() -> ExperimentConfig:
    """Kinetics-700 with the same settings."""
    return _kinetics(video_classification.video_classification_kinetics700())


def _dataset(
    name: str, classes: int, train_clips: int, validation_clips: int, *, multilabel: bool = False
) -> ExperimentConfig:
    """A dataset with the settings of Kinetics-600, but in batches of 64, in float32.

    The counts are those of the dataset's publication; a folder made by tools/build_dataset.py
    replaces them by its own.
    """
    config = movinet_kinetics600()
    config.runtime.mixed_precision_dtype = "float32"
    task = config.task
    for data, clips in ((task.train_data, train_clips), (task.validation_data, validation_clips)):
        data.name, data.num_classes, data.num_examples = name, classes, clips
        data.dtype, data.is_multilabel = "float32", multilabel
    # The learning rate of Kinetics, 1.6 for batches of 1,024, for these.
    video_classification.add_trainer(config, 64, 64, learning_rate=0.1)
    config.trainer = TrainerConfig(**_values(config.trainer))
    config.trainer.validation_steps = -1
    return config


def movinet_ucf101() -> ExperimentConfig:
    """UCF101, split 1 (https://www.crcv.ucf.edu/data/UCF101.php)."""
    return _dataset("ucf101", 101, 9_537, 3_783)


def movinet_hmdb51() -> ExperimentConfig:
    """HMDB51, split 1: 70 clips a class to train, 30 to test (Kuehne et al., ICCV 2011)."""
    return _dataset("hmdb51", 51, 51 * 70, 51 * 30)


def movinet_something_something_v2() -> ExperimentConfig:
    """Something-Something v2 (https://arxiv.org/abs/1706.04261), training and validation."""
    config = _dataset("something_something_v2", 174, 168_913, 24_777)
    # "Pushing something from left to right" is a class.
    config.task.train_data.random_flip = False
    return config


def movinet_charades() -> ExperimentConfig:
    """Charades (https://arxiv.org/abs/1604.01753): several actions a clip; the best checkpoint is
    that of the highest mean average precision.
    """
    config = _dataset("charades", 157, 7_985, 1_863, multilabel=True)
    config.trainer.best_checkpoint_eval_metric = "PR-AUC"
    return config


def movinet_sample() -> ExperimentConfig:
    """The embedded sample data: a small MoViNet-A0-Stream that learns motions in minutes on a CPU.

    No random flip: the direction of a motion is its class.
    """
    train_steps, warmup_steps, batch_size = 1000, 40, 16
    data: dict[str, Any] = {
        "input_path": SAMPLE_DATASET,
        "feature_shape": (8, 64, 64, 3),
        "temporal_stride": 2,
        "min_image_size": 64,
        "global_batch_size": batch_size,
        "aug_min_area_ratio": 0.6,
        "aug_min_aspect_ratio": 0.8,
        "aug_max_aspect_ratio": 1.25,
        "random_flip": False,
    }
    return ExperimentConfig(
        runtime=config_definitions.RuntimeConfig(distribution_strategy="one_device"),
        task=MovinetTaskConfig(
            model=MovinetModel(
                backbone=Backbone3D(
                    movinet=Movinet(
                        model_id="a0",
                        causal=True,
                        conv_type="3d_2plus1d",
                        se_type="2plus3d",
                        activation="hard_swish",
                        gating_activation="hard_sigmoid",
                        stochastic_depth_drop_rate=0.0,
                    )
                ),
                norm_activation=common.NormActivation(
                    activation=None, norm_momentum=0.9, norm_epsilon=1e-3, use_sync_bn=False
                ),
                activation="hard_swish",
                dropout_rate=0.1,
            ),
            losses=video_classification.Losses(label_smoothing=0.05, l2_weight_decay=1e-5),
            train_data=DataConfig(
                split="train", is_training=True, shuffle_buffer_size=512, seed=1, **data
            ),
            validation_data=DataConfig(
                split="validation", is_training=False, drop_remainder=False, **data
            ),
        ),
        trainer=TrainerConfig(
            train_steps=train_steps,
            steps_per_loop=20,
            summary_interval=20,
            validation_interval=200,
            checkpoint_interval=200,
            max_to_keep=2,
            optimizer_config=optimization.OptimizationConfig(
                {
                    "optimizer": {"type": "adam", "adam": {"global_clipnorm": 1.0}},
                    "learning_rate": {
                        "type": "cosine",
                        "cosine": {"initial_learning_rate": 3e-3, "decay_steps": train_steps},
                    },
                    "warmup": {"type": "linear", "linear": {"warmup_steps": warmup_steps}},
                }
            ),
        ),
        restrictions=["task.train_data.num_classes == task.validation_data.num_classes"],
    )


def _register(factory: Callable[[], ExperimentConfig]) -> None:
    """Makes the experiment known by its name, in the place of the official package's of the same
    name.
    """
    exp_factory._REGISTERED_CONFIGS.pop(factory.__name__, None)
    exp_factory.register_config_factory(factory.__name__)(factory)


for _factory in (
    movinet_kinetics600,
    movinet_kinetics400,
    movinet_kinetics700,
    movinet_ucf101,
    movinet_hmdb51,
    movinet_something_something_v2,
    movinet_charades,
    movinet_sample,
):
    _register(_factory)

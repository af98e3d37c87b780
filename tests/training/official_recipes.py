"""What the official recipes set: their facts as a table, and the settings it stands for.

Read from official/projects/movinet/configs/yaml of tensorflow/models, which the installed package
does not hold. Of A0, A2, A3, A4 and A5 as streams and of A3 and A4 as base models two versions are
stored there, with and without `task.model.activation`; it is the one with it that has the same
line as the other files.
"""

from typing import Any

from official.core import config_definitions, exp_factory

from movinet.training import configuration
from movinet.yaml_files import Settings

# name; training and validation frames; pixels; stride; its range; short side; validation batch;
# dropout; augmentation; convolutions; positional encoding. `-`: not set by the file.
_TABLE = """
a0_k600_8x8 50 50 172 5 1 192 64 0.2 autoaug 3d no
a0_stream_k600_8x8 50 50 172 5 0 192 64 0.2 none 3d_2plus1d no
a1_k600_8x8 50 50 172 5 1 192 64 0.5 autoaug 3d no
a1_stream_k600_8x8 50 50 172 5 0 192 64 0.2 none 3d_2plus1d no
a2_k600_8x8 50 50 224 5 1 256 64 0.5 autoaug 3d no
a2_stream_k600_8x8 50 50 224 5 0 256 64 0.5 none 3d_2plus1d no
a3_k600_8x8 64 120 256 2 1 288 64 0.5 autoaug 3d no
a3_stream_k600_8x8 64 120 256 2 0 288 64 0.5 none 3d_2plus1d yes
a4_k600_8x8 32 80 290 3 1 320 64 0.5 autoaug 3d no
a4_stream_k600_8x8 32 80 290 3 1 320 64 0.5 autoaug 3d_2plus1d yes
a5_k600_8x8 32 120 320 2 1 368 32 0.5 autoaug 3d no
a5_stream_k600_8x8 32 115 320 2 1 368 32 0.5 autoaug 3d_2plus1d yes
t0_k600_8x8 25 25 160 10 0 176 64 0.2 none 3d no
t0_stream_k600_8x8 25 25 160 10 0 176 64 0.2 none 3d_2plus1d no
a0_gpu 32 32 172 5 1 192 - 0.2 - 3d -
a0_stream_gpu 32 32 172 5 0 192 - 0.2 - 2plus1d no
a1_gpu 32 32 172 5 1 192 - 0.5 - 3d -
a1_stream_gpu 32 32 172 5 0 192 - 0.2 - 2plus1d no
a2_gpu 32 32 224 5 1 256 - 0.5 - 3d -
a2_stream_gpu 32 32 224 5 0 256 - 0.5 - 2plus1d no
a3_gpu 32 32 256 2 1 288 - 0.5 - 3d -
a3_stream_gpu 32 32 256 2 0 288 - 0.5 - 2plus1d yes
a4_gpu 32 32 290 3 1 320 - 0.5 - 3d -
a4_stream_gpu 32 32 290 3 1 320 - 0.5 - 2plus1d yes
a5_gpu 32 32 320 2 1 368 - 0.5 - 3d -
a5_stream_gpu 32 32 320 2 1 368 - 0.5 - 2plus1d yes
"""
FACTS = {line.split()[0]: line.split()[1:] for line in _TABLE.strip().splitlines()}
CPU_LOCAL = "a0_k600_cpu_local"
NAMES = [*FACTS, CPU_LOCAL]

_CROP = {
    "aug_max_area_ratio": 1.0,
    "aug_max_aspect_ratio": 2.0,
    "aug_min_area_ratio": 0.08,
    "aug_min_aspect_ratio": 0.5,
}
_ONE_VIEW = {"num_test_clips": 1, "num_test_crops": 1}
_INTERVALS = {"steps_per_loop": 500, "summary_interval": 500, "validation_interval": 500}
_RMSPROP = {"rho": 0.9, "momentum": 0.9, "epsilon": 1.0, "clipnorm": 1.0}
_STREAM = {
    "causal": True,
    "se_type": "2plus3d",
    "activation": "hard_swish",
    "gating_activation": "hard_sigmoid",
}


def config(name: str) -> config_definitions.ExperimentConfig:
    """The settings of the official file of that name on the experiment, and nothing else."""
    given = settings(name.removeprefix("movinet_").removesuffix(".yaml"))
    return configuration.apply(
        exp_factory.get_exp_config("movinet_kinetics600"), Settings(name, given)
    )


def settings(name: str) -> dict[str, Any]:
    """The settings of the official file `movinet_{name}.yaml`, nested as there."""
    if name == CPU_LOCAL:
        return _cpu_local()
    frames, validation_frames, pixels, stride, stride_range, side, *rest = FACTS[name]
    validation_batch, dropout, augmentation, convolutions, encoding = rest
    is_stream, is_gpu = "stream" in name, name.endswith("_gpu")
    backbone: dict[str, Any] = {"model_id": name[:2], "stochastic_depth_drop_rate": 0.2}
    if is_stream:
        backbone |= {**_STREAM, "conv_type": convolutions}
        backbone |= {"use_positional_encoding": True} if encoding == "yes" else {}
    clip = {"temporal_stride": int(stride), "min_image_size": int(side), "dtype": "bfloat16"}
    train = {
        **clip,
        **_CROP,
        "variant_name": "rgb",
        "feature_shape": [int(frames), int(pixels), int(pixels), 3],
        "random_stride_range": int(stride_range),
    }
    validation = {
        **clip,
        **_ONE_VIEW,
        "feature_shape": [int(validation_frames), int(pixels), int(pixels), 3],
        "drop_remainder": False,
    }
    trainer = {**_INTERVALS, "optimizer_config": _optimization(1.8, 85785, 300 if is_gpu else 2145)}
    trainer["optimizer_config"]["optimizer"] = {"type": "rmsprop", "rmsprop": _RMSPROP}
    if not is_gpu:
        train |= {"global_batch_size": 1024, "shuffle_buffer_size": 1024}
        validation |= {"global_batch_size": int(validation_batch)}
        train |= {"aug_type": augmentation} if augmentation != "none" else {}
    if is_stream or not is_gpu:
        train, validation = ({**data, "name": "kinetics600"} for data in (train, validation))
        trainer["train_steps"] = 85785
    strategy = "multi_worker_mirrored" if is_gpu else "tpu"
    return {
        "runtime": {"distribution_strategy": strategy, "mixed_precision_dtype": "bfloat16"},
        "task": {
            "losses": {"l2_weight_decay": 0.00003, "label_smoothing": 0.1},
            "model": {
                "backbone": {"movinet": backbone},
                "norm_activation": {"use_sync_bn": True},
                "dropout_rate": float(dropout),
                "activation": "hard_swish" if is_stream else "swish",
            },
            "train_data": train,
            "validation_data": validation,
        },
        "trainer": trainer,
    }


def _optimization(rate: float, decay_steps: int, warmup_steps: int) -> dict[str, Any]:
    return {
        "learning_rate": {
            "cosine": {"initial_learning_rate": rate, "decay_steps": decay_steps},
        },
        "warmup": {"linear": {"warmup_steps": warmup_steps}},
    }


def _cpu_local() -> dict[str, Any]:
    clip = {
        "name": "kinetics600",
        "feature_shape": [4, 172, 172, 3],
        "temporal_stride": 5,
        "global_batch_size": 2,
        "dtype": "float32",
    }
    train = {"variant_name": "rgb", "random_stride_range": 0, "shuffle_buffer_size": 32}
    return {
        "runtime": {"distribution_strategy": "mirrored", "mixed_precision_dtype": "float32"},
        "task": {
            "model": {
                "backbone": {"movinet": {"model_id": "a0"}},
                "norm_activation": {"use_sync_bn": False},
                "dropout_rate": 0.5,
                "activation": "swish",
            },
            "train_data": {**clip, **_CROP, **train},
            "validation_data": {**clip, **_ONE_VIEW, "drop_remainder": True},
        },
        "trainer": {
            **_INTERVALS,
            "optimizer_config": _optimization(0.8, 42104, 1053),
            "train_steps": 10,
            "validation_steps": 10,
        },
    }

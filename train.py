"""Trains and evaluates MoViNets: `python3 train.py` trains the sample experiment; see --help for
everything else. On several machines the same command runs on each, told of the others by TF_CONFIG.
"""

import os
import sys

from absl import flags, logging

from movinet import cli
from movinet.errors import LostWorkerError
from movinet.training import launch
from movinet.training.modes import MODES
from movinet.training.stopping import StopSignals

# Lower than that of bad input, since a cluster reports the highest of all processes: what is wrong
# with a command is not mended by starting it again, as the loss of a machine is.
EXIT_LOST_WORKER = 1
FLAGS = flags.FLAGS
flags.DEFINE_string(
    "experiment",
    "movinet_sample",
    "Registered experiment: movinet_sample, or movinet_ and a dataset: kinetics400, kinetics600, "
    "kinetics700, ucf101, hmdb51, something_something_v2, charades.",
)
flags.DEFINE_enum(
    "mode", "train_and_eval", MODES, "What to do; eval_continuous is continuous_eval."
)
flags.DEFINE_string(
    "model_dir",
    "runs/sample",
    "Folder of checkpoints, curves and reports; an earlier run in it is resumed.",
)
flags.DEFINE_multi_string(
    "config_file", [], "YAML file with settings over the experiment's; repeat it, later ones win."
)
flags.DEFINE_string(
    "params_override",
    "",
    "Settings over the files': task.train_data.global_batch_size=8,trainer.train_steps=10, or "
    "YAML.",
)
flags.DEFINE_string(
    "checkpoint", "", "For mode eval: best, latest or a path; default the best, else the latest."
)
flags.DEFINE_bool(
    "deterministic",
    False,
    "The same command gives the same bits, however often it is stopped (trainer.deterministic).",
)
flags.DEFINE_bool(
    "fresh", False, "Begin anew in --model_dir; what is there is moved into a folder in it."
)
flags.DEFINE_bool(
    "allow_config_change", False, "Go on with other settings or data than the run began with."
)
flags.DEFINE_multi_string("gin_file", [], "Gin file, repeatable.")
flags.DEFINE_multi_string("gin_params", [], "Gin binding, repeatable.")
flags.DEFINE_string("tpu", None, "Name or grpc:// address of the TPU (sets runtime.tpu).")
flags.DEFINE_string(
    "tf_data_service",
    None,
    "Address of a tf.data service (sets tf_data_service_address of both datasets).",
)
flags.DEFINE_string("tpu_platform", None, "Accepted as officially, where it has no effect either.")
flags.DEFINE_string("tfhub_handle", None, "Accepted as officially, where it has no effect either.")
flags.DEFINE_string(
    "tflex_output_uri", None, "Accepted as officially, where it has no effect either."
)


def main() -> None:
    """Runs the experiment that the flags describe."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)
    signals = StopSignals()
    signals.watch()
    try:
        launch.launch(
            experiment=FLAGS.experiment,
            mode=FLAGS.mode,
            model_dir=FLAGS.model_dir,
            config_files=FLAGS.config_file,
            params_override=FLAGS.params_override,
            checkpoint=FLAGS.checkpoint,
            gin_files=FLAGS.gin_file,
            gin_bindings=FLAGS.gin_params,
            tpu=FLAGS.tpu,
            tf_data_service=FLAGS.tf_data_service,
            deterministic=FLAGS.deterministic,
            fresh=FLAGS.fresh,
            allow_config_change=FLAGS.allow_config_change,
            signals=signals,
        )
    except LostWorkerError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(EXIT_LOST_WORKER)  # TensorFlow would wait for the machine that is gone.


if __name__ == "__main__":
    cli.run(main)

"""Exports a model as a SavedModel for TensorFlow, Keras, TensorFlow Hub and TFLite.

    python3 export_saved_model.py --model_dir=runs/sample --export_path=exports/sample
    python3 export_saved_model.py --preset=a0_stream --checkpoint_path=movinet_a0_stream

The model comes from a training run (--model_dir), a published variant (--preset), or the official
flags (--model_id and those after it). For TFLite fix the shape: --batch_size=1 --num_frames=1
--image_size=172 --bundle_input_init_states_fn=False.
"""

from absl import flags

from movinet import cli
from movinet.export import source_flags

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(source_flags)
flags.DEFINE_string("export_path", "/tmp/movinet/", "Folder to write; a SavedModel is replaced.")
flags.DEFINE_integer("batch_size", None, "Clips a call; any if not given.", 1)
flags.DEFINE_integer("num_frames", None, "Frames a call; any if not given.", 1)
flags.DEFINE_integer("image_size", None, "Height and width in pixels; any if not given.", 1)
flags.DEFINE_bool(
    "bundle_input_init_states_fn",
    True,
    "Give a stream the signatures call and init_states; else serving_default alone, as TFLite "
    "needs it.",
)
flags.DEFINE_float(
    "tolerance", 1e-5, "Largest difference from the model, as a part of its largest logit.", 0.0
)


def main() -> None:
    """Exports the model that the flags describe and prints the figures of the export."""
    cli.quieten()
    source = source_flags.read()
    from movinet.export import saved_model

    exported = saved_model.export(
        source,
        FLAGS.export_path,
        (FLAGS.batch_size, FLAGS.num_frames, FLAGS.image_size, FLAGS.image_size, 3),
        bundle_init_states=FLAGS.bundle_input_init_states_fn,
        tolerance=FLAGS.tolerance,
        say=lambda words: print(words, flush=True),
    )
    print(exported.describe())


if __name__ == "__main__":
    cli.run(main)

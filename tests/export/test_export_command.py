"""export_saved_model.py as a user runs it, and the TFLite example of the official README."""

import pathlib
import subprocess
import sys

import models
import pytest
import tensorflow as tf
from official_runs import tiny_run

import movinet
from movinet import model_info
from movinet.export import measurements, saved_model, sources
from movinet.presets import PRESETS

SCRIPT = pathlib.Path(__file__).parents[2] / "export_saved_model.py"
STREAM = models.LAYOUTS["stream_2plus1d"]

# The flags and the lines of the official README; only the paths are ours.
README_FLAGS = """
  --model_id=a0
  --causal=True
  --conv_type=2plus1d
  --se_type=2plus3d
  --activation=hard_swish
  --gating_activation=hard_sigmoid
  --use_positional_encoding=False
  --num_classes=600
  --batch_size=1
  --num_frames=1
  --image_size=172
  --bundle_input_init_states_fn=False
"""
README_EXAMPLE = """
saved_model_dir = '/tmp/movinet_a0_stream'
converter = tf.lite.TFLiteConverter.from_saved_model(saved_model_dir)
tflite_model = converter.convert()

with open('/tmp/movinet_a0_stream.tflite', 'wb') as f:
  f.write(tflite_model)

# Create the interpreter and signature runner
interpreter = tf.lite.Interpreter('/tmp/movinet_a0_stream.tflite')
runner = interpreter.get_signature_runner()

# Extract state names and create the initial (zero) states
def state_name(name: str) -> str:
  return name[len('serving_default_'):-len(':0')]

init_states = {
    state_name(x['name']): tf.zeros(x['shape'], dtype=x['dtype'])
    for x in interpreter.get_input_details()
}
del init_states['image']

clips = tf.split(video, video.shape[1], axis=1)

# To run on a video, pass in one frame at a time
states = init_states
for clip in clips:
  # Input shape: [1, 1, 172, 172, 3]
  outputs = runner(**states, image=clip)
  logits = outputs.pop('logits')
  states = outputs
"""


def run(*arguments, cwd=None):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def test_the_tflite_example_of_the_official_readme(tmp_path):
    model = movinet.MovinetClassifier(movinet.Movinet("a0", **STREAM), 600)
    models.randomise(model)
    checkpoint = tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    folder = tmp_path / "movinet_a0_stream"
    done = run(*README_FLAGS.split(), f"--checkpoint_path={checkpoint}", f"--export_path={folder}")
    assert done.returncode == 0, done.stderr
    for words in ("MB", "operations", "time per frame", "of the largest logit", str(folder)):
        assert words in done.stdout
    video = models.random_clip(1, 8, 172, 172, 3)
    names = {"tf": tf, "video": video}
    example = README_EXAMPLE.replace("/tmp/movinet_a0_stream", str(folder))
    exec(compile(example, "<the official README>", "exec"), names)  # noqa: S102 (text above)
    assert models.relative_difference(names["logits"], model(video)) < 1e-5
    # Nothing but what every TFLite runtime has.
    operations = {detail["op_name"] for detail in names["interpreter"]._get_ops_details()}
    assert not {name for name in operations if name.startswith("Flex") or name == "CUSTOM"}
    info = model_info.read(folder / "assets.extra" / "movinet.json")
    assert info.name == "a0_stream" and info.preprocessing.height == 172
    assert [state.name for state in info.states] == list(model.init_states(video.shape))


def run_tiny(tmp_path, *flags):
    """Exports the run in tmp_path / 'run', with the tiny network known, into tmp_path / 'out'."""
    program = (
        "import runpy, sys\n"
        f"sys.path[:0] = [{str(SCRIPT.parent / 'tests')!r}, {str(SCRIPT.parent)!r}]\n"
        f"import conftest\nsys.argv[0] = {str(SCRIPT)!r}\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    folders = [f"--model_dir={tmp_path / 'run'}", f"--export_path={tmp_path / 'out'}"]
    return subprocess.run(
        [sys.executable, "-c", program, *folders, *flags],
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_training_run(tmp_path):
    (tmp_path / "run").mkdir()
    model = tiny_run(tmp_path / "run")
    (tmp_path / "names.txt").write_text("one\ntwo\nthree\n")
    failed = run_tiny(tmp_path, "--image_size=32", "--tolerance=0")
    assert failed.returncode == 1 and "largest difference" in failed.stderr, failed.stderr
    assert "Traceback" not in failed.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"run", "names.txt"}
    done = run_tiny(tmp_path, "--image_size=32", f"--labels={tmp_path / 'names.txt'}")
    assert done.returncode == 0, done.stderr
    clip = models.random_clip(2, 3, 32, 32, 3)
    logits, _ = measurements.load(tmp_path / "out")({"image": clip})
    assert models.relative_difference(logits, model(clip)) < 1e-5
    info = model_info.read(tmp_path / "out" / "assets.extra" / "movinet.json")
    assert info.labels == ("one", "two", "three")
    # The short side keeps its proportion to the crop: 192 to 160.
    assert info.preprocessing.height == 32 and info.preprocessing.short_side == 38


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "There are no weights to export"),
        (["--preset=a0_stream"], "--allow_random_weights"),
        (["--preset=a0_base", "--causal", "--checkpoint_path=x"], "--causal is not for --preset"),
        (["--model_dir=x", "--preset=a0_base"], "--preset is not for --model_dir"),
        (["--checkpoint=best"], "--checkpoint chooses among those of --model_dir"),
        (["--image_size=-1"], "--help"),
        (["surplus"], "Unexpected argument 'surplus'"),
        (["--model_dir=x"], "There is no params.yaml in x"),
        (["--labels=x", "--allow_random_weights"], "Cannot read the labels in x"),
    ],
)
def test_bad_input_ends_in_a_sentence(arguments, says, tmp_path):
    refused = run("--export_path=out", *arguments, cwd=tmp_path)
    assert refused.returncode == 2 and says in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", models.marked_by_size(PRESETS))
def test_every_variant_is_exported_as_it_computes(name, tmp_path):
    """`export` compares the two, as its own tests see; here it must find them equal."""
    found = sources.from_preset(name, num_classes=10, allow_random=True)
    models.randomise(found.model)
    done = saved_model.export(found, tmp_path / name, (None, None, 64, 64, 3))
    assert done.difference.relative < 1e-5 and done.difference.scale > 1e-3
    info = model_info.read(tmp_path / name / "assets.extra" / "movinet.json")
    assert {state.name for state in info.states} == set(found.model.init_states((1, 1, 64, 64, 3)))

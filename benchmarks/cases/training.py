"""Training: building a model, tracing its step, the first step, and each that follows."""

import gc
from collections.abc import Callable
from typing import Any

from benchmarks import cases, peers
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import BASE, BATCH_SIZE, CLIP_FRAMES, Settings
from benchmarks.timing import seconds, turns
from movinet import complexity

CASE = "training"
# A step goes backwards through each layer twice: for its inputs, and for its weights.
_STEP_FORWARDS = 3
_SECONDS = {"base 3d": 90, "stream 3d_2plus1d": 75, "stream 2plus1d": 25}
_LARGER = {"a0": 1.0, "a1": 1.2, "a2": 2.2}

SUBJECTS = {
    "official": peers.build_official,
    "ours": peers.build_ours,
}


def jobs(settings: Settings) -> list[Job]:
    """A process for each layout of each model."""
    return cases.jobs_of_layouts(
        CASE, settings, lambda model_id, layout: _SECONDS[layout] * _LARGER.get(model_id, 10)
    )


def line(settings: Settings, model_id: str, layout: str) -> dict:
    """Returns what the line of the step says besides its measurements."""
    cost = complexity.count(settings.preset(model_id, layout))
    return {
        "case": CASE,
        "model_id": model_id,
        "work": f"{layout}, training step, {BATCH_SIZE} x {CLIP_FRAMES} frames",
        "unit": "ms",
        "headline": True,
        "multiply_adds": _STEP_FORWARDS * BATCH_SIZE * cost.multiply_adds(CLIP_FRAMES),
        "threads": settings.threads,
        "num_frames": BATCH_SIZE * CLIP_FRAMES,
    }


def batch(pixels: int) -> tuple[Any, Any]:
    """Returns clips and their labels."""
    import tensorflow as tf

    clips = peers.random_clip(BATCH_SIZE, CLIP_FRAMES, pixels, pixels, 3)
    return clips, tf.range(BATCH_SIZE)


def training_step(model: Any) -> Callable[[Any, Any], Any]:
    """Returns a step of gradient descent on the cross entropy, as a plain graph."""
    import tensorflow as tf
    import tf_keras

    @tf.function
    def step(clips: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model({"image": clips}, training=True)
            losses = tf_keras.losses.sparse_categorical_crossentropy(labels, logits, True)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(1e-4 * gradient)
        return loss

    return step


def measure(settings: Settings, model_id: str, layout: str) -> list[Line]:
    """Checks that the outputs agree, and times what becomes of a model until it learns."""
    preset = settings.preset(model_id, layout)
    count = max(2, settings.slow_rounds(model_id))
    built = {
        name: [seconds(lambda build=build: build(preset)) for _ in range(count)]
        for name, build in SUBJECTS.items()
    }
    # The first of all has paid for imports.
    builds = {name: [time for time, _ in found[1:]] for name, found in built.items()}
    models = {name: found[-1][1] for name, found in built.items()}
    del built
    share(models)
    clips, labels = batch(preset.image_size)
    traces, firsts, steps = {}, {}, {}
    for name, model in models.items():
        # Python's collector would go through what the other has left behind, time and again.
        gc.collect()
        gc.freeze()
        traced, step = seconds(
            lambda model=model: training_step(model).get_concrete_function(clips, labels)
        )
        first, _ = seconds(lambda step=step: step(clips, labels).numpy())
        traces[name], firsts[name] = [traced], [traced + first]
        steps[name] = lambda step=step: step(clips, labels).numpy()
    runs = settings.runs_in_slow_rounds(model_id)
    times = turns(
        steps,
        rounds=settings.slow_rounds(model_id),
        runs={name: 1 if name == "official" else runs for name in steps},
        warm_up=0,
    )
    once = {"case": CASE, "model_id": model_id, "unit": "s", "threads": settings.threads}
    return [
        *compare(builds, work=f"{layout}, build", **once),
        *compare(traces, work=f"{layout}, trace of the training step", **once),
        *compare(
            firsts,
            work=f"{layout}, first training step (trace included)",
            headline=layout == BASE,
            **once,
        ),
        *compare(times, scale=1e3, **line(settings, model_id, layout)),
    ]


def share(models: dict[str, Any]) -> None:
    """Gives all models our random weights and checks that they compute the same.

    A clip of two small frames shows that; in training mode dropped branches would hide it.
    """
    reference = models["ours"]
    peers.randomise(reference)
    clip = peers.random_clip(1, 2, 32, 32, 3)
    expected = None
    for name, model in models.items():
        if model is not reference:
            peers.share_weights(reference, model)
        logits = model({"image": clip}, training=False)
        expected = logits if expected is None else expected
        peers.check_agreement(name, logits, expected)

"""Every recipe of configs/: its comments, and its values beside the official ones."""

import copy

import official_recipes
import pytest
from recipe_files import NAMES, read

from movinet.presets import PRESETS
from movinet.training import configuration, recipes

ROOT = recipes.FOLDER.parent
OFFICIAL = [f"movinet_{name}.yaml" for name in official_recipes.NAMES]
# Classes, training clips, epochs.
OTHERS = {
    "movinet_a0_k400_8x8.yaml": (400, 215_570, 240),
    "movinet_a0_k400_frames.yaml": (400, 215_570, 160),
    "movinet_a0_k700_8x8.yaml": (700, 522_883, 240),
    "movinet_a0_ucf101.yaml": (101, 9_537, 3),
    "movinet_a0_hmdb51.yaml": (51, 3_570, 2.1),
    "movinet_a0_something_something_v2.yaml": (174, 168_913, 22),
    "movinet_a2_charades.yaml": (157, 7_985, 57),
    "movinet_a0_stream_clip_by_clip.yaml": (101, 9_537, 3),
}
FINE_TUNED = list(OTHERS)[3:]


def flat(values, path=""):
    """The leaves of nested settings by their dotted paths."""
    if not isinstance(values, dict):
        return {path: values}
    leaves = {}
    for name, value in values.items():
        leaves |= flat(value, f"{path}.{name}" if path else name)
    return leaves


def differences(ours, theirs):
    ours, theirs = flat(ours.as_dict()), flat(theirs.as_dict())
    assert ours.keys() == theirs.keys()
    return {path: (theirs[path], ours[path]) for path in ours if theirs[path] != ours[path]}


def test_all_official_recipes_are_there_and_no_other_is_unknown():
    assert len(OFFICIAL) == 27 and sorted([*OFFICIAL, *OTHERS]) == NAMES


@pytest.mark.parametrize("name", OFFICIAL)
def test_values_are_the_official_ones_but_for_what_is_mended(name):
    mended = {}
    if name != "movinet_a0_k600_cpu_local.yaml":
        mended["trainer.validation_steps"] = (27_780 // 64, -1)
    if name.endswith("_gpu.yaml") and "stream" not in name:
        mended["trainer.train_steps"] = (44 * (366_016 // 1024), 85_785)
    assert differences(read(name).config, official_recipes.config(name)) == mended


def test_a_changed_value_is_found():
    ours = read("movinet_a0_k600_8x8.yaml").config
    assert list(differences(ours, official_recipes.config("movinet_a1_k600_8x8.yaml"))) == [
        "task.model.backbone.movinet.model_id",
        "task.model.dropout_rate",
        "trainer.validation_steps",
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_other_datasets(name):
    classes, clips, epochs = OTHERS[name]
    task, trainer = read(name).config.task, read(name).config.trainer
    data = task.train_data
    assert (data.num_classes, data.num_examples) == (classes, clips)
    assert task.validation_data.num_classes == classes and trainer.validation_steps == -1
    # The schedule counts epochs of this dataset.
    steps_an_epoch = clips // data.global_batch_size
    assert trainer.train_steps / steps_an_epoch == pytest.approx(epochs, rel=5e-3)
    assert data.is_multilabel == task.validation_data.is_multilabel == ("charades" in name)
    # "Pushing something from left to right" is a class.
    assert data.random_flip == ("something" not in name)


@pytest.mark.parametrize("name", NAMES)
def test_comments_say_how_what_and_at_what_cost(name):
    text = (recipes.FOLDER / name).read_text(encoding="utf-8")
    recipe = read(name)
    assert text.startswith("# ") and "\n#\n# python3 train.py --experiment=" in text
    assert recipe.flags["config_file"] == f"configs/{name}"
    assert recipe.flags["model_dir"] == f"runs/{name.removesuffix('.yaml')}"
    # The command's own override is one that its experiment takes.
    config = configuration.load_experiment(
        recipe.flags["experiment"],
        [str(ROOT / recipe.flags["config_file"])],
        recipe.flags["params_override"],
    )
    assert config.task.train_data.input_path == config.task.validation_data.input_path != ""
    assert bool(config.task.init_checkpoint) == (name in FINE_TUNED)
    assert recipe.stated_cost == str(recipes.cost(recipe.config))
    comments = " ".join(line[1:].strip() for line in text.splitlines() if line.startswith("#"))
    assert "Not yet reproduced." in comments or "this trains nothing" in comments
    assert ("Mended: " if name in OFFICIAL else "Sources: ") in comments
    if "k600_8x8" in name:
        variant = name[8:10] + ("_stream" if "stream" in name else "_base")
        assert recipe.published == f"{PRESETS[variant].top1:.2f} % top-1"


def test_cost_is_three_forward_passes_a_step():
    config = copy.deepcopy(read("movinet_a2_k600_8x8.yaml").config)
    # 10 GFLOPs a clip as published (multiply-adds, rounded), 85,785 steps of 1,024 clips.
    expected = 85_785 * 1024 * 10e9 * 2 * 3
    assert recipes.cost(config).operations == pytest.approx(expected, rel=0.2)
    config.task.freeze_backbone = True
    assert recipes.cost(config).operations == pytest.approx(expected / 3, rel=0.2)


def test_the_documented_table_is_that_of_the_recipes():
    lines = (ROOT / "docs/recipes.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| [movinet_")]
    assert rows == [recipes.row(read(name)) for name in NAMES]


@pytest.mark.parametrize("runtime", ["tpu", "multi_worker", "one_machine"])
def test_another_machine_is_stacked_on_a_recipe(runtime):
    name = "movinet_a3_stream_k600_8x8.yaml"
    files = [str(recipes.FOLDER / name), str(recipes.FOLDER / "runtime" / f"{runtime}.yaml")]
    changed = differences(
        configuration.load_experiment("movinet_kinetics600", files), read(name).config
    )
    expected = {"runtime.distribution_strategy"}
    expected |= {"runtime.mixed_precision_dtype"} if runtime == "one_machine" else set()
    expected |= {f"task.{data}_data.dtype" for data in ("train", "validation") if len(expected) > 1}
    assert set(changed) == (set() if runtime == "tpu" else expected)

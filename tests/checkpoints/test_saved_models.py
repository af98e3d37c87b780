"""SavedModels of the official export, of older names, and ours: the weights are read without
running anything, and only what a MoViNet needs is run."""

import hub_models
import models
import numpy as np
import oracle
import pytest
from official.projects.movinet.tools import export_saved_model as official_export

import movinet
from movinet import InputError, comparison
from movinet.checkpoints import foreign, saved_models
from movinet.export import exported_model
from movinet.model_info import ModelInfo, Preprocessing

STREAM = {**models.LAYOUTS["stream_2plus1d"], "use_positional_encoding": True}
ANY = hub_models.ANY
SHAPE = (2, 3, 32, 32, 3)


def official(folder, **choices):
    """An official model and its export."""
    causal = choices.get("causal", False)
    model = oracle.build(
        "tiny", 7, causal, use_external_states=causal, use_sync_bn=False, **choices
    )
    model.build([1, 1, 1, 1, 3])
    models.randomise(model)
    official_export.export_saved_model(model, ANY, str(folder), causal=causal)
    return model, folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return official(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return official(tmp_path_factory.mktemp("stream"), **STREAM)


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A stream of ours whose head has another activation than the published ones."""
    model = models.build("tiny", 7, **STREAM)
    config = model.get_config() | {"activation": "hard_swish"}
    other = movinet.MovinetClassifier.from_config(config)
    models.randomise(other)
    folder = tmp_path_factory.mktemp("mine")
    exported_model.write(exported_model.prepare(other, ANY), folder, ANY, True)
    return other, folder


def build(source, activation):
    network = source.network
    backbone = movinet.Movinet(**network.backbone_arguments())
    model = movinet.MovinetClassifier(backbone, network.num_classes, activation=activation)
    foreign.assign(model, network, foreign.values(source))
    return model


def difference(source, runner, model):
    cut = [1] * SHAPE[1] if source.network.causal else [SHAPE[1]]
    return comparison.compare(runner, model.run, models.random_clip(*SHAPE), [cut]).relative


@pytest.mark.parametrize(
    ("kind", "activation"), [("base", "swish"), ("stream", "swish"), ("mine", "hard_swish")]
)
def test_what_it_is_and_computes(request, kind, activation):
    model, folder = request.getfixturevalue(kind)
    source = saved_models.read(folder)
    assert saved_models.recognises(folder) and not saved_models.recognises(folder / "variables")
    assert (source.network.model_id, source.network.num_classes) == ("tiny", 7)
    choices = {} if kind == "base" else STREAM
    assert {key: source.network.backbone_arguments()[key] for key in choices} == choices
    assert source.notes == () and source.activations == ("swish", "hard_swish")
    values = foreign.values(source)
    assert len(values) == len(model.variables)
    runner = source.run()
    differences = {
        name: difference(source, runner, build(source, name)) for name in source.activations
    }
    assert min(differences, key=differences.get) == activation
    assert differences.pop(activation) < 1e-5
    assert min(differences.values()) > 1e-3
    # Two weights of one shape that changed places are noticed.
    first, second = (
        weight for weight in values if (weight.layer, weight.part, weight.kind) in SWAPPED
    )
    changed = build(source, activation)
    foreign.assign(changed, source.network, {first: values[second], second: values[first]})
    assert difference(source, runner, changed) > 1e-3


SWAPPED = {("block1_layer1", "expansion", "gamma"), ("block1_layer1", "expansion", "beta")}


@pytest.mark.parametrize("kind", ["base", "stream"])
def test_names_of_the_first_hub_models(request, kind, tmp_path):
    model, folder = request.getfixturevalue(kind)
    named = hub_models.named_as_in_2021(model)
    assert "b1/l0/bneck/expansion/bn/gamma:0" in dict(named)
    source = saved_models.read(hub_models.save(tmp_path / "old", named))
    found, expected = foreign.values(source), foreign.values(saved_models.read(folder))
    assert source.network == saved_models.read(folder).network
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[weight], expected[weight]) for weight in expected)
    assert source.run is None and "no signature" in source.notes[0]


def test_names_of_variables():
    table = {
        "stem/stem/conv3d/kernel:0": "stem/stem/kernel",
        "b0/l0/bneck/expansion/bn/gamma:0": "block0_layer0/expansion/gamma",
        "b4/l12/bneck/feature/conv2d_temporal/depthwise_conv2d_1/depthwise_kernel:0": (
            "block4_layer12/feature/temporal/kernel"
        ),
        "b1/l0/bneck/feature/bn_temporal/moving_mean:0": (
            "block1_layer0/feature/temporal/moving_mean"
        ),
        "scale:0": "block1_layer0/pos_encoding/scale",
        "b1/l0/scale:0": "block1_layer0/rezero/scale",
        "b1/l0/bneck/se/se_reduce/conv2d/conv2d_1/bias:0": "block1_layer0/se_reduce/bias",
        "b1/l0/bneck/skip/skip_project/conv3d/kernel:0": "block1_layer0/skip/kernel",
        "head/project/bn/beta:0": "head/project/beta",
        "classifier_head_1/head/conv2d/conv2d/kernel": "classifier_head/head/kernel",
        "classifier_head/classifier/conv3d/bias:0": "classifier_head/classifier/bias",
        "global_step:0": "global_step:0",
    }
    assert saved_models.weight_names(list(table)) == list(table.values())


@pytest.mark.parametrize("fault", ["missing", "unknown", "misshapen", "several"])
def test_what_does_not_fit_is_named(base, fault, tmp_path):
    named = hub_models.named_as_in_2021(base[0])
    index = next(index for index, (name, _) in enumerate(named) if "se_reduce" in name)
    name, value = named[index]
    if fault == "missing":
        del named[index]
    elif fault == "unknown":
        named.append(("added/weight", value))
    elif fault == "misshapen":
        named[index] = (name, value[..., :-1])
    else:
        named.append((name, value))
    words = "added/weight" if fault == "unknown" else "block0_layer0/se_reduce/kernel"
    with pytest.raises(InputError, match=rf"{fault}.*{words}"):
        foreign.values(saved_models.read(hub_models.save(tmp_path / "model", named)))


def test_what_an_export_of_ours_says_of_itself_is_kept(mine):
    _, folder = mine
    before = saved_models.read(folder)
    assert before.preprocessing is None and before.labels == ()
    size = Preprocessing(24, 32, 36, fps=7.0)
    info = ModelInfo("mine", 7, size, labels=tuple("abcdefg"), causal=True)
    extras = folder / "assets.extra"
    extras.mkdir()
    (extras / "movinet.json").write_text(info.to_json())
    after = saved_models.read(folder)
    assert after.preprocessing == size and after.labels == info.labels


def test_a_folded_export_holds_no_weights(tmp_path):
    model, shape = models.build("tiny", 3, **STREAM), (1, 1, 32, 32, 3)
    exported_model.write(exported_model.prepare(model, shape), tmp_path, shape, False)
    with pytest.raises(InputError, match="no weights as variables: exports of single frames"):
        saved_models.read(tmp_path)


def test_damage(base, tmp_path):
    folder = hub_models.save(tmp_path / "model", hub_models.named_as_in_2021(base[0]))
    path = folder / saved_models.GRAPH_NAME
    content = path.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            saved_models.read(folder)
    path.write_bytes(content)
    (data,) = (folder / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"is damaged|cannot be read"):
        saved_models.read(folder)
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        saved_models.read(folder)

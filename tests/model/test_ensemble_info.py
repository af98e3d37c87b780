"""What an ensemble takes over from its members: frame rate, size, labels; published ones."""

import dataclasses

import pytest

import movinet
from movinet import InputError, complexity
from movinet.data.pipeline.normalisation import CENTRED
from movinet.export import ensemble_folder, ensemble_info, sources
from movinet.model_info import ModelInfo, Preprocessing
from movinet.presets import ENSEMBLES, PRESETS


def info(size=32, num_frames=10, classes=3, labels=(), **settings):
    preprocessing = Preprocessing(size, size, size + 8, num_frames=num_frames, **settings)
    return ModelInfo("x", classes, preprocessing, labels=labels, causal=True, source="somewhere")


@pytest.mark.parametrize(
    ("rates", "every", "rate"),
    [
        ((25 / 3, 12.5), (3, 2), 25.0),
        ((5.0, 5.0), (1, 1), 5.0),
        ((10.0, 5.0), (1, 2), 10.0),
        ((8.333, 12.5), (3, 2), 24.999),
        ((30 / 7, 30 / 4, 6.0), (7, 4, 5), 30.0),
    ],
)
def test_the_lowest_common_rate(rates, every, rate):
    given = None if rates != (8.333, 12.5) else every
    found, steps = ensemble_info.combine("both", [info(fps=fps) for fps in rates], given)
    assert steps == every
    assert found.preprocessing.fps == pytest.approx(rate)
    assert found.preprocessing.num_frames == 10 * max(every)


def test_strides_have_a_common_divisor():
    found, every = ensemble_info.combine("x", [info(temporal_stride=n) for n in (4, 6)])
    assert every == (2, 3)
    assert (found.preprocessing.fps, found.preprocessing.temporal_stride) == (0.0, 2)


def test_a_temporal_ensemble_has_twice_the_rate():
    found, every = ensemble_info.combine("x", [info(fps=2.5)] * 2, every=(2, 2))
    assert every == (2, 2) and found.preprocessing.fps == 5.0
    assert found.preprocessing.num_frames == 20


def test_the_largest_member_says_how_frames_are_cut():
    found, _ = ensemble_info.combine("both", [info(32, labels=("a", "b", "c")), info(48), info(40)])
    assert found.preprocessing == dataclasses.replace(info(48).preprocessing)
    assert found.labels == ("a", "b", "c") and found.name == "both"


@pytest.mark.parametrize(
    ("others", "every", "words"),
    [
        ([info(classes=4)], None, "the same num_classes; here it is 3 and 4"),
        ([info(labels=("a", "b", "d"))], None, "the same labels"),
        ([dataclasses.replace(info(), causal=False)], None, "the same causal"),
        ([dataclasses.replace(info(), multilabel=True)], None, "the same multilabel"),
        ([info(normalisation=CENTRED)], None, "the same normalisation"),
        ([info(sampling="segments")], None, "sampling segments"),
        ([info(fps=5.0)], None, "others by stride"),
        ([info()], (1, 2), "at different rates"),
        ([info()], (2, 2), "not multiples of every"),
        ([info()], (1,), "1 numbers for 2 members"),
        ([info()], (1, 0), "every is 0"),
        ([info(temporal_stride=97)], None, "frame strides 1, 97 have no common"),
    ],
)
def test_what_does_not_belong_together_is_refused(others, every, words):
    with pytest.raises(InputError, match=words):
        ensemble_info.combine("x", [info(labels=("a", "b", "c")), *others], every)


@pytest.mark.parametrize("kind", ["base", "stream"])
def test_a6_is_a4_and_a5(kind):
    preset = ENSEMBLES[f"a6_{kind}"]
    assert [member.name for member in preset.members] == [f"a4_{kind}", f"a5_{kind}"]
    given = [PRESETS[f"a{n}_{kind}"] for n in (4, 5)]
    infos = [
        ModelInfo(member.name, 600, sources.preprocessing_of(member), causal=member.causal)
        for member in given
    ]
    found, every = ensemble_info.combine("a6", infos)
    settings = found.preprocessing
    assert every == (3, 2)
    assert (settings.fps, settings.num_frames, settings.height) == (25.0, 240, 320)
    assert (preset.fps, preset.num_frames, preset.image_size) == (25.0, 240, 320)
    # Both members read as many frames as they are evaluated with.
    assert [len(range(0, 240, n)) for n in every] == [member.num_frames for member in given]


def test_its_cost_is_that_of_its_members():
    preset = ENSEMBLES["a6_base"]
    assert preset.parameters == 11_422_727 + 18_763_355
    assert preset.gflops == 110.0 + 280.0
    counted = sum(complexity.count(one).multiply_adds(one.num_frames) for one in preset.members)
    # As the paper has it.
    assert counted / 1e9 == pytest.approx(386, rel=0.03)


def test_published_ensembles_take_their_own_members():
    names = ("a0_base", "a1_base")
    models = [sources.from_preset(name, num_classes=3, allow_random=True).model for name in names]
    with pytest.raises(InputError, match="made of a4_base and a5_base, not of a0_base and a1_base"):
        ensemble_folder.from_preset("a6_base", models)
    with pytest.raises(InputError, match="choose one of a6_base, a6_stream"):
        ensemble_folder.from_preset("a7_base", models)
    with pytest.raises(InputError, match="an ensemble of a4_base and a5_base"):
        sources.from_preset("a6_base", allow_random=True)
    found = ensemble_folder.combine(
        "both", [sources.Source(m, sources.describe(m)) for m in models]
    )
    assert isinstance(found.model, movinet.Ensemble)
    assert [member.size for member in found.model.members] == [(172, 172), (172, 172)]

"""The table of variants: what it says, and how latency comes into it."""

import dataclasses
import pathlib

import pytest

from benchmarks import marked_lines, variants
from movinet import variant_table
from movinet.errors import InputError
from movinet.presets import ENSEMBLES, PRESETS

ROOT = pathlib.Path(__file__).parents[2]
ROW = {"milliseconds": {"float32": 12.345, "int8": 0.5}, "machine": "A machine, one thread"}


def test_the_document_is_that_of_the_stored_figures():
    lines = variants.render(variants.read(ROOT / variants.STORED))
    document = ROOT / variants.DOCUMENT
    expected = marked_lines.replaced(document, variants.NAME, lines)
    assert document.read_text(encoding="utf-8") == expected


def test_every_variant_has_a_row_and_figures_stand_in_theirs():
    lines = variants.render({"a1_stream": ROW, "a5_base": {"error": "no memory", "machine": "B"}})
    rows = {line.split(" | ")[0][2:]: line for line in lines if line.startswith("| a")}
    assert rows.keys() == {name for name in (*PRESETS, *ENSEMBLES) if name[0] == "a"}
    assert rows["a1_stream"].endswith(" | 93.25 | 12.3 | 0.5 |")
    assert rows["a1_base"].endswith(" | 93.4 | - | - |")
    assert "Latency of a1_stream: A machine, one thread." in lines
    assert "No latency of a5_base: no memory." in lines
    width = lines[0].count("|")
    assert all(line.count("|") == width for line in lines if line.startswith("|"))


@pytest.mark.parametrize("kind", ["base", "stream"])
def test_costs_of_an_ensemble_add_up(kind):
    ensemble = ENSEMBLES[f"a6_{kind}"]
    first, second, both = (
        dict(zip(range(9), variant_table.cells(variant), strict=True))
        for variant in (PRESETS[f"a4_{kind}"], PRESETS[f"a5_{kind}"], ensemble)
    )
    for column in (3, 4, 5, 6):
        numbers = [float(row[column].replace(",", "")) for row in (first, second, both)]
        assert numbers[0] + numbers[1] == pytest.approx(numbers[2], abs=0.011), column


@pytest.mark.parametrize("name", ["a0_base", "a0_stream"])
def test_latency_is_that_of_each_precision(name, monkeypatch):
    monkeypatch.setattr(variants, "_ROUNDS", 1)
    preset = dataclasses.replace(PRESETS[name], model_id="tiny", image_size=24)
    times = variants.measure(preset, variants.PRECISIONS, 0.01)
    assert times.keys() == set(variants.PRECISIONS)
    assert all(0 < milliseconds < 1000 for milliseconds in times.values())


def test_architectures_are_chosen_and_unknown_ones_refused():
    assert variants.chosen(["t0", "a1"]) == ["a1_base", "t0_base", "a1_stream", "t0_stream"]
    assert variants.chosen([]) == list(PRESETS)
    with pytest.raises(InputError, match="no 'a9'; choose of a0, a1"):
        variants.chosen(["a0", "a9"])

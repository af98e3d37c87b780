"""Figures of a result against numbers counted by hand, and its table."""

import dataclasses

import pytest
import stored

from benchmarks import table
from benchmarks.results import Line, Measurement, Results, compare, merge


def test_json_holds_everything():
    results = stored.results()
    assert Results.from_json(results.to_json()) == results


def test_medians_spreads_ratios_and_floors():
    _, base, stream, _, failed, pipeline = stored.results().lines
    assert base.median("ours") == 8_000.0
    assert base.measurements["ours"].spread == 1_000.0
    assert base.measurements["official"].spread is None
    assert base.ratio == 3.75
    assert stored.results().times_floor(base) == pytest.approx(2.0)
    assert stored.results().times_floor(stream) is None
    assert stream.ratio is None and failed.ratio is None
    assert pipeline.ratio == 2.5


def test_the_floor_follows_rate_and_threads():
    results = stored.results()
    base = results.lines[1]
    slower = dataclasses.replace(results.lines[0], measurements={"machine": Measurement((5e-9,))})
    assert dataclasses.replace(results, lines=(slower,)).times_floor(base) == pytest.approx(1.0)
    assert results.times_floor(dataclasses.replace(base, threads=2)) is None


def test_table():
    text = table.render(stored.results())
    assert "| work | official | ours | ratio | ours / floor |" in text
    assert "| **MoViNet-A0, 172 pixels** |" in text
    assert "| base clip | 30,000 ms | 8,000 ms | 3.75x | 2.00x |" in text
    assert "| stream clip | - | 2.50 ms | - | - |" in text
    assert "| training | failed: RuntimeError: no / luck |  |  |  |" in text
    assert "| input pipeline | 20.0 clips/s | 50.0 clips/s | 2.50x | - |" in text
    assert "A processor (avx2), 2 cores, tensorflow 2.20.0; 2026-01-02" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {6}


def test_headlines_are_of_the_first_model():
    text = table.render(stored.results(), headlines=True)
    assert "base clip" in text and "input pipeline" in text
    assert "stream clip" not in text and "A1" not in text


def test_the_pytorch_port_has_a_column_where_it_was_measured():
    line = Line("clip", "a0", "base clip", "ms", {"pytorch": Measurement((25.0,))})
    results = stored.results()
    both = dataclasses.replace(results, lines=tuple(merge([*results.lines, line])))
    assert len(both.lines) == len(results.lines)
    assert "| base clip | 30,000 ms | 25.0 ms | 8,000 ms |" in table.render(both)


def test_each_subject_of_ours_has_a_line_beside_the_peers():
    samples = {"official": [0.4], "ours": [0.2], "ours, folded": [0.1]}
    lines = compare(samples, case="clip", model_id="a0", work="clip", unit="ms", scale=1e3)
    assert [(line.work, line.ratio) for line in lines] == [("clip", 2.0), ("clip, folded", 4.0)]
    assert lines[1].median("ours") == 100.0

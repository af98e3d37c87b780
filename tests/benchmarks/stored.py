"""A small result as a run writes it."""

from benchmarks.results import Line, Measurement, Results


def measured(*samples):
    return Measurement(samples)


def results(**changes):
    """20 multiply-adds at 10 operations a second are 4 s of floor with one thread."""
    fast = {"official": measured(30_000.0), "ours": measured(9_000.0, 8_000.0, 7_000.0)}
    lines = (
        Line("matrix", "", "product", "GFLOP/s", {"machine": measured(10e-9)}, threads=1),
        Line("clip", "a0", "base clip", "ms", fast, headline=True, multiply_adds=20, threads=1),
        Line("clip", "a0", "stream clip", "ms", {"ours": measured(2.5)}, threads=1),
        Line("clip", "a1", "base clip", "ms", fast, headline=True, threads=1),
        Line("training", "a0", "training", error="RuntimeError: no | luck", headline=True),
        Line(
            "input_pipeline",
            "",
            "input pipeline",
            "clips/s",
            {"official": measured(20.0), "ours": measured(50.0)},
            more_is_better=True,
            headline=True,
        ),
    )
    machine = {
        "processor": "A processor",
        "extensions": ["avx2"],
        "cores": 2,
        "packages": {"tensorflow": "2.20.0"},
        "date": "2026-01-02",
        "commit": "0123456789ab",
        "uncommitted_changes": False,
    }
    pixels = {"a0": 172, "a1": 172}
    settings = {"model_ids": ["a0", "a1"], "threads": 2, "pixels": pixels, **changes}
    return Results(machine, settings, lines)

"""Results as one Markdown table."""

from collections.abc import Sequence

from benchmarks.results import MATRIX_CASE, OFFICIAL, OURS, PYTORCH, Line, Results

_NONE = "-"
_EXPLANATIONS = {
    "litert": "LiteRT files of ours stand beside the official float32 stream, the one official "
    "file that works; times are those of `invoke`.",
    "export": "Our times from a checkpoint to a file hold its comparison with the model.",
    "training_memory": "Memory of training: the largest resident memory while a step runs, above "
    "what the process held before the model existed.",
    "length_memory": "Memory of inference: the same while a video is read.",
}


def render(results: Results, *, headlines: bool = False) -> str:
    """Returns the table, and under it what it is about.

    Args: headlines: whether it holds the most important work alone, of the first model.
    """
    lines = [line for line in results.lines if line.case != MATRIX_CASE]
    if headlines:
        first = results.settings["model_ids"][0]
        lines = [line for line in lines if line.headline and line.model_id in (first, "")]
    columns = [OFFICIAL, PYTORCH, OURS]
    if not any(PYTORCH in line.measurements for line in lines):
        columns.remove(PYTORCH)
    titles = {OFFICIAL: "official", PYTORCH: "PyTorch", OURS: "ours"}
    header = ["work", *(titles[column] for column in columns), "ratio", "ours / floor"]
    rows = [_row(header), "|---|" + "---:|" * (len(header) - 1)]
    for model_id in dict.fromkeys(line.model_id for line in lines):
        of_model = [line for line in lines if line.model_id == model_id]
        rows.append(_row([f"**{_title(model_id, results)}**", *[""] * (len(header) - 1)]))
        rows += [_row(_cells(line, columns, results)) for line in of_model]
    return "\n".join(rows) + "\n\n" + _caption(results) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _title(model_id: str, results: Results) -> str:
    if not model_id:
        return "All models"
    return f"MoViNet-{model_id.upper()}, {results.settings['pixels'][model_id]} pixels"


def _cells(line: Line, columns: Sequence[str], results: Results) -> list[str]:
    if line.error:
        failed = f"failed: {line.error}".replace("|", "/")
        return [line.work, failed, *[""] * (len(columns) + 1)]
    figures = [format_value(line.median(column), line.unit) for column in columns]
    floor = results.times_floor(line)
    return [
        line.work,
        *figures,
        _NONE if line.ratio is None else format_ratio(line.ratio),
        _NONE if floor is None else format_ratio(floor),
    ]


def format_value(value: float | None, unit: str) -> str:
    """Returns a figure with three digits, more if it is large."""
    if value is None:
        return _NONE
    return f"{_digits(value)} {unit}"


def format_ratio(value: float) -> str:
    """Returns how many times one figure is another."""
    return f"{_digits(value)}x"


def _digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def threads_in_words(count: int) -> str:
    """Returns `1 thread` or `2 threads`."""
    return f"{count} thread" + "s" * (count > 1)


def _caption(results: Results) -> str:
    machine, settings = results.machine, results.settings
    extensions = f" ({', '.join(machine['extensions'])})" if machine["extensions"] else ""
    cores = f"{machine['cores']} core" + "s" * (machine["cores"] > 1)
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    changes = " with changes" if machine["uncommitted_changes"] else ""
    sentences = [
        f"{machine['processor']}{extensions}, {cores}, {packages}; {machine['date']}, commit "
        f"{machine['commit'] or 'unknown'}{changes}.",
        f"Medians with {threads_in_words(settings['threads'])} where nothing else is said. Ratio: "
        "how many times better ours is than the official implementation.",
    ]
    cases = {line.case for line in results.lines}
    sentences += [text for case, text in _EXPLANATIONS.items() if case in cases]
    if results.matrix_rates:
        rates = ", ".join(
            f"{rate / 1e9:.0f} GFLOP/s with {threads_in_words(threads)}"
            for threads, rate in sorted(results.matrix_rates.items())
        )
        sentences.append(
            f"Floor: the multiply-adds at the rate of a float32 matrix product ({rates}), a "
            "training step counted as three forward passes."
        )
    return "\n".join(sentences)

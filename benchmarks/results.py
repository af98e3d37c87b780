"""What was measured: lines of work with a measurement of each implementation, as JSON and CSV."""

import csv
import dataclasses
import io
import json
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from movinet import files

JSON_NAME, CSV_NAME = "results.json", "results.csv"
OFFICIAL, PYTORCH, OURS = "official", "pytorch", "ours"
MATRIX_CASE = "matrix"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Samples of one quantity, in the unit of their line."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the samples."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> float | None:
        """The distance of the quartiles; None of a single sample."""
        if len(self.samples) < 2:
            return None
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return third - first

    def to_dict(self) -> dict[str, Any]:
        """Returns the form in JSON."""
        return {"median": self.median, "spread": self.spread, "samples": list(self.samples)}


@dataclasses.dataclass(frozen=True)
class Line:
    """One piece of work.

    Attributes:
      case: the module of `benchmarks.cases` that measures it.
      model_id: '' for work that has nothing to do with a model.
      work: what it is, in words; with case and model_id it is the name of the line.
      measurements: by implementation: official, pytorch, ours.
      more_is_better: of a rate.
      headline: whether it is in the short table.
      multiply_adds: that the work needs in float32; 0 if they say nothing about it.
      threads: that did the work.
      num_frames: that it is about; 0 if it is about none.
      error: why there are no measurements.
    """

    case: str
    model_id: str
    work: str
    unit: str = ""
    measurements: dict[str, Measurement] = dataclasses.field(default_factory=dict)
    more_is_better: bool = False
    headline: bool = False
    multiply_adds: int = 0
    threads: int = 0
    num_frames: int = 0
    error: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two lines the same work; a failure stands alone."""
        return self.case, self.model_id, self.work, self.error

    def median(self, name: str) -> float | None:
        """Returns the median of an implementation, None if it has not been measured."""
        return self.measurements[name].median if name in self.measurements else None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the official implementation."""
        official, ours = self.median(OFFICIAL), self.median(OURS)
        if official is None or ours is None or not ours or not official:
            return None
        return ours / official if self.more_is_better else official / ours

    def to_dict(self) -> dict[str, Any]:
        """Returns the form in JSON."""
        found = {name: value.to_dict() for name, value in self.measurements.items()}
        return {**vars(self), "measurements": found, "ratio": self.ratio}


def compare(
    samples: Mapping[str, Sequence[float]],
    *,
    case: str,
    model_id: str,
    work: str,
    unit: str,
    scale: float = 1.0,
    **more: Any,
) -> list[Line]:
    """Returns a line for each subject of ours, the others beside it.

    Args:
      samples: by subject; those of ours are called `ours`, or `ours, ...` with what is special.
      scale: to the unit of the lines.
    """
    found = {
        name: Measurement(tuple(_rounded(scale * value) for value in values))
        for name, values in samples.items()
    }
    peers = {name: value for name, value in found.items() if not name.startswith(OURS)}
    lines = []
    for name in [name for name in found if name.startswith(OURS)] or [""]:
        ours = {OURS: found[name]} if name else {}
        special = name.removeprefix(OURS)
        lines.append(Line(case, model_id, work + special, unit, {**peers, **ours}, **more))
    return lines


def _rounded(value: float) -> float:
    """Returns six digits of a value: more would be noise."""
    return float(f"{value:.6g}")


def merge(lines: Iterable[Line]) -> list[Line]:
    """Puts measurements of the same work on one line, where the first of them is."""
    merged: dict[tuple[str, ...], Line] = {}
    for line in lines:
        known = merged.get(line.key)
        both = {**known.measurements, **line.measurements} if known else line.measurements
        merged[line.key] = dataclasses.replace(known or line, measurements=both)
    return list(merged.values())


@dataclasses.dataclass(frozen=True)
class Results:
    """A run of the benchmark: the machine, the settings, and the lines."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    lines: tuple[Line, ...]

    @property
    def matrix_rates(self) -> dict[int, float]:
        """Floating point operations a second of a matrix product, by the number of threads."""
        return {
            line.threads: 1e9 * line.measurements["machine"].median
            for line in self.lines
            if line.case == MATRIX_CASE and not line.error
        }

    def times_floor(self, line: Line) -> float | None:
        """Returns how many times longer ours takes than its multiply-adds in a matrix product."""
        rate, ours = self.matrix_rates.get(line.threads), line.median(OURS)
        if not (rate and ours and line.multiply_adds and line.unit == "ms"):
            return None
        return ours / (1e3 * 2 * line.multiply_adds / rate)

    @property
    def failures(self) -> list[Line]:
        """The lines that could not be measured."""
        return [line for line in self.lines if line.error]

    def to_json(self) -> str:
        """Returns all of it, a line of text for each line of work."""
        rows = [{**line.to_dict(), "times_floor": self.times_floor(line)} for line in self.lines]
        machine, settings = json.dumps(self.machine), json.dumps(self.settings)
        lines = ",\n".join(map(json.dumps, rows))
        return f'{{"machine": {machine},\n"settings": {settings},\n"lines": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """Reads what `to_json` has written."""
        content = json.loads(text)
        lines = tuple(line_from_dict(values) for values in content["lines"])
        return cls(content["machine"], content["settings"], lines)

    def to_csv(self) -> str:
        """Returns one row for each measurement."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        row: tuple[Any, ...] = ("case", "model_id", "work", "threads", "num_frames", "unit")
        writer.writerow((*row, "implementation", "median", "spread", "ratio", "times_floor"))
        for line in self.lines:
            row = (line.case, line.model_id, line.work, line.threads, line.num_frames, line.unit)
            for name, found in line.measurements.items():
                figures = (line.ratio, self.times_floor(line)) if name == OURS else (None, None)
                writer.writerow((*row, name, found.median, found.spread, *figures))
        return stream.getvalue()

    def write(self, folder: pathlib.Path) -> None:
        """Writes both files."""
        files.write_text(folder / JSON_NAME, self.to_json())
        files.write_text(folder / CSV_NAME, self.to_csv())


def line_from_dict(values: dict[str, Any]) -> Line:
    """Returns the line that `to_dict` has written."""
    fields = {field.name: values[field.name] for field in dataclasses.fields(Line)}
    fields["measurements"] = {
        name: Measurement(tuple(found["samples"])) for name, found in values["measurements"].items()
    }
    return Line(**fields)

"""Clips that cannot be used: what is to be done about them, and the list of those left out."""

import csv
import dataclasses
import io
import os
import pathlib
import threading

from movinet import files
from movinet.errors import InputError

FAIL = "fail"
"""The first bad clip ends the run."""

SKIP = "skip"
"""Bad clips are left out and listed; too many end the run."""

_COLUMNS = ["file", "record", "reason"]
_IN_A_ROW = 8  # So many bad clips one after the other are no accident.
_MOST_DIGITS = 20  # Of the number of a record.
_writing = threading.Lock()


@dataclasses.dataclass(frozen=True)
class BadClipPolicy:
    """What is to be done about a clip that cannot be read or decoded.

    Args:
        on_bad_clip: FAIL, or SKIP: in training the next clip of the epoch takes its place, in
            evaluation nothing does.
        limit: clips that may be left out; the next one ends the run.
        path: a CSV file that lists them, from one run to the next; None for no such file.
    """

    on_bad_clip: str = FAIL
    limit: int = 100
    path: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.on_bad_clip not in (FAIL, SKIP):
            raise InputError(f"on_bad_clip is {self.on_bad_clip!r}: it is {FAIL!r} or {SKIP!r}.")
        if self.limit < 0:
            raise InputError(f"max_bad_clips is {self.limit}: it must not be negative.")

    @property
    def skips(self) -> bool:
        """Whether a bad clip may be left out."""
        return self.on_bad_clip == SKIP

    def candidates(self, is_training: bool) -> int:
        """How many clips are tried for one place in the stream."""
        return _IN_A_ROW if self.skips and is_training else 1


class BadClipList:
    """The bad clips met so far; each counts once, however often it is met."""

    def __init__(self, policy: BadClipPolicy) -> None:
        self._policy = policy
        self._rows: dict[tuple[str, str], str] = {}

    def add(self, file: str, number: int, reason: str) -> None:
        """Notes a clip that is left out.

        Raises:
            InputError: it must not be, or there are too many.
        """
        place = f"{file}, record {number}"
        if not self._policy.skips:
            raise InputError(f"{place}: {reason}")
        with _writing:
            self._rows.update(_load(self._policy.path))
            if (file, str(number)) in self._rows:
                return
            self._rows[file, str(number)] = reason
            if self._policy.path is not None:
                files.write_text(self._policy.path, _to_csv(self._rows))
        count, limit = len(self._rows), self._policy.limit
        print(f"Left out: {place}: {reason} ({count} of at most {limit})", flush=True)
        if count > limit:
            listed = f"; {self._policy.path} lists them" if self._policy.path else ""
            raise InputError(
                f"{count} clips cannot be used, more than the {limit} of max_bad_clips, the last "
                f"being {place}: {reason}{listed}. Mend the data, or allow more."
            )

    def refuse_row(self, file: str, number: int, reason: str) -> None:
        """Says that nothing could be used in the place of a clip. Raises InputError."""
        raise InputError(
            f"{file}, record {number}: {reason} The {_IN_A_ROW - 1} clips after it in the order of "
            "training cannot be used either."
        )


def _load(path: str | os.PathLike[str] | None) -> dict[tuple[str, str], str]:
    """The rows of a list; what is no such row is passed over."""
    if path is None or not os.path.exists(path):
        return {}
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        rows = list(csv.reader(io.StringIO(text.replace("\0", ""), newline="")))
    except (OSError, csv.Error) as error:
        raise InputError(f"Cannot read {path}: {error}.") from error
    return {
        (file, number): reason
        for file, number, reason in (row for row in rows if len(row) == len(_COLUMNS))
        if number.isdecimal() and len(number) < _MOST_DIGITS
    }


def _to_csv(rows: dict[tuple[str, str], str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    in_order = sorted(rows.items(), key=lambda row: (row[0][0], int(row[0][1])))
    writer.writerows([file, number, reason] for (file, number), reason in in_order)
    return text.getvalue()

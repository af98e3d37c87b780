"""From a checkpoint to the files that other programs run: how long it takes, how large they are."""

import pathlib

from benchmarks import exported_files
from benchmarks.jobs import Job
from benchmarks.results import Line, compare
from benchmarks.settings import Settings

CASE = "export"
_SECONDS = {"a0": 115, "a1": 145, "a2": 160}


def jobs(settings: Settings) -> list[Job]:
    """A process for each model."""
    return [
        Job(
            __name__,
            model_id,
            "export",
            _SECONDS.get(model_id, 400),
            settings.threads,
            {"model_id": model_id},
        )
        for model_id in settings.model_ids
    ]


def measure(settings: Settings, model_id: str) -> list[Line]:
    """Exports a stream of one frame, once each: it takes the official tool minutes."""
    exports = exported_files.make(settings, model_id)
    lines = []
    for kind in ("SavedModel", "LiteRT"):
        samples = {
            subject: [exports.seconds[f"{name} {kind}"]]
            for subject, name in (("official", "official"), ("ours", "our"))
        }
        work = f"stream, checkpoint to {kind}"
        common = {"case": CASE, "model_id": model_id, "threads": settings.threads}
        lines += compare(samples, work=work, unit="s", headline=True, **common)
    sizes = {name: [path.stat().st_size / 1e6] for name, path in exports.litert.items()}
    official = sizes.pop(exported_files.OFFICIAL_LITERT)
    for name, size in sizes.items():
        is_base = name.startswith("base")
        lines += compare(
            {"ours": size} if is_base else {"official": official, "ours": size},
            case=CASE,
            model_id=model_id,
            work=f"size of the LiteRT file, {name}",
            unit="MB",
            headline=name in ("float32 5d", "int8 5d"),
        )
    folders = {name: [_megabytes(exports.saved_model(name))] for name in ("official", "ours")}
    work = "size of the SavedModel of one frame"
    return [*lines, *compare(folders, case=CASE, model_id=model_id, work=work, unit="MB")]


def _megabytes(folder: pathlib.Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

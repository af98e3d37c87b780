"""The table and the plots in the project's documents, all from one stored result."""

import pathlib
import shutil

from benchmarks import marked_lines, plots, table
from benchmarks.results import JSON_NAME, Results
from movinet import files

NAME = "benchmark"
STORED = pathlib.Path("docs/benchmark") / JSON_NAME
IMAGES = pathlib.Path("docs/images")
# Document: whether it holds the most important lines alone.
DOCUMENTS = {"README.md": True, "docs/performance.md": False}


def update(root: pathlib.Path, folder: pathlib.Path) -> None:
    """Takes the results in a folder over into the documents of a project.

    Raises: InputError if a document has no place for the table; nothing is written then.
    """
    results = Results.from_json((folder / JSON_NAME).read_text(encoding="utf-8"))
    texts = {name: expected_text(root, name, results) for name in DOCUMENTS}
    for name, text in texts.items():
        files.write_text(root / name, text)
    files.write_text(root / STORED, results.to_json())
    for name in plots.NAMES:
        if (folder / name).is_file():
            (root / IMAGES).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, root / IMAGES / name)


def out_of_date(root: pathlib.Path) -> list[str]:
    """Returns the documents whose table is not that of the stored result."""
    results = Results.from_json((root / STORED).read_text(encoding="utf-8"))
    return [
        name
        for name in DOCUMENTS
        if (root / name).read_text(encoding="utf-8") != expected_text(root, name, results)
    ]


def expected_text(root: pathlib.Path, name: str, results: Results) -> str:
    """Returns a document with the table of the results between its markers.

    Raises: InputError if it is not there or has no markers.
    """
    rendered = table.render(results, headlines=DOCUMENTS[name])
    return marked_lines.replaced(root / name, NAME, rendered.split("\n"))

"""Tables in documents are those of the stored result."""

import dataclasses
import pathlib

import pytest
import stored

from benchmarks import documents, marked_lines, table
from benchmarks.results import Results
from movinet.errors import InputError


@pytest.fixture
def project(tmp_path):
    """A project whose documents have a place for the table, and a run beside it."""
    (tmp_path / "docs").mkdir()
    for name in documents.DOCUMENTS:
        begin, end = marked_lines.markers(documents.NAME)
        text = f"# {name}\n\n{begin}\nold\n{end}\n\nmore\n"
        (tmp_path / name).write_text(text)
    stored.results().write(tmp_path / "run")
    (tmp_path / "run" / "benchmark_latency.png").write_bytes(b"picture")
    return tmp_path


def test_update_writes_tables_result_and_pictures(project):
    documents.update(project, project / "run")
    assert documents.out_of_date(project) == []
    readme = (project / "README.md").read_text()
    assert table.render(stored.results(), headlines=True) in readme
    assert readme.startswith("# README.md\n\n") and readme.endswith("\n\nmore\n")
    assert "old" not in readme
    assert table.render(stored.results()) in (project / "docs/performance.md").read_text()
    assert Results.from_json((project / documents.STORED).read_text()) == stored.results()
    assert (project / "docs/images/benchmark_latency.png").read_bytes() == b"picture"


def test_updating_again_changes_nothing(project):
    documents.update(project, project / "run")
    before = (project / "README.md").read_text()
    documents.update(project, project / "run")
    assert (project / "README.md").read_text() == before


def test_an_edited_table_and_a_new_result_show(project):
    documents.update(project, project / "run")
    readme = project / "README.md"
    readme.write_text(readme.read_text().replace("3.75x", "4.75x"))
    assert documents.out_of_date(project) == ["README.md"]
    documents.update(project, project / "run")
    results = stored.results()
    fewer = dataclasses.replace(results, lines=results.lines[:2])
    (project / documents.STORED).write_text(fewer.to_json())
    assert documents.out_of_date(project) == list(documents.DOCUMENTS)


def test_a_document_without_a_place_is_an_error_and_nothing_is_written(project):
    (project / "docs/performance.md").write_text("no markers")
    before = (project / "README.md").read_text()
    with pytest.raises(InputError, match=r"docs/performance\.md has no place"):
        documents.update(project, project / "run")
    assert (project / "README.md").read_text() == before
    assert not (project / documents.STORED).exists()


def test_our_documents_are_those_of_the_stored_result():
    assert documents.out_of_date(pathlib.Path(__file__).parents[2]) == []

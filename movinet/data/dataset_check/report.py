"""The report of a check: a page with pictures, the same as JSON, and lists of files to remove."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence

from movinet.data.dataset_check import plots, summary
from movinet.data.dataset_check.check import Check
from movinet.data.dataset_check.findings import ERROR, WARNING, Case, Dataset, Finding
from movinet.data.dataset_check.page import image, page, text
from movinet.data.dataset_check.stored_clips import StoredClip

PAGE_NAME, JSON_NAME, LISTS_NAME = "report.html", "report.json", "remove"

_MOST_CASES = 18  # Of a finding, on the page; all are in the JSON.
_MOST_WORDS = 60  # Cases without clips.
_MOST_CLIPS = 6  # Of a case.


def shown_clips(check: Check) -> list[int]:
    """Returns the numbers of the clips of which the page shows pictures."""
    return [
        number
        for finding in check.findings
        for case in finding.cases[:_MOST_CASES]
        for number in case.clips[:_MOST_CLIPS]
    ]


def write_report(folder: pathlib.Path, check: Check, strips: Mapping[int, bytes]) -> None:
    """Writes report.html, report.json and remove/KIND.txt into a new folder.

    Args: strips: film strips, JPEG, by the number of the clip.
    """
    folder.mkdir()
    content = json.dumps(summary.to_json(check), indent=1) + "\n"
    (folder / JSON_NAME).write_text(content, encoding="ascii")
    body = "\n".join(_body(check, strips))
    # A path may hold bytes that are no text.
    (folder / PAGE_NAME).write_text(page("Dataset check", body), "utf-8", errors="replace")
    for finding in check.findings:
        if paths := _paths(check.dataset, finding.remove):
            path = folder / LISTS_NAME / f"{finding.kind}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"".join(name + b"\n" for name in paths))


def _paths(dataset: Dataset, numbers: Sequence[int]) -> list[bytes]:
    """Returns the files of clips, or the names of those that are records of a built dataset."""
    clips = [dataset.clips[number] for number in numbers]
    paths = [
        os.fsencode(clip.name if isinstance(clip, StoredClip) else clip.path) for clip in clips
    ]
    return [path for path in paths if b"\n" not in path]  # Such a path would be taken for two.


def _body(check: Check, strips: Mapping[int, bytes]) -> list[str]:
    dataset = check.dataset
    worst = check.findings[0].severity if check.findings else ""
    color = worst if worst in (ERROR, WARNING) else "fine"
    amounts = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>"
        for name, value in summary.amounts(dataset).items()
    )
    return [
        "<h1>Dataset check</h1>",
        f'<div class="path">{text(dataset.source.root)}</div>',
        f'<div class="verdict {color}">{text(summary.verdict(check))}</div>',
        f'<dl class="amounts">{amounts}</dl>',
        _contents(check.findings),
        *(_section(dataset, finding, strips) for finding in check.findings),
        *_plots(dataset),
    ]


def _contents(findings: Sequence[Finding]) -> str:
    rows = "".join(
        f'<tr><td class="severity {finding.severity}">{finding.severity}</td>'
        f'<td><a href="#{finding.kind}">{text(finding.title)}</a></td>'
        f'<td class="number">{len(finding.cases):,}</td></tr>'
        for finding in findings
    )
    return f"<table>{rows}</table>"


def _section(dataset: Dataset, finding: Finding, strips: Mapping[int, bytes]) -> str:
    cases = [case for case in finding.cases if case.clips]
    words = [case for case in finding.cases if not case.clips]
    parts = [
        f'<section id="{finding.kind}"><header><h2>{text(finding.title)}</h2>'
        f'<span class="badge {finding.severity}">{finding.severity} · {len(finding.cases):,}'
        f"</span></header><p>{text(finding.advice)}</p>"
    ]
    if words:
        items = "".join(f"<li>{text(case.detail)}</li>" for case in words[:_MOST_WORDS])
        parts.append(f'<ul class="words">{items}</ul>')
    if any(len(case.clips) > 1 for case in cases):
        parts += [_group(dataset, case, strips) for case in cases[:_MOST_CASES]]
    elif cases:
        figures = "".join(
            _figure(dataset, case.clips[0], strips, case.detail) for case in cases[:_MOST_CASES]
        )
        parts.append(f'<div class="clips">{figures}</div>')
    left = len(cases[_MOST_CASES:]) + len(words[_MOST_WORDS:])
    notes = [f"and {left:,} more in {JSON_NAME}"] if left else []
    if finding.remove:
        notes.append(f"to remove: {LISTS_NAME}/{finding.kind}.txt")
    if notes:
        parts.append(f'<p class="quiet">{text("; ".join(notes))}</p>')
    return "".join(parts) + "</section>"


def _group(dataset: Dataset, case: Case, strips: Mapping[int, bytes]) -> str:
    figures = "".join(_figure(dataset, number, strips) for number in case.clips[:_MOST_CLIPS])
    left = len(case.clips[_MOST_CLIPS:])
    detail = f"{case.detail}; {left} more are not shown" if left else case.detail
    return (
        f'<div class="case"><div class="detail">{text(detail)}</div>'
        f'<div class="clips">{figures}</div></div>'
    )


def _figure(dataset: Dataset, number: int, strips: Mapping[int, bytes], detail: str = "") -> str:
    clip = dataset.clips[number]
    strip = strips.get(number)
    picture = image(strip, "jpeg", clip.name) if strip else '<div class="nothing">no picture</div>'
    said = f'<br><span class="detail">{text(detail)}</span>' if detail else ""
    facts = f"<b>{text(dataset.split(number))}</b> · {text(clip.label)}"
    return (
        f'<figure>{picture}<figcaption>{facts}<br><span class="path">{text(clip.name)}</span>'
        f"{said}</figcaption></figure>"
    )


def _plots(dataset: Dataset) -> list[str]:
    if not dataset.usable:
        return []
    counts = dataset.clips_per_class()
    balance = plots.draw_class_balance(counts, dataset.splits)
    distributions = plots.draw_distributions(dataset)
    return [
        "<section><header><h2>Length, frame rate and size</h2></header>"
        + image(distributions, "png", "Histograms of the clips", "plot")
        + "</section>",
        "<section><header><h2>Clips of each class</h2></header>"
        + image(balance, "png", "Bars of the clips of each class and split", "plot")
        + "</section>",
    ]

"""A benchmark's page: its table, its charts and any two models side by side."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from jarvis_stem.formats.metadata import DATE_FORMAT
from jarvis_stem.formats.names import BENCHMARK_SUFFIX, ResultName
from jarvis_stem.formats.sources import SOURCES_SUFFIX
from jarvis_stem.scoring.board import BASELINE, Board, PublishedResult, Result, Share
from jarvis_stem.scoring.significance import wilson_interval
from jarvis_stem.scoring.table import RANK, Row, notices, rows
from jarvis_stem.web.beyond import MEASURED, Measured, measured_beyond
from jarvis_stem.web.content import Content, board_page
from jarvis_stem.web.templates import render

SHOWN = 25  # rows on a page of the table, before the reader asks for more
BARS = 20  # in the bar chart at most
_ROOT = ".."  # the way from the page to the site's root


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        title: Its heading, and its key in `table.Row.cells` and in the page's address.
        fields: What it is made of in a record; the first is what it is sorted by.
        number: Whether those are numbers.
        shown: Whether it is shown before the reader chooses.
        help: What the heading does not say.
    """

    title: str
    fields: tuple[str, ...]
    number: bool = True
    shown: bool = False
    help: str = ""

    @property
    def kind(self) -> str:
        """What its cells are called in the stylesheet."""
        return "number" if self.number else self.title.replace(" ", "-")


_COLUMNS = (
    Column("rank", ("rank",), shown=True, help=RANK.removeprefix("rank: ")),
    Column("contribution", ("contribution", "model_name"), number=False, shown=True),
    Column("accuracy", ("accuracy",), shown=True),
    Column("95% interval", ("low", "high"), shown=True, help="Wilson's, of the accuracy"),
    Column("unseen", ("unseen",), shown=True),
    Column("noise", ("noise",), shown=True),
    Column("rotation", ("rotation",), shown=True),
    Column("correct", ("n_correct", "n")),
    Column("balanced accuracy", ("balanced_accuracy",)),
    Column("macro F1", ("macro_f1",)),
    Column("MCC", ("matthews",), help="Matthews correlation: 0 for chance, 1 for no error"),
    Column(
        "with structure",
        ("accuracy_with_structure", "n_with_structure"),
        help="accuracy on the test ids whose structure is in the databases",
    ),
    Column(
        "without structure",
        ("accuracy_without_structure", "n_without_structure"),
        help="accuracy on the test ids whose structure is in none of the databases",
    ),
    Column("time", ("seconds",), shown=True, help="of the training"),
    Column("CPU time", ("cpu_seconds",), help="of the training, over all cores"),
    Column("memory", ("memory_mb",), help="of the training at its peak"),
    Column("parameters", ("parameters",), shown=True),
    Column("epochs", ("epochs",)),
    Column("hardware", ("hardware",), number=False),
    Column("team", ("team",), number=False),
    Column("date", ("date",), number=False, shown=True),
)


def pages(content: Content) -> Iterator[tuple[PurePosixPath, str]]:
    """Make the page of every benchmark.

    Args:
        content: What the site shows.

    Yields:
        Path below the site's root, and HTML.
    """
    for board in content.leaderboard.benchmarks:
        page = board_page(board)
        yield page, render("board.html.j2", page, content, **_context(board, content))


def iso_date(date_submitted: str) -> str:
    """A date of metadata.json as dates sort: YYYY-MM-DD; empty where there is none."""
    if not date_submitted:
        return ""
    return datetime.datetime.strptime(date_submitted, DATE_FORMAT).date().isoformat()


def _context(board: Board, content: Content) -> dict[str, Any]:
    name = ResultName.parse(board.name)
    classes = [content.class_name(board, c) for c in board.classes]
    other = content.counterpart(board)
    measured = measured_beyond(board, content)
    columns = _columns(board, classes, other, measured)
    records = _records(board, classes, other)
    for contribution, values in measured.values.items():
        if contribution in records:
            records[contribution] |= values
    lines = [
        _line(row, records[row.cells["contribution"]], columns, content) for row in rows(board)
    ]
    fields = list(dict.fromkeys(field for record in records.values() for field in record))
    benchmarks_url = f"{content.project.repository_url}/benchmarks"
    robustness = _robustness(board, content)
    return {
        "board": board,
        "about": content.about(board),
        "columns": columns,
        "lines": lines,
        "shown": SHOWN,
        "split": any(result.with_structure for result in board.results),
        "bars": min(len(board.results), BARS),
        "teams": sorted({record["team"] for record in lines} - {""}, key=str.casefold),
        "notes": notices(board),
        "robustness": robustness,
        "benchmark_url": f"{benchmarks_url}/{name.page_path(BENCHMARK_SUFFIX).as_posix()}",
        "sources_url": f"{benchmarks_url}/{name.page_path(SOURCES_SUFFIX).as_posix()}",
        "data": {
            "name": board.name,
            "dataset": board.dataset,
            "classes": classes,
            "page": SHOWN,
            "bars": BARS,
            "columns": [[c.title, c.fields, int(c.number), int(c.shown)] for c in columns],
            "cells": [_cells(record, columns) for record in lines],
            "links": [record["link"] for record in lines],
            "fields": fields,
            "records": [_values(record, fields) for record in lines],
        },
    }


def _columns(
    board: Board, classes: list[str], other: Board | None, measured: Measured
) -> list[Column]:
    """The columns that say something on this board.

    Args:
        board: What they are of.
        classes: Its classes' names.
        other: The board of real pictures beside one of simulated images, or the other way round.
        measured: What was measured beyond its test split.
    """
    split = any(result.with_structure for result in board.results)
    columns = [c for c in _COLUMNS if split or not c.title.endswith(" structure")]
    columns = [
        replace(c, help=measured.help.get(c.title, c.help))
        for c in columns
        if c.title not in MEASURED or c.title in measured.help
    ]
    if board.pictures:  # of which most are of one class
        columns = [replace(c, shown=c.shown or c.title == "balanced accuracy") for c in columns]
    if other and other.results:
        kind = "pictures" if other.pictures else "images"
        beside = Column(
            "real" if other.pictures else "simulated",
            ("accuracy_beside", "n_beside"),
            shown=True,
            help=f"accuracy on the {other.n_test:,} test {kind} of {other.dataset}",
        )
        columns.insert([c.title for c in columns].index("95% interval") + 1, beside)
    return [*columns, *(Column(f"recall: {name}", (f"recall: {name}",)) for name in classes)]


def _line(
    row: Row, record: dict[str, Any], columns: list[Column], content: Content
) -> dict[str, Any]:
    """A record with its text by column and what its name links to, empty for nothing."""
    cells = {
        column.title: row.cells.get(column.title) or _text(record.get(column.fields[0]))
        for column in columns
    }
    link = record["url"]
    if row.kind == "contribution":
        link = content.contribution_address(row.cells["contribution"], _ROOT)
    return record | {"cells": cells | {"date": record.get("date", "")}, "link": link}


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _cells(record: dict[str, Any], columns: list[Column]) -> list[str | int]:
    """A line's texts; 0 for a field's own text, or its number with four decimals."""
    texts: list[str | int] = []
    for column in columns:
        text, value = record["cells"][column.title], record.get(column.fields[0])
        derived = isinstance(value, str | float) and text == _text(value)
        texts.append(0 if derived else text)
    return texts


def _values(record: dict[str, Any], fields: list[str]) -> list[Any]:
    """A record's values as far as there are any."""
    values = [record.get(field) for field in fields]
    while values and values[-1] is None:
        values.pop()
    return values


def _records(board: Board, classes: list[str], other: Board | None) -> dict[str, dict[str, Any]]:
    """The values behind each row, by what the row calls it."""
    records = {f"published {one.name}": _published(one, board) for one in board.references}
    for result in board.results:
        records[result.contribution] = _result(result, "contribution", board, classes)
    if other:
        for beside in other.results:
            if record := records.get(beside.contribution):
                record |= {"accuracy_beside": beside.score, "n_beside": other.n_test}
    if board.baseline:
        record = _result(board.baseline, "baseline", board, classes)
        records[record["contribution"]] = record
    return records


def _published(one: PublishedResult, board: Board) -> dict[str, Any]:
    return {
        "kind": "published",
        "contribution": f"published {one.name}",
        "model_name": "",
        "url": one.source,
        "team": "",
        **_accuracy(one, board),
    }


def _result(result: Result, kind: str, board: Board, classes: list[str]) -> dict[str, Any]:
    cost = asdict(result.cost) if result.cost else {}
    label = f"{BASELINE} (baseline)" if kind == "baseline" else result.contribution
    return {
        "kind": kind,
        "contribution": label,
        "model_name": result.model_name,
        "url": result.project_url,
        "rank": result.rank,
        **_accuracy(result, board),
        "balanced_accuracy": result.balanced_accuracy,
        "macro_f1": result.macro_f1,
        "matthews": result.matthews,
        **_share("with_structure", result.with_structure),
        **_share("without_structure", result.without_structure),
        "seconds": cost.get("wall_seconds", result.time_taken_seconds),
        "cpu_seconds": cost.get("cpu_seconds"),
        "memory_mb": cost.get("peak_memory_mb"),
        "parameters": cost.get("parameters"),
        "epochs": cost.get("epochs"),
        "hardware": cost.get("hardware", ""),
        "team": result.team_name,
        "date": iso_date(result.date_submitted),
        **{f"recall: {name}": c.recall for name, c in zip(classes, result.classes, strict=True)},
        "confusion": result.confusion,
        "comparisons": [
            [c.against, c.only_this, c.only_other, c.p_holm] for c in result.comparisons
        ],
    }


def _accuracy(one: Result | PublishedResult, board: Board) -> dict[str, Any]:
    low, high = one.interval
    return {
        "accuracy": one.score,
        "low": low,
        "high": high,
        "n_correct": one.n_correct,
        "n": board.n_test,
    }


def _share(name: str, share: Share | None) -> dict[str, Any]:
    if share is None:
        return {}
    low, high = wilson_interval(share.n_correct, share.n)
    return {
        f"accuracy_{name}": share.accuracy,
        f"low_{name}": round(float(low), 4),
        f"high_{name}": round(float(high), 4),
        f"n_correct_{name}": share.n_correct,
        f"n_{name}": share.n,
    }


def _robustness(board: Board, content: Content) -> dict[str, Any]:
    """What was measured of the models' robustness, where it was on this benchmark."""
    measured = content.robustness
    return measured if measured.get("benchmark") == board.dataset else {}

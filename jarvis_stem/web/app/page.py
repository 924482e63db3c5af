"""What the page shows: a place to drop files, settings, a table of answers, and one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nicegui import background_tasks, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from jarvis_stem.imaging.picture_files import PICTURES
from jarvis_stem.imaging.structure_files import ENDINGS
from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.prediction.report import csv_text
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text
from jarvis_stem.web.app.answers import cells, show_answer, show_frames, summary
from jarvis_stem.web.app.elements import data_url, field, say, set_props, tag, text
from jarvis_stem.web.app.settings import UNITS, read_settings
from jarvis_stem.web.app.uploads import Uploads
from jarvis_stem.web.app.worker import Settings, Source, Worker

_HEAD = """\
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/site/site.css">
<link rel="stylesheet" href="/app/app.css">
<script src="/site/theme.js"></script>
<script src="/app/app.js" defer></script>
"""
_HEADER = """\
<header class="site"><p class="brand">jarvis-stem</p>
<p class="muted about">Which Bravais lattice is in the picture?</p>
<div class="theme"><label for="theme">Theme</label> <select id="theme">
<option value="">System</option><option value="light">Light</option>
<option value="dark">Dark</option></select></div></header>
"""
_COLUMNS = ("Picture", "Class", "a", "b", "gamma", "Remarks")


@dataclass
class _File:
    """A file of the page: where it is, and what came of it; nothing yet if None."""

    source: Source | None
    outcomes: list[Outcome] | None = None


@dataclass
class _Row:
    """A row of the table: an answer, an error, or what is waited for."""

    file: _File
    outcome: Outcome
    element: Element


class Pages:
    """Every open page."""

    def __init__(self, worker: Worker, uploads: Uploads, settings: Settings) -> None:
        """Make none yet.

        Args:
            worker: Answers.
            uploads: Holds the files.
            settings: What a page starts with.
        """
        self._worker, self._uploads, self._settings = worker, uploads, settings
        self._open: dict[str, _Page] = {}

    def show(self) -> None:
        """Build a page for whoever has opened it."""
        name = self._uploads.open()
        page = _Page(name, self._worker, self._settings)
        self._open[name] = page

        def forget() -> None:
            page.leave()
            self._open.pop(name, None)
            self._uploads.close(name)

        ui.context.client.on_delete(forget)
        page.build(self._uploads.limits.files)

    async def receive(
        self, name: str, batch: str, file: str, content: AsyncIterator[bytes]
    ) -> None:
        """Take a file for a page, which shows why where it is not taken.

        Args:
            name: Of the page.
            batch: See `Uploads.receive`.
            file: Its name.
            content: Its bytes.
        """
        try:
            source = await self._uploads.receive(name, batch, file, content)
        except StemError as error:
            self._open[name].refuse(file, str(error))
        except OSError as error:
            self._open[name].refuse(file, f"{file}: {error.strerror or error}")
        else:
            self._open[name].add(source)


class _Page:
    """One page: its files, their answers, and which of them is shown."""

    def __init__(self, name: str, worker: Worker, settings: Settings) -> None:
        self._name, self._worker, self._settings = name, worker, settings
        self._files: list[_File] = []
        self._rows: list[_Row] = []
        self._shown: _Row | None = None
        self._is_working = self._is_left = False

    # What it is made of.

    def build(self, most: int) -> None:
        """Make the elements.

        Args:
            most: Files that are taken.
        """
        ui.add_head_html(_HEAD)
        ui.add_body_html(_HEADER)
        with tag("div", "desk"):
            with tag("div", "side"):
                self._build_drop(most)
                self._build_settings()
            with tag("div", "main"):
                self._build_shown()
                self._build_table()

    def _build_drop(self, most: int) -> None:
        kinds = ",".join((*PICTURES, *ENDINGS))
        with tag("section", "card drop", id="drop", data_page=self._name):
            text("h1", "Drop pictures here")
            text("p", f"Or structures, or a folder: up to {most} files. They stay on this machine.")
            with tag("div", "toolbar"):
                text("button", "Choose files", "button", type="button", data_opens="files")
                text("button", "Choose a folder", type="button", data_opens="folder")
            hidden: dict[str, Any] = {"type": "file", "multiple": True, "hidden": True}
            tag("input", id="files", accept=kinds, aria_label="Files", **hidden)
            tag("input", id="folder", webkitdirectory=True, aria_label="Folder", **hidden)
            self._status = text("p", "", "muted status", role="status")
            self._alert = text("p", "", "alert", role="alert")

    def _build_settings(self) -> None:
        with tag("form", "card settings", aria_label="How pictures are read") as form:
            text("h2", "Pixel size")
            with tag("div", "toolbar"):
                size = self._settings.pixel_size
                shown = "" if size is None else f"{size:g}"
                number = {"inputmode": "decimal", "autocomplete": "off", "size": 8}
                field(
                    "Å, nm or pm per pixel",
                    "size",
                    placeholder="what files say",
                    value=shown,
                    **number,
                )
                with tag("label", "field"):
                    text("span", "Unit")
                    with tag("select", id="unit"):
                        for unit in UNITS:
                            text("option", unit, value=unit)
            with tag("details"):
                text("summary", "Stacks and distortion")
                with tag("div", "toolbar"):
                    field("Frame of a stack", "frame", placeholder="1, mean or all", size=10)
                    percent = f"{100 * self._settings.distortion:g}"
                    field("Distortion, %", "distortion", value=percent, **number)
            self._fault = text("p", "", "alert", role="alert")
        values = "[...e.currentTarget.elements].filter((one) => one.id).map((one) => one.value)"
        form.on("change", self._set, js_handler=f"(e) => emit({values})")
        form.on("submit", js_handler="(e) => e.preventDefault()")

    def _build_shown(self) -> None:
        with tag("section", "card shown", aria_label="Answer") as self._section:
            with tag("div", "walk"):
                self._previous = text("button", "Previous", type="button", id="previous")
                self._where = text("p", "", "where", aria_live="polite")
                self._next = text("button", "Next", type="button", id="next")
            self._answer = tag("div", "answer")
        self._previous.on("click", lambda: self._walk(-1))
        self._next.on("click", lambda: self._walk(1))
        self._section.set_visibility(False)

    def _build_table(self) -> None:
        scroll = {"tabindex": 0, "role": "region", "aria_label": "Answers"}
        with tag("section", aria_label="All pictures") as self._all:
            with tag("div", "scroll", **scroll), tag("table"):
                with tag("thead"), tag("tr"):
                    for name in _COLUMNS:
                        text("th", name, scope="col")
                self._body = tag("tbody")
            with tag("div", "toolbar"):
                for kind in ("CSV", "JSON"):
                    button = text("button", f"Download {kind}", type="button")
                    button.on("click", lambda kind=kind: self._download(kind))
        self._all.set_visibility(False)

    # What happens to it.

    def add(self, source: Source) -> None:
        """Take a file, to be answered."""
        self._append(_File(source), Outcome(source.name))
        self._start()

    def refuse(self, name: str, why: str) -> None:
        """Show why a file is not taken."""
        self._append(_File(None, [outcome := Outcome(name, error=why)]), outcome)
        say(self._alert, why)

    def leave(self) -> None:
        """Answer no more."""
        self._is_left = True

    def _append(self, file: _File, outcome: Outcome) -> None:
        self._files.append(file)
        self._all.set_visibility(True)
        self._add_row(file, outcome)
        if self._shown is None or len(self._rows) == 1:
            self._show(self._rows[-1])
        self._say_where()

    def _add_row(self, file: _File, outcome: Outcome) -> _Row:
        with self._body:
            element = tag("tr")
        row = _Row(file, outcome, element)
        self._rows.append(row)
        self._fill(row)
        return row

    def _fill(self, row: _Row) -> None:
        row.element.clear()
        with row.element:
            with tag("th", scope="row"):
                button = text("button", row.outcome.name, "name", type="button")
                button.on("click", lambda: self._show(row))
            shown = cells(row.outcome)
            for cell in shown:
                text("td", cell, colspan=len(_COLUMNS) - len(shown) if len(shown) == 1 else None)

    def _set(self, event: GenericEventArguments) -> None:
        try:
            settings = read_settings(*event.args)
        except StemError as error:
            say(self._fault, str(error))
            return
        say(self._fault, "")
        if settings != self._settings:
            self._settings = settings
            for file in self._files:
                file.outcomes = file.outcomes if file.source is None else None
            self._start()

    def _start(self) -> None:
        if not self._is_working:
            self._is_working = True
            background_tasks.create(self._work())

    async def _work(self) -> None:
        """Answer file by file, until there is none without an answer."""
        try:
            while waiting := [one for one in self._files if one.outcomes is None]:
                done = len(self._files) - len(waiting)
                say(self._status, f"Answering {done + 1} of {len(self._files)} …")
                file, settings = waiting[0], self._settings
                assert file.source is not None  # noqa: S101 - the others are refused
                outcomes = await self._worker.answer(file.source, settings)
                if self._is_left:
                    return
                if settings == self._settings:  # else once more
                    file.outcomes = outcomes
                    await self._update(file)
            say(self._status, summary([row.outcome for row in self._rows]))
        finally:
            self._is_working = False

    async def _update(self, file: _File) -> None:
        """Put what came of a file into its rows."""
        rows = [row for row in self._rows if row.file is file]
        assert file.outcomes is not None  # noqa: S101 - see the caller
        if len(rows) != len(file.outcomes):
            self._rebuild()
            rows = [row for row in self._rows if row.file is file]
        for row, outcome in zip(rows, file.outcomes, strict=True):
            row.outcome = outcome
            self._fill(row)
        self._say_where()
        if self._shown in rows:
            await self._draw(self._shown)

    def _rebuild(self) -> None:
        """Make all rows anew: a stack of which every frame is answered has several."""
        at = self._rows.index(self._shown) if self._shown else 0
        before = {id(row.file): row.outcome for row in self._rows}
        self._rows = []
        self._body.clear()
        for file in self._files:
            for outcome in file.outcomes or [before[id(file)]]:
                self._add_row(file, outcome)
        self._mark(self._rows[min(at, len(self._rows) - 1)])

    # What is shown.

    def _walk(self, step: int) -> None:
        at = self._rows.index(self._shown) + step if self._shown else 0
        if 0 <= at < len(self._rows):
            self._show(self._rows[at])

    def _show(self, row: _Row) -> None:
        self._mark(row)
        self._section.set_visibility(True)
        self._say_where()
        background_tasks.create(self._draw(row))

    def _mark(self, row: _Row) -> None:
        if self._shown:
            set_props(self._shown.element, aria_current=None)
        self._shown = row
        set_props(row.element, aria_current="true")

    def _say_where(self) -> None:
        if self._shown is None:
            return
        at = self._rows.index(self._shown)
        say(self._where, f"{at + 1} of {len(self._rows)}: {self._shown.outcome.name}")
        set_props(self._previous, disabled=at == 0)
        set_props(self._next, disabled=at == len(self._rows) - 1)

    async def _draw(self, row: _Row) -> None:
        """Show what a row says, at once in words and, when they are drawn, in pictures."""
        outcome, settings = row.outcome, self._settings
        self._answer.clear()
        with self._answer:
            if outcome.answer is None:
                text(
                    "p", outcome.error or "Waiting for its turn …", "alert" if outcome.error else ""
                )
                return
            show_answer(outcome.answer)
            figures = show_frames(outcome.answer)
            button = text("button", "Download plot", type="button")
            button.on("click", lambda: self._download_plot(row))
        assert row.file.source is not None  # noqa: S101 - it has an answer
        try:
            panels = await self._worker.panels(row.file.source, settings, outcome)
        except StemError as error:
            say(self._alert, str(error))
            return
        if self._shown is row and row.outcome is outcome:
            for name, content in panels.items():
                set_props(figures[name], src=data_url(content))

    async def _download_plot(self, row: _Row) -> None:
        assert row.file.source is not None  # noqa: S101 - it has an answer
        try:
            content = await self._worker.plot(row.file.source, self._settings, row.outcome)
        except StemError as error:
            say(self._alert, str(error))
            return
        name = Path(row.outcome.name.replace(": ", "_")).name
        with self._answer:
            ui.download.content(content, f"{name}.lattice.png", "image/png")

    def _download(self, kind: str) -> None:
        outcomes = [one for file in self._files for one in file.outcomes or []]
        if not outcomes:
            say(self._alert, "There is no answer yet")
        elif kind == "CSV":
            ui.download.content(csv_text(outcomes), "answers.csv", "text/csv")
        else:
            text = json_text([one.as_json() for one in outcomes])
            ui.download.content(text, "answers.json", "application/json")

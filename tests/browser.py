"""A real browser for the tests of the site: a plugin of the modules that drive it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, Request, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 300_000  # ms, on a machine that does other things as well
expect.set_options(timeout=_PATIENCE)
_SERIOUS = ("serious", "critical")
_NOTHING_MOVES = """() => new Promise((done) => requestAnimationFrame(done)).then(() =>
  document.getAnimations().every((one) => one.playState !== "running"))"""
_SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  const add = (list) => list.getEntries().forEach((entry) => (sum += entry.value));
  new PerformanceObserver(add).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 100);
})"""


@dataclass
class Tab:
    """A page, and everything it has said and asked for since it was opened.

    Attributes:
        messages: What it wrote to the console, violations of the content security policy among
            them, and what its scripts raised.
        failed: Addresses that could not be had.
        requests: Every address that was asked for.
    """

    page: Page
    messages: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # by opening another page
            self.failed.append(f"{request.url}: {request.failure}")

    def open(self, path: Path, hash: str = "") -> Page:
        """Open a file from disk, as a reader without a server does."""
        self.page.goto("about:blank")  # else another hash of the same page loads nothing
        self.page.goto(path.resolve().as_uri() + hash)
        return self.page

    def stay_silent(self, site: Path) -> None:
        """Check that nothing went wrong and nothing was asked for outside the site."""
        assert self.messages == []
        assert self.failed == []
        inside = (site.resolve().as_uri(), "about:blank", "data:", "blob:")
        assert [url for url in self.requests if not url.startswith(inside)] == []

    def shifts(self) -> float:
        """How much has moved since the page was opened, as layout shifts are summed up."""
        return float(self.page.evaluate(_SHIFTS))

    def accessibility_faults(self, *rules: str) -> list[str]:
        """What axe-core finds that keeps people out: rule, weight and the elements.

        Args:
            rules: For example ``color-contrast``, all that another theme changes; by default all.
        """
        # Colours on their way from one theme to the other are nobody's fault.
        self.page.wait_for_function(_NOTHING_MOVES)
        options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
        if rules:
            options["runOnly"] = {"type": "rule", "values": rules}
        violations = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes']]}"
            for one in violations
            if one["impact"] in _SERIOUS
        ]


def executable(playwright: Playwright) -> str | None:
    """A Chromium of the system, else Playwright's own; None where there is neither."""
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, (*NAMES, own))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = executable(playwright)
        if path is None:
            pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH; install chromium")
        with playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=_PATIENCE
        ) as browser:
            yield browser


@pytest.fixture(scope="session")
def open_tab(browser: Browser) -> Iterator[Tab]:
    """The one tab: a new one would take a process and a second of a core for each test."""
    with browser.new_context(accept_downloads=True) as context:
        context.set_default_timeout(_PATIENCE)
        yield Tab(context.new_page())


@pytest.fixture
def tab(open_tab: Tab) -> Iterator[Tab]:
    """A tab as if it were new, 1280 by 900 px, in light colours."""
    page = open_tab.page
    page.goto("about:blank")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    for notes in (open_tab.messages, open_tab.failed, open_tab.requests):
        notes.clear()
    yield open_tab
    page.evaluate("try { localStorage.clear(); } catch {}")  # about:blank has none


@pytest.fixture(scope="session")
def plain_page(browser: Browser) -> Iterator[Page]:
    """A page of a browser whose scripts are switched off."""
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(_PATIENCE)
        yield context.new_page()

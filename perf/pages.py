"""Measure the site's pages: what they weigh, and how long until a reader can use them.

python perf/pages.py --before ../earlier

Synthetic contributions of one benchmark, each with a run's record, are written to a temporary
folder; the site is built from 10, 100 and 1,000 of them and opened from disk in Chromium. A page is
usable when its table sorts and searches: its scripts then set the mark "ready". Charts are drawn
later, when they come into view. A card is the page of one contribution. With --before an earlier
build's site is made of the same contributions, and pages are opened by turns.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import builds
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from tabulate import tabulate

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import METADATA, blank
from jarvis_stem.formats.names import bravais_result
from jarvis_stem.scoring.metrics import accuracy
from jarvis_stem.training import machine
from jarvis_stem.utils.files import json_text, write_bytes, write_text, zip_bytes
from jarvis_stem.utils.progress import track

_ROOT = Path(__file__).resolve().parents[1]
_NAME = bravais_result("stem_2d_image")
_READY = "() => performance.getEntriesByName('ready')[0]?.startTime"
# Of the columns of the table of figures.
_DIGITS = ("", "", "", ".1f", ".0f", ".0f", ".0f", ".0f", ".0f", ".2f", "")
_SHIFTS = """window.shift = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


class _Figures(NamedTuple):
    """A page's; times in ms, sizes in kB."""

    build: str
    contributions: int
    page: str
    html: float
    loaded: float
    usable: float
    cpu: float
    loading: float
    search: float | None
    shift: float
    axe: str


def main() -> None:
    """Run the measurement and print its figures."""
    options = _parser().parse_args()
    measured = builds.builds(options.before)
    split = Benchmark.read(_ROOT / "benchmarks", _NAME).split(_NAME.split)
    figures = []
    with (
        tempfile.TemporaryDirectory(prefix="perf-pages-") as temporary,
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        ) as browser,
    ):
        root = Path(temporary)
        written = 0
        for count in sorted(options.counts):
            for number in track(range(written, count), f"writing {count}"):
                _write(root / "contributions" / f"model_{number:04}", split, number)
            written = count
            for name, build in measured.items():
                run = _build(build, root, name)
                print(f"{name}, {run.seconds:.1f} s: {run.output}", end="", file=sys.stderr)
            figures += _figures(browser, root, list(measured), count, options.repeat)
    print(f"{machine.hardware(torch.device('cpu'))}, Chromium, median of {options.repeat}\n")
    print(_table(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--counts", type=int, nargs="+", default=[10, 100, 1000], metavar="N")
    add("--before", metavar="DIR", help="checkout of an earlier build to measure beside this one")
    add("--repeat", type=int, default=5, metavar="N", help="loads of each (default: %(default)s)")
    return parser


def _write(folder: Path, split: Mapping[str, int | str], number: int) -> None:
    """Write a contribution; its number decides its predictions, its costs and its date."""
    rng = random.Random(number)  # noqa: S311  data, not a secret
    right = rng.uniform(0.3, 0.95)
    predicted = [c if rng.random() < right else rng.randrange(5) for c in split.values()]
    table = "".join(f"{id},{c}\n" for id, c in zip(split, predicted, strict=True))
    content = zip_bytes(_NAME.csv_name, f"id,prediction\n{table}".encode())
    write_bytes(folder / _NAME.predictions_name, content)
    seconds = 10 ** rng.uniform(1, 5)
    metadata = {
        **blank(),
        "model_name": f"Model {number} with a name of the usual length",
        "project_url": "https://example.org",
        "date_submitted": f"{1 + number % 12:02}-14-{2020 + number % 7}",
        "author_email": "someone@example.org",
        "team_name": f"team {number % 37}",
        "time_taken_seconds": {_NAME.predictions_name: seconds},
        "git_url": ["https://example.org/code"],
    }
    write_text(folder / METADATA, json_text(metadata))
    run = {
        "command": "python -m jarvis_stem.train",
        "seed": number,
        "packages": {"torch": "2.13.0"},
        "git_commit": None,
        "hardware": "CPU, 2 cores",
        "recipe": {"epochs": 20},
        "costs": {
            "wall_seconds": seconds,
            "cpu_seconds": 2 * seconds,
            "peak_memory_mb": rng.uniform(500, 20_000),
            "parameters": int(10 ** rng.uniform(4, 8)),
        },
        "result": {"accuracy": accuracy(list(split.values()), predicted), "n": len(split)},
        "history": [
            {"epoch": n, "train_loss": 1 / n, "validation_accuracy": right} for n in range(1, 21)
        ],
    }
    write_text(folder / _NAME.run_record_name, json_text(run))


def _build(build: builds.Build, root: Path, name: str) -> builds.Run:
    """Make a build's site. Run from here (-P: not of the code here), all show the same figures."""
    command: list[str | Path] = [
        *(build.python, "-P", "-m", "jarvis_stem.site", "--no-images"),
        *("--contributions", root / "contributions"),
        *("--benchmarks", build.root / "benchmarks"),  # an earlier build may not read today's
        *("--output", root / name),
    ]
    return builds.process(command, _ROOT, build.environment())


def _figures(
    browser: Browser, root: Path, names: Sequence[str], count: int, repeat: int
) -> list[_Figures]:
    """Open each page of each build's site so many times, by turns."""
    kinds = {
        "home": Path("index.html"),
        "benchmark": Path("benchmarks", f"{_NAME.benchmark_name}.html"),
        "card": Path("contributions", "model_0000.html"),
    }
    found = []
    for kind, path in kinds.items():
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(repeat):
            for name in names:
                runs[name].append(_load(browser, root / name / path))
        for name in names:
            page = root / name / path
            found.append(_figures_of(name, count, kind, page, runs[name], _axe(browser, page)))
    return found


def _figures_of(
    build: str, count: int, kind: str, path: Path, runs: Sequence[Mapping[str, float]], axe: str
) -> _Figures:
    def median(key: str) -> float:
        return statistics.median(run[key] for run in runs)

    return _Figures(
        build=build,
        contributions=count,
        page=kind,
        html=path.stat().st_size / 1e3,
        loaded=runs[0]["loaded"],
        usable=median("usable"),
        cpu=median("cpu"),
        loading=median("load"),
        search=median("search") if kind == "benchmark" else None,
        shift=max(run["shift"] for run in runs),
        axe=axe,
    )


def _load(browser: Browser, path: Path) -> dict[str, float]:
    """Open a page in a fresh profile and look through it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(_SHIFTS)
    files: set[Path] = set()
    page.on("request", lambda request: files.add(Path(request.url.removeprefix("file://"))))
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri(), wait_until="commit")
    usable = page.wait_for_function(_READY).json_value()
    metrics = session.send("Performance.getMetrics")["metrics"]
    (cpu,) = (1000 * one["value"] for one in metrics if one["name"] == "TaskDuration")
    page.wait_for_load_state("load")
    load = page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart")
    before = sum(file.stat().st_size for file in files) / 1e3
    search = _search(page) if page.locator("#search").count() else 0.0
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        page.wait_for_function("(e) => e.dataset.drawn", arg=chart.element_handle())
    found = {
        "usable": usable,
        "cpu": cpu,
        "load": load,
        "loaded": before,
        "search": search,
        "shift": page.evaluate("window.shift"),
    }
    context.close()
    return found


def _search(page: Page) -> float:
    """Time from a search's last letter to its rows on the screen, ms."""
    return float(
        page.evaluate(
            """() => new Promise((resolve) => {
              const search = document.getElementById("search");
              const start = performance.now();
              search.value = "team 3";
              search.dispatchEvent(new Event("input"));
              requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
            })"""
        )
    )


def _axe(browser: Browser, path: Path) -> str:
    """What axe-core finds in both themes, by weight."""
    found: dict[str, int] = {}
    for theme in ("light", "dark"):
        page = browser.new_page(color_scheme=theme)
        page.goto(path.as_uri())
        options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
        for one in Axe().run(page, options=options).response["violations"]:
            found[one["impact"]] = found.get(one["impact"], 0) + 1
        page.close()
    return ", ".join(f"{n} {impact}" for impact, n in sorted(found.items())) or "nothing"


def _table(figures: Sequence[_Figures]) -> str:
    heads = (
        "build",
        "contributions",
        "page",
        "HTML, kB",
        "loaded, kB",
        "usable, ms",
        "CPU until then, ms",
        "load event, ms",
        "search, ms",
        "layout shift",
        "axe",
    )
    return tabulate(
        figures,
        heads,
        tablefmt="github",
        floatfmt=_DIGITS,
        missingval="-",
    )


if __name__ == "__main__":
    main()

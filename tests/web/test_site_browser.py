"""The site's pages as their readers use them, in a real browser and from disk."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import METADATA, REPOSITORY, SMALL, add_benchmark, add_contribution, run_record
from playwright.sync_api import Locator, Page, expect
from sites import scored

from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.formats.published import REFERENCE_SUFFIX, Published, Reference, fingerprint
from jarvis_stem.utils.files import json_text, write_text
from jarvis_stem.web import builder
from jarvis_stem.web.content import ROBUSTNESS, UNSEEN, read_measured
from jarvis_stem.web.serve import Server

if TYPE_CHECKING:
    from browser import Tab

pytest_plugins = ("browser",)
pytestmark = pytest.mark.browser
IDS = [f"i{n:02}.jpg" for n in range(40)]
TRUTH = dict(zip(IDS, [n % 3 for n in range(40)], strict=True))
CLASSES = {"0": "hexagonal", "1": "square", "2": "rectangle"}
BOARD = Path("benchmarks/small_bravais_class.html")
KINDS = (Path("index.html"), BOARD, Path("submit.html"), Path("faq.html"), Path("about.html"))
NEAR = ResultName.parse("AI-ImageClass-bravais_class-near-test-acc")
SCRIPT = "<script>document.title='taken'</script>\"'&amp;<img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://evil.example","click")'
LONG = "w" * 500
HEBREW = "שלום <b>עולם</b>"
PLUS = "+1+1"


def add(root: Path, name: str, wrong: int, parameters: int | None = None, **metadata: Any) -> None:
    """A contribution that takes the first so many ids for the next class."""
    predicted = {i: (c + (n < wrong)) % 3 for n, (i, c) in enumerate(TRUTH.items())}
    table = "id,prediction\n" + "".join(f"{i},{c}\n" for i, c in predicted.items())
    times = {"time_taken_seconds": {SMALL.predictions_name: 100 - wrong}}
    folder = add_contribution(root, name, table, metadata={**METADATA, **times, **metadata}).parent
    if parameters:
        record = run_record(1 - wrong / len(IDS))
        record["costs"] |= {"parameters": parameters, "wall_seconds": 10 * wrong + 1}
        (folder / SMALL.run_record_name).write_text(json.dumps(record))


def add_near(contributions: Path, benchmarks: Path) -> None:
    """A benchmark with an id without an image, and models of almost the same accuracy and cost."""
    add_benchmark(benchmarks, NEAR, {"train": {"t.jpg": 0}, "test": TRUTH})
    reference = Reference(without_structure=[IDS[0]])
    write_text(benchmarks / NEAR.page_path(REFERENCE_SUFFIX), json_text(reference.model_dump()))
    for n in range(6):
        wrong = 1 + n // 3
        predicted = {i: (c + (k < wrong)) % 3 for k, (i, c) in enumerate(TRUTH.items())}
        table = "id,prediction\n" + "".join(f"{i},{c}\n" for i, c in predicted.items())
        folder = add_contribution(contributions, f"a_model_that_is_near_{n}", table, NEAR).parent
        record = run_record(1 - wrong / len(IDS))
        record["costs"] |= {"wall_seconds": 100 + n}
        (folder / NEAR.run_record_name).write_text(json.dumps(record))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 contributions, hostile ones among them, a published result and a rejected file."""
    root = tmp_path_factory.mktemp("site")
    contributions, benchmarks = root / "contributions", root / "benchmarks"
    add_benchmark(benchmarks, splits={"train": {"t.jpg": 0, "u.jpg": 1, "v.jpg": 2}, "test": TRUTH})
    add(contributions, "best", 0, 500, team_name="north", date_submitted="03-31-2024")
    add(contributions, "second", 4, 70_000, team_name="north", date_submitted="01-31-2024")
    add(contributions, "third", 9, 2_000_000, team_name="south", date_submitted="02-29-2024")
    add(contributions, "script", 12, model_name=SCRIPT, team_name=SCRIPT)
    add(contributions, "formula", 13, model_name=FORMULA, team_name=PLUS)
    add(contributions, "long", 14, model_name=LONG, team_name=LONG)
    add(contributions, "hebrew", 15, model_name=HEBREW, team_name=HEBREW)
    for n in range(27):
        add(contributions, f"model_{n:02}", 16 + n % 20)
    add_contribution(contributions, "short", "id,prediction\ni00.jpg,0\n")
    add_near(contributions, benchmarks)
    right = np.array([n >= 10 for n in range(40)])
    published = Published(
        score=0.75,
        source="https://example.org/old",
        right_ids=base64.b64encode(np.packbits(right).tobytes()).decode(),
        predictions_sha256=fingerprint([]),
    )
    reference = Reference(published={"old": published})
    path = benchmarks / SMALL.page_path(REFERENCE_SUFFIX)
    write_text(path, json_text(reference.model_dump()))
    series = {"what": "dose", "values": [10, 1e6], "accuracy": {"best": [0.2, 0.9]}}
    robustness = {"benchmark": "small", "images": 5, "series": [series]}
    about = About("Small images", "See https://example.org/about", ["https://example.org"], CLASSES)
    project = Project("https://example.org/code/tree/main", {SMALL: about})
    content = scored(contributions, benchmarks, project, robustness=robustness)
    builder.build(content, root / "built")
    return root / "built"


@pytest.fixture
def board(site: Path, tab: Tab) -> Page:
    """The benchmark's page, ready."""
    page = tab.open(site / BOARD)
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_function("() => performance.getEntriesByName('ready').length")


def names(page: Page) -> list[str]:
    """The rows that are shown, from the top."""
    return page.locator("#results tbody th :first-child").all_inner_texts()


def heading(page: Page, title: str) -> Locator:
    return page.locator("#results thead th").filter(has_text=re.compile(f"^{title}$"))


def saved(page: Page, kind: str) -> str:
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=kind).click()
    return Path(download.value.path()).read_bytes().decode()


def show_column(page: Page, *titles: str) -> None:
    """Choose or unchoose columns in the menu."""
    page.get_by_role("button", name="Columns").click()
    for title in titles:
        page.get_by_role("menuitemcheckbox", name=title, exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)


def drawn(page: Page, selector: str) -> Locator:
    """A chart, once it was scrolled to and drawn."""
    chart = page.locator(selector)
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "true")
    return chart


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_page_moves_nothing_keeps_nobody_out_and_asks_nobody(
    site: Path, tab: Tab, kind: Path
) -> None:
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})  # what is read bit by bit may move
    page = tab.open(site / kind)
    page.wait_for_load_state("load")
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-drawn", "true")
    assert tab.shifts() < 0.01  # 0.1 is what readers notice
    for width in (360, 390, 768, 2560, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        # Charts that are drawn already follow the window a moment later.
        page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    page.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    for button in page.get_by_role("button", name="Columns").all():
        button.click()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert tab.accessibility_faults() == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert tab.accessibility_faults("color-contrast") == []
    tab.stay_silent(site)
    assert page.title() != "taken"


def test_the_table_begins_with_the_best_a_page_of_them(board: Page) -> None:
    assert names(board)[:5] == ["best", "second", "third", "published old", "script"]
    assert board.locator("#results tbody tr").count() == 25
    expect(board.locator("#info")).to_have_text("Rows 1 to 25 of 36")
    expect(heading(board, "accuracy")).to_have_attribute("aria-sort", "descending")
    board.get_by_role("button", name="Next").click()
    expect(board.locator("#info")).to_have_text("Rows 26 to 36 of 36")
    assert board.locator("#results tbody tr").count() == 11


def test_a_heading_sorts_and_missing_values_come_last(board: Page) -> None:
    heading(board, "parameters").get_by_role("button").click()
    expect(heading(board, "parameters")).to_have_attribute("aria-sort", "descending")
    assert names(board)[:3] == ["third", "second", "best"]
    heading(board, "parameters").get_by_role("button").click()
    expect(heading(board, "parameters")).to_have_attribute("aria-sort", "ascending")
    assert names(board)[:3] == ["best", "second", "third"]
    heading(board, "date").get_by_role("button").click()
    expect(heading(board, "date")).to_have_attribute("aria-sort", "ascending")
    assert "published old" not in names(board)  # it has no date
    heading(board, "date").get_by_role("button").click()
    expect(heading(board, "date")).to_have_attribute("aria-sort", "descending")
    assert names(board)[:2] == ["best", "third"]


def test_ranks_are_set_apart_while_the_table_is_in_their_order(board: Page) -> None:
    starts = board.locator("#results tr.starts")
    assert starts.count() > 0
    first = starts.first
    rank = int(first.locator(".rank").inner_text())
    before = first.locator("xpath=preceding-sibling::tr//span[@class='rank']")
    assert all(int(text) < rank for text in before.all_inner_texts())
    heading(board, "date").get_by_role("button").click()
    expect(starts).to_have_count(0)


def test_search_looks_at_every_column(board: Page) -> None:
    board.get_by_label("Search", exact=True).fill("north")
    assert names(board) == ["best", "second"]
    expect(board.locator("#info")).to_have_text("Rows 1 to 2 of 2 of 36")
    board.get_by_label("Search", exact=True).fill("no such thing")
    expect(board.locator("#info")).to_have_text("None of 36 rows")


def test_filters_join(board: Page) -> None:
    board.get_by_label("Team", exact=True).select_option("north")
    board.get_by_label("Accuracy at least").fill("0.95")
    assert names(board) == ["best"]
    board.get_by_role("button", name="Reset").click()
    board.get_by_label("Show", exact=True).select_option("published")
    assert names(board) == ["published old"]


def test_columns_can_be_chosen(board: Page) -> None:
    shown = board.locator("#results thead th")
    assert "MCC" not in shown.all_inner_texts()
    show_column(board, "MCC", "date")
    assert "MCC" in shown.all_inner_texts()
    assert "date" not in shown.all_inner_texts()
    expect(board.get_by_role("button", name="Columns")).to_be_focused()
    mcc = shown.all_inner_texts().index("MCC")
    cells = board.locator("#results tbody tr").first.locator("th, td")
    assert cells.nth(mcc).inner_text() == "1.0000"


def test_menus_say_what_they_are(board: Page) -> None:
    board.get_by_role("button", name="Columns").click()
    menu = board.get_by_role("dialog", name="Columns")
    expect(menu.get_by_role("menuitemcheckbox", name="date")).to_be_checked()
    expect(menu.get_by_role("menuitemcheckbox", name="MCC")).not_to_be_checked()
    board.get_by_role("heading", level=1).click()
    expect(menu).to_have_count(0)


def test_csv_holds_the_rows_and_columns_shown_and_no_formula(board: Page) -> None:
    board.get_by_label("Show", exact=True).select_option("contribution")
    show_column(board, "team")
    text = saved(board, "CSV")
    assert text.count("\r\n") == text.count("\n")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 34
    assert rows[0]["contribution"] == "best"
    assert (rows[1]["accuracy"], rows[1]["parameters"]) == ("0.9", "70000")
    assert float(rows[1]["low"]) < 0.9 < float(rows[1]["high"])
    assert "epochs" not in rows[0]
    by_name = {row["contribution"]: row for row in rows}
    assert by_name["formula"]["model_name"] == f"'{FORMULA}"
    assert by_name["formula"]["team"] == f"'{PLUS}"
    assert by_name["script"]["model_name"] == SCRIPT
    assert by_name["hebrew"]["model_name"] == f"{HEBREW}"
    assert by_name["long"]["model_name"] == LONG


def test_json_holds_every_value_of_the_rows_shown(board: Page) -> None:
    board.get_by_label("Search", exact=True).fill("north")
    found = json.loads(saved(board, "JSON"))
    assert found["benchmark"] == str(SMALL)
    assert [row["contribution"] for row in found["results"]] == ["best", "second"]
    best = found["results"][0]
    assert best["confusion"] == [[14, 0, 0], [0, 13, 0], [0, 0, 13]]
    assert (best["parameters"], best["date"], best["recall: square"]) == (500, "2024-03-31", 1)


def test_bibtex_escapes_what_tex_would_obey(board: Page) -> None:
    board.get_by_label("Search", exact=True).fill("script")
    found = saved(board, "BibTeX")
    assert found.startswith("@misc{script,\n")
    assert "year = {2024}" in found
    assert "\\&amp;" in found
    assert "accuracy 0.7000" in found
    assert found.count("{") == found.count("}")


def test_what_strangers_wrote_stays_text(board: Page) -> None:
    texts = board.locator("#results tbody tr").filter(has_text="script").first.locator("bdi")
    assert texts.first.text_content() == SCRIPT
    assert board.locator("#results img, #results tbody script").count() == 0
    assert HEBREW in board.locator("#results tbody bdi").all_text_contents()
    assert SCRIPT in board.locator("#team option").all_text_contents()
    board.get_by_label("Team", exact=True).select_option(SCRIPT)
    assert names(board) == ["script"]


def test_a_view_is_in_the_address(board: Page) -> None:
    board.get_by_label("Search", exact=True).fill("model")
    heading(board, "time").get_by_role("button").click()
    show_column(board, "MCC")
    board.get_by_label("First", exact=True).select_option("third")
    board.get_by_label("Scale", exact=True).select_option("zero")
    board.get_by_role("button", name="Next").click()
    shown = names(board)
    address = board.evaluate("location.href")
    board.goto("about:blank")
    board.goto(address)
    ready(board)
    assert names(board) == shown
    expect(board.get_by_label("Search", exact=True)).to_have_value("model")
    expect(heading(board, "time")).to_have_attribute("aria-sort", "descending")
    expect(heading(board, "MCC")).to_be_visible()
    expect(board.get_by_label("First", exact=True)).to_have_value("third")
    expect(board.get_by_label("Scale", exact=True)).to_have_value("zero")
    expect(board.locator("#info")).to_have_text("Rows 26 to 27 of 27 of 36")


def test_back_takes_back_a_choice(board: Page) -> None:
    before = board.evaluate("location.href")
    board.get_by_label("Team", exact=True).select_option("south")
    assert names(board) == ["third"]
    board.go_back()
    expect(board).to_have_url(before)
    expect(board.get_by_label("Team", exact=True)).to_have_value("")
    expect(board.locator("#info")).to_have_text("Rows 1 to 25 of 36")
    assert names(board)[0] == "best"
    board.go_forward()
    expect(board.locator("#info")).to_have_text("Rows 1 to 1 of 1 of 36")
    assert names(board) == ["third"]


NONSENSE = (
    "#page=99&length=x&sort=-nothing&cost=lies&first=nobody&columns=",
    "#page=-3&least=abc&team=nobody&scale=%E0%A4%A",
    "#results",
)


def test_an_address_of_nonsense_is_survived(site: Path, tab: Tab) -> None:
    for hash in NONSENSE:
        page = tab.open(site / BOARD, hash)
        ready(page)
        expect(page.locator("#results")).to_be_visible()
    tab.stay_silent(site)


def test_two_models_are_compared(board: Page) -> None:
    board.get_by_label("First", exact=True).select_option("best")
    board.get_by_label("Second", exact=True).select_option("third")
    verdict = board.locator("#verdict")
    expect(verdict).to_contain_text("best has 9 more of 40 ids correct than third")
    expect(verdict).to_contain_text("1.0000 against 0.7750")
    expect(verdict).to_contain_text("Holm-corrected: p = ")
    cells = board.locator("#confusion-second tbody tr").first.locator("td")
    assert cells.all_inner_texts() == ["11", "3", "0"]
    recalls = board.locator("#recalls tbody tr").first.locator("th, td")
    assert recalls.all_inner_texts() == ["hexagonal", "14", "1.0000", "0.7857", "+0.2143"]
    board.get_by_role("button", name="Swap").click()
    expect(board.get_by_label("First", exact=True)).to_have_value("third")
    assert recalls.all_inner_texts()[-1] == "−0.2143"
    expect(verdict).to_contain_text("best has 9 more")


def test_charts_follow_the_table_and_the_theme(board: Page) -> None:
    bars = drawn(board, "#bars")
    assert bars.locator(".scatterlayer .point").count() == 20
    assert bars.locator(".errorbar").count() == 20
    assert bars.locator(".textpoint").first.text_content() == "0.4500"
    lines = bars.locator(".shapelayer path")  # a published result and the baseline
    note = board.locator("#bars-note")
    expect(note).to_have_text(
        "The first 20 of 34 rows of the table. Dashed: published old, 0.7500. "
        "Dotted: always the most frequent class, 0.3500."
    )
    assert lines.count() == 2
    board.get_by_label("Team", exact=True).select_option("north")
    expect(lines).to_have_count(1)  # the baseline is out of the range: nor does the caption tell
    expect(note).to_have_text("Dashed: published old, 0.7500.")
    board.get_by_label("Team", exact=True).select_option("")
    board.get_by_label("Scale", exact=True).select_option("zero")
    expect(bars.locator(".bars .point")).to_have_count(20)

    costs = drawn(board, "#costs")
    board.get_by_label("Cost", exact=True).select_option("parameters")
    expect(costs.locator(".scatterlayer .point")).to_have_count(3)
    expect(board.locator("#costs-note")).to_have_text(
        re.compile("^31 without a known number of parameters.")
    )

    series = drawn(board, "[data-series]")
    assert series.locator(".scatterlayer .point").count() == 2
    expect(board.locator("#legend")).to_have_text("best")
    board.get_by_text("These figures as tables").click()
    expect(board.get_by_role("table", name="dose")).to_contain_text("0.900")

    fill = "document.querySelector('#bars .bars .point path').style.fill"
    before = board.evaluate(fill)
    board.get_by_label("Theme").select_option("dark")
    board.wait_for_function(f"() => {fill} !== {json.dumps(before)}")
    board.get_by_label("Team", exact=True).select_option("north")
    expect(bars.locator(".bars .point")).to_have_count(2)
    board.get_by_label("Scale", exact=True).select_option("")
    expect(bars.locator(".scatterlayer .point")).to_have_count(2)


BARS = """() => [...document.querySelectorAll("#recalls .bar")].map((cell) => [
  Number(cell.textContent), parseFloat(getComputedStyle(cell).backgroundSize)])"""


def test_recall_bars_are_as_long_as_their_values(board: Page) -> None:
    board.get_by_label("Second", exact=True).select_option("script")
    bars = board.evaluate(BARS)
    assert len(bars) == 6
    full = {round(length / value) for value, length in bars if value}
    assert len({value for value, _ in bars}) > 2
    assert len(full) == 1  # in both columns, which are of different widths


BOXES = """() => [...document.querySelectorAll("#costs .annotation-text-g .bg")]
  .map((one) => one.getBoundingClientRect())
  .map(({ left, top, right, bottom }) => [left, top, right, bottom])"""


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_near_points_do_not_overlap(site: Path, tab: Tab, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 844})
    page = tab.open(site / "benchmarks/near_bravais_class.html")
    ready(page)
    drawn(page, "#costs")
    boxes = page.evaluate(BOXES)
    assert len(boxes) == 6
    frame = page.locator("#costs").bounding_box()
    assert frame
    for n, (left, top, right, bottom) in enumerate(boxes):
        assert frame["x"] <= left
        assert right <= frame["x"] + frame["width"]
        for other in boxes[:n]:
            apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
            assert apart, (boxes[n], other)


def test_accuracies_can_be_of_the_ids_with_an_image(site: Path, tab: Tab) -> None:
    page = tab.open(site / "benchmarks/near_bravais_class.html")
    ready(page)
    accuracy = page.locator("#results tbody tr").first.locator("td").nth(1)
    expect(accuracy).to_have_text("0.9750")
    expect(page.locator("#best")).to_have_text("0.9750")
    page.get_by_label("Accuracy on").select_option("imaged")
    expect(accuracy).to_have_text("1.0000")  # the error is on an id without an image
    expect(page.locator("#best")).to_have_text("1.0000")
    expect(page.locator(".figures")).to_contain_text("best accuracy, the 39 test ids with an image")
    expect(page.locator("#confusion-first caption")).to_contain_text("1 of the ids have no image")
    page.get_by_role("button", name="Reset").click()
    expect(accuracy).to_have_text("0.9750")


def test_a_phone_sees_a_result_at_once_and_keeps_the_names(site: Path, tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 844})
    page = tab.open(site / BOARD)
    ready(page)
    first = page.locator("#results tbody tr").first.bounding_box()
    assert first
    assert first["y"] + first["height"] <= 844
    search = page.get_by_label("Search", exact=True)
    expect(search).not_to_be_visible()
    fold = page.get_by_role("button", name="Search, filter, columns")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(search).to_be_visible()
    page.evaluate("document.querySelector('#results').parentElement.scrollLeft = 300")
    name = page.get_by_role("link", name="best", exact=True).bounding_box()
    assert name
    assert 0 <= name["x"] < 390
    one, other = (page.locator("#recalls .bar").nth(n).bounding_box() for n in (0, 1))
    assert one
    assert other
    assert other["y"] >= one["y"] + one["height"]  # one below the other
    assert (one["x"], one["width"]) == (other["x"], other["width"])


def test_paper_has_every_chart_in_light_colours(site: Path, tab: Tab) -> None:
    page = tab.open(site / BOARD)
    ready(page)
    page.get_by_label("Theme").select_option("dark")
    page.wait_for_function("() => window.Plotly")  # no chart was scrolled to
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".chart[data-drawn=true]")).to_have_count(3)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    widths = page.locator(".chart .main-svg").evaluate_all(
        "all => all.map((one) => one.clientWidth)"
    )
    assert max(widths) <= 700  # what a sheet has room for
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_date_is_whole_at_1280_px(tmp_path: Path, tab: Tab) -> None:
    committed(tmp_path / "site")
    page = tab.open(tmp_path / "site/benchmarks/stem_2d_image_bravais_class.html")
    ready(page)
    date = page.locator("#results tbody tr").first.locator("td.date").bounding_box()
    frame = page.locator("#results").locator("..").bounding_box()
    assert date
    assert frame
    assert date["x"] + date["width"] <= frame["x"] + frame["width"]


def test_rejected_files_are_listed_with_their_reasons(board: Page) -> None:
    rejected = board.locator("section", has=board.get_by_role("heading", name="Rejected"))
    expect(rejected).to_contain_text("short")
    expect(rejected).to_contain_text("39")


def test_the_first_page_shows_the_best_and_how_it_rose(site: Path, tab: Tab) -> None:
    page = tab.open(site / "index.html")
    card = page.get_by_role("article").filter(has_text="Small images")
    expect(card).to_contain_text("1.0000")
    expect(card).to_contain_text("best, by best")
    card.get_by_text("How the best accuracy rose").click()
    rose = card.locator("tbody tr").all_inner_texts()
    assert rose == [
        "2024-01-31\tsecond\t0.9000",
        "2024-03-31\tbest\t1.0000",
        "published\told\t0.7500",
    ]
    card.get_by_role("link", name="Small images").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Small images")


def test_a_theme_stays_chosen(site: Path, tab: Tab) -> None:
    page = tab.open(site / "index.html")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("dark")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("link", name="small", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Small images")
    assert page.evaluate(background) == dark
    expect(page.get_by_label("Theme")).to_have_value("dark")
    page.get_by_label("Theme").select_option("")
    assert page.evaluate(background) == light


def test_the_keyboard_is_enough(board: Page) -> None:
    def press(key: str, until: str) -> None:
        """Press a key until what has the focus matches a selector."""
        for _ in range(60):
            board.keyboard.press(key)
            if board.evaluate(f"document.activeElement.matches({json.dumps(until)})"):
                return
        raise AssertionError(f"{key} never reached {until}")

    board.keyboard.press("Tab")
    expect(board.get_by_text("Skip to content")).to_be_focused()
    board.keyboard.press("Enter")
    press("Tab", "#search")
    outline = board.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    board.keyboard.type("north")
    press("Tab", ".buttons-collection")
    board.keyboard.press("Enter")
    press("Tab", ".dt-button-collection button:nth-child(7)")
    board.keyboard.press("Space")
    board.keyboard.press("Escape")
    expect(board.locator(".dt-button-collection")).to_have_count(0)  # it fades, with the focus
    press("Tab", "#results thead th:nth-child(2) .dt-column-order")
    board.keyboard.press("Enter")
    expect(heading(board, "contribution")).to_have_attribute("aria-sort", "ascending")
    board.keyboard.press("Enter")
    expect(heading(board, "contribution")).to_have_attribute("aria-sort", "descending")
    assert names(board) == ["second", "best"]
    expect(heading(board, "MCC")).to_be_visible()
    press("Tab", "#results tbody a")
    board.keyboard.press("Enter")
    expect(board.get_by_role("heading", level=1)).to_have_text("second")


def test_escape_closes_a_menu_however_soon_it_comes(board: Page) -> None:
    board.get_by_role("button", name="Columns").focus()
    board.evaluate("""() => {
        const press = (type) => document.activeElement.dispatchEvent(
            new KeyboardEvent(type, { key: "Escape", keyCode: 27, bubbles: true }));
        document.activeElement.click();
        press("keydown");  // before any timer that opening started
        press("keyup");
    }""")
    expect(board.locator(".dt-button-collection")).to_have_count(0)
    expect(board.get_by_role("button", name="Columns")).to_be_focused()
    board.keyboard.press("Tab")
    expect(board.get_by_role("button", name="Download")).to_be_focused()


def test_without_scripts_every_result_is_there(site: Path, plain_page: Page) -> None:
    plain_page.goto((site / BOARD).as_uri())
    rows = plain_page.locator("#results tbody tr")
    assert rows.count() == 36
    assert all(row.is_visible() for row in rows.all())
    assert not plain_page.get_by_label("Search", exact=True).is_visible()
    assert not plain_page.locator("#bars").is_visible()


def test_motion_is_only_for_those_who_want_it(board: Page) -> None:
    duration = "getComputedStyle(document.getElementById('reset')).transitionDuration"
    assert board.evaluate(duration) != "0s"
    board.emulate_media(reduced_motion="reduce")
    assert board.evaluate(duration) == "0s"


def test_served_pages_obey_their_policy_and_reload(site: Path, tab: Tab) -> None:
    with Server(site, 0) as server:
        server.start()
        tab.page.goto(f"{server.url}{BOARD}")
        ready(tab.page)
        drawn(tab.page, "#bars")
        tab.page.evaluate("window.before = true")
        tab.page.wait_for_timeout(1500)  # it asks for the version each second
        assert tab.page.evaluate("window.before")
        server.version += 1
        tab.page.wait_for_function("() => !window.before")
        ready(tab.page)
        tab.page.goto("about:blank")
        server.shutdown()
    assert tab.messages == []
    assert all(url.startswith((server.url, "about:", "data:")) for url in tab.requests)


def committed(output: Path) -> Project:
    """Build the site of what is committed, without images."""
    project = Project.read(REPOSITORY / "metadata.json")
    content = scored(
        REPOSITORY / "contributions",
        REPOSITORY / "benchmarks",
        project,
        robustness=read_measured(REPOSITORY / ROBUSTNESS),
        unseen=read_measured(REPOSITORY / UNSEEN),
    )
    builder.build(content, output)
    return project


def test_the_committed_contributions_make_a_site(tmp_path: Path, tab: Tab) -> None:
    project = committed(tmp_path / "site")
    pages = sorted((tmp_path / "site").rglob("*.html"))
    contributions = list((REPOSITORY / "contributions").glob("*/metadata.json"))
    assert len(pages) == 1 + 3 + len(project.benchmarks) + len(contributions)
    for path in pages:
        page = tab.open(path)
        local = page.evaluate(
            """[...document.querySelectorAll("a[href], link[href], script[src], img[src]")]
            .map((one) => one.href || one.src).filter((url) => url.startsWith("file:"))"""
        )
        for url in local:
            assert Path(url.partition("#")[0].removeprefix("file://")).is_file(), url
    tab.stay_silent(tmp_path / "site")

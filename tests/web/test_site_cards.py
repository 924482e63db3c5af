"""Model cards: their numbers, their charts, and what strangers write in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import METADATA, add_contribution, run_record
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page, expect
from sites import scored, squares

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.imaging import prototypes
from jarvis_stem.scoring.metrics import calibration_error
from jarvis_stem.web import builder, cards, gallery, readme
from jarvis_stem.web.content import Content
from jarvis_stem.web.gallery import Answers, Gallery

if TYPE_CHECKING:
    from browser import Tab

pytest_plugins = ("browser",)
NAME = prototypes.RESULT_NAME
ADDRESS = "https://example.org/r/tree/main"
COMMIT = "0123456789" * 4
RTL = "\u202eevil\u2066"
CLASSES = ["hexagonal", "square", "rectangle", "rhombus", "parallelogram"]


@pytest.fixture
def made(tmp_path: Path, tiny_benchmarks: Path) -> Path:
    """Two contributions on 20 test ids: one recorded, with 3 ids wrong, one bare, with 5."""
    root = tmp_path / "contributions"
    truth = list(Benchmark.read(tiny_benchmarks, NAME).split("test").values())
    add(root, tiny_benchmarks, "recorded", 3)
    add(root, tiny_benchmarks, "bare", 5)
    record = run_record(17 / len(truth))
    record |= {
        "git_commit": COMMIT,
        "calibration": {"error": 0.0321},
        "chosen_epoch": 2,
        "history": [
            {
                "epoch": n,
                "train_loss": 1 / n,
                "validation_loss": 1.5 / n,
                "train_accuracy": 1 - 1 / n,
            }
            for n in (1, 2, 3, 4)
        ],
    }
    write_record(root / "recorded", record)
    return root


def add(root: Path, benchmarks: Path, name: str, wrong: int, **metadata: object) -> Path:
    truth = Benchmark.read(benchmarks, NAME).split("test")
    classes = map(int, truth.values())
    predicted = [(c + (n >= len(truth) - wrong)) % 5 for n, c in enumerate(classes)]
    csv = "".join(f"{i},{c}\n" for i, c in zip(truth, predicted, strict=True))
    whole = METADATA | {"time_taken_seconds": {NAME.predictions_name: 12}} | metadata
    return add_contribution(root, name, f"id,prediction\n{csv}", NAME, whole).parent


def write_record(folder: Path, record: dict[str, Any]) -> None:
    (folder / NAME.run_record_name).write_text(json.dumps(record))


def read(contributions: Path, benchmarks: Path) -> Content:
    about = About("Prototypes", classes={str(n): name for n, name in enumerate(CLASSES)})
    project = Project(ADDRESS, {NAME: about})
    return scored(contributions, benchmarks, project)


def with_gallery(content: Content, benchmarks: Path) -> Content:
    """A gallery in which the first model is sure and the second has no probabilities."""
    truth = Benchmark.read(benchmarks, NAME).split("test")
    classes = np.array(list(truth.values()))
    first, second = (
        np.where(np.arange(20) >= 20 - wrong, (classes + 1) % 5, classes) for wrong in (3, 5)
    )
    probabilities = np.full((20, 5), 0.05, np.float32)
    probabilities[np.arange(20), first] = 0.8
    probabilities[18] = 0
    probabilities[18, first[18]] = 1  # the most confident of the wrong ones
    answers = [Answers("recorded", first, probabilities), Answers("bare", second)]
    thumbnail = gallery._thumbnail(np.zeros((256, 256), np.uint8))
    shown = Gallery(NAME, tuple(truth), classes, answers, (thumbnail,) * 20, squares(20))
    return replace(content, galleries={str(NAME): shown})


def card(content: Content, name: str) -> str:
    return {path.name: text for path, text in cards.pages(content)}[f"{name}.html"]


def charts(html: str) -> list[tuple[dict[str, str], list[list[float | None]]]]:
    """A card's charts: what they are, and the numbers of the tables that they are drawn from."""
    found = []
    for figure in re.findall(r"<figure>(.*?)</figure>", html, re.DOTALL):
        given = dict(re.findall(r'data-(\w+)="([^"]*)"', figure))
        body = figure.partition("<tbody>")[2]
        rows = [re.findall(r"<td>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]
        found.append((given, [[None if v == "–" else float(v) for v in row] for row in rows]))
    return found


class _Tags(HTMLParser):
    """All tags with their attributes, and the text outside of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for own, attributes in self.tags if own == tag)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", _Tags(html).text)


def test_says_what_was_scored_and_what_it_cost(made: Path, tiny_benchmarks: Path) -> None:
    text = text_of(card(read(made, tiny_benchmarks), "recorded"))
    for expected in (
        "0.85",
        "17/20",
        "Expected calibration error, from the run's record: 0.0321",
        "git checkout " + COMMIT,
        "git clone https://example.org/r cd r source setup.sh && install && source "
        ".venv/bin/activate bash contributions/recorded/run.sh --benchmark",
        "jarvis-stem check contributions/recorded",
        "torch 2.13.0",
        "9 MB",
        "majority class",
        "jarvis-stem site --data DIR",
    ):
        assert expected in text.replace(f"git checkout {COMMIT} ", "") or expected in text, expected


def unseen(model: str, sha256: str, dataset: str = NAME.dataset) -> dict[str, Any]:
    """What perf/unseen.py would measure of a model: 3 of 4 correct, one class without ids."""
    none = {"n": 0, "correct": 0}
    some = {"n": 4, "correct": 3, "accuracy": 0.75, "interval": [0.3006, 0.9544]}
    figures = some | {"classes": dict.fromkeys(CLASSES, some) | {"rhombus": none}}
    return {
        "benchmark": dataset,
        "sources": [{"name": "other <database>", "n": 4}],
        "models": {model: {"sha256": sha256, "sources": {"other <database>": figures}}},
    }


def stored(made: Path, sha256: str) -> None:
    """Have the recorded run store weights of this checksum."""
    path = made / "recorded" / NAME.run_record_name
    weights = {"file": NAME.weights_name, "bytes": 9, "dtype": "float16", "sha256": sha256}
    write_record(made / "recorded", json.loads(path.read_text()) | {"weights": weights})


def test_figures_of_the_stored_weights_beyond_the_benchmark(
    made: Path, tiny_benchmarks: Path
) -> None:
    stored(made, "a" * 64)
    content = read(made, tiny_benchmarks)
    html = card(replace(content, unseen=unseen("recorded", "a" * 64)), "recorded")
    (table,) = re.findall(r"Beyond the benchmark.*?</table>", html, re.DOTALL)
    assert re.findall(r"<tr><th>([^<]*)</th><td", table) == ["other &lt;database&gt;"]
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert cells == ["4", "0.7500", "0.3006 to 0.9544", *["0.7500"] * 3, "–", "0.7500"]


@pytest.mark.parametrize(
    "measured",
    [
        {},
        unseen("recorded", "b" * 64),  # of weights that were trained before
        unseen("recorded", "a" * 64, "another_benchmark"),
        unseen("bare", "a" * 64),
    ],
)
def test_figures_of_no_such_weights_are_not_shown(
    measured: dict[str, Any], made: Path, tiny_benchmarks: Path
) -> None:
    stored(made, "a" * 64)
    content = replace(read(made, tiny_benchmarks), unseen=measured)
    assert all("Beyond the benchmark" not in card(content, n) for n in ("recorded", "bare"))


def test_confusion_matrix_is_the_boards(made: Path, tiny_benchmarks: Path) -> None:
    found = read(made, tiny_benchmarks)
    html = card(found, "bare")
    table = html[html.index('<table class="confusion numbers">') :].partition("</table>")[0]
    counts = [
        [int(cell) for cell in re.findall(r'--share: [\d.]+">(\d+)</td>', row)]
        for row in table.split("<tr>")[2:7]
    ]
    result = next(r for r in found.leaderboard.benchmarks[0].results if r.contribution == "bare")
    assert counts == result.confusion


def test_without_a_record_nothing_is_made_up(made: Path, tiny_benchmarks: Path) -> None:
    html = card(read(made, tiny_benchmarks), "bare")
    text = text_of(html)
    assert "No run is recorded" in text
    assert "The time is the contributor's word" in text
    assert "bash contributions/bare/run.sh" in text
    assert "no calibration is recorded and no model is stored" in text
    assert "git checkout" not in text
    assert charts(html) == []


def test_learning_curves_are_the_records_with_their_numbers(
    made: Path, tiny_benchmarks: Path
) -> None:
    html = card(read(made, tiny_benchmarks), "recorded")
    (accuracy, its_rows), (loss, rows) = charts(html)
    assert accuracy == {"kind": "epochs", "measure": "accuracy", "chosen": "2"}
    assert its_rows == [[n, round(1 - 1 / n, 4), None] for n in (1, 2, 3, 4)]
    assert loss["measure"] == "loss"
    assert rows == [[n, round(1 / n, 4), round(1.5 / n, 4)] for n in (1, 2, 3, 4)]
    assert "epoch 2, whose weights are kept" in html


@pytest.mark.parametrize(
    "history",
    [
        [],
        [{"epoch": 1, "train_loss": 0.5}],
        [{"loss": 1.0}, {"epoch": -1, "train_loss": 1}, {"epoch": 1e300, "train_loss": 1}],
        [{"epoch": n, "train_loss": 1e308, "train_accuracy": -5} for n in range(3)],
    ],
)
def test_a_history_that_cannot_be_drawn_is_not(
    made: Path, tiny_benchmarks: Path, history: list[dict[str, float]]
) -> None:
    write_record(made / "recorded", run_record(0.85) | {"history": history})
    html = card(read(made, tiny_benchmarks), "recorded")
    assert "Learning curve" not in html


def test_a_long_or_flat_history_is_drawn(made: Path, tiny_benchmarks: Path) -> None:
    history = [{"epoch": n, "train_loss": 0, "train_accuracy": 1} for n in range(5000)]
    write_record(made / "recorded", run_record(0.85) | {"history": history})
    html = card(read(made, tiny_benchmarks), "recorded")
    assert "Learning curve" in html
    assert "nan" not in html
    assert len(html) < 400_000


@pytest.mark.parametrize("calibration", [None, 3, {"error": "low"}, {"error": -1}, {"error": 7}])
def test_a_calibration_of_another_form_is_not_shown(
    made: Path, tiny_benchmarks: Path, calibration: object
) -> None:
    write_record(made / "recorded", run_record(0.85) | {"calibration": calibration})
    assert "calibration error" not in text_of(card(read(made, tiny_benchmarks), "recorded"))


def test_shows_the_most_confident_errors_first(made: Path, tiny_benchmarks: Path) -> None:
    found = with_gallery(read(made, tiny_benchmarks), tiny_benchmarks)
    html = card(found, "recorded")
    ids = next(iter(found.galleries.values())).ids
    assert "3 of the 20 test images" in text_of(html)
    wrong, correct = html.partition("Correct:")[::2]
    assert re.findall(r'class="id"><bdi>([^<]+)', wrong) == [ids[18], ids[17], ids[19]]
    assert "p = 1.000" in wrong
    # Those that the other model has wrong come first.
    assert re.findall(r'class="id"><bdi>([^<]+)', correct)[:2] == [ids[15], ids[16]]
    assert "taken for" not in correct.partition("</ul>")[0]
    for image in _Tags(html).of("img"):
        assert str(image["src"]).startswith("../thumbs/")
        assert (image["width"], image["loading"]) == ("96", "lazy")


def test_without_probabilities_errors_are_ordered_by_the_others(
    made: Path, tiny_benchmarks: Path
) -> None:
    found = with_gallery(read(made, tiny_benchmarks), tiny_benchmarks)
    html = card(found, "bare")
    ids = next(iter(found.galleries.values())).ids
    wrong = html.partition("Correct:")[0]
    assert re.findall(r'class="id"><bdi>([^<]+)', wrong) == [*ids[15:17], *ids[17:20]]
    assert "p = " not in wrong


def test_reliability_counts_every_image_once() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5) / 3, 400).astype(np.float32)
    probabilities[0] = [1, 0, 0, 0, 0]
    truth = rng.integers(0, 5, 400)
    predicted = probabilities.argmax(axis=1)
    chart = cards._reliability(Answers("one", predicted, probabilities), truth)
    assert chart
    low, high, n, confidence, correct = np.array(chart.rows, float).T
    assert n.sum() == 400
    error = (n * abs(confidence - correct)).sum() / 400
    expected = calibration_error(probabilities.max(axis=1), predicted == truth, n_bins=10)
    assert error == pytest.approx(expected)
    assert ((low - 1e-6 <= confidence) & (confidence <= high + 1e-6)).all()


def test_says_where_weights_and_predictions_disagree(made: Path, tiny_benchmarks: Path) -> None:
    found = with_gallery(read(made, tiny_benchmarks), tiny_benchmarks)
    probabilities = next(iter(found.galleries.values())).answers[0].probabilities
    assert probabilities is not None
    probabilities[:4] = np.roll(probabilities[:4], 1, axis=1)
    text = text_of(card(found, "recorded"))
    assert "On 4 of 20 images the stored model's likeliest class is not the one" in text


def test_a_commit_is_only_what_git_makes(made: Path, tiny_benchmarks: Path) -> None:
    write_record(made / "recorded", run_record(0.85) | {"git_commit": "; rm -rf ~"})
    assert "rm -rf" not in card(read(made, tiny_benchmarks), "recorded")


def test_the_same_card_each_time(made: Path, tiny_benchmarks: Path) -> None:
    found = with_gallery(read(made, tiny_benchmarks), tiny_benchmarks)
    again = with_gallery(read(made, tiny_benchmarks), tiny_benchmarks)
    assert card(found, "recorded") == card(again, "recorded")


LINK_OF = '<a href="https://{}" rel="nofollow noopener">{}</a>'
MARKDOWN = {
    "<script>alert(1)</script>": "",
    "a <img src=x onerror=alert(1)>b": "<p>a b</p>",
    "[x](javascript:alert(1))": "<p>[x](javascript:alert(1))</p>",
    "<a href='javascript:alert(1)' onclick='x'>x</a>": '<p><a rel="nofollow noopener">x</a></p>',
    "[x](mailto:a@example.org)": '<p><a rel="nofollow noopener">x</a></p>',
    "[x](//evil.example/a)": f"<p>{LINK_OF.format('evil.example/a', 'x')}</p>",
    "![pixel](https://t.example/p.gif)": "<p>[image: pixel]</p>",
    "![](data:image/png;base64,AA)": "<p>[image: no description]</p>",
    "[![badge](b.svg)](https://ci.example)": (
        f"<p>{LINK_OF.format('ci.example', '[image: badge]')}</p>"
    ),
    "[docs](../../docs/a.md#b)": f"<p>{LINK_OF.format('example.org/docs/a.md#b', 'docs')}</p>",
    "# Title": "<h3>Title</h3>",
    "###### Deep": "<h6>Deep</h6>",
    "<h1 id='main' class='site'>Title</h1>": "<h3>Title</h3>",
    "</div></main>out": "out",
    "before\n\n<!-- a note -->\n\nafter": "<p>before</p>\n\n<p>after</p>",
    "    code": '<pre tabindex="0"><code>code\n</code></pre>',
    "<p style='position: fixed; color: red'>x</p>": "<p>x</p>",
}


@pytest.mark.parametrize("source", MARKDOWN)
def test_markdown_of_strangers(source: str) -> None:
    html = str(readme.readme_html(source, "https://example.org/contributions/x/"))
    assert html.strip() == MARKDOWN[source]


PIECES = (
    *(
        "[a](",
        ")",
        "http://",
        "javascript:",
        "[::1]",
        "![",
        "data:",
        "<!--",
        "-->",
        "&#",
        "<script>",
    ),
    *(
        "<table>",
        "</div>",
        "<svg>",
        "<a href='",
        "<p style='",
        "<h1>",
        "<math>",
        "<form>",
        "<base ",
    ),
)
LINK = st.text("[]()<>!:/#\\ aj\n") | st.sampled_from(PIECES)
HARMFUL = {"script", "img", "iframe", "style", "form", "base", "svg", "math"}


@given(st.lists(LINK, max_size=12).map("".join) | st.text())
def test_markdown_of_anybody_is_harmless(source: str) -> None:
    parsed = _Tags(str(readme.readme_html(source, f"{ADDRESS}/")))
    assert not {tag for tag, _ in parsed.tags} & {
        "script",
        "img",
        "iframe",
        "style",
        "form",
        "base",
    }
    for tag, attributes in parsed.tags:
        assert attributes.keys() <= {"href", "rel", "tabindex", "class", "start", "style"}, tag
        assert (attributes.get("href") or "http").startswith("http")


def test_a_wide_table_can_be_scrolled_by_keyboard() -> None:
    html = str(readme.readme_html("| a |\n| --- |\n| 1 |\n", ADDRESS))
    assert html.startswith('<div class="scroll" tabindex="0"><table>')
    assert html.rstrip().endswith("</table></div>")


HOSTILE = {
    "model_name": "<script>window.hacked = 1</script>\"'><img src=x onerror=window.hacked=1>",
    "team_name": "w" * 1000,
    "hardware_used": "שלום " * 40,
    "software_used": "=HYPERLINK(1),{{ 7 * 7 }},</dd></dl>",
    "language": "&lt;b&gt;",
}
README = f"""# Hello <script>window.hacked = 1</script>

![track](https://tracker.example/p.gif) [run](javascript:window.hacked=1) {RTL}

<iframe src="https://evil.example"></iframe><style>body {{ display: none }}</style>

{"x" * 3000}

| a | b |
| --- | --- |
| {"y" * 300} | 2 |

```<img src=x onerror=window.hacked=1>
{"z " * 2000}
```
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_benchmarks: Path) -> Path:
    """Cards of a good contribution and a hostile one."""
    root = tmp_path_factory.mktemp("site")
    contributions = root / "contributions"
    add(contributions, tiny_benchmarks, "recorded", 3)
    hostile = add(contributions, tiny_benchmarks, "bare", 5, **HOSTILE)
    history = [
        {"epoch": n, "train_loss": 1 / n, "validation_loss": 2 / n, "train_accuracy": 1 - 1 / n}
        for n in range(1, 9)
    ]
    write_record(contributions / "recorded", run_record(0.85) | {"history": history})
    stored(contributions, "a" * 64)
    write_record(
        hostile,
        run_record(0.75)
        | {"command": "</code></pre><script>window.hacked=1</script>", "packages": {"<i>": "<b>"}},
    )
    (hostile / "README.md").write_text(README)
    (hostile / "run.sh").write_text("#!/bin/bash\necho '</code></pre><script>hacked=1</script>'\n")
    content = with_gallery(read(contributions, tiny_benchmarks), tiny_benchmarks)
    builder.build(replace(content, unseen=unseen("recorded", "a" * 64)), root / "site")
    return root / "site"


CHARTS = ("measure=loss", "kind=reliability")


@pytest.mark.browser
@pytest.mark.parametrize("name", ["recorded", "bare"])
def test_reads_well_everywhere(site: Path, tab: Tab, name: str) -> None:
    page = tab.open(site / "contributions" / f"{name}.html")
    for chart in page.locator(".chart").all():
        assert chart.get_attribute("aria-label")
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-drawn", "true")
    assert tab.shifts() < 0.01
    page.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
    if name == "recorded":
        loss, reliability = (page.locator(f"figure:has([data-{c}])") for c in CHARTS)
        assert loss.locator(".scatterlayer .js-line").count() == 2  # training and validation
        assert loss.get_by_role("table").locator("tbody tr").count() == 8
        bins = reliability.get_by_role("table").locator("tbody tr").count()
        assert bins == reliability.locator(".barlayer .point").count() == 2
    for width in (2560, 1280, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    assert tab.accessibility_faults() == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert tab.accessibility_faults("color-contrast") == []
    tab.stay_silent(site)


@pytest.mark.browser
def test_what_strangers_write_is_text(site: Path, tab: Tab) -> None:
    page = tab.open(site / "contributions" / "bare.html")
    assert page.evaluate("window.hacked") is None
    text = page.locator("main").inner_text()
    for written in (HOSTILE["model_name"], "{{ 7 * 7 }}", "&lt;b&gt;", "<i> <b>"):
        assert written in text, written
    assert page.locator("main script, main iframe, main style, main img[src^=http]").count() == 0
    for link in page.locator("main a[href]").all():
        assert re.match(r"https?://|\.\./", str(link.get_attribute("href")))
    page.get_by_text("run.sh", exact=True).last.click()
    assert (
        "</code></pre><script>hacked=1</script>"
        in page.locator("section pre").all_inner_texts()[-2]
    )
    tab.stay_silent(site)


@pytest.mark.browser
def test_leads_to_its_images(site: Path, tab: Tab) -> None:
    page = tab.open(site / "contributions" / "recorded.html")
    page.get_by_role("link", name="Browse them all").click()
    page.wait_for_url(lambda url: "/images/stem_2d_proto_" in url and "verdict=wrong" in url)
    assert page.locator("select[name=model]").input_value() == "recorded"
    page.go_back()
    page.locator("a.tile").first.click()
    page.get_by_role("dialog").wait_for()
    tab.stay_silent(site)


@pytest.mark.browser
def test_without_scripts_the_numbers_stay(site: Path, plain_page: Page) -> None:
    plain_page.goto((site / "contributions" / "recorded.html").as_uri())
    assert not any(chart.is_visible() for chart in plain_page.locator(".chart").all())
    plain_page.get_by_text("The numbers").first.click()
    expect(plain_page.get_by_role("table", name="accuracy by epoch")).to_be_visible()

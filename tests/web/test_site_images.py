"""The gallery of test images, what models say of them, and the page that browses them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from graphs import endless, store_graph, tiny_graph
from helpers import REAL, REPOSITORY, add_contribution, run_record
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from sites import scored, squares

from jarvis_stem.api import load_model
from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.names import ResultName
from jarvis_stem.formats.project_metadata import About, Project
from jarvis_stem.imaging import image_set, prototypes, store, structures
from jarvis_stem.prediction.stored_model import StoredModel
from jarvis_stem.scoring import leaderboard
from jarvis_stem.scoring.metrics import accuracy
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_zip, zip_bytes
from jarvis_stem.web import builder, gallery
from jarvis_stem.web.gallery import Answers, Gallery

if TYPE_CHECKING:
    from browser import Tab

pytest_plugins = ("browser",)
NAME = prototypes.RESULT_NAME


@dataclass(frozen=True)
class Site:
    """What a site is made from."""

    contributions: Path
    benchmarks: Path
    cache: Path

    @property
    def model(self) -> Path:
        return self.contributions / "stored"

    def galleries(self, **options: Any) -> dict[str, Gallery]:
        board = leaderboard.build(self.contributions, self.benchmarks)
        arguments = {"cache": self.cache, **options}
        return gallery.build(board, self.contributions, self.benchmarks, **arguments)

    def answers(self, **options: Any) -> dict[str, Answers]:
        (built,) = self.galleries(**options).values()
        return {one.contribution: one for one in built.answers}


def add(site: Site, name: str, wrong: int) -> Path:
    """A contribution that has the last so many ids wrong, by one class."""
    truth = Benchmark.read(site.benchmarks, NAME).split("test")
    first_wrong = len(truth) - wrong
    classes = map(int, truth.values())
    predicted = [c if n < first_wrong else (c + 1) % 5 for n, c in enumerate(classes)]
    csv = "".join(f"{i},{c}\n" for i, c in zip(truth, predicted, strict=True))
    folder = add_contribution(site.contributions, name, f"id,prediction\n{csv}", NAME).parent
    record = run_record(accuracy(list(truth.values()), predicted))
    (folder / NAME.run_record_name).write_text(json.dumps(record))
    return folder


def store_model(folder: Path) -> None:
    accuracy = json.loads((folder / NAME.run_record_name).read_text())["result"]["accuracy"]
    store_graph(folder, NAME, tiny_graph(), accuracy)


@pytest.fixture
def site(tmp_path: Path, tiny_benchmarks: Path) -> Site:
    """Three contributions on the 20 test ids of a cut benchmark; one has a model."""
    site = Site(tmp_path / "contributions", tiny_benchmarks, tmp_path / "cache")
    add(site, "perfect", 0)
    store_model(add(site, "stored", 3))
    add(site, "worse", 5)
    return site


def test_has_each_image_its_class_and_who_has_it_correct(site: Site) -> None:
    (built,) = site.galleries().values()
    truth = Benchmark.read(site.benchmarks, NAME).split("test")
    assert built.ids == tuple(truth)
    assert built.truth.tolist() == list(truth.values())
    assert [one.contribution for one in built.answers] == ["perfect", "stored", "worse"]
    assert built.n_correct.tolist() == [3] * 15 + [2] * 2 + [1] * 3
    worse = built.answers[-1]
    assert np.flatnonzero(worse.predicted != built.truth).tolist() == [15, 16, 17, 18, 19]
    assert worse.probabilities is None
    assert worse.why_not == ""


def test_thumbnails_show_the_images_and_are_the_same_each_time(site: Site) -> None:
    (built,) = site.galleries().values()
    rendered = image_set.render(prototypes.structures(), built.ids).images
    for thumbnail, pixels in zip(built.thumbnails, rendered, strict=True):
        with Image.open(io.BytesIO(thumbnail)) as image:
            assert (image.format, image.size) == ("WEBP", (96, 96))
            shown = np.asarray(image, float)
        assert np.ptp(shown, axis=2).max() <= 2  # grey
        expected = np.asarray(Image.fromarray(pixels).resize((96, 96)), float)
        assert np.corrcoef(shown[..., 0].ravel(), expected.ravel())[0, 1] > 0.95
    gallery._drawn.cache_clear()
    assert next(iter(site.galleries().values())).thumbnails == built.thumbnails
    paths = [path for path, _ in built.files()]
    assert len(set(paths)) == 20 + 5
    assert str(paths[0]) == "thumbs/stem_2d_proto_bravais_class/00000.webp"
    files = dict(built.files())
    for n in range(5):  # one that most have correct stands for its class
        example = files[PurePosixPath(f"thumbs/stem_2d_proto_bravais_class/class_{n}.webp")]
        easiest = built.n_correct[built.truth == n].max()
        of_class = np.flatnonzero((built.truth == n) & (built.n_correct == easiest))
        assert example == built.thumbnails[of_class[0]]


def test_probabilities_are_the_predictors_and_are_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site.answers()["stored"]
    pixels = image_set.render(prototypes.structures(), list(_ids(site))).images
    model = load_model("stored", NAME.dataset, site.contributions)
    assert first.probabilities is not None
    np.testing.assert_array_equal(first.probabilities, model.predict_proba(pixels))
    monkeypatch.setattr(StoredModel, "load", None)  # it is not asked again
    again = site.answers()["stored"]
    np.testing.assert_array_equal(again.probabilities, first.probabilities)
    assert again.why_not == ""


def _ids(site: Site) -> tuple[str, ...]:
    return tuple(Benchmark.read(site.benchmarks, NAME).split("test"))


def _array(values: object) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(values))
    return zip_bytes("probabilities.npy", content.getvalue())


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda kept: kept[: len(kept) // 2],
    "a bit flipped": lambda kept: kept[:300] + bytes([kept[300] ^ 4]) + kept[301:],
    "no array": lambda _: zip_bytes("probabilities.npy", b"none"),
    "of other images": lambda _: _array(np.zeros((7, 5), np.float32)),
    "of another type": lambda _: _array(np.zeros((20, 5))),
    "pickled": lambda _: _array([object()]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_kept_and_is_damaged_is_made_anew(site: Site, damage: str) -> None:
    good = site.answers()["stored"].probabilities
    (kept,) = site.cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(DAMAGE[damage](whole))
    again = site.answers()["stored"].probabilities
    np.testing.assert_array_equal(again, good)
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("change", ["model", "ids"])
def test_what_was_kept_is_for_one_model_and_one_set_of_images(site: Site, change: str) -> None:
    first = site.answers()["stored"].probabilities
    if change == "model":
        store_graph(site.model, NAME, tiny_graph(seed=1), accuracy=0.85)
    else:
        site = replace(site, benchmarks=site.cache.parent / "benchmarks")
        _cut_benchmark(site.benchmarks)
        for folder in site.contributions.iterdir():
            path = folder / NAME.predictions_name
            csv = read_zip(path, NAME.csv_name).decode().splitlines()
            path.write_bytes(zip_bytes(NAME.csv_name, "\n".join(csv[:11]).encode()))
            record = folder / NAME.run_record_name
            record.write_text(json.dumps({**json.loads(record.read_text()), "result": _PERFECT}))
    again = site.answers()["stored"].probabilities
    assert first is not None and again is not None
    assert not np.array_equal(again, first)
    assert len([*site.cache.iterdir()]) == 2


_PERFECT = {"accuracy": 1.0, "n": 10}


def _cut_benchmark(root: Path) -> None:
    splits = prototypes.benchmark()
    by_class = {c: [i for i, own in splits["test"].items() if own == c][:4] for c in range(5)}
    test = {i: c for c, ids in by_class.items() for i in ids}
    cut = {"train": splits["train"], "test": dict(list(test.items())[:10])}
    path = root / NAME.page_path(".json.zip")
    path.parent.mkdir(parents=True)
    path.write_bytes(zip_bytes(f"{NAME.benchmark_name}.json", json.dumps(cut).encode()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"others", "not an ONNX model"),
        (tiny_graph(endless), "expected finite logits"),
        (tiny_graph(classes="[0, 1, 2, 3, 5]"), "of other classes than the benchmark's"),
    ],
    ids=["no model", "no numbers", "other classes"],
)
def test_a_model_that_cannot_be_run_breaks_nothing(
    site: Site, content: bytes, expected: str
) -> None:
    store_graph(site.model, NAME, content, accuracy=0.85)
    answers = site.answers()
    assert list(answers) == ["perfect", "stored", "worse"]
    assert answers["stored"].probabilities is None
    assert expected in answers["stored"].why_not
    assert not site.cache.exists()


def test_weights_are_not_run_for_they_need_their_code(site: Site) -> None:
    path = site.model / NAME.run_record_name
    record = json.loads(path.read_text())
    weights = record.pop("model")
    path.write_text(json.dumps({**record, "weights": weights}))
    (site.model / "model.py").write_text("1 / 0")
    why = site.answers()["stored"].why_not
    assert why == "its weights run with its own code alone (see jarvis-stem convert)"


def test_needs_databases_on_disk_and_downloads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(store, "_download", refuse)
    name = ResultName.parse("AI-ImageClass-bravais_class-stem_2d_image-test-acc")
    site = Site(tmp_path / "contributions", tmp_path / "benchmarks", tmp_path / "cache")
    path = site.benchmarks / name.page_path(".json.zip")
    path.parent.mkdir(parents=True)
    splits = {"train": {"JVASP-1.jpg": 0}, "test": {"JVASP-667.jpg": 0}}
    path.write_bytes(zip_bytes(f"{name.benchmark_name}.json", json.dumps(splits).encode()))
    add_contribution(site.contributions, "one", "id,prediction\nJVASP-667.jpg,0\n", name)
    empty = tmp_path / "store"
    empty.mkdir()
    assert site.galleries(data=str(empty)) == {}
    with pytest.raises(StemError, match=r"nowhere: no such folder \(given by --data\)"):
        site.galleries(data=str(tmp_path / "nowhere"))


def test_names_a_file_that_changed_after_it_was_scored(site: Site) -> None:
    board = leaderboard.build(site.contributions, site.benchmarks)
    changed = site.contributions / "worse" / NAME.predictions_name
    changed.write_bytes(zip_bytes(NAME.csv_name, b"id,prediction\n"))
    with pytest.raises(StemError, match=r"worse.*changed after it was scored"):
        gallery.build(board, site.contributions, site.benchmarks, cache=site.cache)


@pytest.mark.nightly
def test_the_real_benchmark_has_its_images(shared: Path, repository: Path, tmp_path: Path) -> None:
    site = Site(repository / "contributions", repository / "benchmarks", tmp_path)
    built = site.galleries(data=str(shared / "jarvis_data"))
    real = built[str(REAL)]
    truth = Benchmark.read(repository / "benchmarks", REAL).split("test")
    found = structures.for_dataset(REAL.dataset, truth, data=str(shared / "jarvis_data"))
    assert set(real.ids) == set(found)
    assert sum(map(len, real.thumbnails)) < 10e6


CLASSES = ["hexagonal", "square", "rectangle", "rhombus", "parallelogram"]
PAGE = Path("images", f"{NAME.benchmark_name}.html")
PER_PAGE = 48


@dataclass(frozen=True)
class Browsed:
    """A site on all 373 built-in test images, and what is in its gallery."""

    folder: Path
    gallery: Gallery

    @property
    def page(self) -> Path:
        return self.folder / PAGE

    def ids(self, mask: np.ndarray) -> list[str]:
        return [self.gallery.ids[n] for n in np.flatnonzero(mask)]


@pytest.fixture(scope="session")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Browsed:
    root = tmp_path_factory.mktemp("browsed")
    site = Site(root / "contributions", REPOSITORY / "benchmarks", root / "cache")
    add(site, "good", 20)
    store_model(add(site, "stored", 70))
    add(site, "worse", 130)
    classes = {str(n): name for n, name in enumerate(CLASSES)}
    project = Project("https://example.org/r", {NAME: About("<b>Prototypes</b>", classes=classes)})
    galleries = site.galleries()
    content = scored(site.contributions, site.benchmarks, project, galleries=galleries)
    builder.build(content, root / "site")
    return Browsed(root / "site", galleries[str(NAME)])


def shown(page: Page) -> list[str]:
    return page.locator("#tiles .id").all_inner_texts()


def ends(address: str) -> re.Pattern[str]:
    """What an address ends in; a browser tells of a new one after the script that wrote it."""
    return re.compile(re.escape(address) + "$")


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"#filters [name={name}]").select_option(value)


@pytest.mark.browser
def test_the_hardest_come_first_and_every_page_is_reached(browsed: Browsed, tab: Tab) -> None:
    page = tab.open(browsed.page)
    order = np.argsort(browsed.gallery.n_correct, kind="stable")
    expected = [browsed.gallery.ids[n] for n in order]
    seen = shown(page)
    assert len(seen) == PER_PAGE
    while page.get_by_role("button", name="Next").first.get_attribute("aria-disabled") == "false":
        page.get_by_role("button", name="Next").last.click()
        seen += shown(page)
    assert seen == expected
    expect(page).to_have_url(ends("#page=8"))
    page.get_by_role("button", name="Next").first.click(force=True)  # there is none
    expect(page).to_have_url(ends("#page=8"))
    page.get_by_role("button", name="First").first.click()
    assert shown(page) == expected[:PER_PAGE]
    tab.stay_silent(browsed.folder)


@pytest.mark.browser
def test_filters(browsed: Browsed, tab: Tab) -> None:
    page = tab.open(browsed.page)
    built = browsed.gallery
    stored = built.answers[1]
    wanted = (built.truth == 3) & (built.n_correct == 2)
    choose(page, "sort", "benchmark")
    choose(page, "class", "rhombus")
    choose(page, "correct", "2")
    assert shown(page) == browsed.ids(wanted)[:PER_PAGE]
    expect(page.locator("#matches")).to_contain_text(f"{wanted.sum()} of 373 images")

    page.get_by_role("button", name="Reset").click()
    expect(page).to_have_url(ends("#"))
    choose(page, "sort", "benchmark")
    choose(page, "model", "stored")
    choose(page, "verdict", "wrong")
    wrong = stored.predicted != built.truth
    predicted = int(stored.predicted[wrong][0])
    choose(page, "predicted", CLASSES[predicted])
    wanted = wrong & (stored.predicted == predicted)
    assert shown(page) == browsed.ids(wanted)[:PER_PAGE]
    errors = page.locator("#tiles .error").all_inner_texts()
    assert errors == [f"taken for {CLASSES[predicted]}"] * len(shown(page))

    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Id contains").fill(" MOS2")
    assert shown(page) == [i for i in _hardest(built) if "mos2" in i.lower()]
    page.get_by_label("Id contains").fill("no such id")
    assert shown(page) == []
    expect(page.locator("#matches")).to_contain_text("0 of 373 images; page 1 of 1")


def _hardest(built: Gallery) -> list[str]:
    return [built.ids[n] for n in np.argsort(built.n_correct, kind="stable")]


@pytest.mark.browser
@pytest.mark.parametrize(("sort", "sign"), [("confident", -1), ("doubtful", 1)])
def test_orders_by_a_models_confidence(browsed: Browsed, tab: Tab, sort: str, sign: int) -> None:
    page = tab.open(browsed.page, f"#model=stored&sort={sort}")
    stored = browsed.gallery.answers[1]
    assert stored.probabilities is not None
    confidence = np.take_along_axis(stored.probabilities, stored.predicted[:, None], axis=1)[:, 0]
    order = np.argsort(sign * np.rint(confidence * 1000), kind="stable")[:PER_PAGE]
    assert shown(page) == [browsed.gallery.ids[n] for n in order]
    certain = page.locator("#tiles .certain").all_inner_texts()
    assert certain == [f"p = {confidence[n]:.3f}" for n in order]


@pytest.mark.browser
def test_the_address_keeps_the_view(browsed: Browsed, tab: Tab) -> None:
    page = tab.open(browsed.page)
    choose(page, "model", "worse")
    choose(page, "verdict", "wrong")
    page.get_by_role("button", name="Next").first.click()
    view = shown(page)
    expect(page).to_have_url(ends("#model=worse&verdict=wrong&page=2"))
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    assert shown(page) == view
    assert page.locator("[name=verdict]").input_value() == "wrong"
    page.evaluate("location.hash = '#class=square'")  # as who edits the address does
    expect(page.locator("#matches")).to_contain_text(
        f"{(browsed.gallery.truth == 1).sum()} of 373 images"
    )
    assert page.locator("[name=verdict]").input_value() == ""


@pytest.mark.browser
def test_an_address_that_means_nothing_shows_everything(browsed: Browsed, tab: Tab) -> None:
    for hash in ("page=-3&class=<img>&model=none&sort=__proto__&id=none", "page=x", "%"):
        page = tab.open(browsed.page, f"#{hash}")
        assert shown(page) == _hardest(browsed.gallery)[:PER_PAGE]
    tab.stay_silent(browsed.folder)


@pytest.mark.browser
def test_the_keyboard_turns_pages_and_opens_images(browsed: Browsed, tab: Tab) -> None:
    page = tab.open(browsed.page)
    expected = _hardest(browsed.gallery)
    page.keyboard.press("ArrowRight")
    assert shown(page) == expected[PER_PAGE : 2 * PER_PAGE]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # there is no page before the first
    assert shown(page) == expected[:PER_PAGE]
    page.get_by_label("Id contains").focus()
    page.keyboard.press("ArrowRight")  # moves the caret
    assert shown(page) == expected[:PER_PAGE]

    page.locator(".tile").nth(PER_PAGE - 1).focus()
    page.keyboard.press("Enter")
    title = page.get_by_role("dialog").get_by_role("heading")
    expect(title).to_have_text(expected[PER_PAGE - 1])
    page.keyboard.press("ArrowRight")  # the next image, on the next page
    expect(title).to_have_text(expected[PER_PAGE])
    expect(page).to_have_url(re.compile("page=2&id="))
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(ends("#page=2"))
    expect(page.locator(".tile:focus .id")).to_have_text(expected[PER_PAGE])
    tab.stay_silent(browsed.folder)


@pytest.mark.browser
def test_an_image_with_what_every_model_predicts(browsed: Browsed, tab: Tab) -> None:
    built = browsed.gallery
    n = int(np.flatnonzero(built.n_correct == 1)[0])
    page = tab.open(browsed.page, f"#id={built.ids[n]}")
    dialog = page.get_by_role("dialog", name=built.ids[n])
    expect(dialog).to_be_visible()
    expect(dialog.locator("#detail-formula")).not_to_have_text("…")  # its file is there
    rows = [row.all_inner_texts() for row in _cells(dialog.locator("#detail-answers tr").all())]
    stored = built.answers[1].probabilities
    assert stored is not None
    for answers, (name, prediction, *shares) in zip(built.answers, rows, strict=True):
        verdict = "correct" if answers.predicted[n] == built.truth[n] else "wrong"
        assert name == answers.contribution
        assert prediction == f"{verdict}: {CLASSES[answers.predicted[n]]}"
        known = [f"{share:.3f}" for share in stored[n]]
        assert shares == (known if name == "stored" else ["–"] * 5)
    atoms = prototypes.structures()[built.ids[n]]
    assert dialog.locator("#detail-formula").inner_text() == atoms.composition.reduced_formula
    cell, true, measured = (
        np.array(row.all_inner_texts()[1:], float)
        for row in _cells(dialog.locator("#detail-lattices tr").all())
    )
    a, b, _ = atoms.lattice.abc
    np.testing.assert_allclose(cell, [a, b, atoms.lattice.angles[2]], atol=6e-4)
    np.testing.assert_allclose(measured, true, rtol=1e-3)  # of the projection, by other code
    share = dialog.locator(".bar").evaluate(
        "bar => bar.offsetWidth / bar.parentElement.clientWidth"
    )
    assert share == pytest.approx(10 / (256 * 0.2), abs=0.01)
    image = dialog.locator("img")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96
    assert image.get_attribute("src") == f"../{built.thumbnail(n)}"
    assert dialog.get_by_role("link", name="JARVIS").count() == 0  # not a JARVIS id
    assert dialog.get_by_role("link", name="stored").get_attribute("href") == (
        "../contributions/stored.html"
    )
    tab.stay_silent(browsed.folder)


def _cells(rows: list[Locator]) -> list[Locator]:
    return [row.locator("th, td") for row in rows]


@pytest.mark.browser
def test_hostile_ids_are_text_and_jvasp_ids_lead_to_jarvis(tmp_path: Path, tab: Tab) -> None:
    ids = ["JVASP-667.jpg", "<img src=x onerror=window.hacked=1>", "../../etc", "x" * 900, "שלום"]
    splits = {"train": {"t": 0}, "test": {i: n for n, i in enumerate(ids)}}
    site = Site(tmp_path / "contributions", tmp_path / "benchmarks", tmp_path / "cache")
    path = site.benchmarks / NAME.page_path(".json.zip")
    path.parent.mkdir(parents=True)
    path.write_bytes(zip_bytes(f"{NAME.benchmark_name}.json", json.dumps(splits).encode()))
    csv = "id,prediction\n" + "".join(f"{i},{n}\n" for n, i in enumerate(ids))
    add_contribution(site.contributions, "one", csv, NAME)
    about = About("t", classes={"0": "</script><script>window.hacked=1</script>"})
    project = Project("https://example.org/r", {NAME: about})
    positions = np.arange(5)
    thumbnail = gallery._thumbnail(np.zeros((256, 256), np.uint8))
    answers = [Answers("one", positions)]
    built = Gallery(NAME, tuple(ids), positions, answers, (thumbnail,) * 5, squares(5))
    galleries = {str(NAME): built}
    content = scored(site.contributions, site.benchmarks, project, galleries=galleries)
    builder.build(content, tmp_path / "site")
    page = tab.open(tmp_path / "site" / PAGE)
    assert shown(page) == ids
    assert page.evaluate("window.hacked") is None
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        heights = page.locator(".tile .id").evaluate_all("all => all.map(e => e.offsetHeight)")
        assert max(heights) < 60  # of 900 letters too
        page.locator(".tile").nth(3).click()
        close = page.get_by_role("button", name="Close")
        assert close.evaluate("button => button.getBoundingClientRect().bottom") < 300
        close.click()
    page.locator(".tile").first.click()
    assert page.locator("#detail-formula").inner_text() == "Au2Se"
    assert page.locator("#detail-lattices tr").last.inner_text().endswith("–")
    link = page.get_by_role("link", name="The material in JARVIS-DFT")
    assert link.get_attribute("href") == (
        "https://www.ctcms.nist.gov/~knc6/static/JARVIS-DFT/JVASP-667.xml"
    )
    page.keyboard.press("ArrowRight")
    expect(link).to_be_hidden()
    tab.stay_silent(tmp_path / "site")


@pytest.mark.browser
def test_reads_well_everywhere(browsed: Browsed, tab: Tab) -> None:
    page = tab.open(browsed.page)
    page.wait_for_load_state("networkidle")
    assert tab.shifts() < 0.01
    for width in (2560, 1280, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert tab.accessibility_faults() == []
    page.locator(".tile").first.click()
    assert tab.accessibility_faults() == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert tab.accessibility_faults("color-contrast") == []
    page.keyboard.press("Escape")
    assert tab.accessibility_faults("color-contrast") == []
    tab.stay_silent(browsed.folder)


@pytest.mark.browser
def test_loads_only_the_thumbnails_that_are_near(browsed: Browsed, tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 360, "height": 640})
    page = tab.open(browsed.page)
    page.wait_for_load_state("networkidle")
    loaded = [url for url in tab.requests if url.endswith(".webp")]
    assert 0 < len(loaded) < PER_PAGE

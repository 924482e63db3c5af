"""The app's page as its readers use it, in a real browser that can reach nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from apps import running
from PIL import Image
from playwright.sync_api import Page, expect

from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.imaging.conditions import Conditions

if TYPE_CHECKING:
    from browser import Tab

pytest_plugins = ("browser",)
pytestmark = pytest.mark.browser
SCRIPT = "<img src=x onerror=alert(1)>.png"


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, a stack, a structure, and files that are none."""
    folder = tmp_path_factory.mktemp("data") / "scans"
    (folder / "inner").mkdir(parents=True)
    structure = prototypes.structures()["proto-1H-MoS2.jpg"]
    drawn = stem.simulate([structure] * 2, Conditions(dose=2e4, rotation=9, shear=0.02))
    Image.fromarray(drawn[0].astype(np.float32)).save(folder / "a.tif")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "inner" / "noise.png")
    np.save(folder / "movie.npy", drawn)
    (folder / SCRIPT).write_text("hello")
    (folder / "big.zspy" / "0").mkdir(parents=True)
    (folder / "big.zspy" / "0" / "0.0").write_bytes(b"a chunk")
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("app")) as (_, url):
        yield url


@pytest.fixture
def page(address: str, tab: Tab) -> Iterator[Page]:
    tab.page.goto(address)
    expect(tab.page.get_by_role("heading", name="Drop pictures here")).to_be_visible()
    yield tab.page
    assert tab.messages == []
    assert tab.failed == []
    inside = (address, address.replace("http", "ws", 1), "about:blank", "data:", "blob:")
    assert [url for url in tab.requests if not url.startswith(inside)] == []
    assert any(url.startswith(address) for url in tab.requests)


def rows(page: Page) -> list[list[str]]:
    return [
        row.locator("th, td").all_inner_texts() for row in page.locator(".scroll tbody tr").all()
    ]


def choose(page: Page, input: str, *paths: Path) -> None:
    page.locator(f"#{input}").set_input_files(list(paths))
    expect(page.get_by_role("status")).to_contain_text("answered")


def drawn_pictures(page: Page) -> int:
    """How many pictures of an answer there are, all of them loaded."""
    images = page.locator(".panels img")
    expect(images.last).to_have_attribute("src", re.compile("^data:image/png"))
    widths = images.evaluate_all("(all) => all.map((one) => one.naturalWidth)")
    assert min(widths) > 300
    return len(widths)


def test_a_picture_is_answered_at_the_size_that_is_typed(page: Page, scans: Path) -> None:
    choose(page, "files", scans / "a.tif")
    answer = page.get_by_label("Answer", exact=True)
    expect(answer.get_by_role("heading")).to_have_text("hexagonal")
    expect(answer).to_contain_text("not known: lengths are in pixels (px)")
    assert drawn_pictures(page) == 3
    page.get_by_label("Å, nm or pm per pixel").fill("0.02")
    page.get_by_label("Unit").select_option("nm")
    expect(answer).to_contain_text("0.2 Å (given)")
    expect(answer.get_by_text("Å", exact=False).first).to_contain_text("3.1")
    assert page.get_by_label("Å, nm or pm per pixel").input_value() == "0.02"
    page.get_by_label("Å, nm or pm per pixel").fill("x")
    page.get_by_label("Unit").focus()
    alert = page.get_by_text("pixel size 'x': expected a number above 0")
    expect(alert).to_have_attribute("role", "alert")
    expect(answer).to_contain_text("0.2 Å (given)")


def test_a_folder_is_walked_through_and_downloaded(page: Page, scans: Path, tab: Tab) -> None:
    choose(page, "folder", scans)
    expect(page.get_by_role("status")).to_have_text("2 pictures answered, 2 could not be read")
    alert = page.locator("#drop .alert")
    expect(alert).to_have_text(re.compile("^scans/big.zspy: not taken here; jarvis-stem predict"))
    names, answers = zip(*[row[:2] for row in rows(page)], strict=True)
    assert names == (f"scans/{SCRIPT}", "scans/a.tif", "scans/inner/noise.png", "scans/movie.npy")
    assert answers[0].startswith(f"scans/{SCRIPT}: not a readable image")
    assert answers[1].startswith("hexagonal 0.9")
    assert answers[2] == "no lattice"
    assert answers[3].startswith("scans/movie.npy: 2 frames of 256x256 px; expected one picture")
    assert [row[-1] for row in rows(page)][1:3] == ["", "no lattice found"]

    where = page.locator(".where")
    expect(where).to_have_text(f"1 of 4: scans/{SCRIPT}")
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(where).to_have_text("2 of 4: scans/a.tif")
    page.get_by_role("button", name="Next").press("Enter")
    expect(where).to_have_text("3 of 4: scans/inner/noise.png")
    expect(page.get_by_role("heading", name="no lattice")).to_be_visible()
    assert drawn_pictures(page) == 2
    page.get_by_role("button", name="scans/a.tif").press("Enter")
    expect(page.locator("tr[aria-current=true]")).to_contain_text("a.tif")
    assert drawn_pictures(page) == 3

    text = download(page, "Download CSV").decode()
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["input"] for row in read] == list(names)
    assert float(read[1]["a_px"]) > 10
    written = json.loads(download(page, "Download JSON"))
    assert [one["class_name"] for one in written] == [None, "hexagonal", "none", None]
    with Image.open(io.BytesIO(download(page, "Download plot"))) as plot:
        assert (plot.format, plot.info["Software"]) == ("PNG", "jarvis-stem")

    page.get_by_text("Stacks and distortion").click()
    page.get_by_label("Frame of a stack").fill("all")
    page.get_by_label("Frame of a stack").press("Tab")
    expect(page.locator(".scroll tbody tr")).to_have_count(5)
    expect(page.get_by_role("button", name="scans/movie.npy: frame 2")).to_be_visible()


def download(page: Page, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).click()
    return Path(waiting.value.path()).read_bytes()


DROP = """async ([names, bytes]) => {
  const transfer = new DataTransfer();
  for (const name of names) transfer.items.add(new File([new Uint8Array(bytes)], name));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    if (document.body.dispatchEvent(event)) throw new Error("left to the browser");
  }
}"""


def test_pictures_are_dropped_anywhere(page: Page, scans: Path) -> None:
    content = list((scans / "a.tif").read_bytes())
    page.evaluate(DROP, [["x.tif", "y.tif"], content])
    expect(page.get_by_role("status")).to_have_text("2 pictures answered")
    assert sorted(row[0] for row in rows(page)[:2]) == ["x.tif", "y.tif"]


@pytest.mark.parametrize(
    ("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
)
def test_everybody_can_use_it(width: int, theme: str, page: Page, scans: Path, tab: Tab) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert tab.accessibility_faults() == []
    choose(page, "files", scans / "a.tif", scans / "inner" / "noise.png")
    drawn_pictures(page)
    assert tab.accessibility_faults() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (max(map(int, ground[4:-1].split(","))) < 60) == (theme == "dark")


def test_the_keyboard_reaches_everything(page: Page, scans: Path) -> None:
    choose(page, "files", scans / "a.tif", scans / "inner" / "noise.png")
    drawn_pictures(page)
    page.locator("#theme").focus()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        shown = "(document.activeElement.innerText || document.activeElement.id).split('\\n')[0]"
        reached.append(page.evaluate(shown))
    expected = ["Choose files", "Choose a folder", "size", "Å", "Stacks and distortion", "Next"]
    assert [one for one in reached if one in expected] == expected
    assert {"Download plot", "a.tif", "noise.png", "Download CSV", "Download JSON"} <= {*reached}

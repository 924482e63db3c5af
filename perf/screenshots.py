"""Take the README's pictures of the site, with real images and every stored model's answers.

python perf/screenshots.py --data ../shared/jarvis_data
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from jarvis_stem import cli, site
from jarvis_stem.utils.errors import StemError

_ROOT = Path(__file__).resolve().parents[1]
_DATASET = "stem_2d_image_bravais_class.html"


def main() -> int:
    """Build the site and take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="DIR", help="JARVIS databases")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs/images", metavar="DIR")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise StemError("chromium: not installed; Debian has it as a package")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = ["--data", options.data] if options.data else []
        site.main(["--output", folder, "--quiet", *data])
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        _take(page, Path(folder) / "benchmarks" / _DATASET, "#table-title", options.output)
        _take(page, Path(folder) / "images" / _DATASET, "main", options.output)
        browser.close()
    return 0


def _take(page: Page, address: Path, top: str, output: Path) -> None:
    """Photograph what a reader sees who has scrolled an element to the top."""
    page.goto(address.as_uri(), wait_until="load")
    page.locator(top).first.evaluate("element => element.scrollIntoView()")
    page.wait_for_timeout(3000)  # charts are drawn when they come into view
    page.screenshot(path=output / f"{address.parent.name}.png")


if __name__ == "__main__":
    sys.exit(cli.run(main))

"""Pages of the documentation site that are not in docs/: hooks of mkdocs, named in mkdocs.yml.

README, CONTRIBUTING and the like stay where people look for them, and so do their links, which are
relative to the file in the repository; on the site they lead to its pages or to the repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    "index.md": "README.md",
    "quickstart.md": "docs/quickstart.ipynb",
    "my_model.md": "docs/my_model.ipynb",
    "hyperspy.md": "docs/hyperspy.ipynb",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
ROOMS = {
    "formats": "What is on disk: names, benchmarks, predictions, metadata, records of runs.",
    "scoring": "Scores and what of their differences is chance.",
    "imaging": "Structures, their images, pictures, and the lattices measured in them.",
    "training": "Architectures, data, the training loop, stored models.",
    "prediction": "Answers for pictures.",
}
_API = """\
# Models and answers

::: jarvis_stem.api
    options: { show_root_heading: false, show_root_toc_entry: false }
"""
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that come from elsewhere."""
    pages = {page: _text(ROOT / source) for page, source in SOURCES.items()}
    pages["api/index.md"] = _API
    for room, subject in ROOMS.items():
        pages[f"api/{room}.md"] = _api(room, subject)
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that are relative to the repository's file to the site's page or to the file."""
    uri = page.file.src_uri
    source = PurePosixPath(SOURCES.get(uri, f"docs/{uri}"))
    pages = {source: page for page, source in SOURCES.items()}

    def address(link: re.Match[str]) -> str:
        target = os.path.normpath(source.parent / link[1])
        inside = pages.get(target, target.removeprefix("docs/"))
        if target in pages or (target.startswith("docs/") and files.get_file_from_path(inside)):
            return os.path.relpath(inside, PurePosixPath(uri).parent)
        if not (ROOT / target).exists():
            return link[1]  # for mkdocs to complain about
        return f"{config.extra['repository']}/blob/main/{target}"

    return _LINK.sub(address, markdown)


def _text(path: Path) -> str:
    """A file's text; a notebook's cells one after the other."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in _cell(cell))


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    """A notebook's cell, and what it has printed or shown in words."""
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        shown = "".join(output.get("text") or output["data"]["text/plain"])
        if "image/png" not in output.get("data", {}):
            yield f"```text\n{shown.rstrip()}\n```"


def _api(room: str, subject: str) -> str:
    """Every module of a room."""
    modules = sorted((ROOT / "jarvis_stem" / room).glob("[!_]*.py"))
    parts = [f"::: jarvis_stem.{room}.{path.stem}\n" for path in modules]
    return "\n".join([f"# jarvis_stem.{room}\n\n{subject}\n", *parts])

"""The documentation site: built without a warning, complete, and asking no other server."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PATIENCE, REPOSITORY

pytest.importorskip("mkdocs", reason="the extra docs is not installed")

PACKAGE = REPOSITORY / "jarvis_stem"
ROOMS = ("formats", "imaging", "prediction", "scoring", "training")


def build(folder: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr


def public(path: Path) -> list[str]:
    """Full names of a module's public functions and classes."""
    module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    definitions = ast.parse(path.read_text(encoding="utf-8")).body
    return [
        f"{module}.{one.name}"
        for one in definitions
        if isinstance(one, ast.FunctionDef | ast.ClassDef) and not one.name.startswith("_")
    ]


def test_it_has_every_public_name_and_loads_nothing_from_another_server(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site)
    anchors = {
        name
        for page in (site / "api").glob("*.html")
        for name in re.findall(r'id="(jarvis_stem[^"]*)"', page.read_text(encoding="utf-8"))
    }
    modules = [PACKAGE / "api.py", *(p for room in ROOMS for p in (PACKAGE / room).glob("*.py"))]
    names = {name for path in modules for name in public(path)}
    assert len(names) > 100
    assert names <= anchors
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert {"guide.html", "quickstart.html", "changelog.html", "imaging.html"} <= pages.keys()
    loading = re.compile(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"')
    assert {
        name: loading.findall(text) for name, text in pages.items() if loading.search(text)
    } == {}

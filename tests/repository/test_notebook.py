"""The notebooks, executed as a reader would, outside the repository."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import PATIENCE, REPOSITORY
from nbclient import NotebookClient

NOTEBOOK = REPOSITORY / "docs" / "quickstart.ipynb"
HYPERSPY = REPOSITORY / "docs" / "hyperspy.ipynb"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_it_is_kept_without_outputs() -> None:
    code = [cell for cell in read(NOTEBOOK).cells if cell.cell_type == "code"]
    assert len(code) > 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.metadata == {} for cell in code)


def state() -> dict[Path, str]:
    """What is in the folders that the notebook reads from."""
    paths = [*(REPOSITORY / "contributions").rglob("*"), *(REPOSITORY / "benchmarks").rglob("*")]
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.is_file()}


@pytest.fixture
def repository(tmp_path: Path, tiny_benchmarks: Path) -> Path:
    """The repository but for its benchmarks: a tiny one, to train on in seconds."""
    root = tmp_path / "repository"
    root.mkdir()
    for name in ("jarvis_stem", "contributions"):
        (root / name).symlink_to(REPOSITORY / name)
    (root / "benchmarks").symlink_to(tiny_benchmarks)
    return root


@pytest.mark.training
def test_it_does_what_it_says(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    shutil.copy(NOTEBOOK, tmp_path)
    notebook = read(tmp_path / NOTEBOOK.name)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources).execute()
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    text = "".join(one.text for one in outputs if one.get("name") == "stdout")
    assert "train 1200" in text
    assert "accuracy 0." in text
    assert "my_model" in text
    assert "default: hexagonal" in text
    assert "a 3." in text
    shown = [one for one in outputs if "image/png" in one.get("data", {})]
    assert len(shown) == 2
    assert not [one for one in outputs if one.get("name") == "stderr"]
    assert not list(tmp_path.glob("quickstart-*"))  # it tidies up
    assert state() == before


def shown_by(notebook: Any) -> list[tuple[str, set[str]]]:
    """What a notebook's cells print or show, in words, and in which other forms."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert outputs
    return [
        (one.get("text") or one["data"]["text/plain"], set(one.get("data", {}))) for one in outputs
    ]


def test_the_notebook_on_hyperspy_shows_what_is_kept_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hyperspy", reason="the extra test is not installed")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    kept, notebook = shown_by(read(HYPERSPY)), read(HYPERSPY)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3", resources=resources).execute()
    for (text, forms), (before, forms_before) in zip(shown_by(notebook), kept, strict=True):
        assert forms == forms_before
        assert _NUMBER.sub("#", text) == _NUMBER.sub("#", before)
        for number, number_before in zip(*map(_NUMBER.findall, (text, before)), strict=True):
            # Whole ones are errors in brackets, in units of the last digit.
            near = {"rel": 1e-3, "abs": 0.011} if "." in number_before else {"abs": 2}
            assert float(number) == pytest.approx(float(number_before), **near)
    assert "hexagonal 0.9" in kept[1][0]
    assert list(tmp_path.iterdir()) == []

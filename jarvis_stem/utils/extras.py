"""Packages that not every command needs, and what installs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jarvis_stem.utils.errors import StemError

EXTRAS = {
    "train": ("jarvis", "onnxscript", "psutil", "safetensors", "sklearn", "torch"),
    "site": ("itables", "markdown_it", "nh3", "plotly"),
    "microscope": ("dask", "h5py", "imagecodecs", "mrcfile", "rsciio", "sparse", "zarr"),
    "structures": ("ase", "gemmi", "moyopy"),
    "plot": ("matplotlib",),
    "table": ("pandas",),
    "scale": ("distributed", "pyarrow"),
    "app": ("matplotlib", "nicegui"),
}
"""Extras of setup.py by the names that their packages are imported by."""
_CLONE = Path(__file__).resolve().parents[2] / "setup.sh"


@contextmanager
def explained() -> Iterator[None]:
    """Say of a package that is missing meanwhile what installs it.

    Raises:
        StemError: One of an extra is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if any(package in of for of in EXTRAS.values()):
            raise StemError(missing(package)) from error
        raise


def missing(package: str) -> str:
    """Say in one line that a package is missing and what installs it.

    Args:
        package: As it is imported.

    Examples:
        >>> missing("torch").partition("pip")[2]
        " install 'jarvis-stem[train]'"
    """
    extra = next((extra for extra, of in EXTRAS.items() if package in of), "")
    wanted = f"'jarvis-stem[{extra}]'" if extra else "jarvis-stem"
    way = f"pip install {wanted}"
    if _CLONE.is_file():
        way = f"source setup.sh && install, and use .venv/bin/python, or {way}"
    return f"{package} is not installed; run: {way}"

"""Packages that not every command needs, and what installs them."""

from __future__ import annotations

from pathlib import Path

EXTRAS = {
    "train": ("jarvis", "onnxscript", "psutil", "safetensors", "sklearn", "torch"),
    "site": ("itables", "markdown_it", "nh3", "plotly"),
    "microscope": ("dask", "h5py", "imagecodecs", "mrcfile", "rsciio", "sparse", "zarr"),
    "structures": ("ase", "gemmi", "moyopy"),
    "plot": ("matplotlib",),
    "table": ("pandas",),
    "scale": ("distributed", "pyarrow"),
    "app": ("nicegui",),
}
"""Extras of setup.py by the names that their packages are imported by."""
_CLONE = Path(__file__).resolve().parents[2] / "setup.sh"


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

"""Packages that not every command needs, and what installs them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
_PACKAGE = __name__.partition(".")[0]
_CLONE = Path(__file__).resolve().parents[2] / "setup.sh"


def lacking(error: BaseException) -> str:
    """Name the package that is not installed; nothing where that is not the fault."""
    if isinstance(error, ImportError) and str(error).startswith("cannot import name '_kernels'"):
        return f"{_PACKAGE}.imaging._kernels"  # of a clone in which it was not compiled
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    # Another part of a package, this one's included, is a fault in the code.
    return "" if "." in name or name in {_PACKAGE, *sys.stdlib_module_names} else name


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Say of a package that is missing meanwhile what installs it.

    Args:
        what: The file that is read, or what else needs it.

    Raises:
        StemError: A package is missing.
    """
    try:
        yield
    except ImportError as error:
        if not (package := lacking(error)):
            raise
        # Here: what a fault of the package itself is told by needs no other part of it.
        from jarvis_stem.utils.errors import StemError

        raise StemError(f"{what}: {missing(package)}") from error


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

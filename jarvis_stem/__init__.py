"""Bravais lattices of 2D materials from STEM images: benchmark, models, leaderboard."""

# Nothing is imported before, not even __future__: `python -m` looks for modules in the folder that
# it is run in first, and of a contribution that somebody checks there nothing may be imported.
import os
import sys

if (
    sys.argv[:1] == ["-m"]  # while Python looks the command up
    and not sys.flags.safe_path
    and __path__ != [os.path.join(sys.path[0], __name__)]  # noqa: PTH118  a clone is what is run
):
    del sys.path[0]

from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jarvis_stem.api import list_models, load_model, predict

__all__ = ["list_models", "load_model", "predict"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Import the models when they are asked for: scoring must do without them (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jarvis_stem import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """What a reader of ``dir(jarvis_stem)`` looks for."""
    return [*__all__, "__version__"]


class _Package(ModuleType):
    """Keeps ``jarvis_stem.predict`` the function, whoever imports the command's module."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End a command that lacks a package with what to run, any other fault with a traceback."""
    from jarvis_stem.utils.extras import lacking, missing

    if name := lacking(error):
        print(f"error: {missing(name)}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


# Here, for it runs before any command's imports do: argv[0] is -m while Python looks one up.
if sys.argv and Path(sys.argv[0]).stem in {"-m", "jarvis-stem"}:
    sys.excepthook = _report

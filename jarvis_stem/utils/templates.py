"""Jinja templates that lie beside the modules that fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str, folder: str = ".") -> Environment:
    """Make the environment of the templates in a package.

    HTML in values is escaped, a value that is missing is an error, and a line that holds nothing
    but a block leaves no blank line.

    Args:
        package: For example ``jarvis_stem.web``.
        folder: Folder of the templates in it.

    Returns:
        The environment; loading a template that is missing raises ``jinja2.TemplateNotFound``.

    Raises:
        ModuleNotFoundError: No such package.
        ValueError: No such folder in it.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # --help need not wait for it

    return Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

"""The templates of the site: autoescaped, strict, with links that work from any folder."""

from __future__ import annotations

import json
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from markupsafe import Markup

from jarvis_stem.utils.templates import environment
from jarvis_stem.web.content import FEED, GUIDE, PREVIEW, Content, board_page, images_page

# Inside a script element only these could end it, or a line of old JavaScript.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
# Everything comes from the site's own folder. Plotly adds style elements and attributes, hence
# 'unsafe-inline' for styles; scripts have no such exception.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


def render(template: str, page: PurePosixPath, content: Content, **context: Any) -> str:
    """Render one page.

    Beside the context a template has ``content``, ``page``, ``root`` (the way from the page to the
    site's root, ``.`` or ``..``, for links such as ``{{ root }}/index.html``), ``policy`` and the
    functions `board_page`, `images_page` and ``contribution_address(name)``.

    Args:
        template: Name of the template, for example ``home.html.j2``.
        page: Where the page is below the site's root.
        content: What the site shows.
        context: What else the template asks for.

    Raises:
        jinja2.UndefinedError: The template asks for something that is not there.
    """
    root = "/".join([".."] * (len(page.parts) - 1)) or "."
    return _TEMPLATES.get_template(template).render(
        content=content,
        page=page,
        root=root,
        contribution_address=partial(content.contribution_address, root=root),
        **context,
    )


def embed(data: Any, id: str) -> Markup:
    """Put data into a page for its scripts, as a script element of JSON that no text can leave.

    Args:
        data: What `json` writes; NaN is refused, as JSON has none.
        id: The element's id; a script reads ``JSON.parse(getElementById(id).textContent)``.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    element = Markup('<script type="application/json" id="{}">{}</script>')
    return element.format(id, Markup(text.translate(_ESCAPES)))  # noqa: S704  escaped just now


def breakable(name: str) -> Markup:
    """A name that a narrow column breaks after its underscores and nowhere within a word."""
    return Markup("_<wbr>").join(name.split("_"))


_TEMPLATES = environment("jarvis_stem.web")
_TEMPLATES.filters["breakable"] = breakable
_TEMPLATES.filters["embed"] = embed
_TEMPLATES.globals.update(
    policy=POLICY,
    feed=FEED,
    preview=PREVIEW,
    guide=GUIDE,
    board_page=board_page,
    images_page=images_page,
)

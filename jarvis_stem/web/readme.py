"""A contribution's README as HTML that runs nothing and asks nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

_HEADING_SHIFT = 2  # a README's first heading stands below the card's second
# A page has one header, one footer and one navigation: its own. Images are named, not fetched.
_TAGS = nh3.ALLOWED_TAGS - {
    *("area", "article", "aside", "footer", "header", "img", "map", "nav"),
}
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}, "td": {"style"}, "th": {"style"}}


def readme_html(text: str, base: str) -> Markup:
    """Render a stranger's Markdown: no script, style or image of theirs, links to the web alone.

    Args:
        text: What they wrote.
        base: Address that theirs are relative to.
    """
    html = nh3.clean(
        _MARKDOWN.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        filter_style_properties={"text-align"},  # of a table's columns
        link_rel="nofollow noopener",
        set_tag_attribute_values={"pre": {"tabindex": "0"}},  # what scrolls takes the focus
        url_relative=("rewrite_with_base", base),
        url_schemes={"http", "https"},
    )
    # Clean HTML has every < of a text escaped: these are tags.
    html = re.sub(r"(?<=<h|/h)[1-6](?=>)", _lower, html)
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704  cleaned


def _lower(level: re.Match[str]) -> str:
    return str(min(6, int(level[0]) + _HEADING_SHIFT))


def _image(
    _renderer: RendererProtocol,
    tokens: Sequence[Token],
    position: int,
    _options: OptionsDict,
    _environment: Mapping[str, object],
) -> str:
    """An image's description in its place."""
    return f"[image: {escape(tokens[position].content or 'no description')}]"


_MARKDOWN = MarkdownIt("commonmark").enable("table")
_MARKDOWN.add_render_rule("image", _image)

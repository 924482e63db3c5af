"""A contribution's README as HTML that runs nothing and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urljoin

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from jarvis_stem.formats.schema import web_address

_HEADING_SHIFT = 2  # a README's first heading stands below the card's second
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def readme_html(text: str, base: str) -> Markup:
    """Render a stranger's Markdown: no HTML of theirs, no pictures, no address but of the web.

    Args:
        text: What they wrote.
        base: Address that theirs are relative to.
    """
    tokens = list(_without_comments(_MARKDOWN.parse(text)))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _HEADING_SHIFT)}"
        if token.children:
            token.children = list(_tamed(token.children, base))
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    # What scrolls must take the keyboard's focus. All of the text is escaped: these are tags.
    html = html.replace("<pre>", '<pre tabindex="0">')
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704  html is disabled


def _without_comments(tokens: list[Token]) -> Iterator[Token]:
    """Tokens without paragraphs that are a comment of HTML, which is nothing to read."""
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        inline = {"paragraph_open": after, "paragraph_close": before}.get(token.type, token)
        content = inline.content if inline and inline.type == "inline" else ""
        if not (content.startswith("<!--") and content.endswith("-->")):
            yield token


def _tamed(tokens: Sequence[Token], base: str) -> Iterator[Token]:
    """Inline tokens with pictures as links to them, and links to the web alone."""
    depth = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "link_open":
            depth += 1
            empty = following is not None and following.type == "link_close"
            href = None if empty else _web_link(token.attrGet("href"), base)
            token.attrs = {"href": href, "rel": "nofollow noopener"} if href else {}
        elif token.type == "link_close":
            depth -= 1
        if token.type != "image":
            yield token
            continue
        text = Token("text", "", 0, content=f"[picture: {token.content or 'no description'}]")
        href = _web_link(token.attrGet("src"), base)
        if depth or not href:
            yield text
            continue
        attributes: dict[str, str | int | float] = {"href": href, "rel": "nofollow noopener"}
        yield from (
            Token("link_open", "a", 1, attrs=attributes),
            text,
            Token("link_close", "a", -1),
        )


def _web_link(link: object, base: str) -> str | None:
    try:
        return web_address(urljoin(base, str(link)))
    except ValueError:
        return None

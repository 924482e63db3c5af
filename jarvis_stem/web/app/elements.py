"""Elements of plain HTML: the site's style is theirs, and every browser and reader knows them."""

from __future__ import annotations

import base64
from typing import Any

from markupsafe import escape
from nicegui import ui
from nicegui.element import Element


def tag(kind: str, classes: str = "", **props: Any) -> Element:
    """An element; ``aria_label`` is the attribute aria-label, and so on."""
    element = ui.element(kind).classes(classes)
    set_props(element, **props)
    return element


def text(kind: str, text: str, classes: str = "", **props: Any) -> ui.html:
    """An element with text alone, whatever characters are in it."""
    element = ui.html(str(escape(text)), sanitize=False, tag=kind).classes(classes)
    set_props(element, **props)
    return element


def say(element: ui.html, text: str) -> None:
    """Put a text in the place of an element's own."""
    element.set_content(str(escape(text)))


def set_props(element: Element, **props: Any) -> None:
    """Set attributes; None takes one away."""
    for name, value in props.items():
        key = name.replace("_", "-")
        if value is None:
            element.props.pop(key, None)
        else:
            element.props[key] = value
    element.update()


def field(label: str, id: str, value: str = "", **props: Any) -> None:
    """A field to type into, below its label."""
    with tag("label", "field"):
        text("span", label)
        # An attribute, which Vue would else set again whenever anything on the page changes.
        tag("input", id=id, **{"^value": value}, **props)


def data_url(content: bytes) -> str:
    """A PNG as the address of itself."""
    return "data:image/png;base64," + base64.b64encode(content).decode()

"""Types that the schemas of JSON files share, and how what pydantic finds is put in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError

from jarvis_stem.utils.messages import quote

_PRIVATE = re.compile(r" or instance of _\w+")  # of pydantic's words for a nested object
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\()\[\]]+")


def web_address(text: str) -> str:
    """Admit an http or https address, without a slash at its end.

    Raises:
        ValueError: Anything else; a page must not link to what a browser would run.
    """
    if not _WEB_ADDRESS.fullmatch(text):
        raise ValueError("expected an address that starts with https:// or http://")
    parts = urlsplit(text)  # which refuses a port that is none
    if not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError("expected an address with the name of a host alone before its path")
    return text.rstrip("/")


def _address_or_nothing(text: str) -> str:
    if text:
        web_address(text)
    return text


OneLine = Annotated[str, Field(max_length=1000)]
WebAddress = Annotated[str, AfterValidator(web_address)]
Address = Annotated[OneLine, AfterValidator(_address_or_nothing)]
# Bounded, for a page shows them: no float is wider than its column, no integer beyond a float.
Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**15)]


def control_characters(data: dict[str, Any]) -> dict[str, str]:
    """Problems by key: text, at any depth, that a terminal or a page would obey."""
    if _all_printable(data):
        return {}
    return {
        key: f"{quote(key)}: expected text without control characters, got {quote(value)}"
        for key, value in data.items()
        if not all(text.isprintable() for text in _texts([key, value]))
    }


def _all_printable(data: dict[str, Any]) -> bool:
    """Whether the data as JSON, where control characters are escaped, shows that all text is.

    False where it does not show it, for there are backslashes too, or is too deep to be written.
    """
    try:
        text = json.dumps(data, ensure_ascii=False)
    except RecursionError:
        return False
    return "\\" not in text and text.isprintable()


def _texts(data: object) -> Iterator[str]:
    """All text in JSON data, keys too; without recursion, which deep data would exhaust."""
    pending = [data]
    while pending:
        match pending.pop():
            case str(text):
                yield text
            case list(values):
                pending += values
            case dict(items):
                pending += [*items, *items.values()]


def schema_problems(error: ValidationError) -> list[str]:
    """What a schema found, a line for each key: where, what was expected, what came."""
    return list(problems_by_key(error).values())


def problems_by_key(error: ValidationError) -> dict[Any, str]:
    """The same by key."""
    by_key: dict[Any, str] = {}  # the parts of a union repeat themselves; the first one says it
    for fault in error.errors(include_url=False, include_context=False):
        key, *deeper = fault["loc"]
        missing = fault["type"] == "missing"
        # Beyond the second part there are names of a union's types, unless a key is missing.
        shown = deeper if missing else deeper[: 2 if isinstance((deeper or [""])[0], int) else 1]
        where = quote(key) + "".join(f"[{quote(part)}]" for part in shown)
        if missing:
            problem = f"expected a key {where}, got none; add it"
        else:
            what = fault["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            what = _PRIVATE.sub("", what)
            problem = f"{where}: {what}, got {quote(fault['input'])}"
        by_key.setdefault(key, problem)
    return by_key

"""A small benchmark of pictures, which the tests write, serve and answer for."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers import add_benchmark
from PIL import Image

from jarvis_stem.formats.names import bravais_result
from jarvis_stem.formats.sources import SOURCES_SUFFIX
from jarvis_stem.imaging import prototypes, stem
from jarvis_stem.utils.files import json_text, write_bytes, write_text

NAME = bravais_result("pictures")
HEXAGONAL, SQUARE, TEXT, BY_HAND = "a/hexagonal.png", "a/square.png", "b/text.png", "c/by_hand.png"
CLASSES = {HEXAGONAL: 0, SQUARE: 1, TEXT: 0, BY_HAND: 1}


def contents() -> dict[str, bytes]:
    """The files by id: two lattices, one of them twice, and one that is no picture."""
    named = prototypes.structures()
    drawn = stem.to_uint8(
        stem.simulate([named[f"proto-{n}.jpg"] for n in ("graphene-C", "rocksalt-PbTe")])
    )
    hexagonal, square = map(_png, drawn)
    return {HEXAGONAL: hexagonal, SQUARE: square, TEXT: b"no picture", BY_HAND: square}


def _png(pixels: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def sources(address: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What a sources.json says: all but one are at an address."""
    return {
        "classes": [0, 1, 2, 3, 4],
        "pictures": {
            id: {
                "address": "" if id == BY_HAND else f"{address}/{id}",
                "by_hand": "ask for it" if id == BY_HAND else "",
                "page": "https://example.org/pictures",
                "sha256": hashlib.sha256(content).hexdigest(),
                "licence": "MIT",
                "material": "graphene",
                "mode": "HAADF",
                "kind": "crystal",
                "pixel_size": None,
                "pixel_size_from": "",
                "crop": "",
            }
            for id, content in files.items()
        },
    }


def add_real(root: Path, files: Mapping[str, bytes], address: str = "https://example.org") -> Path:
    """Write the benchmark and its sources below a root; the path of the sources."""
    add_benchmark(root, NAME, {"train": {}, "test": CLASSES})
    path = root / NAME.page_path(SOURCES_SUFFIX)
    write_text(path, json_text(sources(address, files)))
    return path


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the pictures to their places in a folder."""
    for id, content in files.items():
        write_bytes(folder / id, content)


def edit(path: Path, id: str, **changes: object) -> None:
    """Change what a sources.json says of a picture."""
    data = json.loads(path.read_text())
    data["pictures"][id] |= changes
    write_text(path, json_text(data))

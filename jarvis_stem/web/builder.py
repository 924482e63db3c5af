"""The site: every page from the same data, static, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import holds, json_text, read_json_object, write_if_changed
from jarvis_stem.web.content import GUIDE, Content, card_page, images_page

MANIFEST = ".site.json"  # in the output folder: what a build made, for the next one to tidy up
SCORES = ("home", "board", "info")  # modules, each with pages(content): what needs the scores alone
PARTS = (*SCORES, "cards", "image_pages")
_EXPORT = re.compile(rb"export\{[^}]*\b(\w+) as default\b[^}]*\};")


@dataclass(frozen=True)
class Built:
    """What a build wrote; `changed` are the paths that were not so before, removed ones too."""

    pages: int
    files: int
    bytes: int
    changed: list[str]


def build(content: Content, output: Path, parts: Sequence[str] = PARTS) -> Built:
    """Write the site, or parts of it beside what an earlier build wrote.

    Args:
        content: What to show.
        output: Folder to write to. Files in it that no build made are left alone.
        parts: Of `PARTS`. Only if all are built, what an earlier build wrote and this one does not
            is removed.

    Returns:
        What was written; the same content twice changes nothing.

    Raises:
        StemError: Two pages would have the same path, or a file that is none of the site's is in
            the way.
        OSError: The folder cannot be written.
    """
    made = _made_before(output)
    partial = not set(PARTS) <= set(parts)
    kept = {path for path in made if partial and (output / path).is_file()}
    linked = {*_linked(content, parts), *map(PurePosixPath, kept)}
    linked |= {GUIDE} if (output / GUIDE).is_file() else set()
    content = replace(content, pages=frozenset(linked))
    files: dict[str, bytes] = {}
    for path, text in _files(content, parts):
        if str(path) in files:
            raise StemError(f"{path}: two pages of that name; rename what they are made of")
        files[str(path)] = text.encode() if isinstance(text, str) else text
    # What is there as it would be written is the site's: of a build that goes on beside this one.
    foreign = sorted(
        path
        for path in files.keys() - made
        if (output / path).exists() and not holds(output / path, files[path])
    )
    if foreign:
        raise StemError(f"{output / foreign[0]}: not made by this command; name another folder")
    # First the list of all that is or will be the site's: a crash then leaves nothing unlisted.
    _write_manifest(output, made | files.keys())
    changed = [path for path, data in files.items() if write_if_changed(output / path, data)]
    changed += [path for path in sorted(made - files.keys() - kept) if _remove(output / path)]
    beside = {path for path in _made_before(output) - made if (output / path).is_file()}
    _write_manifest(output, kept | beside | files.keys())
    return Built(
        pages=sum(path.endswith(".html") for path in files),
        files=len(files),
        bytes=sum(map(len, files.values())),
        changed=changed,
    )


def _linked(content: Content, parts: Sequence[str]) -> Iterator[PurePosixPath]:
    """Cards, image pages and thumbnails that are built."""
    for board in content.leaderboard.benchmarks:
        if "cards" in parts:
            yield from (card_page(result.contribution) for result in board.results)
        if "image_pages" in parts and (gallery := content.galleries.get(board.name)):
            yield images_page(board)
            yield from (path for path, _ in gallery.files())


def _files(content: Content, parts: Sequence[str]) -> Iterator[tuple[PurePosixPath, str | bytes]]:
    """The files of some parts by path below the site's root, and what every page loads."""
    for module in parts:
        yield from import_module(f"jarvis_stem.web.{module}").pages(content)
    assets = PurePosixPath("assets")
    for asset in sorted((Path(__file__).parent / "assets").iterdir()):
        yield assets / asset.name, asset.read_bytes()
    yield assets / "plotly.min.js", _package_file("plotly", "package_data/plotly.min.js")
    yield assets / "datatables.js", _classic_script(_package_file("itables", "html/dt_bundle.js"))


def _package_file(package: str, path: str) -> bytes:
    """A file of an installed package, which is not imported: itables would take pandas along."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StemError(f"{package}: not installed; install the versions in constraints.txt")
    return (Path(spec.origin).parent / path).read_bytes()


def _classic_script(module: bytes) -> bytes:
    """Turn itables' ES module into a script: from file:// a browser loads no modules.

    Its one export statement becomes a property of the window.

    Args:
        module: ``dt_bundle.js``: DataTables, its extensions and jQuery, each under the MIT license.

    Raises:
        StemError: The module has another export; the version of itables is one not tested.
    """
    match = _EXPORT.search(module)
    if match is None:
        raise StemError("itables: no DataTables in html/dt_bundle.js; install the tested version")
    head, tail = module[: match.start()], module[match.end() :]
    return b"(() => {\n" + head + b"window.DataTable = " + match[1] + b";" + tail + b"\n})();\n"


def _made_before(output: Path) -> set[str]:
    """What the manifest lists; nothing where there is none."""
    path = output / MANIFEST
    if not path.is_file():
        return set()
    files = read_json_object(path).get("files")
    if not isinstance(files, list) or not all(map(_is_inside, files)):
        raise StemError(f"{path}: not a list of a site's files; remove it and build anew")
    return set(files)


def _is_inside(file: object) -> bool:
    path = PurePosixPath(str(file))
    return isinstance(file, str) and not path.is_absolute() and ".." not in path.parts


def _write_manifest(output: Path, files: Iterable[str]) -> None:
    write_if_changed(output / MANIFEST, json_text({"files": sorted(files)}).encode())


def _remove(path: Path) -> bool:
    """Remove a file, and its folder if that is empty then; whether it was there."""
    if not path.is_file():
        return False
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    return True

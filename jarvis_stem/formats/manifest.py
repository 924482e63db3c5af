"""``<benchmarks>/SHA256SUMS``: no file is read whose checksum is not the one that is in it.

Scores mean nothing on a benchmark that was changed. ``sha256sum`` writes and checks that file.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.messages import quote

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class ChangedFileError(StemError):
    """A file that is not the one whose checksum is listed: nothing is to be scored."""


def verify(root: Path, path: Path) -> None:
    """Compare a file with its checksum in the manifest; without a manifest nothing is compared.

    Args:
        root: Folder of all benchmarks.
        path: A file below it.

    Raises:
        ChangedFileError: The manifest lists another checksum, or is not one.
        StemError: The manifest does not list the file.
    """
    manifest = root / MANIFEST
    if not manifest.exists():  # JARVIS-Leaderboard's own folder has none
        return
    expected = _checksums(manifest).get(path.relative_to(root).as_posix())
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        fault = ChangedFileError if expected else StemError
        raise fault(
            f"{path}: SHA-256 {got}, but {manifest} has {expected or 'no line for it'}; restore "
            f"the file, or record a change on purpose: cd {root} && sha256sum */*/* > {MANIFEST}"
        )


def _checksums(manifest: Path) -> dict[str, str]:
    """Checksums by path, as ``sha256sum`` writes them."""
    checksums = {}
    for number, line in enumerate(manifest.read_text("utf-8", "replace").splitlines(), 1):
        if not (found := _LINE.fullmatch(line)):
            raise ChangedFileError(
                f"{manifest}: line {number}: expected <sha256>  <path>, got {quote(line)}"
            )
        checksums[found[2]] = found[1]
    return checksums

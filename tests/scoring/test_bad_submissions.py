"""Bad submissions, each a folder on disk, against the checklist and the leaderboard."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import (
    ALL_RIGHT,
    HALF_RIGHT,
    HEADER,
    OTHER,
    REAL,
    SMALL,
    SMALL_SPLITS,
    add_benchmark,
    add_complete,
    complete_metadata,
    run_record,
)
from helpers import (
    THREE_RIGHT as GOOD,
)

from jarvis_stem.formats.names import ResultName
from jarvis_stem.scoring.board import Leaderboard, Result
from jarvis_stem.scoring.checklist import check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.utils.files import zip_bytes
from jarvis_stem.utils.messages import printable

PREDICTIONS = {"bad": GOOD, "half": HALF_RIGHT, "right": ALL_RIGHT}
SCORES = {"bad": 0.75, "half": 0.5, "right": 1.0}
ZIP, MEMBER = SMALL.predictions_name, SMALL.csv_name
LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"  # the three headers of a zip

Spoil = Callable[[Path], object]
Cases = dict[str, tuple[Spoil, str]]


def zipped(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, mode: int = 0
) -> Callable[[Path], None]:
    """Put other members into the zip."""

    def spoil(folder: Path) -> None:
        with zipfile.ZipFile(folder / ZIP, "w", method) as archive:
            for name, content in members:
                info = zipfile.ZipInfo(name)
                info.compress_type, info.external_attr = method, mode << 16
                archive.writestr(info, content)

    return spoil


def patched(
    *fields: tuple[bytes, int, str, int], content: bytes = GOOD.encode(), method: int = 8
) -> Spoil:
    """Overwrite fields (header, offset in it, format, value) of a good zip."""

    def spoil(folder: Path) -> None:
        zipped((MEMBER, content), method=method)(folder)
        packed = bytearray((folder / ZIP).read_bytes())
        for header, offset, form, value in fields:
            struct.pack_into(f"<{form}", packed, packed.index(header) + offset, value)
        (folder / ZIP).write_bytes(packed)

    return spoil


def raw(content: bytes, name: str = ZIP) -> Spoil:
    """Replace a file."""
    return lambda folder: (folder / name).write_bytes(content)


def cut(length: int) -> Spoil:
    """Leave only the first bytes of the zip."""
    return lambda folder: (folder / ZIP).write_bytes((folder / ZIP).read_bytes()[:length])


def zip_crypto(content: bytes, password: bytes) -> bytes:
    """Encrypt as PKZIP does (APPNOTE.TXT, section 6.1), after a random header of zeros."""
    table = [zlib.crc32(bytes([i]), 0xFFFFFFFF) ^ 0xFFFFFFFF for i in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def step(key: int, byte: int) -> int:
        return (key >> 8) ^ table[(key ^ byte) & 0xFF]

    def update(byte: int) -> None:
        keys[0] = step(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = step(keys[2], keys[1] >> 24)

    def encrypt(byte: int) -> int:
        word = keys[2] | 2
        update(byte)
        return byte ^ ((word * (word ^ 1)) >> 8) & 0xFF

    for byte in password:
        update(byte)
    check_byte = zlib.crc32(content) >> 24
    return bytes(map(encrypt, bytes(11) + bytes([check_byte]) + content))


def encrypted(folder: Path) -> None:
    """Encrypt the zip's member, which unzip opens with the password 'x'."""
    content = GOOD.encode()
    secret = zip_crypto(content, b"x")
    patched(
        *((header, at, "H", 1) for header, at in ((LOCAL, 6), (CENTRAL, 8))),
        *((header, at, "I", zlib.crc32(content)) for header, at in ((LOCAL, 14), (CENTRAL, 16))),
        *((header, at, "I", len(content)) for header, at in ((LOCAL, 22), (CENTRAL, 24))),
        content=secret,
        method=zipfile.ZIP_STORED,
    )(folder)
    with zipfile.ZipFile(folder / ZIP) as archive:
        assert archive.read(MEMBER, pwd=b"x") == content


def instead(make: Callable[[Path], object], name: str = ZIP) -> Spoil:
    """Put something else in a file's place."""

    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return spoil


def csv(content: str | bytes) -> Spoil:
    """Send another CSV."""
    content = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / ZIP).write_bytes(zip_bytes(MEMBER, content))


def cell(text: str) -> Spoil:
    """Predict that for e.jpg."""
    return csv(GOOD.replace("e.jpg,1", f"e.jpg,{text}"))


def renamed(name: str) -> Spoil:
    """Give the predictions another name."""
    return lambda folder: (folder / ZIP).rename(folder / name)


def metadata(change: dict[str, Any]) -> Spoil:
    """Change keys of metadata.json."""
    return raw(json.dumps({**complete_metadata(), **change}).encode(), "metadata.json")


def without(key: str) -> Spoil:
    """Leave a key of metadata.json out."""
    data = complete_metadata()
    del data[key]
    return raw(json.dumps(data).encode(), "metadata.json")


def metadata_text(old: str, new: str) -> Spoil:
    """Change metadata.json as text."""
    text = json.dumps(complete_metadata())
    assert old in text
    return raw(text.replace(old, new, 1).encode("utf-8", "surrogatepass"), "metadata.json")


def record(change: object, text: Callable[[str], str] = str) -> Spoil:
    """Put a run's record there, but for a change."""
    data = {**run_record(0.75), **change} if isinstance(change, dict) else change
    return raw(text(json.dumps(data)).encode(), SMALL.run_record_name)


def script(content: str | bytes) -> Spoil:
    """Write another run.sh."""
    return raw(content if isinstance(content, bytes) else content.encode(), "run.sh")


def under(name: str) -> Spoil:
    """Rename the contribution's folder."""
    return lambda folder: folder.rename(folder.with_name(name))


def linked(folder: Path) -> None:
    """Make the folder a link to one that is elsewhere."""
    elsewhere = folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to(elsewhere)


def sized(length: int) -> bytes:
    """So much text that is hard to compress."""
    return b"".join(hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(length // 64))


only = "expected a single member, got"
ZIPS: Cases = {
    "no member": (zipped(), f"{only} 0: none"),
    "two members": (zipped((MEMBER, GOOD.encode()), ("x", b"")), f"{only} 2: {MEMBER!r}, 'x'"),
    "five members": (zipped(*((f"{i}", b"") for i in range(5))), f"{only} 5: '0', '1', '2', …"),
    "a folder alone": (zipped((f"{MEMBER}/", b"")), " is a folder; zip the file itself"),
    "two names of one member": (
        patched((LOCAL, 30, "B", ord("B"))),
        "not a readable zip (File name in directory",
    ),
    "member is a link": (
        zipped((MEMBER, b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
        "is a link or another special file; zip the file itself",
    ),
    "member is a pipe": (
        zipped((MEMBER, GOOD.encode()), mode=stat.S_IFIFO | 0o644),
        f"{MEMBER!r} is a link or another special file",
    ),
    "flagged as encrypted": (
        patched((CENTRAL, 8, "H", 1)),
        f"{MEMBER!r} is encrypted; zip it without a password",
    ),
    "encrypted": (encrypted, "is encrypted; zip it without a password"),
    "packed 1000 to 1": (
        zipped((MEMBER, GOOD.encode() + b"\n" * 1_000_000)),
        "more than 200 to 1; refused unread",
    ),
    "too large": (
        zipped((MEMBER, GOOD.encode() + sized(1_200_000))),
        f"{len(GOOD) + 1_200_000} bytes are more than the 1052672 that are read",
    ),
    "too large as a zip": (
        raw(sized(1_200_000)),
        "1200000 bytes are more than the 1052672 that are read",
    ),
    "says it is small": (
        patched((CENTRAL, 24, "I", 10)),
        "not a readable zip (Bad CRC-32 for file",
    ),
    "says it is large": (
        patched((CENTRAL, 24, "I", 2**32 - 2)),
        "4294967294 bytes packed into",
    ),
    "says it is large and stored so": (
        patched((CENTRAL, 20, "I", 10**6), (CENTRAL, 24, "I", 10**6), (LOCAL, 18, "I", 10**6)),
        "not a readable zip (",  # that it has 46 bytes, or that its entries overlap
    ),
    "wrong checksum": (
        patched((CENTRAL, 16, "I", 1), (LOCAL, 14, "I", 1)),
        "not a readable zip (Bad CRC-32 for file",
    ),
    "member elsewhere": (
        patched((CENTRAL, 42, "I", 5)),
        "not a readable zip (Bad magic number for file header)",
    ),
    "member beyond the end": (patched((CENTRAL, 42, "I", 2**31)), "not a readable zip ("),
    "zip64 without the field": (
        patched((CENTRAL, 20, "I", 2**32 - 1), (CENTRAL, 24, "I", 2**32 - 1)),
        "4294967295 bytes are more than the 1052672 that are read",
    ),
    "directory elsewhere": (patched((END, 16, "I", 2**32 - 2)), "not a readable zip ("),
    "directory cut": (patched((END, 12, "I", 20)), "not a readable zip ("),
    "lzma": (zipped((MEMBER, GOOD.encode()), method=zipfile.ZIP_LZMA), "neither stored nor def"),
    "bzip2": (zipped((MEMBER, GOOD.encode()), method=zipfile.ZIP_BZIP2), "neither stored nor def"),
    "unknown compression": (patched((CENTRAL, 10, "H", 99)), "is neither stored nor deflated; zip"),
    "a zip in the zip": (
        zipped((MEMBER, zip_bytes(MEMBER, GOOD.encode()))),
        "not UTF-8 at byte 14; save the CSV as UTF-8",
    ),
    "broken compression": (patched((LOCAL, 30 + len(MEMBER), "B", 0xFF)), "not a readable zip ("),
    "cut in the middle": (cut(100), "not a readable zip (File is not a zip file); zip the file an"),
    "cut at the end": (cut(-1), "not a readable zip (File is not a zip file)"),
    "plain CSV": (raw(GOOD.encode()), "not a readable zip (File is not a zip file)"),
    "gzip": (raw(gzip.compress(GOOD.encode(), mtime=0)), "not a readable zip (File is not a zip"),
    "no bytes": (raw(b""), "not a readable zip (File is not a zip file)"),
    "folder": (instead(Path.mkdir), f"{ZIP}: not a regular file"),
    "pipe": (instead(os.mkfifo), f"{ZIP}: not a regular file"),
    "link to another's": (
        instead(lambda path: path.symlink_to(f"../right/{ZIP}")),
        f"'{ZIP}': a link; put what it points to there",
    ),
    "link to nothing": (instead(lambda path: path.symlink_to("nothing")), f"{ZIP}: no such file"),
    "link to a device": (
        instead(lambda path: path.symlink_to("/dev/zero")),
        f"{ZIP}: not a regular file",
    ),
}

named = f"expected the single member {MEMBER!r}, got"
MEMBERS: Cases = {
    "another name": (zipped(("x.csv", GOOD.encode())), f"{named} 'x.csv'"),
    "name in upper case": (zipped((MEMBER.upper(), GOOD.encode())), f"{named} 'AI-IMAGECLASS-"),
    "in a folder": (zipped((f"x/{MEMBER}", GOOD.encode())), f"{named} 'x/AI-"),
    "absolute name": (zipped((f"/{MEMBER}", GOOD.encode())), f"{named} '/AI-"),
    "name with ..": (zipped((f"../{MEMBER}", GOOD.encode())), f"{named} '../AI-"),
    "name with a NUL": (
        lambda folder: (
            zipped((f"{MEMBER}!../x", GOOD.encode()))(folder),
            raw((folder / ZIP).read_bytes().replace(b"!", b"\0"))(folder),
        ),
        f"{named} '{MEMBER}\\x00../x'",
    ),
    "endless name": (zipped(("x" * 60_000, GOOD.encode())), f"{named} 'xxx"),
}

header = "expected a header with the columns id and prediction once each"
CSVS: Cases = {
    "no text": (csv(""), f"{header} (target may be there too), got ''"),
    "blank lines": (csv("\n\n\n"), header),
    "no header": (csv("d.jpg,0\ne.jpg,1\n"), f"{header} (target may be there too), got 'd.jpg,0'"),
    "header in upper case": (csv(GOOD.replace("id", "ID")), "got 'ID,prediction'"),
    "another column's name": (csv(GOOD.replace("prediction", "pred")), "got 'id,pred'"),
    "id twice": (csv("id,id,prediction\n"), "got 'id,id,prediction'"),
    "prediction twice": (csv("id,prediction,prediction\n"), "once each"),
    "target twice": (csv("id,target,target,prediction\n"), "got 'id,target,target,prediction'"),
    "semicolons": (csv(GOOD.replace(",", ";")), "got 'id;prediction'"),
    "tabs": (csv(GOOD.replace(",", "\t")), "got 'id\\tprediction'"),
    "endless header": (csv("x," * 50_000 + "\n"), f"{header} (target may be there too), got 'x,x,"),
    "UTF-16": (csv(GOOD.encode("utf-16")), "not UTF-8 at byte 0; save the CSV as UTF-8"),
    "UTF-16 without a mark": (csv(GOOD.encode("utf-16-le")), "a NUL at character 1; save the CSV"),
    "Latin-1": (csv(GOOD.replace("d.jpg", "é").encode("latin-1")), "not UTF-8 at byte 14"),
    "half a surrogate": (csv(GOOD.encode() + b"\xed\xa0\x80"), f"not UTF-8 at byte {len(GOOD)}"),
    "NUL": (csv(GOOD.replace("e.jpg", "e\0.jpg")), "a NUL at character 23"),
    "no rows": (csv(HEADER), "4 ids missing: 'd.jpg', 'e.jpg', 'f.jpg', …; predict each of the 4"),
    "an id missing": (csv(GOOD.replace("e.jpg,1\n", "")), "1 id missing: 'e.jpg'; predict each of"),
    "an id repeated": (
        csv(GOOD + "e.jpg,1\n"),
        "1 id repeated: 'e.jpg' 2 times; predict each test id once",
    ),
    "an id repeated with another class": (csv(GOOD + "e.jpg,2\n"), "1 id repeated: 'e.jpg' 2"),
    "an unknown id": (
        csv(GOOD + "z.jpg,1\n"),
        "1 id unknown: 'z.jpg'; the benchmark's test split has none of that name",
    ),
    "a training id": (csv(GOOD + "a.jpg,0\n"), "1 id unknown: 'a.jpg'; the benchmark's test split"),
    "another benchmark's ids": (
        csv(HEADER + "".join(f"JVASP-{i}.jpg,0\n" for i in range(4))),
        "4 ids unknown: 'JVASP-0.jpg', 'JVASP-1.jpg', 'JVASP-2.jpg', …",
    ),
    "forged with junk ids": (
        csv(HEADER + "d.jpg,0\n" + "".join(f"junk{i},0\n" for i in range(3))),
        "3 ids missing: 'e.jpg', 'f.jpg', 'g.jpg'; predict each of the 4 test ids",
    ),
    "forged with one id again": (csv(HEADER + "d.jpg,0\n" * 4), "1 id repeated: 'd.jpg' 4 times"),
    "an id with a space": (
        csv(GOOD.replace("e.jpg", "e.jpg ")),
        "1 id miswritten: 'e.jpg ' for 'e.jpg' (stray spaces); write ids exactly as",
    ),
    "an id in upper case": (
        csv(GOOD.replace("e.jpg", "E.jpg")),
        "'E.jpg' for 'e.jpg' (upper or lower case); write ids exactly as the benchmark does",
    ),
    "an id without .jpg": (csv(GOOD.replace("e.jpg", "e")), "for 'e.jpg' (.jpg missing or extra)"),
    "an id with .jpg twice": (
        csv(GOOD.replace("e.jpg", "e.jpg.jpg")),
        "1 id unknown: 'e.jpg.jpg'; the benchmark's",
    ),
    "an id wrong in all ways": (
        csv(GOOD.replace("e.jpg", " E")),
        "' E' for 'e.jpg' (stray spaces, upper or lower case, .jpg missing or extra)",
    ),
    "an id with a line feed": (
        csv(GOOD.replace("e.jpg", '"e.jpg\n"')),
        "'e.jpg\\n' for 'e.jpg' (stray spaces)",
    ),
    "an id that turns the text round": (
        csv(GOOD.replace("e.jpg", "\u202egpj.e")),
        "1 id unknown: '\\u202egpj.e'",
    ),
    "a number as index": (csv("id,prediction\n0,0\n1,1\n2,2\n3,1\n"), "4 ids unknown: '0', '1',"),
    "no prediction": (
        cell(""),
        "1 prediction not a class: line 3: ''; the classes are 0, 1, 2",
    ),
    "NaN": (cell("nan"), "line 3: 'nan'; the classes are 0, 1, 2"),
    "NaN everywhere": (
        csv(HEADER + "".join(f"{i}.jpg,NaN\n" for i in "defg")),
        "4 predictions not a class: line 2: 'NaN', line 3: 'NaN', line 4: 'NaN', …",
    ),
    "infinity": (cell("inf"), "line 3: 'inf'"),
    "minus infinity": (cell("-inf"), "line 3: '-inf'"),
    "a probability": (cell("0.93"), "line 3: '0.93'"),
    "half a class": (cell("1.5"), "line 3: '1.5'"),
    "almost a class": (cell("1.0000001"), "line 3: '1.0000001'"),
    "probabilities of all classes": (cell('"[0.1, 0.8, 0.1]"'), "line 3: '[0.1, 0.8, 0.1]'"),
    "a class's name": (cell("square"), "line 3: 'square'"),
    "scientific notation": (cell("1e0"), "line 3: '1e0'"),
    "hexadecimal": (cell("0x1"), "line 3: '0x1'"),
    "underscore": (cell("0_1"), "line 3: '0_1'"),
    "Arabic digit": (cell("١"), "line 3: '١'"),
    "superscript": (cell("¹"), "line 3: '¹'"),
    "full-width digit": (cell("１"), "line 3: '１'"),
    "boolean": (cell("True"), "line 3: 'True'"),
    "sign": (cell("+1"), "line 3: '+1'"),
    "decimal comma": (cell('"1,0"'), "line 3: '1,0'"),
    "beyond the classes": (cell("3"), "line 3: '3'; the classes are 0, 1, 2"),
    "negative": (cell("-1"), "line 3: '-1'; the classes are 0, 1, 2"),
    "wraps round at 2**64": (cell(f"{2**64 + 1}"), "line 3: '18446744073709551617'"),
    "endless number": (cell("1" + "0" * 5000), "line 3: '1000000"),
    "spreadsheet formula": (cell("=1"), "line 3: '=1'"),
    "terminal codes": (cell("\x1b[2J1"), "line 3: '\\x1b[2J1'"),
    "another target": (
        csv("id,target,prediction\nd.jpg,0,0\ne.jpg,2,1\nf.jpg,2,2\ng.jpg,2,1\n"),
        "1 target unlike the benchmark's: line 3: '2' instead of 1; mend or leave out target",
    ),
    "targets left empty": (
        csv("id,target,prediction\nd.jpg,,0\ne.jpg,,1\nf.jpg,,2\ng.jpg,,1\n"),
        "4 targets unlike the benchmark's: line 2: '' instead of 0, line 3: '' instead of 1",
    ),
    "targets as predicted": (
        csv("id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,2\ng.jpg,1,1\n"),
        "1 target unlike the benchmark's: line 5: '1' instead of 2",
    ),
    "short row": (
        csv(GOOD.replace("e.jpg,1", "e.jpg")),
        "1 row without exactly the header's 2 fields: line 3 has 1",
    ),
    "long row": (csv(GOOD.replace("e.jpg,1", "e.jpg,1,2")), "2 fields: line 3 has 3"),
    "row of spaces": (csv(GOOD + "   \n"), "2 fields: line 6 has 1"),
    "comma at the end of rows": (csv(GOOD.replace(",1\n", ",1,\n")), "2 rows without exactly"),
    "unclosed quote": (csv(GOOD.replace("e.jpg", '"e.jpg')), "is not CSV (unexpected end of data)"),
    "text after a quote": (csv(GOOD.replace("e.jpg", '"e".jpg')), "line 3 is not CSV ("),
    "giant field": (
        csv(GOOD.replace("e.jpg", "e" * 200_000)),
        "line 3 is not CSV (field larger than field limit (131072))",
    ),
    "too many rows": (csv(GOOD * 3), "expected 4 rows, got more than 8"),
    "header twice": (csv(GOOD + HEADER), "line 6: 'prediction'; the classes are 0, 1, 2"),
    "JSON": (csv(json.dumps({"d.jpg": 0})), f"{header} (target may be there too), got '{{\"d.jpg"),
    "HTML": (csv("<!doctype html><html>Not found</html>"), "got '<!doctype html>"),
    "LFS pointer": (csv("version https://git-lfs.github.com/spec/v1\n"), "got 'version https:"),
}

convention = "expected <CAT>-<SUBCAT>-<prop>-<dataset>-<split>-<metric>.csv.zip"
NAMES: Cases = {
    "not the convention": (renamed("predictions.csv.zip"), f"'predictions.csv.zip': {convention}"),
    "seven parts": (renamed(f"AI-{ZIP}"), convention),
    "an empty part": (renamed(ZIP.replace("small", "")), convention),
    "a space": (renamed(ZIP.replace("small", "sm all")), convention),
    "a copy": (renamed(ZIP.replace(".csv", " (1).csv")), convention),
    "control characters": (renamed(f"\x1b[2J{ZIP}"), f"'\\x1b[2J{ZIP}': {convention}"),
    "not UTF-8": (renamed(f"\udcff{ZIP}"), f"'\\udcff{ZIP}': {convention}"),
    "no suffix": (renamed(str(SMALL)), "no predictions: expected a file named <CAT>"),
    "suffix in upper case": (renamed(f"{SMALL}.CSV.ZIP"), "no predictions: expected a file named"),
    "not zipped": (renamed(MEMBER), "no predictions: expected a file named <CAT>"),
    "no file": (lambda folder: (folder / ZIP).unlink(), "no predictions: expected a file named"),
    "unknown benchmark": (
        renamed(REAL.predictions_name),
        "no benchmark AI/ImageClass/stem_2d_image_bravais_class.json.zip; similar: AI/Im",
    ),
    "benchmark outside": (
        renamed(ZIP.replace("AI-ImageClass", "..-..")),
        "no benchmark ../../small_bravais_class.json.zip; similar: ",
    ),
    "benchmark in lower case": (renamed(ZIP.replace("AI", "ai")), "no benchmark ai/ImageClass"),
    "of another benchmark": (renamed(ZIP.replace("small", "other")), "expected 1 rows, got more"),
}

unique = "metadata.json: "
bidi = "expected text without control characters, got"
METADATA: Cases = {
    "no file": (
        lambda folder: (folder / "metadata.json").unlink(),
        f"{unique}no such file",
    ),
    "UTF-16": (
        raw('{"model_name": 1}'.encode("utf-16"), "metadata.json"),
        f"{unique}not JSON ('utf-8'",
    ),
    "no bytes": (raw(b"", "metadata.json"), f"{unique}not JSON (Expecting value: line 1 column 1"),
    "not JSON": (raw(b"{model_name: 1}", "metadata.json"), f"{unique}not JSON (Expecting property"),
    "Python": (metadata_text('"CNN"', "None"), f"{unique}not JSON ("),
    "not UTF-8": (raw(b'{"a": "\xff"}', "metadata.json"), f"{unique}not JSON ('utf-8' codec can't"),
    "list": (raw(b"[]", "metadata.json"), f"{unique}expected a JSON object {{...}}, got list"),
    "text": (raw(b'"x"', "metadata.json"), f"{unique}expected a JSON object {{...}}, got str"),
    "huge": (
        raw(b" " * (2**20 + 1), "metadata.json"),
        f"{unique}1048577 bytes are more than the 1048576 that are read",
    ),
    "deep": (raw(b'{"a":' * 100_000, "metadata.json"), f"{unique}not JSON (maximum recursion"),
    "folder": (instead(Path.mkdir, "metadata.json"), f"{unique}not a regular file"),
    "pipe": (instead(os.mkfifo, "metadata.json"), f"{unique}not a regular file"),
    "link": (
        instead(lambda path: path.symlink_to("../right/metadata.json"), "metadata.json"),
        "'metadata.json': a link; put what it points to there",
    ),
    "NaN": (metadata_text(": 12", ": NaN"), f"{unique}not JSON (NaN is not JSON)"),
    "Infinity": (metadata_text(": 12", ": Infinity"), f"{unique}not JSON (Infinity is not JSON)"),
    "too large a number": (metadata_text(": 12", ": 1e999"), "('1e999' is more than a number can"),
    "endless number": (metadata_text(": 12", f": {'9' * 5000}"), f"{unique}not JSON (Exceeds the"),
    "a key twice": (
        metadata_text("{", '{"model_name": "other", '),
        f"{unique}not JSON (the key 'model_name' twice in one object)",
    ),
}
KEYS: Cases = {
    **{
        f"no {key}": (without(key), f"{unique}expected a key {key!r}, got none; add it")
        for key in complete_metadata()
    },
    "name is a number": (
        metadata({"model_name": 5}),
        "'model_name': expected a valid string,",
    ),
    "team is null": (
        metadata({"team_name": None}),
        "'team_name': expected a valid string, g",
    ),
    "line feed": (metadata({"team_name": "a\nb"}), f"'team_name': {bidi} 'a\\nb'"),
    "terminal codes": (metadata({"os": "\x1b[31mred"}), f"'os': {bidi} '\\x1b[31mred'"),
    "right to left": (metadata({"model_name": "\u202eNNC"}), f"'model_name': {bidi} '\\u202eNNC'"),
    "half a surrogate": (metadata({"language": "\ud800"}), f"'language': {bidi} '\\ud800'"),
    "control characters in an unknown key": (metadata({"a\0": 1}), f"'a\\x00': {bidi} 1"),
    "control characters in depth": (
        metadata({"note": [{"x": ["\x07"]}]}),
        f"'note': {bidi} [{{'x': ['\\x07']}}]",
    ),
    "endless text": (
        metadata({"software_used": "x" * 1001}),
        "'software_used': String should have at most 1000 characters, got 'xxx",
    ),
    "no e-mail": (
        metadata({"author_email": "me at example.org"}),
        "'author_email': expected an e-mail address like name@example.org, got 'me at",
    ),
    "e-mail without a domain": (metadata({"author_email": "me@"}), "e-mail address like name@"),
    "two e-mails": (metadata({"author_email": "a@b.org, c@d.org"}), "e-mail address like name@"),
    "ISO date": (
        metadata({"date_submitted": "2025-11-22"}),
        "'date_submitted': expected a date as MM-DD-YYYY, got '2025-11-22'",
    ),
    "date with slashes": (metadata({"date_submitted": "11/22/2025"}), "a date as MM-DD-YYYY, got"),
    "day first": (metadata({"date_submitted": "22-11-2025"}), "a date as MM-DD-YYYY, got '22-11"),
    "31 February": (metadata({"date_submitted": "02-31-2025"}), "a date as MM-DD-YYYY, got '02"),
    "short date": (
        metadata({"date_submitted": "1-2-2025"}),
        "a date as MM-DD-YYYY, got '1-2",
    ),
    "Arabic date": (metadata({"date_submitted": "١١-٢٢-٢٠٢٥"}), "a date as MM-DD-YYYY, got"),
    "script address": (
        metadata({"project_url": "javascript:alert(1)"}),
        "'project_url': expected an address that starts with https:// or http://, got 'javascript:",
    ),
    "file address": (metadata({"project_url": "file:///etc/passwd"}), "got 'file:///etc/passwd'"),
    "address without a scheme": (metadata({"project_url": "example.org"}), "got 'example.org'"),
    "address with markup": (metadata({"project_url": 'https://x.org/"><b>'}), "that starts with"),
    "address that shows another's name": (
        metadata({"project_url": "https://github.com@evil.example/x"}),
        "'project_url': expected an address with the name of a host alone before its path, got",
    ),
    "address without a host": (metadata({"project_url": "https:///x"}), "the name of a host alone"),
    "address with a port that is none": (
        metadata({"project_url": "https://x.org:99999/"}),
        "'project_url': Port out of range 0-65535, got",
    ),
    "git address": (
        metadata({"git_url": ["https://x.org", "git@github.com:a/b.git"]}),
        "'git_url'[1]: expected an address that starts with https:// or http://, got 'git@github",
    ),
    "git address that is no list": (
        metadata({"git_url": "https://x.org"}),
        "'git_url': expected a valid list, got 'https://x.org'",
    ),
    "times as a number": (
        metadata({"time_taken_seconds": 12}),
        "'time_taken_seconds': expected a valid dictionary, got 12",
    ),
    "time as text": (
        metadata({"time_taken_seconds": {ZIP: "12 s"}}),
        f"'time_taken_seconds'['{ZIP}']: expected a valid number, got '12 s'",
    ),
    "negative time": (
        metadata({"time_taken_seconds": {ZIP: -1}}),
        f"['{ZIP}']: expected greater than or equal to 0, got -1",
    ),
    "time as a boolean": (
        metadata({"time_taken_seconds": {ZIP: True}}),
        "valid number, got True",
    ),
    "a time beyond the age of the world": (
        metadata({"time_taken_seconds": {ZIP: 1e300}}),
        "1e+300",
    ),
    "a count that no float holds": (
        metadata({"missing_structures": {ZIP: 10**400}}),
        f"'missing_structures'['{ZIP}']: ",
    ),
    "half an id missing": (
        metadata({"missing_structures": {ZIP: 1.5}}),
        f"'missing_structures'['{ZIP}']: expected a valid integer, got 1.5",
    ),
    "negative count": (metadata({"missing_structures": {ZIP: -1}}), "or equal to 0, got -1"),
    "name is a tree": (
        metadata({"model_name": [[["x" * 99] * 20] * 20] * 20}),
        "'model_name': expected a valid string, got [[['xxx",
    ),
}

RECORDS: Cases = {
    "no bytes": (raw(b"", SMALL.run_record_name), f"{SMALL.run_record_name}: not JSON ("),
    "list": (record([]), f"{SMALL.run_record_name}: expected a JSON object {{...}}, got list"),
    "another accuracy": (
        record({"result": {"accuracy": 0.99, "n": 4}}),
        "'result'['accuracy']: expected 0.75, which the predictions beside it score, got 0.99; "
        "commit the files of one run together",
    ),
    "NaN": (record({}, lambda text: text.replace("3.5", "NaN")), "not JSON (NaN is not JSON)"),
    "no costs": (record({"costs": {}}), "'costs'['wall_seconds'], got none; add it"),
    "negative cost": (
        record({"costs": {**run_record(0)["costs"], "wall_seconds": -2}}),
        "'costs'['wall_seconds']: expected greater than or equal to 0, got -2",
    ),
    "cost as text": (
        record({"costs": {**run_record(0)["costs"], "cpu_seconds": "1 h"}}),
        "'costs'['cpu_seconds']: expected a valid number, got '1 h'",
    ),
    "more parameters than a float holds": (
        record({"costs": {**run_record(0)["costs"], "parameters": 10**400}}),
        "'costs'['parameters']: ",
    ),
    "seed as text": (record({"seed": "0"}), "'seed': expected a valid integer, got '0'"),
    "command of two lines": (record({"command": "a\nb"}), f"'command': {bidi} 'a\\nb'"),
    "huge": (record({"x": "x" * 2**22}), "are more than the 4194304 that are read"),
    "folder": (instead(Path.mkdir, SMALL.run_record_name), "run.json: not a regular file"),
    "a key twice": (
        record({}, lambda text: text.replace("{", '{"seed": 1, ', 1)),
        "not JSON (the key 'seed' twice in one object)",
    ),
}

plain = (
    "expected a name of letters, digits, '_', '.', '+', '-' that starts with a letter or a digit; "
    "rename it"
)
FOLDERS: Cases = {
    "space": (under("my model"), f"folder 'my model': {plain}"),
    "markup": (under("<b>"), f"folder '<b>': {plain}"),
    "accent": (under("modèle"), f"folder 'modèle': {plain}"),
    "control characters": (under("a\nb"), f"folder 'a\\nb': {plain}"),
    "not UTF-8": (under("\udcff"), f"folder '\\udcff': {plain}"),
    "an option": (under("-rf"), f"folder '-rf': {plain}"),
    "link": (linked, "'bad': a link; put what it points to there"),
    "link beside the predictions": (
        lambda folder: (folder / "data").symlink_to("/etc"),
        "'data': a link; put what it points to there",
    ),
}

# What only a pull request must have: the score stands without it.
UNSCORED: Cases = {
    **{
        f"{key} left empty": (
            metadata({key: ""}),
            f"{unique}{key!r}: expected some text, got ''; fill it in",
        )
        for key in ("author_email", "date_submitted", "model_name", "project_url", "team_name")
    },
    "no time": (
        metadata({"time_taken_seconds": {}}),
        f"'time_taken_seconds': expected a key '{ZIP}', got none; add it with the seconds that",
    ),
    "time of a file that is not there": (
        metadata({"time_taken_seconds": {ZIP: 1, "x.csv.zip": 2}}),
        "'time_taken_seconds': 'x.csv.zip' is no predictions file in this folder; remove it",
    ),
    "future date": (
        metadata({"date_submitted": "01-01-2999"}),
        "'date_submitted': expected a date that is not in the future, got '01-01-2999'",
    ),
    "count of a file that is not there": (
        metadata({"missing_structures": {"x.csv.zip": 2}}),
        "'missing_structures': 'x.csv.zip' is no predictions file in this folder; remove it",
    ),
    "no run.sh": (
        lambda folder: (folder / "run.sh").unlink(),
        "run.sh: expected a file run.sh that makes the predictions anew, got none; add it",
    ),
    "run.sh a folder": (
        instead(Path.mkdir, "run.sh"),
        "got something else; put a plain file there",
    ),
    "run.sh a pipe": (instead(os.mkfifo, "run.sh"), "got something else; put a plain file there"),
    "run.sh not executable": (
        lambda folder: (folder / "run.sh").chmod(0o644),
        "run.sh is executable: mode 644: expected it executable; chmod +x run.sh",
    ),
    "run.sh with CRLF": (
        script("#!/bin/bash\r\necho\r\n"),
        "run.sh is bash: line endings are CRLF, which bash cannot run; save it with LF",
    ),
    "run.sh with a NUL": (script(b"echo\0"), "run.sh is bash: a NUL at byte 4; expected a text"),
    "run.sh without fi": (
        script("if true; then\necho\n"),
        "run.sh is bash: line 3: syntax error: unexpected end of file",
    ),
    "run.sh in Python": (script("def f():\n"), "line 1: syntax error near unexpected token `('"),
    "run.sh that crashes bash": (
        script("${" * 200_000),
        "run.sh is bash: bash -n ended with status ",
    ),
    "run.sh too large": (
        script("#" * (2**20 + 1)),
        "run.sh: 1048577 bytes are more than the 1048576 that are read; move data out of it",
    ),
    "home folder": (
        script("#!/bin/bash\npython /home/me/train.py\n"),
        "run.sh names no path of one machine: 1 path of one machine: line 2: '/home/me/train.py'; "
        "make it relative or an argument",
    ),
    "home folder by tilde": (script("cd ~/jarvis\n"), "line 1: '~/jarvis'; make it relative"),
    "scratch disk": (script("x --data=/scratch/me --o '/mnt/x'\n"), "2 paths of one machine: lin"),
    "drive of Windows": (
        script("python C:\\\\data\\\\x.py\n"),
        "1 path of one machine: line 1: 'C",
    ),
    "one machine's interpreter": (
        script("#!/opt/conda/bin/bash\n"),
        "line 1: '/opt/conda/bin/",
    ),
}


def labelled(**groups: Cases) -> list[Any]:
    return [
        pytest.param(spoil, expected, id=f"{group}: {label}")
        for group, cases in groups.items()
        for label, (spoil, expected) in cases.items()
    ]


SCORED = labelled(zip=ZIPS, csv=CSVS, name=NAMES, metadata=METADATA, record=RECORDS, folder=FOLDERS)
NOTICED = labelled(member=MEMBERS, keys=KEYS)
OTHERS = labelled(complete=UNSCORED)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two benchmarks and three contributions without a fault."""
    root = tmp_path_factory.mktemp("good")
    add_benchmark(root / "benchmarks")
    add_benchmark(root / "benchmarks", OTHER, {"test": {"x": 0}})
    for model, predictions in PREDICTIONS.items():
        folder = add_complete(root / "contributions", model, predictions)
        path = folder / SMALL.run_record_name
        path.write_text(json.dumps(run_record(SCORES[model])), encoding="utf-8")
    return root


@pytest.fixture
def contributions(good: Path, tmp_path: Path) -> Path:
    """A copy of the contributions, of which "bad" is to be spoilt."""
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    return tmp_path / "contributions"


@pytest.fixture(scope="module")
def alone(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """What the two others get by themselves."""
    root = tmp_path_factory.mktemp("alone")
    shutil.copytree(good / "contributions", root, ignore=lambda *_: ["bad"], dirs_exist_ok=True)
    return build(root, good / "benchmarks")


@pytest.mark.parametrize(("spoil", "expected"), [*SCORED, *NOTICED, *OTHERS])
def test_the_checklist_says_what_is_wrong(contributions: Path, spoil: Spoil, expected: str) -> None:
    spoil(contributions / "bad")
    done = check(_bad(contributions), contributions.parent / "benchmarks")
    assert not done.ok
    assert any(expected in failure for failure in done.failures), done.failures
    for failure in done.failures:
        assert failure.isprintable()
        assert len(failure) < 400
    assert done.text().endswith(f"{done.summary}")
    json.dumps(done.as_json())


@pytest.mark.parametrize(("spoil", "expected"), SCORED)
def test_the_leaderboard_refuses_it_and_nothing_else_changes(
    contributions: Path, alone: Leaderboard, spoil: Spoil, expected: str
) -> None:
    spoil(contributions / "bad")
    done = build(contributions, contributions.parent / "benchmarks")
    assert {r.contribution for r in done.all_rejected} == {printable(_bad(contributions).name)}
    problems = [f"{r.file}: {why}" for r in done.all_rejected for why in r.problems]
    assert any(expected in problem for problem in problems), problems
    assert _results(done) == _results(alone)


@pytest.mark.parametrize(("spoil", "expected"), NOTICED)
def test_what_does_not_change_the_score_is_a_notice_beside_it(
    contributions: Path, spoil: Spoil, expected: str
) -> None:
    spoil(contributions / "bad")
    done = build(contributions, contributions.parent / "benchmarks")
    assert done.all_rejected == []
    assert {r.contribution: r.score for r in _results(done)} == SCORES
    notices = {r.contribution: r.notices for r in _results(done) if r.notices}
    assert notices.keys() == {"bad"}, notices
    assert any(expected in notice for notice in notices["bad"]), notices
    assert all(notice.isprintable() and len(notice) < 400 for notice in notices["bad"])


@pytest.mark.parametrize(("spoil", "expected"), OTHERS)
def test_what_does_not_bear_on_the_score_is_scored(
    contributions: Path, spoil: Spoil, expected: str
) -> None:
    spoil(contributions / "bad")
    done = build(contributions, contributions.parent / "benchmarks")
    assert done.all_rejected == []
    assert {r.contribution: r.score for r in _results(done)} == SCORES


def test_the_good_ones_are_good(contributions: Path) -> None:
    for model in SCORES:
        done = check(contributions / model, contributions.parent / "benchmarks")
        assert done.ok, done.failures
        assert {line.status for line in done.lines} == {"pass"}


def test_no_case_is_there_twice(good: Path, tmp_path: Path) -> None:
    seen = set()
    cases = [*SCORED, *NOTICED, *OTHERS]
    for number, case in enumerate(cases):
        root = tmp_path / str(number) / "contributions"
        shutil.copytree(good / "contributions" / "bad", root / "bad")
        case.values[0](root / "bad")
        seen.add(_content(_bad(root)))
    assert len(seen) == len(cases) >= 80


def _bad(contributions: Path) -> Path:
    """The folder that was "bad", whatever its name is now."""
    (bad,) = (path for path in contributions.iterdir() if path.name not in ("half", "right"))
    return bad


def _results(leaderboard: Leaderboard) -> list[Result]:
    return [
        r for board in leaderboard.benchmarks if board.name == str(SMALL) for r in board.results
    ]


def _content(folder: Path) -> str:
    """A folder's name and all that is in it."""
    entries: list[object] = [folder.name]
    for path in [folder, *sorted(folder.rglob("*"))]:
        mode = path.lstat().st_mode
        content = path.read_bytes() if stat.S_ISREG(mode) else b""
        link = path.readlink() if path.is_symlink() else None
        entries.append((str(path.relative_to(folder)), mode, link, content))
    return hashlib.sha256(repr(entries).encode("utf-8", "replace")).hexdigest()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("name", [ZIP, "metadata.json", "run.sh"])
def test_a_file_that_nobody_may_read(contributions: Path, name: str) -> None:
    (contributions / "bad" / name).chmod(0)
    done = check(contributions / "bad", contributions.parent / "benchmarks")
    assert any("cannot be read (Permission denied)" in failure for failure in done.failures)


def test_all_faults_are_said_at_once(contributions: Path) -> None:
    bad = contributions / "bad"
    csv(GOOD.replace("e.jpg", "d.jpg").replace("f.jpg,2", "F.jpg,nan"))(bad)
    metadata({"author_email": "x", "date_submitted": "today"})(bad)
    script("cd /home/me; if\n")(bad)
    done = check(bad, contributions.parent / "benchmarks")
    for part in ("2 ids missing", "miswritten", "repeated", "'nan'", "e-mail", "MM-DD", "/home/me"):
        assert any(part in failure for failure in done.failures), part


def test_two_ways_to_read_one_benchmark(contributions: Path) -> None:
    """stem_2d_image + bravais_class and stem_2d + image_bravais_class make one file name."""
    benchmarks = contributions.parent / "benchmarks"
    add_benchmark(benchmarks, REAL, SMALL_SPLITS)
    twin = ResultName.parse("AI-ImageClass-image_bravais_class-stem_2d-test-acc")
    for name in (REAL, twin):
        path = contributions / "bad" / name.predictions_name
        path.write_bytes(zip_bytes(name.csv_name, GOOD.encode()))
    done = check(contributions / "bad", benchmarks)
    expected = f"stem_2d_image_bravais_class.json.zip is scored as {REAL}; rename the file to that"
    assert f"{twin.predictions_name}: {expected}" in done.failures
    (contributions / "bad" / REAL.predictions_name).unlink()
    board = build(contributions, benchmarks, [REAL])
    (rejection,) = board.all_rejected
    assert rejection.problems == [expected]

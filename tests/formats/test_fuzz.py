"""Hostile input: no traceback, no wrong score, nobody else's result changed.

Each example is a contribution on disk beside two good ones. HYPOTHESIS_PROFILE=nightly has 5,000
examples a test, the default 300.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import (
    ALL_RIGHT,
    HALF_RIGHT,
    SMALL,
    SMALL_SPLITS,
    add_benchmark,
    add_complete,
    complete_metadata,
    run_record,
)
from hypothesis import event, given
from hypothesis import strategies as st

from jarvis_stem.formats.benchmark import Benchmark
from jarvis_stem.formats.metadata import METADATA, blank
from jarvis_stem.formats.plain_rows import PlainRows
from jarvis_stem.formats.predictions import read_predictions
from jarvis_stem.scoring.board import Leaderboard, Result
from jarvis_stem.scoring.checklist import check
from jarvis_stem.scoring.leaderboard import build
from jarvis_stem.utils import files as files_module
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import json_text, read_zip, zip_bytes

TARGETS = SMALL_SPLITS["test"]
GOOD = "id,target,prediction\nd.jpg,0,0\ne.jpg,1,1\nf.jpg,2,2\ng.jpg,2,1\n"


@dataclass(frozen=True)
class Arena:
    """Two good contributions, what they get by themselves, and one that is spoilt."""

    root: Path
    before: Leaderboard

    @property
    def fuzzed(self) -> Path:
        return self.root / "contributions" / "fuzzed"

    def judge(self) -> Result | None:
        """The spoilt one's result, None if it was refused; the others' must be as before."""
        done = build(self.root / "contributions", self.root / "benchmarks")
        json_text(done.as_json())
        problems = [problem for r in done.all_rejected for problem in r.problems]
        checked = check(self.fuzzed, self.root / "benchmarks")
        for message in [*problems, *checked.failures]:
            assert message.isprintable()
            assert len(message) < 400
        (board,) = done.benchmarks
        own = [r for r in board.results if r.contribution == "fuzzed"]
        others = [r for r in board.results if r.contribution != "fuzzed"]
        (before,) = self.before.benchmarks
        assert bool(own) + bool(problems) + bool(done.left_out) == 1
        if own:
            event("scored")
            assert all(notice.isprintable() and len(notice) < 400 for notice in own[0].notices)
            assert [*map(_alone, others)] == [*map(_alone, before.results)]
            return own[0]
        event("refused")
        assert others == before.results
        assert not checked.ok
        return None


def _alone(result: Result) -> Result:
    """A result without what depends on the number of others."""
    return replace(result, rank=0, comparisons=[], same_predictions_as=[])


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    root = tmp_path_factory.mktemp("arena")
    add_benchmark(root / "benchmarks")
    add_complete(root / "contributions", "half", HALF_RIGHT)
    add_complete(root / "contributions", "right", ALL_RIGHT)
    before = build(root / "contributions", root / "benchmarks")
    folder = add_complete(root / "contributions", "fuzzed", GOOD)
    (folder / "run.sh").unlink()  # or each example would start bash
    return Arena(root, before)


@pytest.fixture(autouse=True)
def unspoilt(arena: Arena) -> None:
    """A contribution without a fault before each test."""
    (arena.fuzzed / SMALL.predictions_name).write_bytes(zip_bytes(SMALL.csv_name, GOOD.encode()))
    (arena.fuzzed / METADATA).write_text(json.dumps(complete_metadata()), encoding="utf-8")
    (arena.fuzzed / SMALL.run_record_name).unlink(missing_ok=True)


def mutated(content: bytes, splices: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Content with up to four pieces cut out, copied, overwritten or put in."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        mutant = content
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(mutant)))
            end = min(len(mutant), at + draw(st.integers(0, 12)))
            match draw(st.sampled_from(["cut", "copy", "overwrite", "insert", "flip", "truncate"])):
                case "cut":
                    mutant = mutant[:at] + mutant[end:]
                case "copy":
                    mutant = mutant[:end] + mutant[at:]
                case "overwrite":
                    piece = draw(splices)
                    mutant = mutant[:at] + piece + mutant[at + len(piece) :]
                case "insert":
                    mutant = mutant[:at] + draw(splices) + mutant[at:]
                case "flip" if at < len(mutant):
                    bit = 1 << draw(st.integers(0, 7))
                    mutant = mutant[:at] + bytes([mutant[at] ^ bit]) + mutant[at + 1 :]
                case "truncate" if draw(st.booleans()):
                    mutant = mutant[:at]
        return mutant

    return build()


CELLS = [*TARGETS, "a.jpg", "D.jpg", " d.jpg", "d", "0", "1", "2", "2.0", " 1 ", "3", "-1", "-0"]
CELLS += ["", '"', '""', '"1"', '"1', "nan", "inf", "1e0", "é", "\u202e", "\0", "\ufeff", "id"]
CELLS += ["prediction", "target", "\x1b[2J", "9" * 30, "=1", "0x1", "１", "\u2028", "\x85", "\x0c"]
CELL = st.sampled_from(CELLS)
CLASS = st.sampled_from(["0", "1", "2", "2.0", " 1 ", "0.9", "1.2", "1e0", "3", "-0", "nan", ""])
SPLICES = [*CELLS, ",", "\n", "\r", "\r\n", ";", "\t", ",,", "\n\n", "d.jpg,0\n", "e.jpg,2\n"]


@st.composite
def sheets(draw: st.DrawFn) -> bytes:
    """Good predictions, but for some cells and rows."""
    header = draw(st.permutations(["id", "prediction", draw(st.sampled_from(["target", "x"]))]))
    rows = [[id if c == "id" else str(true) for c in header] for id, true in TARGETS.items()]
    table = [header, *rows]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, len(table) - 1))
        match draw(st.sampled_from(["cell", "cell", "prediction", "repeat", "drop", "swap"])):
            case "cell":
                column = draw(st.integers(0, 2))
                table[row] = [*table[row][:column], draw(CELL), *table[row][column + 1 :]]
            case "prediction":
                column = header.index("prediction")
                table[row] = [*table[row][:column], draw(CLASS), *table[row][column + 1 :]]
            case "repeat":
                table.insert(draw(st.integers(1, len(table))), table[row])
            case "drop" if len(table) > 1:
                del table[row]
            case "swap":
                other = draw(st.integers(0, len(table) - 1))
                table[row], table[other] = table[other], table[row]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return end.join(map(",".join, table)).encode()


csvs = (
    mutated(GOOD.encode(), st.sampled_from(SPLICES).map(str.encode) | st.binary(max_size=4))
    | mutated(HALF_RIGHT.encode("utf-8-sig"), st.sampled_from(SPLICES).map(str.encode))
    | st.text().map(str.encode)
    | st.binary()
)


def right_by_pandas(content: bytes) -> int:
    """Count right predictions anew; every test id must be there once."""
    table = pd.read_csv(
        io.BytesIO(content), dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig"
    )
    table.columns = [name.strip() for name in table.columns]
    assert sorted(table["id"]) == sorted(TARGETS)
    return sum(
        float(text) == TARGETS[id]
        for id, text in zip(table["id"], table["prediction"], strict=True)
    )


@pytest.mark.parametrize("kind", ["hostile", "nearly good"])
@given(data=st.data())
def test_any_csv(arena: Arena, kind: str, data: st.DataObject) -> None:
    content = data.draw(csvs if kind == "hostile" else sheets())
    path = arena.fuzzed / SMALL.predictions_name
    path.write_bytes(zip_bytes(SMALL.csv_name, content))
    if result := arena.judge():
        assert result.n_correct == right_by_pandas(content)


@st.composite
def good_csvs(draw: st.DrawFn) -> tuple[dict[str, int], bytes]:
    """Predictions, and one of the many right ways to write them."""
    predictions = {id: draw(st.sampled_from([0, 1, 2])) for id in TARGETS}
    columns: dict[str, Callable[[str], str]] = {
        "id": str,
        "prediction": lambda id: draw(st.sampled_from(["{}", " {} ", "{}.0", "0{}.00"])).format(
            predictions[id]
        ),
        "target": lambda id: f"{TARGETS[id]}",
        "note": lambda _: draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]))),
    }
    wanted = ["id", "prediction", *(c for c in ("target", "note") if draw(st.booleans()))]
    header = draw(st.permutations(wanted))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"])),
    )
    writer.writerow(draw(st.sampled_from(["{}", " {}", "{} "])).format(name) for name in header)
    for id in draw(st.permutations([*TARGETS])):
        writer.writerow(columns[name](id) for name in header)
    return predictions, text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))


@given(written=good_csvs())
def test_every_right_way_to_write_predictions(
    arena: Arena, written: tuple[dict[str, int], bytes]
) -> None:
    predictions, content = written
    path = arena.fuzzed / SMALL.predictions_name
    path.write_bytes(zip_bytes(SMALL.csv_name, content))
    result = arena.judge()
    assert result is not None
    assert result.n_correct == sum(predictions[id] == TARGETS[id] for id in TARGETS)
    for row, true in enumerate((0, 1, 2)):
        wanted = [predictions[id] for id in TARGETS if TARGETS[id] == true]
        assert result.confusion[row] == [wanted.count(c) for c in (0, 1, 2)]


def _zips() -> list[bytes]:
    """The good predictions, zipped in the ways that there are."""
    content = GOOD.encode()
    zips = [zip_bytes(SMALL.csv_name, content)]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        for zip64 in (False, True):
            seekable = io.BytesIO()
            with zipfile.ZipFile(seekable, "w", method) as archive:
                info = zipfile.ZipInfo(SMALL.csv_name)
                info.compress_type = method
                with archive.open(info, "w", force_zip64=zip64) as stream:
                    stream.write(content)
                archive.comment = b"comment" * zip64
            zips.append(seekable.getvalue())
    two = io.BytesIO(zips[1])
    with zipfile.ZipFile(two, "a") as archive:
        archive.writestr("other", HALF_RIGHT)
    return [*zips, two.getvalue()]


ZIPS = _zips()
HEADERS = {b"PK\3\4": 30, b"PK\1\2": 46, b"PK\5\6": 22}  # signature and size
VALUES = [0, 1, 2, 3, 8, 9, 12, 14, 20, 45, 46, 58, 99, 2**15, 2**16 - 1, 2**31, 2**32 - 1]


CLASS_SETS: list[list[int | str]] = [[0, 1, 2], [0, 1, 2, 3, 4], ["a", "b"], [10, 9], [-1, 1]]
CLASS_SETS += [[1, "1"], ["0", 1], ["2.0", 2], ["x y", "z"], ["é", 0], ["#", '"'], [",", 1]]
CLASS_SETS += [[10**20, 1], ["", 0], [" ", 0], ["\n", 1], ["\ud800", 1], ["\0", 0]]
IDS = ["d.jpg", "e.jpg", "JVASP-1.jpg", "2dm-7.jpg", "id", "0", "1", "a b", " d.jpg", "D.jpg", "é"]
IDS += [
    "a,b",
    'a"b',
    '"',
    "#a",
    "",
    "a\nb",
    "a\rb",
    "\0",
    "\ud800",
    "\ufeff",
    "x" * 1001,
    "-",
    "=1",
]
plain_ids = st.integers(0, 9999).map("JVASP-{}.jpg".format)
FAULTS = [
    "1.0",
    " 1",
    "1 ",
    "+1",
    "1e0",
    "01",
    "",
    "3",
    "9" * 400,
    '"1"',
    "１",
    "\0",
    "\udcff",
    "-0",
]
FAULTS += [
    "nan",
    "#1",
    "1,1",
    "1\n",
    "1\r",
    "\t1",
    "\ufeff1",
    "1.",
    "'1'",
    "\x0b",
    "\x85",
    "\u2028",
]
HEADINGS = [
    "prediction,id",
    "id,prediction,note",
    " id,prediction",
    "ID,prediction",
    "id;prediction",
]
HEADINGS += ['"id",prediction', "#id,prediction", "", "id", "id,id,prediction", "\nid,prediction"]
ENDS = ["\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "\x0b", "\x85"]
ODDITIES = ["classes", "ids", "order", "heading", "cell", "twice", "repeat", "drop", "end", "tail"]
ODDITIES += ["bytes", ""]


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, int | str], list[int | str], bytes]:
    """A split, all classes and a file of predictions, plain but for up to two oddities."""
    odd = {draw(st.sampled_from(ODDITIES)), draw(st.sampled_from(["", "", "order", *ODDITIES]))}
    classes = draw(st.sampled_from(CLASS_SETS if "classes" in odd else CLASS_SETS[:2]))
    one_id = st.sampled_from(IDS) | st.text(max_size=3) if "ids" in odd else plain_ids
    split = draw(st.dictionaries(one_id, st.sampled_from(classes), min_size=1, max_size=4))
    with_target = draw(st.booleans())
    table = [
        [id, *([str(split[id])] if with_target else []), str(draw(st.sampled_from(classes)))]
        for id in (draw(st.permutations([*split])) if "order" in odd else split)
    ]
    at = draw(st.integers(0, len(table) - 1))
    if "cell" in odd:
        table[at][draw(st.integers(0, 1 + with_target))] = draw(st.sampled_from([*FAULTS, *IDS]))
    if "twice" in odd:
        table[at] = [draw(st.sampled_from([*split])), *table[at][1:]]
    if "repeat" in odd:
        table.insert(draw(st.integers(0, len(table))), table[at])
    if "drop" in odd:
        del table[at]
    heading = "id,target,prediction" if with_target else "id,prediction"
    lines = [draw(st.sampled_from(HEADINGS)) if "heading" in odd else heading]
    lines += map(",".join, table)
    end = draw(st.sampled_from(ENDS)) if "end" in odd else "\n"
    text = end.join(lines) + (draw(st.sampled_from(["", *ENDS, "#"])) if "tail" in odd else end)
    content = codecs.BOM_UTF8 * draw(st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2]))
    content += text.encode("utf-8", "surrogateescape" if "\ud800" not in text else "surrogatepass")
    splices = st.sampled_from(SPLICES).map(str.encode) | st.binary(max_size=4)
    return split, classes, draw(mutated(content, splices)) if "bytes" in odd else content


@given(file=files())
def test_plain_rows_change_no_outcome(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[dict[str, int | str], Any, bytes]
) -> None:
    """What is read fast is read strictly to the same predictions, and nothing else is read fast."""
    split, classes, content = file
    train = {f"train {number}": c for number, c in enumerate(classes)}
    path = tmp_path_factory.getbasetemp() / SMALL.predictions_name
    path.write_bytes(zip_bytes(SMALL.csv_name, content))
    benchmark = Benchmark(path, {"train": train, "test": split})
    fast = benchmark.plain_rows["test"].read(content)
    either, problems = read_predictions(path, SMALL, benchmark)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainRows, "read", lambda *_: None)
        strict, strict_problems = read_predictions(path, SMALL, benchmark)
    assert (either.tolist(), problems) == (strict.tolist(), strict_problems)
    if fast is not None:
        event("read fast")
        assert (fast.tolist(), []) == (strict.tolist(), strict_problems)
    else:
        event("refused" if problems else "read strictly")


@st.composite
def rewritten(draw: st.DrawFn) -> bytes:
    """A zip, some of whose header fields say something else."""
    packed = bytearray(draw(st.sampled_from(ZIPS)))
    for _ in range(draw(st.integers(1, 4))):
        header = draw(st.sampled_from([*HEADERS]))
        form = draw(st.sampled_from("BHI"))
        value = draw(st.sampled_from(VALUES) | st.integers(0, 2**32 - 1))
        at = packed.find(header) + draw(st.integers(0, HEADERS[header]))
        size = struct.calcsize(form)
        if 0 <= at <= len(packed) - size:
            struct.pack_into(f"<{form}", packed, at, value % 2 ** (8 * size))
    return bytes(packed)


pieces = st.sampled_from([*HEADERS, b"\xff" * 4, bytes(4), b"PK\6\6", b"PK\6\7", b"\1\0\x10\0"])
zips = (
    st.sampled_from(ZIPS).flatmap(lambda packed: mutated(packed, pieces | st.binary(max_size=8)))
    | rewritten()
    | st.binary()
)


@given(packed=zips)
def test_any_zip(arena: Arena, packed: bytes) -> None:
    """What is scored is what was zipped, whatever happened to the zip since."""
    (arena.fuzzed / SMALL.predictions_name).write_bytes(packed)
    if result := arena.judge():
        assert (result.n_correct, result.score) == (3, 0.75)


@given(packed=zips)
def test_what_is_unpacked_fast_is_what_zipfile_unpacks(
    tmp_path_factory: pytest.TempPathFactory, packed: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / SMALL.predictions_name
    path.write_bytes(packed)
    either = unpacked(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files_module, "_plainly_packed", lambda *_: None)
        assert either == unpacked(path)


def unpacked(path: Path) -> bytes | str:
    """A zip's only member, or why there is none."""
    try:
        return read_zip(path, SMALL.csv_name)
    except StemError as error:
        return str(error)


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
JSON_SPLICES = ["NaN", "-Infinity", "1e999", "9" * 5000, "null", "true", "[", "]", "{", "}", '"']
JSON_SPLICES += [":", ",", "\\ud800", "\\u202e", "\\u0000", "\n", "[[[[", '""', "-1", "0.5", "1e5"]

LIKELY: list[Any] = ["", "x", "é", "a\nb", "\x1b[2J", "\u202e", "x" * 1001, "02-29-2024", "a@b.org"]
LIKELY += ["https://x.org", {}, [], {SMALL.predictions_name: 5}, ["https://x.org"], 0.5, None]


def changed(good: dict[str, Any], keys: list[str]) -> st.SearchStrategy[bytes]:
    """Good JSON but for some keys, as data or as text."""
    text = json.dumps(good).encode()
    names = st.sampled_from([*good, *keys]) | st.text(max_size=5)
    likely = st.sampled_from(LIKELY) | st.text(max_size=9) | st.integers(-1, 10**16)
    return (
        st.dictionaries(names, likely, min_size=1, max_size=2).map(
            lambda data: json.dumps({**good, **data}).encode()
        )
        | st.dictionaries(names, json_data, max_size=3).map(
            lambda data: json.dumps({**good, **data}).encode()
        )
        | st.dictionaries(names, json_data).map(lambda data: json.dumps(data).encode())
        | mutated(text, st.sampled_from(JSON_SPLICES).map(str.encode) | st.binary(max_size=4))
        | st.binary()
        | json_data.map(lambda data: json.dumps(data).encode())
    )


@given(content=changed(complete_metadata(), ["missing_structures", "seconds", "__class__"]))
def test_any_metadata(arena: Arena, content: bytes) -> None:
    (arena.fuzzed / METADATA).write_bytes(content)
    if result := arena.judge():
        assert result.n_correct == 3
        data = json.loads(content)
        for key in ("model_name", "team_name", "date_submitted", "project_url"):
            assert getattr(result, key) in (data.get(key), "")
            assert getattr(result, key).isprintable()
        missing = {*blank()} - {*data}
        assert bool(result.notices) >= bool(missing)
        if not result.notices:
            assert all(value.isprintable() for value in data.values() if isinstance(value, str))
            seconds = data["time_taken_seconds"].get(SMALL.predictions_name, "")
            assert result.time_taken_seconds == (None if seconds == "" else seconds)


@given(content=changed(run_record(0.75), ["x"]))
def test_any_run_record(arena: Arena, content: bytes) -> None:
    (arena.fuzzed / SMALL.run_record_name).write_bytes(content)
    if result := arena.judge():
        assert result.n_correct == 3
        data = json.loads(content)
        assert round(data["result"]["accuracy"], 4) == 0.75
        assert result.cost is not None
        assert result.cost.wall_seconds == data["costs"]["wall_seconds"] >= 0
        assert result.cost.epochs == data["recipe"]["epochs"]


names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40)
parts = st.sampled_from([*str(SMALL).split("-"), "..", "", "train", "mae", "a b", "é", "bravais"])


@given(name=st.just(str(SMALL)) | names | st.lists(parts, min_size=5, max_size=7).map("-".join))
def test_any_file_name(arena: Arena, name: str) -> None:
    """Only the name of a result has its predictions scored."""
    good = arena.fuzzed / SMALL.predictions_name
    path = arena.fuzzed / f"{name}.csv.zip"
    good.rename(path)
    try:
        if arena.judge():
            assert path == good
    finally:
        path.rename(good)

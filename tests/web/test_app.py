"""What stands behind the app's page: settings, bounded uploads, who may ask, the process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from apps import running
from helpers import PATIENCE, start
from PIL import Image

from jarvis_stem import app
from jarvis_stem.utils.errors import StemError
from jarvis_stem.web.app.settings import read_settings
from jarvis_stem.web.app.uploads import Limits, Uploads
from jarvis_stem.web.app.worker import Settings, Source, Worker

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Picture
    from jarvis_stem.prediction.answer import Answer


# Settings.


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (("", "nm", "", ""), Settings()),
        (("0.02", "nm", " Mean ", "0"), Settings(0.2, "mean", 0)),
        (("0,2", "Å", "all", "20"), Settings(0.2, "all", 0.2)),
        ((" 20 ", "pm", "3", "3"), Settings(0.2, 3, 0.03)),
    ],
)
def test_settings(typed: tuple[str, str, str, str], expected: Settings) -> None:
    assert read_settings(*typed) == expected


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("x", "Å", "", ""), "pixel size 'x': expected a number above 0"),
        (("0", "Å", "", ""), "pixel size '0'"),
        (("nan", "Å", "", ""), "pixel size 'nan'"),
        (("-1", "Å", "", ""), "pixel size '-1'"),
        (("", "Å", "0", ""), "frame '0': expected a number from 1, mean or all"),
        (("", "Å", "first", ""), "frame 'first'"),
        (("", "Å", "", "21"), "distortion '21': expected 0 to 20 percent"),
    ],
)
def test_settings_that_mean_nothing(typed: tuple[str, str, str, str], message: str) -> None:
    with pytest.raises(StemError, match=message):
        read_settings(*typed)


# Uploads.


async def blocks(*content: bytes) -> AsyncIterator[bytes]:
    for block in content:
        yield block


T = TypeVar("T")


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns; browsers leave a loop running in the tests' own thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def receive(uploads: Uploads, page: str, name: str, *content: bytes, batch: str = "b") -> Source:
    return in_a_loop(uploads.receive(page, batch, name, blocks(*content)))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name",
    [
        *("x.png", "a/b/x.png", "../x.png", "../../../../etc/passwd", "/etc/passwd", "a/../../x"),
        *("..", ".", "", "...", "~/x", "C:\\x.png", "..\\..\\x", "a\0b", "x" * 5000, "ü" * 300),
        *("x" * 300 + ".png", "con\n", "%2e%2e/x", "\u202egnp.x"),
    ],
)
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "in")
    page = uploads.open()
    for batch in ("b", "..", "../.."):
        source = receive(uploads, page, name, b"12", b"3", batch=batch)
        assert source.path.resolve().is_relative_to((tmp_path / "in" / page).resolve())
        assert source.path.read_bytes() == b"123"
        assert source.name.isprintable()
    assert len(files(tmp_path)) == len(files(tmp_path / "in" / page)) == 3
    uploads.close(page)
    assert (files(tmp_path), uploads.held) == ([], 0)


def test_endings_are_kept(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    page = uploads.open()
    for name in ("x" * 300 + ".dm4", "ü" * 300 + ".dm4", "a.b.dm4"):
        assert receive(uploads, page, name).path.suffix == ".dm4"


def test_uploads_are_bounded(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, Limits(files=4, file=10, total=25))
    page, other = uploads.open(), uploads.open()
    with pytest.raises(StemError, match=r"x\.png: expected at most 0 MiB"):
        receive(uploads, page, "x.png", b"123456", b"789012")
    assert (files(tmp_path), uploads.held) == ([], 0)
    receive(uploads, page, "1", b"0123456789")
    receive(uploads, other, "1", b"0123456789")
    with pytest.raises(StemError, match="2: more than 0 MiB of files are open"):
        receive(uploads, page, "2", b"0123456789")
    assert uploads.held == 20
    with pytest.raises(StemError, match="1: the same name twice"):
        receive(uploads, page, "1")
    with pytest.raises(StemError, match="5: 4 files are here; expected no more"):
        receive(uploads, page, "5")
    uploads.close(other)
    assert uploads.held == 10
    assert not uploads.is_open(other)


def test_nothing_is_kept_of_an_upload_that_breaks_off(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"123"
        raise ConnectionError

    uploads = Uploads(tmp_path)
    page = uploads.open()
    with pytest.raises(ConnectionError):
        in_a_loop(uploads.receive(page, "b", "x.png", broken()))
    assert (files(tmp_path), uploads.held) == ([], 0)


# The process that reads.


class Odd:
    """Answers nothing; ends, or takes for ever, where a picture's first number says so."""

    def answer(self, shown: Sequence[Picture], distortion: float) -> list[Answer]:
        first = float(shown[0].values[0, 0])
        if first == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == 2:
            time.sleep(PATIENCE)
        raise ZeroDivisionError("of an odd\nkind")


def picture(folder: Path, name: str, first: int) -> Source:
    pixels = np.tile(np.arange(100, 200, dtype=np.uint16), (100, 1))
    pixels[0, 0] = first
    Image.fromarray(pixels).save(folder / name)
    return Source(folder / name, f"shown/{name}")


def test_the_process_may_end_hang_or_fail_and_the_next_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("hello")

    async def errors() -> list[str | None]:
        worker = Worker(Odd, longest=60)
        sources = [
            picture(tmp_path, "ends.tif", 1),
            picture(tmp_path, "fails.tif", 3),
            Source(tmp_path / "bad.png", "shown/bad.png"),
        ]
        found = [(await worker.answer(one, Settings()))[0].error for one in sources]
        worker.close()
        hasty = Worker(Odd, longest=0.01)  # less than it takes to start
        found.append((await hasty.answer(picture(tmp_path, "x.tif", 2), Settings()))[0].error)
        hasty.close()
        return found

    ended, failed, bad, late = in_a_loop(errors())
    assert ended and ended.startswith("shown/ends.tif: reading it has ended the process")
    assert failed == "shown/fails.tif: ZeroDivisionError: of an odd kind"
    assert bad and bad.startswith("shown/bad.png: not a readable image")
    assert str(tmp_path) not in bad
    assert late == "shown/x.tif: expected to be read in 0.01 s; take a smaller file"


# The command.


def ask(url: str, method: str = "GET", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = b"x" if method == "PUT" else None
    request = urllib.request.Request(url, data, named, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy and "http" not in policy
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def upgrade(port: int, **headers: str) -> bytes:
    """The first line that a request for NiceGUI's WebSocket gets."""
    named = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = (
        "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{named}\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request.encode())
        return connection.recv(2**12).split(b"\r\n")[0]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_its_own_page_alone_and_leaves_nothing(
    end: signal.Signals, tmp_path: Path
) -> None:
    with running(tmp_path) as (process, url):
        port = url.rstrip("/").rpartition(":")[2]
        ours = {"Host": f"127.0.0.1:{port}"}
        assert ask(url) == 200
        assert ask(url, Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""):
            assert ask(url, Host=host) == 403, host
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://"):
            assert ask(url, Origin=origin) == 403, origin
        assert ask(f"{url}files/nobody/b", "PUT") == 404
        assert upgrade(int(port), **ours).startswith(b"HTTP/1.1 101")
        for wrong in ({"Host": "evil.example"}, {**ours, "Origin": "http://evil.example"}):
            assert upgrade(int(port), **wrong).startswith(b"HTTP/1.1 403")
        addresses = [str(row[4][0]) for row in socket.getaddrinfo(socket.gethostname(), int(port))]
        for address in {one for one in addresses if not one.startswith(("127.", "::1"))}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, int(port)), 5)
        assert [path.name[:16] for path in (tmp_path / "tmp").iterdir()] == ["jarvis-stem-app-"]
        process.send_signal(end)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")
    assert [path.name for path in tmp_path.rglob("*")] == ["tmp"]


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StemError, match=f"port {port}: address already in use; name another"):
            app.main(["--port", str(port), "--no-browser"])


def test_a_model_that_is_none_is_named_before_the_page_is_there() -> None:
    with pytest.raises(StemError, match="no_model: no such contribution; with a model"):
        app.main(["--port", "0", "--no-browser", "--model", "no_model"])


def test_without_the_extra_it_says_what_installs_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['nicegui'] = None; sys.argv = ['jarvis-stem', 'app'];"
        "from jarvis_stem.__main__ import entry; sys.exit(entry())"
    )
    done = start([sys.executable, "-c", program], tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: nicegui is not installed; run: ")
    assert done.stderr.endswith("pip install 'jarvis-stem[app]'\n")


def test_the_page_is_opened_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from jarvis_stem.web.app.server import Server

    opened: list[str] = []
    settings: list[Any] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def run(server: Server, _load: Any, given: Settings) -> None:
        settings.append(given)
        server.listening.close()

    monkeypatch.setattr(Server, "run", run)
    assert app.main(["--port", "0", "--no-browser"]) == 0
    assert opened == []
    assert app.main(["--port", "0", "--pixel-size", "0.15"]) == 0
    assert opened[0].startswith("http://127.0.0.1:")
    assert settings == [Settings(), Settings(0.15)]


def test_the_reading_process_imports_nothing_of_the_folder_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("multiprocessing", "pickle", "struct"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    worker = Worker(Odd, longest=PATIENCE)
    (outcome,) = in_a_loop(worker.answer(Source(tmp_path / "none.png", "x"), Settings()))
    worker.close()
    assert outcome.error and outcome.error.startswith("x: ")  # the process has answered
    assert not (tmp_path / "ran").exists()

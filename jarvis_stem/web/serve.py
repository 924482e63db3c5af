"""The site on this machine's own address, built anew when what it is made of changes."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jarvis_stem.utils.errors import StemError
from jarvis_stem.web.templates import POLICY

HOST = "127.0.0.1"
CONNECTIONS = 64  # at once; a browser opens six
IDLE = 30  # s that a connection may be silent
_INTERVAL = 0.5  # s between two looks at the files
_VERSION = "/.version"
_RELOAD = "/.reload.js"
# Only pages that are served get this, and the leave to ask for the version.
_TAG = f'<script src="{_RELOAD}" defer></script>\n</body>'
_SCRIPT = f"""\
let first;
setInterval(async () => {{
  const answer = await fetch("{_VERSION}").catch(() => null);
  const version = answer && (await answer.text());
  first ??= version;
  if (version && version !== first) location.reload();
}}, 1000);
"""
Snapshot = dict[Path, tuple[int, int]]


class Server(ThreadingHTTPServer):
    """Serves a folder; pages that are open reload when `version` rises."""

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(self, folder: Path, port: int) -> None:
        """Take the port.

        Args:
            folder: The site.
            port: 0 for any that is free.

        Raises:
            StemError: The port is in use or not for users.
        """
        self.version = 0
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((HOST, port), partial(_Handler, directory=str(folder)))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise StemError(
                f"port {port}: {str(error.strerror).lower()}; name another with --port"
            ) from None

    @property
    def url(self) -> str:
        """Where the first page is."""
        return f"http://{HOST}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may call it; other names lead here from pages that are not this site's."""
        return tuple(f"{name}:{self.server_port}" for name in (HOST, "localhost"))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or hang up where too many are at it."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away."""

    def start(self) -> None:
        """Answer from now on, until the process ends."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(SimpleHTTPRequestHandler):
    """Files as they are, but pages with a script that reloads them."""

    server: Server
    timeout = IDLE

    def do_HEAD(self) -> None:
        """Answer without what the file holds."""
        if self._allowed() is not None:
            super().do_HEAD()

    def do_GET(self) -> None:
        """Answer."""
        if (path := self._allowed()) is None:
            return
        page = path / "index.html" if path.is_dir() else path
        if self.path == _VERSION:
            self._send("text/plain", str(self.server.version))
        elif self.path == _RELOAD:
            self._send("text/javascript", _SCRIPT)
        elif page.suffix == ".html" and page.is_file():
            text = page.read_text(encoding="utf-8", errors="replace")
            text = text.replace(POLICY, f"{POLICY}; connect-src 'self'", 1)
            self._send("text/html", text.replace("</body>", _TAG))
        else:
            super().do_GET()

    def _allowed(self) -> Path | None:
        """The path that is asked for; None, after the answer, where it is not to be had."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0] not in self.server.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        root = Path(self.directory)
        try:
            path = Path(self.translate_path(self.path))
            hidden = "\0" in str(path)
            # A folder is answered by its page. A link could lead to any file of this machine, and a
            # pipe would never answer.
            pages = [path / "index.html", path / "index.htm"]
            for part in [p for p in (*pages, path, *path.parents) if p.is_relative_to(root)]:
                hidden = hidden or part.is_symlink() or _is_special(part)
        except OSError:  # longer than a path can be
            hidden = True
        if hidden:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return path

    def list_directory(self, path: Any) -> None:
        """Show no folder's files."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Keep the browser from showing what was there before."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""

    def _send(self, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _is_special(path: Path) -> bool:
    """Whether it is there, and neither a file nor a folder."""
    return path.exists() and not (path.is_file() or path.is_dir())


def watch(paths: Iterable[Path], changed: Callable[[], None]) -> None:
    """Call a function whenever files change; never returns.

    Args:
        paths: Files and folders; they need not be there.
        changed: Called after a change, once the files have stayed as they are for a moment.
    """
    paths = list(paths)
    before = _snapshot(paths)
    while True:
        time.sleep(_INTERVAL)
        now = _snapshot(paths)
        if now == before:
            continue
        while now != (now := _snapshot_later(paths)):
            pass  # still being written
        before = now
        changed()


def _snapshot_later(paths: list[Path]) -> Snapshot:
    time.sleep(_INTERVAL)
    return _snapshot(paths)


def _snapshot(paths: Iterable[Path]) -> Snapshot:
    """Time of change and size of every file."""
    found = {}
    for path in _files(paths):
        try:
            state = path.stat()
        except OSError:  # gone since it was listed
            continue
        found[path] = (state.st_mtime_ns, state.st_size)
    return found


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from path.rglob("*") if path.is_dir() else [path]

"""The server of the page, on this machine's own address."""

from __future__ import annotations

import errno
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from jarvis_stem.utils.errors import StemError
from jarvis_stem.web.app.worker import Answerer, Settings

HOST = "127.0.0.1"
_ABSENCE = 30  # seconds that a page may be cut off, as when its machine sleeps or is busy
_PATIENCE = 1  # second for open connections, which pages keep for ever


@dataclass(frozen=True)
class Server:
    """A port that is taken, on which `run` answers.

    Attributes:
        listening: The socket.
    """

    listening: socket.socket

    @classmethod
    def on(cls, port: int) -> Server:
        """Take a port of the loopback interface.

        Args:
            port: 0 for any that is free.

        Raises:
            StemError: It is in use or not for users.
        """
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((HOST, port))
            taken.listen()
        except OSError as error:
            taken.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise StemError(
                f"port {port}: {str(error.strerror).lower()}; name another with --port"
            ) from None
        return cls(taken)

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listening.getsockname()[1])

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/"

    def run(self, load: Callable[[], Answerer], settings: Settings) -> None:
        """Answer until Ctrl-C; nothing is left on disk.

        Args:
            load: Loads the model, in a process of its own.
            settings: What the page starts with.
        """
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # tidies up, too
        try:
            with tempfile.TemporaryDirectory(prefix="jarvis-stem-app-") as folder:
                # NiceGUI would keep what it is asked to remember in the working folder.
                os.environ["NICEGUI_STORAGE_PATH"] = str(Path(folder) / "nicegui")
                _run(self, load, settings, Path(folder))
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGTERM, before)
            self.listening.close()


def _run(server: Server, load: Callable[[], Answerer], settings: Settings, folder: Path) -> None:
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from nicegui import ui
    from starlette.staticfiles import StaticFiles

    from jarvis_stem.web.app.gate import Gate
    from jarvis_stem.web.app.page import Pages
    from jarvis_stem.web.app.uploads import Uploads
    from jarvis_stem.web.app.worker import Worker

    worker, uploads = Worker(load), Uploads(folder)
    pages = Pages(worker, uploads, settings)
    app = FastAPI(openapi_url=None)

    async def receive(request: Request) -> Response:
        page, batch = request.path_params["page"], request.path_params["batch"]
        if not uploads.is_open(page):
            return Response("This page has ended; reload it", 404)
        name = unquote(request.headers.get("x-name", "file"))
        await pages.receive(page, batch, name, request.stream())
        return Response(status_code=204)

    app.add_route("/files/{page}/{batch}", receive, methods=["PUT"])
    web = Path(__file__).parents[1]
    app.mount("/site", StaticFiles(directory=web / "assets"))
    app.mount("/app", StaticFiles(directory=web / "app" / "assets"))
    ui.run_with(
        app,
        root=pages.show,
        title="jarvis-stem",
        favicon=web / "assets" / "icon.svg",
        language="en-US",
        tailwind=False,
        reconnect_timeout=_ABSENCE,
        show_welcome_message=False,
        gzip_middleware_factory=None,  # nothing is far away
    )
    config = uvicorn.Config(
        Gate(app, server.port),
        log_level="error",
        ws="wsproto",
        timeout_graceful_shutdown=_PATIENCE,
    )
    try:
        uvicorn.Server(config).run(sockets=[server.listening])
    finally:
        worker.close()

"""Who may ask the page's server: pages of its own address on this machine alone."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Vue compiles templates as the page runs, and NiceGUI's page has its scripts in itself.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """Refuses requests by another name of this machine, and those that other sites' pages send.

    A name that a stranger points at 127.0.0.1 (DNS rebinding) is another name; WebSockets are open
    to all sites unless the origin is looked at.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        """Stand before an application.

        Args:
            app: What answers those who may ask.
            port: Of the server.
        """
        self._app = app
        names = ("127.0.0.1", "localhost")
        self._hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if self._are_ours(hosts) and all(
            one.startswith("http://") and self._are_ours([one.removeprefix("http://")])
            for one in origins
        ):
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await PlainTextResponse("only for this machine's own page", 403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _are_ours(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and hosts[0].lower() in self._hosts


def _with_headers(send: Send) -> Send:
    async def added(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return added

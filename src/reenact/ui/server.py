"""The page's server: loopback unless asked, a token for everything, no library but the standard one."""

from __future__ import annotations

import errno
import hmac
import json
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET6, gethostname
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from .. import __version__
from ..errors import EXIT_USAGE, ReenactError

LARGEST = 1_000_000
"""Bytes of a request."""

_EVERYWHERE = ("0.0.0.0", "::", "")
"""Hosts that stand for every address of this machine."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALONE = (
    "sandbox allow-scripts; default-src 'none'; img-src data: blob:; media-src data:; font-src data:; "
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'"
)
"""For what runs wrote: its scripts run with no origin, and reach neither this server nor any other."""


@dataclass(frozen=True)
class Answer:
    """What a request gets. ``foreign`` content comes from a run; ``name`` makes it a download."""

    body: bytes
    kind: str = "application/json"
    status: int = 200
    foreign: bool = False
    name: str | None = None


class Site(Protocol):
    """What is served."""

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None: ...
    def post(self, path: str, data: Mapping[str, Any]) -> Answer | None: ...


def answer(data: Any, status: int = 200) -> Answer:
    """Plain data as JSON; what JSON has no number for becomes the text "nan", "inf" or "-inf"."""
    return Answer(json.dumps(_finite(data), separators=(",", ":")).encode(), status=status)


def problem(error: ReenactError, status: int = 400) -> Answer:
    """An error as JSON: {error, valid, fix}."""
    return answer({"error": error.what, "valid": error.valid, "fix": error.fix}, status)


class Server(ThreadingHTTPServer):
    """Serves a site until it is shut down.

    Args:
        site: what is served.
        host, port: where; port 0 takes a free one.
        token: what a request must know; made up when None.

    Raises:
        ReenactError: ``port-in-use``, ``bad-host`` (exit code 2).
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, site: Site, host: str, port: int, token: str | None = None) -> None:
        self.site = site
        self.token = token or secrets.token_urlsafe(24)
        if ":" in host:
            self.address_family = AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise ReenactError(
                    "port-in-use",
                    f"port {port} of {host} cannot be used: {error.strerror}",
                    fix=f"--port {port + 1 if port < 65535 else 8000}, or no --port: then a free one is taken",
                    exit_code=EXIT_USAGE,
                ) from None
            raise ReenactError(
                "bad-host",
                f"cannot serve on {host}: {error.strerror or error}",
                valid="127.0.0.1, ::1, 0.0.0.0",
                exit_code=EXIT_USAGE,
            ) from None
        self.host = host
        self.cookie = f"reenact-{self.server_port}"

    def server_bind(self) -> None:
        # HTTPServer's would ask the name server for the host's name, which may take seconds.
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return self._url(f"[{host}]" if ":" in host else host)

    @property
    def url_for_others(self) -> str | None:
        """The address on other machines, by this one's name, where every address of this machine is served."""
        return self._url(gethostname()) if self.host in _EVERYWHERE else None

    def _url(self, host: str) -> str:
        return f"http://{host}:{self.server_port}/?token={self.token}"

    def knows(self, host: str) -> bool:
        """Whether a request names this server: a page of somebody else's, whose name leads to this address, does not."""
        name = urlsplit(f"//{host}").hostname or ""
        if name in ("localhost", self.host) or (self.host in _EVERYWHERE and name == gethostname().lower()):
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.is_local

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that goes away in the middle is no error.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = f"reenact/{__version__}"
    sys_version = ""
    timeout = 60
    server: Server

    def do_GET(self) -> None:
        found = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(found.query, keep_blank_values=True).items()}
        if not self._named():
            return
        if found.path == "/" and "token" in query:
            self._enter(query["token"])
        elif self._known():
            self._serve(lambda: self.server.site.get(found.path, query))

    do_HEAD = do_GET

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LARGEST:
            self.close_connection = True
            self._send(problem(ReenactError("bad-request", "the request is too large, or tells no length"), 413))
            return
        body = self.rfile.read(length)
        # A form of another page cannot send this header, and a script of one is asked first whether it may: it may not.
        if not self._named() or not self._known():
            return
        if self.headers.get("X-Reenact") != "write":
            self._send(
                problem(ReenactError("bad-request", "a request that writes needs the header X-Reenact: write"), 403)
            )
            return
        try:
            data = json.loads(body)
            if not isinstance(data, dict):
                raise ValueError("it is no object")
        except ValueError as error:
            self._send(problem(ReenactError("bad-request", f"the request is not JSON: {error}")))
            return
        self._serve(lambda: self.server.site.post(urlsplit(self.path).path, data))

    def _serve(self, make: Callable[[], Answer | None]) -> None:
        try:
            made = make()
        except ReenactError as error:
            made = problem(error)
        except Exception as error:
            traceback.print_exc()
            made = problem(ReenactError("internal", f"{type(error).__name__}: {error}"), 500)
        self._send(made or problem(ReenactError("not-found", "there is no such page"), 404))

    def _named(self) -> bool:
        if self.server.knows(self.headers.get("Host") or ""):
            return True
        self._send(problem(ReenactError("bad-host", "this server has another name"), 421))
        return False

    def _known(self) -> bool:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie") or "")
        except CookieError:
            cookies = SimpleCookie()
        held = (
            cookies[self.server.cookie].value
            if self.server.cookie in cookies
            else self.headers.get("X-Reenact-Token") or ""
        )
        if self._right(held):
            return True
        text = "This page needs its token: open the address that `reenact ui` printed.\n"
        self._send(Answer(text.encode(), "text/plain; charset=utf-8", HTTPStatus.FORBIDDEN))
        return False

    def _right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())

    def _enter(self, token: str) -> None:
        if not self._right(token):
            self._known()
            return
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        self.send_header("Set-Cookie", f"{self.server.cookie}={self.server.token}; Path=/; HttpOnly; SameSite=Lax")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, made: Answer) -> None:
        self.send_response(made.status)
        for name, value in {
            "Content-Type": made.kind,
            "Content-Length": str(len(made.body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": _ALONE if made.foreign else _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        if made.name is not None:
            safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "_" for sign in made.name)
            self.send_header("Content-Disposition", f'attachment; filename="{safe}"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(made.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if data == data and abs(data) != float("inf") else repr(data)
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, (list, tuple)) else data

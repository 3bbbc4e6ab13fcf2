"""A small HTTP/1.1 server: one function answers every request, connections stay open between requests.

werkzeug's own server closes the connection after each answer, which no AWS endpoint does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handle = Callable[[Request], Answer | None]


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers on an open connection must not wait for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    handle_request: Handle

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self.handle_request(Request(self.command, self.path, self.headers, body))
        except Exception:
            self.close_connection = True
            raise
        if answer is None:
            self.close_connection = True
            return
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('Unknown',))[0]}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Content-Length: {len(answer.body)}", "", ""]
        body = b"" if self.command == "HEAD" else answer.body
        try:
            self.wfile.write("\r\n".join(lines).encode("latin-1") + body)
        except ConnectionError:
            # The client gave up waiting, as clients with a timeout do.
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged per request: thousands are served in a test run."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # The default of 5 resets connections when many clients connect at once.
    request_queue_size = 256


class Server:
    """Serves `handle` on 127.0.0.1 in a `with` block; it answers None to drop the connection."""

    def __init__(self, handle: Handle, port: int = 0) -> None:
        connection = type("Connection", (_Connection,), {"handle_request": staticmethod(handle)})
        self._listener = _Listener(("127.0.0.1", port), connection)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()


class Served:
    """What its `_server` answers for, at an address of its own while the `with` block runs."""

    _server: Server

    @property
    def url(self) -> str:
        return f"http://{self._server.address}"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

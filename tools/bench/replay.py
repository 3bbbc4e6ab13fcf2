"""The server that stands in for AWS: one process, for both functions, that says what was recorded.

It speaks HTTP/1.1, plainly and over TLS, and takes the time over each answer that it is told to.
"""

from __future__ import annotations

import multiprocessing
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from local.server import Answer
from tools.bench.certificates import Certificates
from tools.bench.recording import Recording

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target: *([^\r]+)", re.IGNORECASE)
_NOT_RECORDED = Answer(400, b'{"__type": "NotRecorded"}', {"Content-Type": "application/x-amz-json-1.1"})


@dataclass(frozen=True)
class Service:
    """One way to reach the server. `delay` is in seconds, from the last byte of a request to the answer."""

    tls: bool
    delay: float


@dataclass(frozen=True)
class Served:
    """One request; times of the clock that all processes share."""

    operation: str
    started: float
    ended: float
    recorded: bool


@dataclass(frozen=True)
class Log:
    """What came since the log was last taken."""

    calls: list[Served]
    connections: int


class Replay:
    """The server's process; runs in a `with` block."""

    def __init__(self, services: list[Service], certificates: Certificates) -> None:
        self._services = services
        self._certificates = certificates

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(self._services, self._certificates, other), daemon=True
        )
        self._process.start()
        # Else the death of the server would not end the wait for its word.
        other.close()
        self._ports: dict[Service, int] = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()

    def url(self, service: Service) -> str:
        return f"{'https' if service.tls else 'http'}://127.0.0.1:{self._ports[service]}"

    def say(self, recording: Recording) -> None:
        """From now on, answers as in this recording."""
        self._ask(recording)

    def take_log(self) -> Log:
        return self._ask(None)

    def _ask(self, question: Recording | None) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


class _Server:
    """The inside of the process."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, bytes], bytes] = {}
        # Appended to by many threads, which needs no lock.
        self._calls: list[Served] = []
        self._opened: list[Service] = []

    def obey(self, pipe: Connection) -> None:
        while True:
            try:
                question: Recording | None = pipe.recv()
            except EOFError:
                return
            if question is None:
                pipe.send(self._log())
            else:
                self._answers = {key: _bytes(answer) for key, answer in question.items()}
                pipe.send(None)

    def _log(self) -> Log:
        calls, self._calls = self._calls, []
        opened, self._opened = self._opened, []
        return Log(calls, len(opened))

    def accept(self, listener: socket.socket, service: Service, context: ssl.SSLContext) -> None:
        while True:
            connection, _ = listener.accept()
            self._opened.append(service)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._converse, args=(connection, service, context), daemon=True).start()

    def _converse(self, connection: socket.socket, service: Service, context: ssl.SSLContext) -> None:
        try:
            if service.tls:
                connection = context.wrap_socket(connection, server_side=True)
            with connection:
                self._answer_all(connection, service.delay)
        except OSError:
            # The function ended, and its connections with it.
            connection.close()

    def _answer_all(self, connection: socket.socket, delay: float) -> None:
        received = b""
        while True:
            while (end := received.find(b"\r\n\r\n")) < 0:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                received += chunk
            head, received = received[:end], received[end + 4 :]
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            while len(received) < length:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                received += chunk
            body, received = received[:length], received[length:]
            started = time.monotonic()
            path = head.split(b" ", 2)[1].decode()
            target = _TARGET.search(head)
            key = (path, target[1].decode() if target else "", body)
            answer = self._answers.get(key)
            rest = started + delay - time.monotonic()
            if rest > 0:
                time.sleep(rest)
            operation = key[1].rpartition(".")[2] or path.rpartition("/")[2]
            self._calls.append(Served(operation, started, time.monotonic(), answer is not None))
            connection.sendall(answer or _bytes(_NOT_RECORDED))


def _bytes(answer: Answer) -> bytes:
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + answer.body


def _serve(services: list[Service], certificates: Certificates, pipe: Connection) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    server = _Server()
    ports = {}
    for service in services:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        ports[service] = listener.getsockname()[1]
        threading.Thread(target=server.accept, args=(listener, service, context), daemon=True).start()
    pipe.send(ports)
    server.obey(pipe)

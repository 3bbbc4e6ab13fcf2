"""What the local AWS answers, recorded once, so that a server can say it again without the time of moto.

An answer is found by the request as the client wrote it: path, operation and body. So each endpoint has its
answers, and an endpoint that was new while it was recorded is new in every replay.
"""

from __future__ import annotations

import http.client
import threading

from local.server import Answer, Request, Served, Server

Key = tuple[str, str, bytes]
Recording = dict[Key, Answer]

# Of the connection, not of the answer.
_HOP_BY_HOP = ("connection", "content-length", "transfer-encoding", "date", "server")


class Recorder(Served):
    """A proxy in front of the local AWS that keeps what passes through; serves in a `with` block."""

    def __init__(self, aws_url: str) -> None:
        self.recording: Recording = {}
        self._aws = aws_url.removeprefix("http://")
        self._connections = threading.local()
        self._server = Server(self._forward)

    def _forward(self, request: Request) -> Answer:
        if not hasattr(self._connections, "aws"):
            self._connections.aws = http.client.HTTPConnection(self._aws)
        connection: http.client.HTTPConnection = self._connections.aws
        connection.request(request.method, request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
        answer = Answer(response.status, response.read(), headers)
        self.recording[request.path, request.headers.get("X-Amz-Target", ""), request.body] = answer
        return answer

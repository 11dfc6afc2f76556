"""Sends a command through a gateway and waits until it comes back as an event."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from scripts.deploying.outcomes import StepFailed

ISSUE_PATH = "/events/sse-token"
STREAM_PATH = "/events/stream"
COMMANDS_PATH = "/operator/api/commands"
HEADER = "X-VX11-Token"
SECONDS = 10.0


class Caller:
    """Calls a gateway with the principal token, which it shows nobody."""

    def __init__(self, base_url: str, token: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._headers = {HEADER: token}

    def status(self, path: str) -> int | None:
        """Return the status of a GET without a token, None where there is no answer."""
        with closing(self._connection()) as connection:
            try:
                connection.request("GET", path)
                with closing(connection.getresponse()) as answer:
                    return answer.status
            except (OSError, HTTPException):
                return None

    def try_command(self) -> str:
        """Post a command, and see its event come on a stream; return a sentence, or raise StepFailed."""
        try:
            return self._try_command()
        except (OSError, HTTPException, ValueError, KeyError) as fault:  # their texts may hold URLs
            raise StepFailed(f"a command does not come back as an event: {type(fault).__name__}") from None

    def _try_command(self) -> str:
        key = f"deployment-{secrets.token_hex(6)}"
        with closing(self._connection()) as connection, closing(self._open(connection)) as stream:
            began = time.monotonic()
            body = json.dumps({"command": "check of the deployment"})
            status, _ = self._post(COMMANDS_PATH, body, {"Idempotency-Key": key})
            if status != 202:
                raise StepFailed(f"POST {COMMANDS_PATH} is answered {status}, not 202")
            self._await(stream, key)
            return f"a command came back as an event after {1000 * (time.monotonic() - began):.0f} ms"

    def _open(self, connection: HTTPConnection) -> HTTPResponse:
        status, answer = self._post(ISSUE_PATH, "", {})
        if status != 200:
            raise StepFailed(f"POST {ISSUE_PATH} is answered {status}, not 200")
        connection.request("GET", f"{STREAM_PATH}?token={json.loads(answer)['sse_token']}")
        stream = connection.getresponse()
        if stream.status != 200:
            stream.close()
            raise StepFailed(f"GET {STREAM_PATH} is answered {stream.status}, not 200")
        while stream.readline().strip():  # the head: what comes later is sent to this stream
            pass
        return stream

    def _await(self, stream: HTTPResponse, key: str) -> None:
        until = time.monotonic() + SECONDS
        with suppress(TimeoutError):
            while (line := stream.readline()) and time.monotonic() < until:
                if line.startswith(b"data:") and json.loads(line[5:]).get("event_id") == key:
                    return
        raise StepFailed(f"a command did not come back as an event within {SECONDS:.0f} s")

    def _post(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        with closing(self._connection()) as connection:
            sent = {"Content-Type": "application/json", **self._headers, **headers}
            connection.request("POST", path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self._host, self._port, timeout=SECONDS)

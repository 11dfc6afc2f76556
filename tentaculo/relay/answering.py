"""What the gateway itself answers: errors, its own paths, preflights, new tokens; never a backend's reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tentaculo.config.settings import MaintenanceSettings, StreamSettings, Unavailable
from tentaculo.errors import GatewayError, InternalError, MethodNotAllowed, TooManyOpenings
from tentaculo.relay.admission import Admission
from tentaculo.relay.delivery import Delivery
from tentaculo.relay.issuing import Asking, IssuePlan, issue
from tentaculo.relay.last_words import NOT_YET
from tentaculo.relay.problem import empty_response, plain_response, problem
from tentaculo.relay.request import Request
from tentaculo.wire.headers import bearer_token

if TYPE_CHECKING:
    from tentaculo.access.store import Lease
    from tentaculo.relay.relay import Relay

MAINTENANCE_SECONDS = "60"
NO_REFERRER = (("Referrer-Policy", "no-referrer"),)
MAX_SECRETS = 8
NOT_YET_STATUSES = frozenset({429, 502, 503, 504})
_CLOSING_STATUSES = frozenset({400, 408, 413, 505})


class Answering(Admission):
    """A request under answer; `_answer` is the backend's reply, as far as it has come."""

    __slots__ = ("_answer", "_keep_alive", "_lease")

    def __init__(self, relay: Relay, request: Request) -> None:
        super().__init__(relay, request)
        self._keep_alive = not (self.message.should_close or self.message.upgrade or relay.draining)
        self._answer: Delivery | None = None
        self._lease: Lease | None = None

    @property
    def _stream_settings(self) -> StreamSettings | None:
        plan = self.record.plan
        return None if plan is None else plan.settings.stream

    def keep_no_longer(self) -> None:
        """Close the client's connection after the answer, which says so if its head is not out yet.

        A proxy that was told otherwise already may send its next call as soon as it has the answer.
        """
        answer = self._answer
        if answer is not None and answer.started and self.connection.peer.trusted:
            return
        self._keep_alive = False
        if answer is not None:
            answer.keep_alive = False

    async def _issue(self, plan: IssuePlan) -> None:
        principal = self.record.principal
        assert principal is not None
        asking = Asking(
            principal=principal, address=self.record.client, cookies=self.cookies, secure=self.secure
        )
        body, fields = await issue(plan, self.relay.tokens, asking)
        self.record.status = 200
        self._keep_alive &= self.request.body.is_eof()
        fields = (*fields, *self.cors, ("X-Request-Id", self.record.request_id))
        self._write(
            plain_response(
                200, body, content_type="application/json", fields=fields, keep_alive=self._keep_alive
            )
        )

    def _answer_own(self) -> None:
        if self.preflight is not None:
            self.record.status = 204
            self._write(empty_response(self.preflight, keep_alive=self._keep_alive))
            return
        if self.maintenance is not None:
            self._answer_maintenance(self.maintenance)
            return
        assert self.own is not None
        method = self.message.method
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed("own_path", headers=(("Allow", "GET, HEAD"),))
        answer = self.own.choose(self.message.headers, draining=self.relay.draining)
        self.record.status = answer.status
        self._write(answer.written(keep_alive=self._keep_alive, with_body=method != "HEAD"))

    def _answer_maintenance(self, maintenance: MaintenanceSettings) -> None:
        self.record.status = maintenance.status
        self._keep_alive &= self.request.body.is_eof()
        fields = (*self.cors, ("Retry-After", MAINTENANCE_SECONDS), ("X-Request-Id", self.record.request_id))
        self._write(
            plain_response(
                maintenance.status,
                maintenance.body.encode(),
                content_type=_type_of(maintenance.body),
                fields=fields,
                keep_alive=self._keep_alive,
                with_body=self.message.method != "HEAD",
            )
        )

    def _answer_error(self, error: GatewayError) -> None:
        self.record.error = error
        answer = self._answer
        if answer is not None and answer.started:
            answer.keep_alive = False
            if not answer.framed:
                self.connection.cut()
            return
        if self._is_bound(error) and self._answer_not_yet(error):
            return
        self.record.status = error.status
        self._keep_alive &= self.request.body.is_eof() and error.status not in _CLOSING_STATUSES
        if self._stream_settings is not None:
            error.headers += NO_REFERRER  # its URL holds a token
        error.headers += self.cors
        self._write(
            problem(
                error,
                self.record.request_id,
                keep_alive=self._keep_alive,
                with_body=self.message.method != "HEAD",
            )
        )

    def _is_bound(self, error: GatewayError) -> bool:
        """Whether the token is bound to this client; only such a one is told that it opened too many."""
        return self._lease is not None or isinstance(error, TooManyOpenings)

    def _answer_not_yet(self, error: GatewayError) -> bool:
        """Have a client whose token is bound come again, where the route says so; errors end EventSource."""
        settings = self._stream_settings
        if (
            settings is None
            or settings.unavailable is not Unavailable.RETRY
            or error.status not in NOT_YET_STATUSES
        ):
            return False
        self.record.status = 200
        fields = (*NO_REFERRER, *self.cors, ("X-Request-Id", self.record.request_id))
        self._write(
            plain_response(
                200, NOT_YET, content_type="text/event-stream", fields=fields, keep_alive=self._keep_alive
            )
        )
        return True

    def _write(self, data: bytes) -> None:
        transport = self.connection.transport
        self.record.bytes_out = len(data)
        if transport is not None and not transport.is_closing():
            self.relay.outbox.flush()
            transport.write(data)

    def _failed(self, fault: Exception) -> None:
        self.relay.logs.logger.error(
            "exchange.failed",
            request_id=self.record.request_id,
            secrets=self._secrets(),
            exc_info=fault,
        )
        self._answer_error(InternalError(type(fault).__name__))

    def _secrets(self) -> tuple[str, ...]:
        """The request's secrets, to be kept out of the log wherever else they stand."""
        fields = self.fields
        if fields is not None:
            if len(fields.credentials) == 1 and not fields.tokens and not self.cookies:
                return (fields.credentials[0].decode("latin-1"),)
            values = [*fields.credentials, *fields.tokens, *(value for _, value in self.cookies)]
        else:
            names = self.snapshot.secret_names
            raw = [value for name, value in self.message.raw_headers if name.lower() in names]
            # The token by itself first: it is what stands elsewhere.
            values = [part for value in raw for part in (bearer_token(value), value) if part]
        return tuple([value.decode("latin-1") for value in list(dict.fromkeys(values))[:MAX_SECRETS]])


def _type_of(body: str) -> str:
    """Return the media type of a text that an operator chose, by what it begins with."""
    begin = body.lstrip()[:1]
    if begin == "<":
        return "text/html; charset=utf-8"
    return "application/json" if begin and begin in "{[" else "text/plain; charset=utf-8"

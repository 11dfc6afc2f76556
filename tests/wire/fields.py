"""Sorting fields and reading back what passes; what each name means."""

from __future__ import annotations

from collections.abc import Sequence

from tentaculo.wire.headers import (
    Field,
    Meaning,
    NameTable,
    RequestFields,
    ResponseFields,
    request_names,
    response_names,
    sort_request_fields,
    sort_response_fields,
)


def requests(*credentials: str, remove: Sequence[str] = ()) -> NameTable:
    """Compile a route's table for requests."""
    return request_names(credentials=credentials or ["X-VX11-Token"], identity="X-Principal", remove=remove)


def sort(*fields: Field, names: NameTable | None = None, keep_credentials: bool = False) -> RequestFields:
    """Sort a request's fields."""
    return sort_request_fields(fields, names or requests(), keep_credentials=keep_credentials)


def reply(*fields: Field, remove: Sequence[str] = ()) -> ResponseFields:
    """Sort a reply's fields."""
    return sort_reply(fields, response_names(remove=remove))


def sort_reply(fields: Sequence[Field], table: NameTable) -> ResponseFields:
    """Sort a reply's fields by any table."""
    lines = [name + b": " + value for name, value in fields]
    return sort_response_fields([name for name, _ in fields], lines, table)


def passed(found: ResponseFields) -> list[Field]:
    """Read back as fields what passes of a reply's."""
    assert not any(b"\r" in line or b"\n" in line for line in found.kept)
    return [(name, value) for name, _, value in (line.partition(b": ") for line in found.kept)]


def written(kept: list[bytes]) -> list[Field]:
    """Read kept pieces back as fields."""
    lines = b"".join(kept).split(b"\r\n")
    assert lines.pop() == b""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


REQUEST_NAMES = {
    b"Accept": Meaning.PASS,
    b"Cookie": Meaning.PASS,
    b"Authorization": Meaning.PASS,
    b"Content-Type": Meaning.PASS,
    b"Content-Encoding": Meaning.PASS,
    b"Via": Meaning.PASS,
    b"Origin": Meaning.PASS,
    b"Last-Event-ID": Meaning.PASS,
    b"X-Forward": Meaning.PASS,
    b"X-Proxy-URL": Meaning.PASS,
    b"Host": Meaning.DROP,
    b"Content-Length": Meaning.DROP,
    b"Transfer-Encoding": Meaning.DROP,
    b"TE": Meaning.DROP,
    b"Trailer": Meaning.DROP,
    b"Upgrade": Meaning.DROP,
    b"Keep-Alive": Meaning.DROP,
    b"HTTP2-Settings": Meaning.DROP,
    b"Proxy": Meaning.DROP,
    b"Proxy-Connection": Meaning.DROP,
    b"Proxy-Authorization": Meaning.DROP,
    b"Proxy-Anything": Meaning.DROP,
    b"X_VX11_Token": Meaning.DROP,
    b"X-VX11_Token": Meaning.DROP,
    b"X_Forwarded_For": Meaning.DROP,
    b"Content_Length": Meaning.DROP,
    b"Connection": Meaning.CONNECTION,
    b"Expect": Meaning.EXPECT,
    b"X-VX11-Token": Meaning.CREDENTIAL,
    b"X-Principal": Meaning.FORWARDING,
    b"Remote-User": Meaning.FORWARDING,
    b"X-Remote-User": Meaning.FORWARDING,
    b"X-Auth-Request-Email": Meaning.FORWARDING,
    b"Forwarded": Meaning.FORWARDING,
    b"X-Forwarded-For": Meaning.FORWARDING,
    b"X-Forwarded-": Meaning.FORWARDING,
    b"X-Forwarded-Uri": Meaning.FORWARDING,
    b"X-Original-URL": Meaning.FORWARDING,
    b"X-Rewrite-URL": Meaning.FORWARDING,
    b"X-Real-IP": Meaning.FORWARDING,
    b"X-Request-Id": Meaning.FORWARDING,
}

SEEN = {
    b"Cache-Control": Meaning.CACHE_CONTROL,
    b"VARY": Meaning.VARY,
    b"x-accel-buffering": Meaning.ACCEL_BUFFERING,
    b"X-Request-ID": Meaning.REQUEST_ID,
    b"Referrer-Policy": Meaning.REFERRER_POLICY,
}

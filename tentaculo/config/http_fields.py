"""The leaves of the file that are of HTTP: header fields, methods, paths."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from tentaculo.config.scalars import or_reference, read_text, sentence, word_of
from tentaculo.config.settings import Access, Secret
from tentaculo.errors import BadTarget
from tentaculo.wire.headers import HOP_BY_HOP
from tentaculo.wire.target import spell_path

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}").fullmatch  # RFC 9110 section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e]*").fullmatch
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,31}").fullmatch
_SEGMENT_NAME = re.compile(r"\{[A-Za-z_][A-Za-z0-9_-]*\}").fullmatch
_DOT_SEGMENTS = frozenset({".", ".."})
_HOST = "host"
# The gateway writes these itself: another value would break the connection or the framing.
_OWN_FIELDS = frozenset({*(name.decode() for name in HOP_BY_HOP), "content-length"})
_OFF = frozenset({"false", "no", "off"})
_IN_PATH = ("%2f", "%25", ";", "//")


def read_field_name(value: object) -> str:
    """Return a header field's name."""
    text = read_text(value)
    if _TOKEN(text) is None:
        raise sentence("must be a header name: letters, digits and - without spaces or colon")
    if text.lower() in _OWN_FIELDS:
        raise sentence("must not be a field of the connection or of framing, which the gateway writes itself")
    return text


def read_free_field_name(value: object) -> str:
    """Return a header field's name that is not Host."""
    text = read_field_name(value)
    if text.lower() == _HOST:
        raise sentence("must not be Host, which only request_headers.set may give")
    return text


def read_field_value(value: object) -> str:
    """Return a header field's value."""
    if not isinstance(value, str):
        raise sentence("must be text")
    if _VALUE(value) is None:
        raise sentence("must be one line of printable ASCII characters")
    return value.strip(" \t")


def read_secret_value(value: object) -> Secret:
    """Return a header field's value that is a secret."""
    read_text(value)
    return Secret(read_field_value(value))


def read_method(value: object) -> str:
    """Return a request method that the gateway forwards."""
    if not isinstance(value, str) or _METHOD(value) is None:
        raise sentence("must be a method in capital letters, such as GET")
    if value in {"CONNECT", "TRACE"}:
        raise sentence("must not be CONNECT or TRACE, which are never forwarded")
    return value


def read_plain_path(value: object) -> str:
    """Return a path without `*` and `{name}`, spelled as requests have it."""
    text = _read_printable(value)
    if any(character in text for character in "*{}"):
        raise sentence("must be one path, without * and {name}")
    return _spell(text)


def read_route_path(value: object) -> str:
    """Return the path of a route: exact or ending in `/*`, with `{name}` for whole segments."""
    text = _read_printable(value)
    fixed = text.removesuffix("*") if text.endswith("/*") else text
    if "*" in fixed:
        raise sentence('must hold "*" only at its end, as in /api/*')
    for segment in fixed.split("/"):
        if ("{" in segment or "}" in segment) and _SEGMENT_NAME(segment) is None:
            raise sentence("must hold {name} only as a whole segment, as in /orders/{id}/lines")
    _spell(fixed)
    return text


def read_prefix(value: object) -> str:
    """Return a prefix of whole segments; the empty one, which is before every path, is written `/`."""
    text = read_plain_path(value)
    if text != "/" and text.endswith("/"):
        raise sentence('must not end with "/", since a prefix is made of whole segments')
    return text


def read_browser_path(value: object) -> str:
    """Return the prefix of the browser client's files; an empty one is none."""
    if isinstance(value, str) and value.lower() in _OFF:
        return ""
    text = read_prefix(value)
    if text == "/":
        raise sentence("must be a prefix of its own, such as /_tentaculo")
    return text


def read_in_path(value: object) -> str:
    """Return what a route may admit in its paths."""
    text = value.lower() if isinstance(value, str) else value
    if text not in _IN_PATH:
        raise sentence('must be one of "%2f", "%25", ";" and "//"')
    return str(text)


def _read_printable(value: object) -> str:
    text = read_text(value)
    if not text.startswith("/"):
        raise sentence('must begin with "/"')
    if not text.isprintable() or " " in text:
        raise sentence("must hold printable characters only, and no spaces")
    return text


def _spell(text: str) -> str:
    """Return a path as requests have it."""
    if "?" in text or "#" in text:
        raise sentence("must be a path without query and fragment")
    if "//" in text:
        raise sentence('must not hold "//"')
    if not _DOT_SEGMENTS.isdisjoint(text.split("/")):
        raise sentence('must not hold the segments "." and ".."')
    try:
        return spell_path(text)
    except BadTarget as fault:
        raise sentence(f"would never be met: {fault.reason}") from None


FieldName = Annotated[
    str,
    PlainValidator(read_field_name),
    or_reference(type="string", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
]
FreeFieldName = Annotated[
    str,
    PlainValidator(read_free_field_name),
    or_reference(type="string", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
]
FieldValue = Annotated[
    str, PlainValidator(read_field_value), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
SecretValue = Annotated[
    Secret, PlainValidator(read_secret_value), WithJsonSchema({"type": "string", "minLength": 1})
]
Method = Annotated[str, PlainValidator(read_method), or_reference(type="string", pattern="^[A-Z][A-Z0-9-]*$")]
PlainPath = Annotated[
    str, PlainValidator(read_plain_path), or_reference(type="string", pattern=r"^/[^*{}?#]*$")
]
RoutePath = Annotated[
    str, PlainValidator(read_route_path), or_reference(type="string", pattern=r"^/[^*?#]*\*?$")
]
Prefix = Annotated[
    str, PlainValidator(read_prefix), or_reference(type="string", pattern=r"^/([^*{}?#]*[^*{}?#/])?$")
]
BrowserPath = Annotated[
    str,
    PlainValidator(read_browser_path),
    or_reference(anyOf=[{"type": "string", "pattern": r"^/[^*{}?#]*[^*{}?#/]$"}, {"const": False}]),
]
InPath = Annotated[
    str, PlainValidator(read_in_path), WithJsonSchema({"enum": ["%2f", "%2F", "%25", ";", "//"]})
]
AccessWord = Annotated[
    Access, PlainValidator(word_of(Access)), WithJsonSchema({"enum": [word.value for word in Access]})
]

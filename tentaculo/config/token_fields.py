"""The leaves of the file that are of ephemeral tokens and of the store that keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import PlainValidator

from tentaculo.config.addresses import is_host
from tentaculo.config.scalars import (
    AS_DURATION,
    duration_within,
    one_of,
    or_reference,
    read_text,
    sentence,
    word_of,
)
from tentaculo.config.settings import Carry, Reuse, SameSite, Secret, Unavailable
from tentaculo.errors import BadRequest
from tentaculo.wire.authority import split_authority

MEMORY = "memory"

# Neither user nor password may hold what parsers of URLs end them with.
_URL = re.compile(
    r"[a-z+]+://(?:[^/?#@\[\]]*@)?(?P<hosts>[^/?#@]*)(?P<path>(?:/[^?#@]*)?)(?P<query>(?:\?[^#@]*)?)"
).fullmatch
_VISIBLE = re.compile(r"[!-~]+").fullmatch
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch
_ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands behind a scheme: `hosts` is how many there may be, `path` and `query` are patterns."""

    example: str
    hosts: int
    path: str
    query: str = ""

    def takes(self, match: re.Match[str]) -> bool:
        listed = match["hosts"].split(",") if match["hosts"] else []
        return (
            min(1, self.hosts) <= len(listed) <= self.hosts
            and all(_is_authority(host) for host in listed)
            and re.fullmatch(self.path, match["path"]) is not None
            and re.fullmatch(self.query, match["query"]) is not None
        )


_NUMBER = "[0-9]{1,5}"
_FILE = r"ssl_(?:ca_certs|certfile|keyfile)=[^&=]+"
_FILES = rf"(?:\?{_FILE}(?:&{_FILE})*)?"
_ONE = _Form("redis://user:password@redis:6379/0", 1, rf"(?:/(?:{_NUMBER})?)?")
_SOCKET = _Form("unix:///run/redis.sock?db=0", 0, "/.+", rf"(?:\?db={_NUMBER})?")
_SENTINEL = _Form(
    "redis+sentinel://one:26379,two:26379/service/0", 99, rf"/[A-Za-z0-9._-]+(?:/(?:{_NUMBER})?)?"
)
_CLUSTER = _Form("redis+cluster://one:6379,two:6379", 99, "/?")
_PLAIN = {"redis": _ONE, "redis+sentinel": _SENTINEL, "redis+cluster": _CLUSTER}
_FORMS = {
    **_PLAIN,
    **{scheme.replace("redis", "rediss"): replace(form, query=_FILES) for scheme, form in _PLAIN.items()},
    "unix": _SOCKET,
}
_SCHEMES = f"must be memory, or a URL that begins with {', '.join(f'{scheme}://' for scheme in _FORMS)}"
_ESCAPE = "what is special in a password is escaped, such as @ as %40 and / as %2F"


def read_store_url(value: object) -> Secret | str:
    """Return the URL of a Redis, a secret since it may hold a password, or `memory`."""
    text = read_text(value)
    if text == MEMORY:
        return MEMORY
    scheme, _, behind = text.partition("://")
    form = _FORMS.get(scheme) if behind else None
    if form is None:
        raise sentence(_SCHEMES)
    match = _URL(text) if _VISIBLE(text) else None
    if match is None or not form.takes(match):
        raise sentence(f"must be a URL such as {form.example}; {_ESCAPE}")
    return Secret(text)


def _is_authority(text: str) -> bool:
    try:
        host, _ = split_authority(text)
    except BadRequest:
        return False
    return is_host(host.strip("[]"))


def read_parameter(value: object) -> str:
    """Return the name of a query parameter that needs no escapes."""
    if not isinstance(value, str) or _PARAMETER(value) is None:
        raise sentence('must be a name of at most 64 letters, digits, "_", "." and "-"')
    return value


def read_permission(value: object) -> bool:
    """Return whether something is allowed."""
    return one_of("deny", _ALLOW)(value) == _ALLOW


StoreUrl = Annotated[
    Secret | str,
    PlainValidator(read_store_url),
    or_reference(type="string", pattern=r"^(memory|(rediss?(\+(sentinel|cluster))?|unix)://.+)$"),
]
StoreTimeout = Annotated[
    float,
    PlainValidator(
        duration_within(
            0.001,
            0.4,
            "must be a duration between 1ms and 400ms, since a decision on access takes 0.5s at most",
        )
    ),
    AS_DURATION,
]
TokenLife = Annotated[
    float,
    PlainValidator(duration_within(1.0, 600.0, "must be a duration between 1s and 10m")),
    AS_DURATION,
]
Parameter = Annotated[
    str,
    PlainValidator(read_parameter),
    or_reference(type="string", pattern=r"^[A-Za-z0-9_.-]{1,64}$"),
]
Permission = Annotated[bool, PlainValidator(read_permission), or_reference(enum=["deny", _ALLOW])]
CarryWord = Annotated[Carry, PlainValidator(word_of(Carry)), or_reference(enum=list(Carry))]
ReuseWord = Annotated[Reuse, PlainValidator(word_of(Reuse)), or_reference(enum=list(Reuse))]
SameSiteWord = Annotated[SameSite, PlainValidator(word_of(SameSite)), or_reference(enum=list(SameSite))]
UnavailableWord = Annotated[
    Unavailable, PlainValidator(word_of(Unavailable)), or_reference(enum=list(Unavailable))
]

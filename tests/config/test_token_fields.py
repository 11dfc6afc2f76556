"""Leaves that are of ephemeral tokens and their store."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_core import PydanticCustomError

from tentaculo.config.settings import Secret
from tentaculo.config.token_fields import MEMORY, read_parameter, read_permission, read_store_url

URLS = (
    "redis://redis",
    "redis://redis:6379",
    "redis://redis:6379/",
    "redis://redis:6379/15",
    "redis://:hunter2@redis",
    "redis://user:hun%40ter2@10.0.0.1:6379/0",
    "rediss://user:hunt:er2@[::1]:6380/0",
    "rediss://redis/2?ssl_ca_certs=/etc/ca.pem&ssl_certfile=/etc/c.pem&ssl_keyfile=/etc/k.pem",
    "rediss+cluster://one:6379?ssl_ca_certs=/etc/ca.pem",
    "unix:///run/redis.sock",
    "unix://user:hunter2@/run/redis.sock?db=1",
    "redis+sentinel://one:26379/service/0",
    "redis+sentinel://one:26379/service",
    "rediss+sentinel://user:hunter2@one:26379,[::1]:26379,10.0.0.3:26379/my-service/2",
    "redis+sentinel://one,two/service",
    "redis+cluster://one:6379",
    "rediss+cluster://:hunter2@one:6379,two:6379/",
)
GOOD: list[tuple[Callable[[object], object], str, object]] = [
    (read_store_url, "memory", MEMORY),
    *((read_store_url, url, Secret(url)) for url in URLS),
    (read_parameter, "token", "token"),
    (read_parameter, "sse-token_1.A", "sse-token_1.A"),
    (read_permission, "allow", True),
    (read_permission, "deny", False),
]
SCHEMES = "must be memory, or a URL that begins with redis://, "
NOTHING: tuple[object, ...] = (None, [], {}, "")
BAD: list[tuple[Callable[[object], object], object, str]] = [
    *((read_store_url, value, "must ") for value in NOTHING),
    *(
        (read_store_url, url, SCHEMES)
        for url in (
            "Memory",
            "redis",
            "redis:",
            "redis://",
            "redis:hunter2@h",
            "REDIS://h",
            "http://hunter2@h",
            "unix+sentinel://h:1/s",
            "hunter2",
        )
    ),
    *(
        (read_store_url, url, "must be a URL such as redis://user:password@redis:6379/0")
        for url in (
            "redis://:hunter2@",
            "redis://h:port",
            "redis://h:0",
            "redis://h:65536",
            "redis://h/zero",
            "redis://h/0/1",
            "redis://h?timeout=1",
            "redis://h?db=1",
            "redis://h?ssl_ca_certs=/etc/ca.pem",
            "rediss://h?ssl_cert_reqs=none",
            "rediss://h?ssl_ca_certs=",
            "redis://h#0",
            "redis://one:1,two:2",
            "redis://user:hun@ter2@h",
            "redis://user:hun/ter2@h",
            "redis://user:hun#ter2@h",
            "redis://user:hun[ter2@h",
            "redis://user:hun ter2@h",
            "redis://user:hunter2@h\n",
            "redis://é",
            "redis://300.1.1.1",
        )
    ),
    *(
        (read_store_url, url, "must be a URL such as unix:///run/redis.sock")
        for url in ("unix://run/redis.sock", "unix:///", "unix:///run/redis.sock?timeout=1", "unix://?db=1")
    ),
    *(
        (read_store_url, url, "must be a URL such as redis+sentinel://one:26379,two:26379/service/0")
        for url in (
            "redis+sentinel://one:26379",
            "redis+sentinel://one:26379/",
            "redis+sentinel://one:26379,/service",
            "redis+sentinel:///service",
            "redis+sentinel://one:26379/service/zero",
            "redis+sentinel://one:26379/a b",
        )
    ),
    *(
        (read_store_url, url, "must be a URL such as redis+cluster://one:6379,two:6379")
        for url in ("redis+cluster://,", "redis+cluster://one:6379/1", "rediss+cluster://one:6379,two:x")
    ),
    *(
        (read_parameter, value, "must be a name")
        for value in (None, "", "a b", "a=b", "a&b", "é", "a\n", "a" * 65)
    ),
    *((read_permission, value, "must be deny or allow") for value in (None, "yes", "true")),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_text_is_read(read: Callable[[object], object], text: str, value: object) -> None:
    """A leaf's text becomes its value, a URL of Redis a secret."""
    found = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("read", "value", "said"), BAD)
def test_bad_value_is_one_sentence(read: Callable[[object], object], value: object, said: str) -> None:
    """What can't be read is told without quoting it: a URL may hold a password."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    message = caught.value.message()
    assert said in message
    assert "hun" not in message


def test_escaping_is_told() -> None:
    """A password with an @ in it is the most common fault, and the sentence says what helps."""
    with pytest.raises(PydanticCustomError, match="@ as %40 and / as %2F"):
        read_store_url("redis://user:p@ss@h")

"""The URLs of token stores."""

from __future__ import annotations

from typing import Any

import pytest

from tentaculo.access.redis_url import Kind, RedisTarget, read_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache", {"kind": Kind.SINGLE, "hosts": (("cache", 6379),)}),
        ("redis://cache:7000/3", {"kind": Kind.SINGLE, "hosts": (("cache", 7000),), "database": 3}),
        ("redis://[::1]:7000/", {"kind": Kind.SINGLE, "hosts": (("::1", 7000),)}),
        ("redis://[::1]", {"kind": Kind.SINGLE, "hosts": (("::1", 6379),)}),
        (
            "redis://:p%40ss@cache",
            {"kind": Kind.SINGLE, "hosts": (("cache", 6379),), "password": "p@ss"},
        ),
        (
            "rediss://me:p:w%2F@cache:1/2",
            {
                "kind": Kind.SINGLE,
                "tls": True,
                "hosts": (("cache", 1),),
                "database": 2,
                "user": "me",
                "password": "p:w/",
            },
        ),
        (
            "rediss://cache?ssl_ca_certs=/etc/a%20b.pem&ssl_certfile=c&ssl_keyfile=k",
            {
                "kind": Kind.SINGLE,
                "tls": True,
                "hosts": (("cache", 6379),),
                "tls_files": {"ssl_ca_certs": "/etc/a b.pem", "ssl_certfile": "c", "ssl_keyfile": "k"},
            },
        ),
        ("unix:///run/redis.sock", {"kind": Kind.UNIX, "socket": "/run/redis.sock"}),
        (
            "unix://me:pw@/run/redis.sock?db=4",
            {"kind": Kind.UNIX, "socket": "/run/redis.sock", "user": "me", "password": "pw", "database": 4},
        ),
        (
            "redis+sentinel://:pw@a:1,b,[::1]:3/main/5",
            {
                "kind": Kind.SENTINEL,
                "hosts": (("a", 1), ("b", 26379), ("::1", 3)),
                "service": "main",
                "database": 5,
                "password": "pw",
            },
        ),
        (
            "rediss+sentinel://a/main",
            {"kind": Kind.SENTINEL, "tls": True, "hosts": (("a", 26379),), "service": "main"},
        ),
        ("redis+cluster://a:1,b", {"kind": Kind.CLUSTER, "hosts": (("a", 1), ("b", 6379))}),
        ("rediss+cluster://a", {"kind": Kind.CLUSTER, "tls": True, "hosts": (("a", 6379),)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read(url: str, expected: dict[str, Any]) -> None:
    """Each form of URL says all there is to know of its target."""
    assert read_url(url) == RedisTarget(**expected)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "must begin with one of"),
        ("cache:6379", "must begin with one of"),
        ("http://s3cret@cache", "must begin with one of"),
        ("unixs:///run/redis.sock", "must begin with one of"),
        ("redis://", "must name a host"),
        ("redis://:s3cret@", "must name a host"),
        ("redis://:s3cret@/1", "must name a host"),
        ("redis://[::1", "must name a host"),
        ("redis://[::1]x", "must name a host"),
        ("redis://:s3cret@cache:port", "must name the port"),
        ("redis://cache:0", "must name the port"),
        ("redis://cache:65536", "must name the port"),
        ("redis://cache/s3cret", "must name the database"),
        ("redis://cache/-1", "must name the database"),
        ("redis://a,b", "one server only"),
        ("redis://cache?socket_timeout=9", "can have no query"),
        ("redis://cache?ssl_ca_certs=x", "can have no query"),
        ("rediss://cache?s3cret=x", "can have no query but ssl_ca_certs"),
        ("unix://run/redis.sock", "absolute path"),
        ("unix://", "absolute path"),
        ("unix:///run/redis.sock?ssl_keyfile=s3cret", "can have no query but db"),
        ("redis+sentinel://:s3cret@a:1", "must name the service"),
        ("redis+sentinel://a:1/main/s3cret", "must name the database"),
        ("redis+cluster://a/1", "can have no path"),
        ("redis+cluster://a,,b", "must name a host"),
    ],
    ids=lambda value: value,
)
def test_problems(url: str, sentence: str) -> None:
    """What is no such URL is told in a sentence that holds none of it."""
    with pytest.raises(ValueError, match=sentence) as caught:
        read_url(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_password_is_not_shown() -> None:
    """A target that is printed keeps its password to itself."""
    assert "s3cret" not in repr(read_url("redis://:s3cret@cache"))

"""Leaves that are of HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic_core import PydanticCustomError

from tentaculo.config.http_fields import (
    read_browser_path,
    read_field_name,
    read_field_value,
    read_free_field_name,
    read_in_path,
    read_method,
    read_plain_path,
    read_prefix,
    read_route_path,
    read_secret_value,
)
from tentaculo.config.settings import Secret
from tentaculo.routing import Pattern, find_fault

GOOD: list[tuple[Callable[[object], object], str, object]] = [
    (read_field_name, "X-Env", "X-Env"),
    (read_field_name, "Host", "Host"),
    (read_free_field_name, "Authorization", "Authorization"),
    (read_field_value, "prod", "prod"),
    (read_field_value, "", ""),
    (read_field_value, " a\tb ", "a\tb"),
    (read_secret_value, "s3cret", Secret("s3cret")),
    (read_method, "GET", "GET"),
    (read_method, "M-SEARCH", "M-SEARCH"),
    (read_in_path, "%2F", "%2f"),
    (read_in_path, "//", "//"),
    (read_plain_path, "/health", "/health"),
    (read_plain_path, "/a%7eb%c3%a9", "/a~b%C3%A9"),
    (read_plain_path, "/café", "/caf%C3%A9"),
    (read_prefix, "/operator", "/operator"),
    (read_prefix, "/", "/"),
    (read_browser_path, "/own/%7e", "/own/~"),
    (read_browser_path, "False", ""),
    (read_browser_path, "no", ""),
    (read_browser_path, "off", ""),
    *(
        (read_route_path, path, path)
        for path in ("/", "/*", "/api/*", "/api", "/api/", "/{id}/x", "/a/{b-c}/*", "/a;v=1")
    ),
]

BAD: list[tuple[Callable[[object], object], object, str]] = [
    *(
        (read, None, "must be")
        for read in (
            read_field_name,
            read_field_value,
            read_secret_value,
            read_method,
            read_in_path,
            read_browser_path,
            read_plain_path,
            read_prefix,
            read_route_path,
        )
    ),
    (read_field_name, "X Env", "header name"),
    (read_field_name, "X-Env:", "header name"),
    (read_field_name, "X-Env\r\nEvil", "header name"),
    *(
        (read_field_name, name, "connection or of framing")
        for name in (
            "Connection",
            "content-length",
            "Transfer-Encoding",
            "TE",
            "Upgrade",
            "Keep-Alive",
            "Proxy-Authorization",
        )
    ),
    (read_free_field_name, "HOST", "must not be Host"),
    (read_field_value, "a\r\nEvil: b", "one line"),
    (read_field_value, "a\nb", "one line"),
    (read_field_value, "a\0b", "one line"),
    (read_field_value, "é", "ASCII"),
    (read_field_value, ["a"], "must be text"),
    (read_secret_value, "", "must not be empty"),
    (read_method, "get", "capital letters"),
    (read_method, "GET POST", "capital letters"),
    (read_method, "CONNECT", "never forwarded"),
    (read_method, "TRACE", "never forwarded"),
    (read_in_path, "%2e", "must be one of"),
    (read_plain_path, "/a/*", "one path"),
    (read_plain_path, "/{a}", "one path"),
    (read_prefix, "/operator/", "must not end"),
    (read_browser_path, "/", "prefix of its own"),
    (read_browser_path, "/own/", "must not end"),
    (read_browser_path, "/*", "one path"),
    (read_browser_path, "true", "must begin"),
    (read_browser_path, ["/own"], "must be text"),
    (read_route_path, "api/*", "must begin"),
    (read_route_path, "", "must not be empty"),
    (read_route_path, "*", "must begin"),
    (read_route_path, "/a*", "only at its end"),
    (read_route_path, "/*/a", "only at its end"),
    (read_route_path, "/**", "only at its end"),
    (read_route_path, "/x{id}", "whole segment"),
    (read_route_path, "/{}", "whole segment"),
    (read_route_path, "/{1}", "whole segment"),
    (read_route_path, "/{a", "whole segment"),
    (read_route_path, "/a?b", "without query"),
    (read_route_path, "/a#b", "without query"),
    (read_route_path, "/a//b", '"//"'),
    (read_route_path, "//*", '"//"'),
    (read_route_path, "/a/../b", "segments"),
    (read_route_path, "/./*", "segments"),
    (read_route_path, "/a b", "no spaces"),
    (read_route_path, "/a\x07", "printable"),
    (read_route_path, "/a\\b", "backslash"),
    (read_route_path, "/%2e%2e/b", "would never be met"),
    (read_route_path, "/a%zz", "broken escape"),
    (read_route_path, "/%00", "control"),
]


@pytest.mark.parametrize(("read", "text", "value"), GOOD)
def test_field_is_read(read: Callable[[object], object], text: str, value: object) -> None:
    """A leaf's text becomes what the relay works with."""
    assert read(text) == value


@pytest.mark.parametrize(("read", "value", "said"), BAD)
def test_bad_field_is_one_sentence(read: Callable[[object], object], value: object, said: str) -> None:
    """What HTTP or the gateway does not take is told in one sentence."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    assert said in caught.value.message()


@pytest.mark.parametrize("path", [text for read, text, _ in GOOD if read is read_route_path])
def test_accepted_path_is_one_that_routes_can_have(path: str) -> None:
    """No path passes here that the route table would refuse at start."""
    assert find_fault(Pattern(path)) is None

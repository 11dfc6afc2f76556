"""Sanitizing: every way to spell a name and to write its value, and what has to stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tentaculo.wire.sanitize import Sanitizer

SECRET = "S3cr3tAbC-123_xyz"
SANITIZER = Sanitizer(["own_name", "Ticket"])

# {} stands for the secret; what follows the text has to be kept.
URLS: dict[str, tuple[str, ...]] = {
    "after semicolon": ("/e?a=1;token={}&x=1", "a=1", "x=1"),
    "before fragment": ("/e?token={}#frag", "#frag"),
    "in fragment": ("/#access_token={}&state=1", "state=1"),
    "no path": ("?token={}", "?token="),
    "form body": ("token={}&x=1", "x=1"),
    "name encoded twice": ("/e?%2574oken={}&b=2", "b=2"),
    "name encoded thrice": ("/e?%252574oken={}",),
    "escape itself encoded": ("/e?%25%37%34oken={}",),
    "escape encoded digit by digit": ("/e?%25%32%35%37%34oken={}",),
    "brackets encoded": ("/e?token%5B0%5d={}&b=2", "b=2"),
    "nested object": ("/e?user[auth][token]={}&b=2", "b=2"),
    "object under the name": ("/e?token[a][b]={}&b=2", "b=2"),
    "dotted index": ("/e?token.0={}", "token.0="),
    "plus after": ("/e?token+={}",),
    "space after": ("/e?token%20={}",),
    "NUL within": ("/e?to%00ken={}",),
    "line end within": ("/e?to%0d%0aken={}",),
    "soft hyphen within": ("/e?to%C2%ADken={}",),
    "zero width, raw": ("/e?to\u200bken={}",),
    "variation selector": ("/e?to\ufe0fken={}",),
    "not UTF-8 within": ("/e?to%FFken={}",),
    "lone surrogate": ("/e?to\udcffken={}&x=1", "x=1"),
    "full width": ("/e?\uff34\uff2f\uff2b\uff25\uff2e={}&x=1", "x=1"),
    "full width, encoded": ("/e?%EF%BD%94oken={}",),
    "full-width equals sign": ("/e?token\uff1d{}&x=1", "x=1"),
    "ligature": ("/e?%EF%AC%81_token={}",),
    "Kelvin sign": ("/e?\u212aey={}",),
    "dotted capital I": ("/e?s\u0130g={}",),
    "old percent-u": ("/e?%u0074oken={}",),
    "upper case": ("/e?KEY={}&x=1", "x=1"),
    "hyphen for underscore": ("/e?x-api-key={}&x=1", "x=1"),
    "camel case": ("/e?apiKey={}",),
    "signed URL": ("/e?X-Amz-Signature={}&x=1", "x=1"),
    "own name": ("/e?own-name={}",),
    "own name in parts": ("/e?my_ticket[]={}",),
    "NUL before the value": ("/e?token=%00{}&x=1", "x=1"),
    "bytes before the value": ("/e?token=%FF%FE{}&x=1", "x=1"),
    "full-width ampersand": ("/e?token=a\uff06{}&x=1", "x=1"),
    "encoded ampersand": ("/e?token=a%26{}&x=1", "x=1"),
    "encoded hash": ("/e?token=a%23{}&x=1", "x=1"),
    "space": ("/e?token=a {}&x=1", "x=1"),
    "quotes": ("/e?token='a'{}&x=1", "x=1"),
    "question mark and slash": ("/e?token=a?/{}&x=1", "x=1"),
    "line end": ("/e?token=\r\n{}&x=1", "x=1"),
    "HTML ampersand": ("/e?a=1&amp;token={}&amp;x=1", "x=1"),
    "matrix parameter": ("/e;token={}/x?y=1", "/x?y=1"),
    "segment, last": ("/token/{}", "/token/"),
    "segment before query": ("/token/{}?x=1", "?x=1"),
    "segment, doubled slash": ("/token//{}/x", "/x"),
    "segment, longer name": ("/sse-token/{}/x", "/x"),
    "segment, another name": ("/api/secret/{}/list", "/list"),
    "segment, encoded": ("/x%2Ftoken%2F{}%2Fy", "%2Fy"),
    "nested twice": ("/r?u=%252Fe%253Ftoken%253D{}%2526x%253D1&y=2", "y=2", "%2526x%253D1"),
    "nested redirect": ("/e?redirect_uri=/cb%3Fcode%3D{}%26state%3D5", "%26state%3D5"),
    "JSON": ('/r?q={{"token":"{}"}}&x=1', "x=1"),
    "JSON, encoded twice": ("/r?q=%257B%2522token%2522%253A%2522{}%2522%257D&z=1", "z=1"),
    "JSON, cut": ("/r?q=%7B%22token%22%3A%22{}&z=1", "z=1"),
    "JSON, deeper": ("/r?q={{%22a%22:{{%22access_token%22:%20%22{}%22}}}}&z=1", "z=1"),
    "header in query": ("/e?h=Authorization:%20Bearer%20{}&x=1", "x=1"),
    "scheme and plus": ("/e?h=Bearer+{}&x=1", "x=1"),
    "password": ("http://user:{}@h/p", "@h/p"),
    "password with slash": ("http://user:a/{}@h/p", "@h/p"),
    "password with encoded slash": ("http://user:a%2F{}@h/p", "@h/p"),
    "password with at sign": ("http://user:p@{}@h/p", "@h/p"),
    "password with encoded at sign": ("http://user:p%40{}@h/p", "@h/p"),
    "password without scheme": ("//u:{}@h/p", "@h/p"),
    "password in a nested URL": ("/r?u=https%3A%2F%2Fu%3A{}%40h%2Fp&z=1", "z=1"),
    "JSON web token": ("/e?x=eyJhbGciOiJI.{}.c2ln&y=1", "x=***&y=1"),
    "unparsable": ("/e?%zz={}&x=1", "/e?***"),
    "unparsable form": ("a=1&%zz={}", "a=1&***"),
    "encoded too deeply": ("/e?a=%25252525252574oken={}", "/e?a="),
}
TEXTS: dict[str, tuple[str, ...]] = {
    "header without space": ("x-vx11-token:{}", "x-vx11-token:"),
    "header, many words": ("X-VX11-Token: a b {}\nHost: h", "X-VX11-Token: ***\nHost: h"),
    "header within a line": ("got X-VX11-Token: {}, Accept: x", "Accept: x"),
    "curl -v": ("> X-VX11-Token: a {}\n> Host: x", "> Host: x"),
    "raw head": (
        "GET / HTTP/1.1\r\nHost: gw\r\nX-VX11-Token: a {}\r\nAccept: y\r\n",
        "Host: gw\r\n",
        "Accept: y",
    ),
    "head as bytes": (r"b'GET / HTTP/1.1\r\nX-VX11-Token: a {}\r\nAccept: y\r\n'", r"\r\nAccept: y\r\n'"),
    "basic": ("Authorization: Basic {}", "Authorization: "),
    "digest": ('authorization: Digest username="a", response="{}"', "authorization: "),
    "proxy": ("Proxy-Authorization: Bearer {}", "Proxy-Authorization: "),
    "cookies": ("Cookie: a=b; other={}; c=d", "Cookie: "),
    "set cookie": ("Set-Cookie: other={}; Path=/\nHost: h", "\nHost: h"),
    "request line": ('"GET /e?token={} HTTP/1.1" 200 5', ' HTTP/1.1" 200 5'),
    "location": ("Location: https://h/cb#id_token={}&x=1", "x=1"),
    "bearer alone": ("got bearer {} here", "here"),
    "basic alone": ("Basic QWxhZGRpbjpvcGVu{}=", "Basic "),
    "scheme in logfmt": ("level=info authorization=Bearer {} n=1", "n=1"),
    "quoted in logfmt": ('level=info token="a {}" n=1', "n=1"),
    "message in logfmt": ('msg="Authorization: Bearer a {}" n=1', '" n=1'),
    "URL in logfmt": (r"url=\"/e?token={}\" n=1", r"\" n=1"),
    "assignment": ("token = '{}'", "token = '***'"),
    "shell quoting": ("token='a'{} b", " b"),
    "subscript": ("d['token'] = '{}'", "d['token'] = '***'"),
    "list": ("{{'token': ['{}', 'b'], 'x': 1}}", "'x': 1"),
    "list with bracket": ("{{'token': [b'a]', b'{}'], 'x': 1}}", "'x': 1"),
    "tuple": ("{{'token': ('{}',), 'x': 1}}", "'x': 1"),
    "object": ('{{"token": {{"v": "{}"}}, "x": 1}}', '"x": 1'),
    "call": ("{{'token': Secret(abc, {}), 'x': 1}}", "'x': 1"),
    "number": ('{{"token": 12345, "secret": "{}", "ttl": 60}}', '"token": ***, ', '"ttl": 60'),
    "list cut": ("'token': ['{}'", "'token': "),
    "closing bracket": ("('token': {})", "('token': ***)"),
    "pair": ("('X-VX11-Token', '{}')", "('X-VX11-Token', '***')"),
    "pair of bytes": ("(b'X-VX11-Token', b'{}')", "'X-VX11-Token'"),
    "pairs in JSON": ('[["token", "{}"], ["x", "1"]]', '["x", "1"]'),
    "keyword": ("Foo(token='{}', n=1)", "token='***', n=1"),
    "keyword, call": ("Foo(token=T(a, '{}'), n=1)", "n=1"),
    "keyword, angles": ("Foo(token=<T {}>, n=1)", "n=1"),
    "JSON in JSON": (r"{{\"a\": \"{{\\\"token\\\": \\\"{}\\\"}}\", \"b\": 1}}", r"\"b\": 1"),
    "JSON, quote in value": (r'{{"to\u006ben": "a\"{}", "x": 1}}', '"x": 1'),
    "JSON, escaped ampersand": (r'{{"url": "/e?token={}\u0026x=1"}}', "x=1"),
    "JSON, escaped slashes": (r'{{"url": "http:\/\/u:{}@h\/x"}}', r"@h\/x"),
    "repr, escaped name": (r"'to\x6ben': '{}'", ": '***'"),
    "bytes, escaped name": (r"b'\x74oken={}'", "oken=***'"),
    "HTML": ("&quot;token&quot;: &quot;{}&quot;, &quot;x&quot;", "&quot;x&quot;"),
    "XML": ("<token>{}</token><b>x</b>", "<b>x</b>"),
    "option": ("tool --token {} --x", "--x"),
    "option with equals sign": ("tool --api-key={} --x", "--x"),
    "option, quoted": ("tool --api-key 'a {}' --x", "--x"),
    "environment": ("HTTP_X_VX11_TOKEN={}", "HTTP_X_VX11_TOKEN="),
    "arrow": ("'token'=>'{}'", "'token'=>'***'"),
    "full width": ("got \uff34\uff2f\uff2b\uff25\uff2e\uff1d{}", "got "),
    "DSN": ("postgres://u:{}@db:5432/x failed", "@db:5432/x failed"),
    "bad port": ("see http://u:a/{}@h, ok", "@h, ok"),
    "path": ("GET /token/{}/x HTTP/1.1", "/x HTTP/1.1"),
    "short name": ("code: {}", "code: "),
    "after prose": ("status code: 503 for /e?token={}", "status code: 503 for /e?token="),
    "NUL escape and value": (r"token=\x00{} x", " x"),
}
UNTOUCHED = {
    "plural names": "/e?tokens=5&max_tokens=10",
    "longer names": "/e?monkey=1&zipcode=2&author=x&design=1&inside=2&keyboard=3&codes=4",
    "short names in a path": "/auth/login/code/review/keys/1",
    "words after a name": "/session/list/password/reset",
    "name at the end": "/events/sse-token?x=1",
    "no value": "/e?token&x=1",
    "empty value": "/e?token=",
    "empty value, more": "/e?token=&x=1",
    "broken value": "/search?q=100%&page=2",
    "escapes": "/e?q=a%20b+c&d=%2Fx%26%3D",
    "letters": "/e?q=\xfcn\xefc\xf6d\xe9&x=\uff46\uff55\uff4c\uff4c",
    "at signs": "/a/b@c/d?mail=a@b.c",
    "profile": "https://pages.example/@bob/x",
    "port": "http://h:8011/a@b",
    "IPv6": "http://[::1]:8080/x@y",
    "masked": "/e?token=***&x=1",
    "plain text": "the token store is away",
    "list of names": "tokens: 7, max_tokens=5",
    "prose": "status code: 503",
    "identifier": "3f2a9c0e1b7d4f6a8c5e0d1b2a3f4c5d",
    "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
    "stamp": "2026-01-01T00:00:00Z",
    "lines": "400, message:\n  Bad status line\t\x07",
}
PROSE = ("bearer token required", "Basic authentication is not supported", "basic abc", "KeyError: 'token'")


def check(sanitize: Callable[[str], str], row: tuple[str, ...]) -> None:
    """Check one row of the tables above."""
    shown = sanitize(row[0].format(SECRET))
    assert SECRET not in shown
    assert [part for part in row[1:] if part not in shown] == []
    assert sanitize(shown) == shown


@pytest.mark.parametrize("row", URLS.values(), ids=URLS)
def test_secret_leaves_url(row: tuple[str, ...]) -> None:
    """However a URL spells or nests a name, its secret goes and what is around it stays."""
    check(SANITIZER.url, row)


@pytest.mark.parametrize("row", TEXTS.values(), ids=TEXTS)
def test_secret_leaves_text(row: tuple[str, ...]) -> None:
    """However a text writes a name and its value, the secret goes and what is around it stays."""
    check(SANITIZER.text, row)


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
@pytest.mark.parametrize("kind", ["url", "text"])
def test_harmless_stays_the_same_object(kind: str, text: str) -> None:
    """A text without secrets is not even copied, neither at first sight nor when seen again."""
    sanitizer = Sanitizer()
    sanitize = sanitizer.url if kind == "url" else sanitizer.text
    assert sanitize(text) is text
    assert sanitize(text) is text


@pytest.mark.parametrize("text", PROSE)
def test_prose_stays(text: str) -> None:
    """Sentences about credentials are no credentials."""
    assert SANITIZER.text(text) is text


WRITINGS: tuple[Callable[[str, str], str], ...] = (
    lambda name, value: f"/e?x=1&{name}={value}&y=2",
    lambda name, value: json.dumps({name: value, "x": 1}),
    lambda name, value: json.dumps([[name, value]]),
    lambda name, value: repr({name.encode(): [value.encode()]}),
    lambda name, value: repr((name, value)),
    lambda name, value: f"{name}: {value}",
    lambda name, value: f'{name}="{value}"',
    lambda name, value: f"/{name}/{value}/x",
    lambda name, value: f"--{name} {value}",
    lambda name, value: f"<{name}>{value}</{name}>",
    lambda name, value: f"Authorization: Bearer {value}",
    lambda name, value: f"https://{name}:{value}@h/p",
)
WRAPPINGS: tuple[Callable[[str], str], ...] = (
    lambda text: f"/r?u={quote(text, safe='')}&z=1",
    lambda text: f"/r?u={quote_plus(text)}",
    lambda text: f"/r?u={quote(text)}",
    lambda text: f"http://h/p#{text}",
    lambda text: json.dumps({"a": text, "b": 2}),
    lambda text: json.dumps({"a": text}, separators=(",", ":")),
    lambda text: f"msg={text!r} n=1",
    lambda text: repr(text.encode()),
    lambda text: f"ValueError: no {text} here",
    lambda text: f"got [{text}], ({text})",
)


@given(
    name=st.sampled_from(["token", "X-VX11-Token", "access_token", "Password", "api-key", "session"]),
    value=st.from_regex(r"[A-Za-z0-9_\-]{8,24}[A-Z0-9]", fullmatch=True),
    writing=st.sampled_from(WRITINGS),
    wrappings=st.lists(st.sampled_from(WRAPPINGS), max_size=3),
)
def test_secret_leaves_whatever_is_around_it(
    name: str, value: str, writing: Callable[[str, str], str], wrappings: list[Callable[[str], str]]
) -> None:
    """However a name and a secret are written, and that quoted, encoded and quoted again, the secret goes."""
    text = writing(name, value)
    for wrap in wrappings:
        text = wrap(text)
    shown = SANITIZER.text(text)
    assert value not in shown
    assert SANITIZER.text(shown) == shown
    if text.startswith(("/", "http")):
        assert value not in SANITIZER.url(text)

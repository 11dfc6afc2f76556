"""The request target: what is taken, how it is spelled, what is refused."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tentaculo.errors import BadTarget
from tentaculo.wire.target import Target, fold_path, parse_target, spell_path

HOST = "gateway.example:8000"

TAKEN = {
    "root": ("/", "/", None),
    "path": ("/api/status", "/api/status", None),
    "trailing slash": ("/api/", "/api/", None),
    "query": ("/api?a=b", "/api", "a=b"),
    "empty query": ("/api?", "/api", ""),
    "second question mark": ("/api?a?b", "/api", "a?b"),
    "query of anything": ('/api?%zz%2e/../;\\%00[<">]', "/api", '%zz%2e/../;\\%00[<">]'),
    "empty query after an unusual path": ("/%41?", "/A", ""),
    "query after an unusual path": ("/%41?%zz%61", "/A", "%zz%61"),
    "pchar": ("/!$&'()*+,=:@-._~aZ09", "/!$&'()*+,=:@-._~aZ09", None),
    "raw as browsers send it": ("/[a]{b}|^`", "/[a]{b}|^`", None),
    "dots inside": ("/a.b/c..d/e.", "/a.b/c..d/e.", None),
    "dots before": ("/.well-known/..a/...", "/.well-known/..a/...", None),
    "escape of a letter": ("/%61pi/%7e%2D%5f%39", "/api/~-_9", None),
    "escape in lower case": ("/%c3%b6", "/%C3%B6", None),
    "escape in mixed case": ("/%c3%B6", "/%C3%B6", None),
    "escape of a reserved character": ("/a%3ab%3Fc%23d", "/a%3Ab%3Fc%23d", None),
    "escape of a space": ("/CANARY%20", "/CANARY%20", None),
    "escape of a semicolon": ("/a%3bb", "/a%3Bb", None),
    "four bytes of UTF-8": ("/%f0%9f%90%99", "/%F0%9F%90%99", None),
    "absolute": ("http://gateway.example:8000/api?x", "/api", "x"),
    "absolute in upper case": ("HTTP://GATEWAY.EXAMPLE:8000/Api", "/Api", None),
    "absolute without path": ("http://gateway.example:8000", "/", None),
    "absolute without path, with query": ("http://gateway.example:8000?a=/b", "/", "a=/b"),
    "absolute over TLS": ("https://gateway.example:8000/api", "/api", None),
    "absolute with a path to spell": ("http://gateway.example:8000/%61", "/a", None),
}

FOUND = {
    "escaped slash": ("/a%2fb", "/a%2Fb", {"%2f"}),
    "escaped slash in upper case": ("/a%2Fb", "/a%2Fb", {"%2f"}),
    "escaped percent sign": ("/a%25b", "/a%25b", {"%25"}),
    "escape of an escape": ("/%252e%252E%252f%255c%2561", "/%252e%252E%252f%255c%2561", {"%25"}),
    "parameter": ("/a;b=c", "/a;b=c", {";"}),
    "empty segment": ("/a//b", "/a//b", {"//"}),
    "two leading slashes": ("//evil.example/a", "//evil.example/a", {"//"}),
    "everything": ("/a//b;c%2fd%25%61", "/a//b;c%2Fd%25a", {"//", ";", "%2f", "%25"}),
    "dots before, nothing found": ("/.a", "/.a", set()),
    "only in the query": ("/.a?//;%2f%25", "/.a", set()),
}

REFUSED_PATHS = {
    "parent": "/events/../api",
    "parent at the end": "/events/..",
    "parent at the start": "/../api",
    "here": "/./api",
    "here at the end": "/api/.",
    "here before a query": "/api/.?a",
    "parent in absolute-form": "http://gateway.example:8000/events/../api",
    "escaped parent": "/events/%2e%2e/api",
    "half escaped parent": "/events/.%2e/api",
    "half escaped parent in upper case": "/events/%2E./api",
    "escaped dot elsewhere": "/a%2eb",
    "parent before an escaped slash": "/events/..%2fapi",
    "parent after an escaped slash": "/api%2f../api",
    "escaped parent and slash": "/events/%2e%2e%2fapi",
    "parent between escaped slashes": "/events%2F..%2Fapi",
    "parent with a parameter": "/events/..;x/api",
    "parent with an empty parameter": "/events/..;/api",
    "here with a parameter": "/events/.;x=1/api",
    "parent with an escaped parameter": "/events/..%3bx/api",
    "parent with an escaped question mark": "/events/..%3fx/api",
    "parent with an escaped number sign": "/events/..%23/api",
    "parent with an escaped space": "/events/..%20/api",
    "parent after two slashes": "/events//../api",
    "two leading slashes and a parent": "//events/../api",
    "backslashes": "/events\\..\\api",
    "one backslash": "/api\\",
    "escaped backslash": "/events/..%5capi",
    "escaped backslash in upper case": "/api/a%5Cb",
    "nul": "/api%00/events",
    "escaped line break": "/events/..%0d%0a/api",
    "escaped line feed": "/api/CANARY%0a/events",
    "last control": "/api%1f",
    "last control in upper case": "/api%1F",
    "delete": "/api%7f",
    "percent sign alone": "/api/%",
    "percent sign before one digit": "/api/%a",
    "percent sign before letters": "/api/%zz",
    "percent sign before an escape": "/api/%%32e",
    "escape of four digits": "/events/%u002e%u002e/api",
    "two bytes for a dot": "/events/%c0%ae%c0%ae/api",
    "three bytes for a dot": "/events/%e0%80%ae%e0%80%ae/api",
    "two bytes for a slash": "/events%c0%afapi",
    "surrogate": "/%ed%a0%80",
    "torn UTF-8": "/%c3",
    "byte of Latin-1": "/%f6",
    "beyond Unicode": "/%f4%90%80%80",
    "angle bracket": "/<a",
    "closing angle bracket": "/a>",
    "quotation mark": '/a"b',
}

REFUSED_TARGETS = {
    "empty": "",
    "asterisk": "*",
    "relative": "api",
    "query alone": "?a",
    "authority": "gateway.example:8000",
    "fragment": "/api#events",
    "fragment in the query": "/api?token=x#/events",
    "fragment after the authority": "http://gateway.example:8000#/api",
    "space": "/api events",
    "tab": "/api\t",
    "line break": "/api\r\nX: y",
    "line feed at the end": "/api\n",
    "line feed at the end of the query": "/api?a\n",
    "nul": "/api\0",
    "delete": "/api\x7f",
    "not ASCII": "/\N{LATIN SMALL LETTER O WITH DIAERESIS}",
    "byte beyond ASCII": "/\udcf6",
    "byte beyond ASCII in the query": "/api?\udcf6",
    "other host": "http://127.0.0.1:9/CANARY",
    "other port": "http://gateway.example:8001/api",
    "no port": "http://gateway.example/api",
    "host with more behind": "http://gateway.example:8000.evil.example/api",
    "userinfo": "http://user@gateway.example:8000/api",
    "host as userinfo": "http://gateway.example:8000@evil.example/api",
    "backslash after the authority": "http://gateway.example:8000\\@evil.example/",
    "no authority": "http:///api",
    "no slashes": "http:/api",
    "other scheme": "ftp://gateway.example:8000/api",
    "websocket scheme": "ws://gateway.example:8000/api",
    "scheme in other letters": "http\N{LATIN SMALL LETTER LONG S}://gateway.example:8000/api",
}

# fmt: off
PIECES = [
    "/", "//", ".", "..", "\\", ";", ":", "|", "<", "?", "#", "%", "*", "@", "a", "b.c", "X",
    "%2e", "%2f", "%2F", "%5c", "%25", "%3b", "%3A", "%3f", "%23", "%20", "%00", "%7f", "%61", "%7E", "%zz",
    "%c3%b6", "%c0%ae", "http://", "gateway.example:8000", "\udcff", "\N{SNOWMAN}",
]
# fmt: on
targets = st.lists(st.sampled_from(PIECES)).map("".join) | st.text()
paths = st.lists(st.sampled_from(PIECES)).map(lambda pieces: f"/{''.join(pieces)}")


def accepted(raw: str) -> Target | None:
    """Parse, or return None for what is refused."""
    try:
        return parse_target(raw, HOST)
    except BadTarget:
        return None


def resolve(path: str) -> list[str]:
    """Return the segments that the most generous backend would see."""
    while (decoded := unquote(path)) != path:
        path = decoded
    kept: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            kept = kept[:-1]
        elif name != ".":
            kept.append(name)
    return kept


@pytest.mark.parametrize(("raw", "path", "query"), TAKEN.values(), ids=TAKEN.keys())
def test_takes(raw: str, path: str, query: str | None) -> None:
    """An ordinary target is taken in its one spelling, the query untouched."""
    assert parse_target(raw, HOST) == Target(path, query, frozenset())


@pytest.mark.parametrize(("raw", "path", "found"), FOUND.values(), ids=FOUND.keys())
def test_reports_what_a_route_must_admit(raw: str, path: str, found: set[str]) -> None:
    """What some backends need is passed with a note of it, and never decoded."""
    target = parse_target(raw, HOST)
    assert (target.path, set(target.found)) == (path, found)


@pytest.mark.parametrize("raw", REFUSED_PATHS.values(), ids=REFUSED_PATHS.keys())
def test_refuses_paths(raw: str) -> None:
    """A path that a backend could read as another one is refused, and not repeated in the reason."""
    with pytest.raises(BadTarget) as caught:
        parse_target(raw, HOST)
    assert raw not in caught.value.reason


@pytest.mark.parametrize("raw", REFUSED_TARGETS.values(), ids=REFUSED_TARGETS.keys())
def test_refuses_targets(raw: str) -> None:
    """Only origin-form, or absolute-form of the own host, is taken."""
    with pytest.raises(BadTarget) as caught:
        parse_target(raw, HOST)
    assert len(raw) < 2 or raw not in caught.value.reason


@pytest.mark.parametrize(
    ("raw", "host", "taken"),
    [
        pytest.param("http://a.example:80/", "a.example", True, id="default port in the target"),
        pytest.param("http://a.example/", "a.example:80", True, id="default port in Host"),
        pytest.param("https://a.example/", "a.example:443", True, id="default port of TLS"),
        pytest.param("https://a.example/", "a.example:80", False, id="default port of the other scheme"),
        pytest.param("http://a.example./", "a.example", True, id="trailing dot"),
        pytest.param("http://[::1]/", "[0::1]", True, id="address in another spelling"),
        pytest.param("http://a.example/", "", False, id="no Host"),
        pytest.param("http:///", "", False, id="neither"),
        pytest.param("http://a.example/", "a.example, b.example", False, id="broken Host"),
    ],
)
def test_compares_the_authority(raw: str, host: str, taken: bool) -> None:
    """An absolute-form's authority equals Host when host and port are the same."""
    if taken:
        assert parse_target(raw, host).path == "/"
    else:
        with pytest.raises(BadTarget):
            parse_target(raw, host)


@pytest.mark.parametrize("code", range(0x80))
def test_each_character_is_taken_or_refused_alike(code: int) -> None:
    """Each raw character gets the same answer at the start of a segment, inside it and behind an escape."""
    character = chr(code)
    dangerous = code <= 0x20 or code == 0x7F or character in '"#%<>\\'
    for raw in (f"/{character}a", f"/a{character}a", f"/%41{character}a"):
        assert (accepted(raw) is None) == dangerous


@pytest.mark.parametrize("code", range(0x80))
def test_each_escape_has_one_spelling(code: int) -> None:
    """An escape is refused, decoded if unreserved, or kept with upper-case digits."""
    target = accepted(f"/a%{code:02x}b")
    if code < 0x20 or chr(code) in ".\\\x7f":
        assert target is None
    else:
        assert target is not None
        kept = f"%{code:02X}" if not chr(code).isalnum() and chr(code) not in "-_~" else chr(code)
        assert target.path == f"/a{kept}b"


@given(targets)
@example("/%2541")
def test_parsing_is_idempotent(raw: str) -> None:
    """Any text is taken or refused, and a path that was taken is taken again as it is."""
    target = accepted(raw)
    if target is not None:
        assert parse_target(target.path, HOST) == Target(target.path, None, target.found)


@given(paths)
@example("/events/..%3bx/api")
def test_nothing_escapes(raw: str) -> None:
    """However a backend decodes an ordinary path, it sees the segments that were matched."""
    target = accepted(raw)
    if target is not None and not target.found:
        literal = [unquote(segment).partition(";")[0] for segment in target.path.split("/")]
        assert resolve(target.path) == literal


@given(paths, st.sampled_from(["%2f", "%25", ";", "//"]))
def test_what_is_found_is_there(raw: str, text: str) -> None:
    """Everything that a route must admit is reported, and nothing else."""
    target = accepted(raw)
    if target is not None:
        assert (text in target.found) == (text in target.path.lower())


@given(paths)
def test_both_forms_agree(raw: str) -> None:
    """The absolute-form is decided as its origin-form."""
    assert accepted(raw) == accepted(f"http://{HOST}{raw}")


@given(st.text(alphabet=st.characters(exclude_characters='\\"<>?#%./', exclude_categories=["Cc", "Cs"])))
def test_spells_any_character(text: str) -> None:
    """A path of the configuration gets the spelling that the same path has in a request."""
    spelled = spell_path(f"/{text}")
    assert parse_target(spelled, HOST).path == spelled
    assert unquote(spelled) == f"/{text}"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        pytest.param("/\N{LATIN SMALL LETTER O WITH DIAERESIS}", "/%C3%B6", id="not ASCII"),
        pytest.param("/a b", "/a%20b", id="space"),
        pytest.param("/%61%3a", "/a%3A", id="escapes"),
        pytest.param("/a//b;c%2f%25", "/a//b;c%2F%25", id="what a route may admit"),
        pytest.param("/{id}/*", "/{id}/*", id="signs of a pattern"),
    ],
)
def test_spells_paths(text: str, spelled: str) -> None:
    """A path of the configuration is spelled as targets are."""
    assert spell_path(text) == spelled


@pytest.mark.parametrize(
    "text", ["", "api", "/a?b", "/a#b", "/a/../b", "/%2e", "/a\nb", "/%", "/\ud800", "/<a>"]
)
def test_refuses_to_spell(text: str) -> None:
    """A path that no target can have is refused."""
    with pytest.raises(BadTarget):
        spell_path(text)


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        pytest.param("/a:b", "/a:b", id="raw"),
        pytest.param("/a%3Ab%21%7C%3B", "/a:b!|;", id="escaped"),
        pytest.param("/a%2Fb%25%20%23%3F%C3%B6", "/a%2Fb%25%20%23%3F%C3%B6", id="never raw"),
        pytest.param("/%253A", "/%253A", id="escape of an escape"),
    ],
)
def test_folds_what_backends_take_for_one(path: str, folded: str) -> None:
    """Two spellings of one character compare equal, other escapes stay."""
    assert fold_path(path) == folded


def test_reasons_hold_no_input() -> None:
    """The reasons are fixed sentences, as the log shows them unsanitized."""
    reasons = set()
    for raw in (*REFUSED_PATHS.values(), *REFUSED_TARGETS.values()):
        with pytest.raises(BadTarget) as caught:
            parse_target(raw, HOST)
        reasons.add(caught.value.reason)
    assert len(reasons) == 11

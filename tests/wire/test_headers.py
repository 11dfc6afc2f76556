"""Which fields go on and which stop."""

from __future__ import annotations

import pytest

from tentaculo.wire.headers import (
    REMEMBERED_NAMES,
    Meaning,
    bearer_token,
    connection_options,
    field_lines,
    request_names,
    response_names,
    sort_request_fields,
)
from tests.wire.fields import REQUEST_NAMES, SEEN, passed, reply, requests, sort, sort_reply, written


@pytest.mark.parametrize(("name", "meaning"), REQUEST_NAMES.items(), ids=[n.decode() for n in REQUEST_NAMES])
def test_meaning_of_a_request_field(name: bytes, meaning: Meaning) -> None:
    """A name means the same however it is spelled, the first time and when it is remembered."""
    names = requests()
    for spelled in (name, name.lower(), name.upper(), name.swapcase()):
        assert names.meaning(spelled) is meaning
        assert names.meaning(spelled) is meaning


def test_authorization_as_credential_is_bearer() -> None:
    """Naming Authorization as credential header means its Bearer scheme."""
    names = requests("authorization", "X-Token")
    assert names.meaning(b"AUTHORIZATION") is Meaning.BEARER
    assert names.meaning(b"x-token") is Meaning.CREDENTIAL
    assert names.meaning(b"X-VX11-Token") is Meaning.PASS


def test_credential_with_underscore_is_read() -> None:
    """A credential header may have an underscore in its name when the configuration says so."""
    assert requests("X_Token").meaning(b"x_TOKEN") is Meaning.CREDENTIAL


ALIKE = [
    "X.Principal",
    "X~VX11~Token",
    "x-vx11.TOKEN",
    "Remote.User",
    "X*Forwarded-For",
    "X.Auth.Request.Email",
]
ALIKE += ["X!Real!IP", "Proxy.Any", "Proxy+Connection", "Content.Length", "Transfer|Encoding"]


@pytest.mark.parametrize("name", ALIKE)
def test_name_that_a_backend_may_take_for_another_is_dropped(name: str) -> None:
    """CGI-like backends write every mark of a name alike, so a look-alike is no way past the gateway."""
    found = sort((name.encode(), b"v"), (b"X.Other", b"1"), keep_credentials=True)
    assert written(found.kept) == [(b"X.Other", b"1")]
    assert (found.credentials, found.forwarding) == ([], [])


def test_credential_with_other_marks_is_read() -> None:
    """The configured spelling of a credential header is not its own look-alike."""
    names = requests("X.Token", remove=["X-Env"])
    assert names.meaning(b"x.token") is Meaning.CREDENTIAL
    assert {names.meaning(n) for n in (b"X-Token", b"X~Token", b"X.Env")} == {Meaning.DROP}


def test_what_the_route_sets_is_not_passed() -> None:
    """A name that the route removes or sets itself never comes from the client, not even in trust."""
    names = requests(remove=["X-Env", "X-Principal", "X-Forwarded-For"])
    assert {names.meaning(n) for n in (b"x-env", b"X-PRINCIPAL", b"X-Forwarded-For")} == {Meaning.DROP}


def test_removal_does_not_hide_a_credential() -> None:
    """A credential header that the route also sets for its upstream is still read from the client."""
    assert requests("X-Token", remove=["X-Token"]).meaning(b"X-Token") is Meaning.CREDENTIAL


def test_memory_of_names_is_bounded() -> None:
    """Clients can't fill the memory with invented or endless names, and all are still judged."""
    names = requests()
    for number in range(2 * REMEMBERED_NAMES):
        assert names.meaning(b"X-Invented-%d" % number) is Meaning.PASS
    assert len(names.known) == REMEMBERED_NAMES
    assert names.meaning(b"X-Forwarded-Invented") is Meaning.FORWARDING
    fresh = requests()
    assert fresh.meaning(b"X" * 65) is Meaning.PASS
    assert fresh.meaning(b"X" * 64) is Meaning.PASS
    assert list(fresh.known) == [b"X" * 64]


def test_request_fields_are_sorted() -> None:
    """Each kind of field ends where it belongs, the rest in order and as spelled."""
    found = sort(
        (b"Host", b"h"),
        (b"accept", b"a"),
        (b"X-VX11-Token", b"secret"),
        (b"COOKIE", b"1"),
        (b"X-Forwarded-For", b"1.1.1.1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Expect", b"100-continue"),
        (b"Accept", b""),
        (b"x-vx11-token", b"second"),
        (b"Connection", b"close"),
    )
    assert written(found.kept) == [(b"accept", b"a"), (b"COOKIE", b"1"), (b"Accept", b"")]
    assert found.credentials == [b"secret", b"second"]
    assert found.forwarding == [(b"X-Forwarded-For", b"1.1.1.1")]
    assert found.expect == [b"100-continue"]


def test_credentials_are_kept_on_demand() -> None:
    """With `keep_credentials` they are both read and forwarded, where they stood."""
    fields = [(b"A", b"1"), (b"X-VX11-Token", b"t"), (b"B", b"2")]
    found = sort(*fields, keep_credentials=True)
    assert (written(found.kept), found.credentials) == (fields, [b"t"])


AUTHORIZATIONS = {
    "bearer": (b"Bearer abc", b"abc"),
    "lower case": (b"bearer abc", b"abc"),
    "upper case": (b"BEARER abc", b"abc"),
    "two spaces": (b"Bearer   abc ", b"abc"),
    "tab": (b"Bearer\tabc", b"abc"),
    "nothing after it": (b"Bearer", b""),
    "only spaces after it": (b"Bearer  ", b""),
    "two tokens": (b"Bearer abc def", b"abc def"),
    "two credentials in one line": (b"Bearer abc, Bearer def", b"abc, Bearer def"),
    "not text": (b"Bearer \xff\xfe", b"\xff\xfe"),
    "basic": (b"Basic YTpi", None),
    "longer scheme": (b"BearerX abc", None),
    "shorter scheme": (b"Bear abc", None),
    "token alone": (b"abc", None),
    "empty": (b"", None),
}


@pytest.mark.parametrize(("value", "token"), AUTHORIZATIONS.values(), ids=AUTHORIZATIONS)
def test_bearer_token(value: bytes, token: bytes | None) -> None:
    """RFC 6750 section 2.1, RFC 9110 section 11.1: the scheme is compared without case."""
    assert bearer_token(value) == token


@pytest.mark.parametrize(("value", "token"), AUTHORIZATIONS.values(), ids=AUTHORIZATIONS)
def test_authorization_of_another_scheme_is_the_backends(value: bytes, token: bytes | None) -> None:
    """Where Authorization is a credential header, only its Bearer scheme is taken and held back."""
    found = sort((b"Authorization", value), names=requests("Authorization"))
    assert found.credentials == ([] if token is None else [token])
    assert written(found.kept) == ([(b"Authorization", value)] if token is None else [])


def test_bearer_is_forwarded_on_demand() -> None:
    """With `keep_credentials` a Bearer credential goes on as it was written."""
    found = sort((b"Authorization", b"bearer  x"), names=requests("Authorization"), keep_credentials=True)
    assert (found.credentials, written(found.kept)) == ([b"x"], [(b"Authorization", b"bearer  x")])


OPTIONS = {
    "none": ([], set()),
    "plain": ([b"close", b"Keep-Alive"], set()),
    "one": ([b"X-A"], {b"x-a"}),
    "many": ([b"close, X-A ,\tx-b", b"X-C,,"], {b"x-a", b"x-b", b"x-c"}),
    "empty": ([b"", b" , "], set()),
    "upgrade": ([b"Upgrade, HTTP2-Settings"], {b"upgrade", b"http2-settings"}),
}


@pytest.mark.parametrize(("values", "options"), OPTIONS.values(), ids=OPTIONS)
def test_connection_options(values: list[bytes], options: set[bytes]) -> None:
    """RFC 9110 section 7.6.1: a list without case, over all lines; `close` and `keep-alive` are no names."""
    assert connection_options(values) == options


@pytest.mark.parametrize("after", [False, True], ids=["option first", "option last"])
def test_listed_names_are_dropped(*, after: bool) -> None:
    """What Connection lists stops here, in every spelling and repetition, wherever the option stands."""
    fields = [(b"x-a", b"1"), (b"X-B", b"2"), (b"X-A", b"3"), (b"X-AB", b"4")]
    option = [(b"Connection", b"X-a")]
    found = sort(*(fields + option if after else option + fields))
    assert written(found.kept) == [(b"X-B", b"2"), (b"X-AB", b"4")]


@pytest.mark.parametrize(
    "option",
    [b"X-VX11-Token", b"x-vx11-token, close", b"Authorization,X-VX11-Token"],
    ids=["name", "lower case", "with others"],
)
@pytest.mark.parametrize("keep", [False, True], ids=["held back", "forwarded"])
def test_connection_never_removes_a_credential(option: bytes, *, keep: bool) -> None:
    """A client can't make a credential vanish, neither from the decision nor on its way to the backend."""
    fields = [(b"Connection", option), (b"X-VX11-Token", b"t"), (b"Connection", b"X-VX11-Token")]
    found = sort(*fields, keep_credentials=keep)
    assert found.credentials == [b"t"]
    assert written(found.kept) == ([(b"X-VX11-Token", b"t")] if keep else [])


def test_connection_never_removes_authorization_that_is_a_credential() -> None:
    """The same holds for Authorization where it is a credential header."""
    fields = [(b"Connection", b"Authorization"), (b"Authorization", b"Bearer t")]
    found = sort(*fields, names=requests("Authorization"), keep_credentials=True)
    assert (found.credentials, written(found.kept)) == ([b"t"], fields[1:])


@pytest.mark.parametrize(
    "name", [b"X-Forwarded-For", b"Forwarded", b"X-Principal", b"X-Request-Id", b"Expect"]
)
def test_connection_never_removes_what_is_decided_on(name: bytes) -> None:
    """Fields that the gateway itself weighs are not subject to the client's Connection."""
    found = sort((name, b"v"), (b"Connection", name))
    assert found.forwarding == [(name, b"v")] or found.expect == [b"v"]


def test_reply_keeps_order_spelling_and_repetition() -> None:
    """What is end-to-end passes byte for byte, names with underscores and Proxy-Status included."""
    fields = [
        (b"set-cookie", b"a=1"),
        (b"X_Under", b"\xe9"),
        (b"Set-Cookie", b"b=2"),
        (b"Proxy-Status", b"a; error=x"),
        (b"Content-Length", b"3"),
        (b"X-Empty", b""),
        (b"set-cookie", b"a=1"),
    ]
    found = reply(*fields)
    assert (passed(found), found.seen) == (fields, set())


@pytest.mark.parametrize(("name", "meaning"), SEEN.items(), ids=[n.decode() for n in SEEN])
def test_reply_tells_what_the_upstream_said(name: bytes, meaning: Meaning) -> None:
    """Fields that the gateway would add are passed and reported."""
    found = reply((name, b"v"), (b"A", b"1"))
    assert (passed(found), found.seen) == ([(name, b"v"), (b"A", b"1")], {meaning})


@pytest.mark.parametrize(("name", "meaning"), SEEN.items(), ids=[n.decode() for n in SEEN])
def test_what_connection_removes_was_not_said(name: bytes, meaning: Meaning) -> None:
    """A field that Connection takes out is not reported, or the gateway would leave out its own."""
    found = reply((name, b"v"), (b"Date", b"d"), (b"Vary", b"A"), (b"Connection", name))
    assert name not in dict(passed(found))
    assert found.seen == {Meaning.VARY} - {meaning}


def test_connection_of_a_reply_leaves_its_framing() -> None:
    """Connection takes out what it lists, but not the length and type of the body."""
    fields = [(b"Content-Length", b"1"), (b"Content-Type", b"t"), (b"X-A", b"1")]
    found = reply((b"Connection", b"x-a, content-length, content-type"), *fields)
    assert passed(found) == fields[:2]


@pytest.mark.parametrize("option", [b"close", b"Keep-Alive", b"KEEP-ALIVE, close", b""])
def test_plain_connection_takes_nothing_out(option: bytes) -> None:
    """`close` and `keep-alive` are about the connection and name no field, on neither way."""
    fields = [(b"Vary", b"A"), (b"Close", b"1")]
    found = reply((b"Connection", option), *fields)
    assert (passed(found), found.seen) == (fields, {Meaning.VARY})
    assert written(sort((b"connection", option), *fields).kept) == fields


def test_framing_alone_in_connection_changes_nothing() -> None:
    """A list of nothing else than framing is as no list."""
    found = reply((b"Vary", b"A"), (b"Connection", b"content-length, close"))
    assert (passed(found), found.seen) == ([(b"Vary", b"A")], {Meaning.VARY})


def test_reply_fields_that_the_route_sets_are_left_out() -> None:
    """What the route removes or sets is neither passed nor reported as said."""
    found = reply(
        (b"SERVER", b"s"), (b"cache-control", b"c"), (b"A", b"1"), remove=["Server", "Cache-Control"]
    )
    assert (passed(found), found.seen) == ([(b"A", b"1")], set())


def test_field_lines() -> None:
    """Static fields become lines, in order, as Latin-1."""
    assert field_lines([("A", "1"), ("b", "caf\xe9"), ("A", "")]) == b"A: 1\r\nb: caf\xe9\r\nA: \r\n"
    assert field_lines([]) == b""


def test_cookies_are_set_apart_where_some_may_be_the_gateways() -> None:
    """They are read and not passed; where none can be the gateway's they pass like any field."""
    sent = [(b"Cookie", b"a=1"), (b"Accept", b"*/*"), (b"cookie", b"b=2")]
    tables = [
        request_names(credentials=["X-T"], identity="X-P", remove=(), own_cookies=own)
        for own in (True, False)
    ]
    apart, passed = (sort_request_fields(sent, table, keep_credentials=False) for table in tables)
    assert (apart.cookies, written(apart.kept)) == ([b"a=1", b"b=2"], [(b"Accept", b"*/*")])
    assert (passed.cookies, written(passed.kept)) == ([], sent)


def test_removal_does_not_hide_the_gateways_cookies() -> None:
    """They are for the gateway, so it reads them where the upstream gets none."""
    table = request_names(credentials=["X-T"], identity="X-P", remove=["Cookie"], own_cookies=True)
    found = sort_request_fields([(b"Cookie", b"a=1")], table, keep_credentials=True)
    assert (found.cookies, found.kept) == ([b"a=1"], [])


def test_upstreams_word_on_origins_is_replaced() -> None:
    """Where the gateway decides which origins may read a reply, the upstream has no say; else it has."""
    sent = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"5"), (b"ETag", b"1")]
    ours, theirs = (sort_reply(sent, response_names(remove=(), cors=cors)) for cors in (True, False))
    assert passed(ours) == [(b"ETag", b"1")]
    assert passed(theirs) == sent

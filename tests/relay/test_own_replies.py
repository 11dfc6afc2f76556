"""Answers that are written out beforehand, and where they are found."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tentaculo.errors import RouteNotFound
from tentaculo.relay.own_replies import OwnAnswer, OwnReplies, OwnReply, is_known
from tests.fakes.messages import read_reply, source_of

TAG = '"abc"'
PLAIN = OwnAnswer(200, (("Content-Length", "4"),), b"body")
LAST = OwnAnswer(503, (("Content-Length", "0"),))
KNOWN = OwnAnswer(304, (("ETag", TAG),))


def fields(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    """Return the fields of a request."""
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_answer_as_it_goes_out(keep_alive: bool) -> None:
    """Its head says what becomes of the connection; for HEAD it is the same, and alone."""
    whole = PLAIN.written(keep_alive=keep_alive, with_body=True)
    reply = await read_reply(source_of(whole), "GET")
    connection = "keep-alive" if keep_alive else "close"
    assert (reply.head.start, reply.body) == ("HTTP/1.1 200 OK", b"body")
    assert reply.head.fields == (("Content-Length", "4"), ("Connection", connection))
    assert PLAIN.written(keep_alive=keep_alive, with_body=False) == whole.removesuffix(b"body")


def test_answer_without_a_body() -> None:
    """There is nothing behind its head."""
    assert KNOWN.written(keep_alive=True, with_body=True).endswith(b"Connection: keep-alive\r\n\r\n")
    assert KNOWN.written(keep_alive=True, with_body=True).startswith(b"HTTP/1.1 304 Not Modified\r\n")


def test_choice_while_draining() -> None:
    """The last answer takes the place of the plain one, where there is another."""
    reply = OwnReply(PLAIN, last=LAST)
    assert [reply.choose(fields(), draining=draining) for draining in (False, True)] == [PLAIN, LAST]
    assert OwnReply(PLAIN).choose(fields(), draining=True) is PLAIN


@pytest.mark.parametrize("draining", [False, True])
def test_choice_for_who_has_it(draining: bool) -> None:
    """Whoever has the body is not sent it again; a reply without a tag is nobody's."""
    tagged = OwnReply(PLAIN, known=KNOWN, etag=TAG)
    condition = fields(("if-none-match", TAG))
    assert tagged.choose(condition, draining=draining) is KNOWN
    assert tagged.choose(fields(("If-None-Match", '"b"')), draining=draining) is PLAIN
    assert tagged.choose(fields(), draining=draining) is PLAIN
    assert OwnReply(PLAIN).choose(fields(("If-None-Match", "*")), draining=draining) is PLAIN


TAGS: dict[str, tuple[list[str], bool]] = {
    "same": ([TAG], True),
    "weak": ([f"W/{TAG}"], True),
    "listed": ([f'"x" ,\t{TAG}, "y"'], True),
    "any": ([" * "], True),
    "second field": (['"x"', TAG], True),
    "any beside others": (["*, x"], False),
    "other": (['"x"'], False),
    "upper case": ([TAG.upper()], False),
    "no quotes": (["abc"], False),
    "weak in lower case": ([f"w/{TAG}"], False),
    "empty": ([""], False),
    "none": ([], False),
}


@pytest.mark.parametrize(("values", "known"), TAGS.values(), ids=TAGS)
def test_tag_is_known(values: list[str], known: bool) -> None:
    """Tags are compared weakly, in any of the fields."""
    assert is_known(TAG, values) is known


def test_paths() -> None:
    """Beneath the prefix is nothing but what is there; all else is for the routes."""
    reply = OwnReply(PLAIN)
    replies = OwnReplies({"/own/a": reply, "/health": reply}, "/own/")
    assert (replies.find("/own/a"), replies.find("/health")) == (reply, reply)
    assert [replies.find(path) for path in ("/own", "/owns/a", "/", "/x/own/a")] == [None] * 4
    for path in ("/own/", "/own/b", "/own/a/"):
        with pytest.raises(RouteNotFound) as caught:
            replies.find(path)
        assert caught.value.reason == "no file of browser_path"


def test_no_prefix() -> None:
    """Without one nothing is left out."""
    assert OwnReplies({}).find("/own/b") is None

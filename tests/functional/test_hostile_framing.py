"""More hostile requests: where a body ends, and what chunks may look like."""

from __future__ import annotations

import pytest

from tests.functional.cases import Case
from tests.functional.conftest import StartGateway, StartRecorder
from tests.functional.hostile import check

HEAD = "POST {{API}} HTTP/1.1\r\nHost: {{HOST}}\r\nX-VX11-Token: {{TOKEN}}\r\n"
SMUGGLED = "GET {{API}}/CANARY HTTP/1.1\r\nHost: {{HOST}}\r\nX-VX11-Token: {{TOKEN}}\r\n\r\n"
REFUSED = ("400", "413", "431", "501", "505", "close")
TE = "Transfer-Encoding: "
CHUNKED = HEAD + TE + "chunked\r\n\r\n"

# Fields that frame a body in a way that two readers could take differently.
AMBIGUOUS = {
    "te-cl": TE + "chunked\r\nContent-Length: 5",
    "cl-te": "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "te-cl-0": TE + "chunked\r\nContent-Length: 0",
    "te-identity": TE + "identity\r\nContent-Length: 5",
    "te-identity-chunked": TE + "identity, chunked",
    "te-chunked-identity": TE + "chunked, identity\r\nContent-Length: 5",
    "te-gzip-chunked": TE + "gzip, chunked",
    "te-empty": TE + "\r\nContent-Length: 5",
    "te-comma": TE + ",\r\nContent-Length: 5",
    "te-comma-chunked": TE + ", chunked\r\nContent-Length: 5",
    "te-chunked-comma": TE + "chunked,\r\nContent-Length: 5",
    "te-param": TE + "chunked;q=1\r\nContent-Length: 5",
    "te-quoted": TE + '"chunked"\r\nContent-Length: 5',
    "te-two-words": TE + "chunked chunked\r\nContent-Length: 5",
    "te-cr": TE + "chunked\rx\r\nContent-Length: 5",
    "te-nul": TE + "chunked\x00\r\nContent-Length: 5",
    "te-ff": TE + "\x0cchunked\r\nContent-Length: 5",
    "te-utf8-k": TE + "chun\xe2\x84\xaaed\r\nContent-Length: 5",
    "te-twice-chunked": TE + "chunked\r\nTransfer-Encoding: chunked",
    "te-then-identity": TE + "chunked\r\nTransfer-Encoding: identity",
    "te-leading-colon": ":Transfer-Encoding: chunked\r\nContent-Length: 5",
    "te-space-in-name": "Transfer Encoding: chunked\r\nContent-Length: 5",
    "te-space-colon": "Transfer-Encoding : chunked\r\nContent-Length: 5",
    "te-lf-only": "Transfer-Encoding: chunked\nContent-Length: 5",
    "cl-plus": "Content-Length: +5",
    "cl-minus": "Content-Length: -5",
    "cl-list-diff": "Content-Length: 5, 6",
    "cl-dup-diff": "Content-Length: 5\r\nContent-Length: 6",
    "cl-dup-te": "Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
    "cl-word": "Content-Length: five",
    "cl-underscore": "Content-Length: 0_5",
    "cl-inner-space": "Content-Length: 1 5",
    "cl-tab-colon": "Content-Length\t: 5",
    "cl-vt": "Content-Length: \x0b5",
    "cl-superscript": "Content-Length: \xb2",
    "cl-arabic": "Content-Length: \xd9\xa5",
    "cl-nul": "Content-Length: 5\x00",
    "cl-over-64-bit": "Content-Length: 18446744073709551621",
    "cl-comma": "Content-Length: 5,",
    "cl-comment": "Content-Length: 5;a",
}
# Content-Length repeated with one value may be taken as that value (RFC 9110 section 8.6).
REPEATED = {
    "cl-dup-same": "Content-Length: 5\r\nContent-Length: 5",
    "cl-list-same": "Content-Length: 5, 5",
    "cl-leading-zeros": "Content-Length: 0005",
    "cl-ows": "Content-Length: \t 5 \t",
}
FRAMING = [
    *(
        Case(
            id=name,
            request=HEAD + fields + "\r\n\r\n0\r\n\r\n" + SMUGGLED,
            allow=REFUSED,
            upstream={"must_not_match": ["CANARY"]},
            client={"max_responses": 1},
        )
        for name, fields in AMBIGUOUS.items()
    ),
    *(
        Case(
            id=name,
            request=HEAD + fields + "\r\n\r\nhello",
            allow=(*REFUSED, "200"),
            upstream={
                "max_requests": 1,
                "no_leftover": True,
                "must_not_match": ["(?i)length: 5\r\n.*length"],
            },
            client={"max_responses": 1},
        )
        for name, fields in REPEATED.items()
    ),
]

# What follows the head of a chunked request, all of it malformed.
MALFORMED_CHUNKS = {
    "size-0x": "0x5\r\nhello\r\n0\r\n\r\n",
    "size-minus": "-5\r\nhello\r\n0\r\n\r\n",
    "size-minus-0": "-0\r\n\r\n",
    "size-float": "5.0\r\nhello\r\n0\r\n\r\n",
    "size-exp": "5e0\r\nhello\r\n0\r\n\r\n",
    "size-h": "5h\r\nhello\r\n0\r\n\r\n",
    "size-tab-lead": "\t5\r\nhello\r\n0\r\n\r\n",
    "size-quoted": '"5"\r\nhello\r\n0\r\n\r\n',
    "size-nbsp": "5\xa0\r\nhello\r\n0\r\n\r\n",
    "size-fullwidth": "\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "size-vt": "5\x0b\r\nhello\r\n0\r\n\r\n",
    "size-17-digits": "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-20-digits": "FFFFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    "size-comma": "5,5\r\nhello\r\n0\r\n\r\n",
    "size-two": "5 5\r\nhello\r\n0\r\n\r\n",
    "size-cr-only": "5\rhello\r\n0\r\n\r\n",
    "size-lf-cr": "5\n\rhello\r\n0\r\n\r\n",
    "data-short": "6\r\nhello\r\n0\r\n\r\n",
    "data-long": "4\r\nhello\r\n0\r\n\r\n",
    "data-lf-end": "5\r\nhello\n0\r\n\r\n",
    "data-cr-end": "5\r\nhello\r0\r\n\r\n",
    "data-no-end": "5\r\nhello0\r\n\r\n",
    "ext-nul": "5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "ext-lf": "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "ext-bare-cr": "5;\rhello\r\n0\r\n\r\n",
    "last-size-g": "5\r\nhello\r\ng\r\n\r\n",
    "last-minus": "5\r\nhello\r\n-1\r\n\r\n",
    "trailer-no-colon": "5\r\nhello\r\n0\r\nnocolon\r\n\r\n",
    "trailer-nul": "5\r\nhello\r\n0\r\nX-A: a\x00b\r\n\r\n",
    "trailer-space-name": "5\r\nhello\r\n0\r\nX A: b\r\n\r\n",
}
# Trailers that must not become fields of the request, and shapes that may pass or be refused.
QUESTIONABLE_CHUNKS = {
    "trailer-te": "5\r\nhello\r\n0\r\nTransfer-Encoding: evil\r\n\r\n",
    "trailer-host": "5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n",
    "trailer-xff": "5\r\nhello\r\n0\r\nX-Forwarded-For: evil\r\n\r\n",
    "trailer-identity": "5\r\nhello\r\n0\r\nX-Tentaculo-Principal: evil\r\n\r\n",
    "trailer-underscore": "5\r\nhello\r\n0\r\nX_Forwarded_For: evil\r\n\r\n",
    "trailer-connection": "5\r\nhello\r\n0\r\nConnection: evil\r\n\r\n",
    "ext-plain": "5;evil=b\r\nhello\r\n0\r\n\r\n",
    "ext-quoted": '5;a="evil"\r\nhello\r\n0\r\n\r\n',
    "ext-last": "5\r\nhello\r\n0;evil=1\r\n\r\n",
    "size-zeros": "0000000005\r\nhello\r\n0\r\n\r\n",
    "last-zeros": "5\r\nhello\r\n0000\r\n\r\n",
}
CHUNKS = [
    *(
        Case(
            id=name,
            request=CHUNKED + body + SMUGGLED,
            allow=(*REFUSED, "502", "timeout"),
            upstream={"max_requests": 1},
            client={"max_responses": 1},
        )
        for name, body in MALFORMED_CHUNKS.items()
    ),
    *(
        Case(
            id=name,
            request=CHUNKED + body,
            allow=(*REFUSED, "200"),
            upstream={"max_requests": 1, "no_leftover": True, "must_not_match": ["evil"]},
            client={"max_responses": 1},
        )
        for name, body in QUESTIONABLE_CHUNKS.items()
    ),
]


@pytest.mark.parametrize("case", FRAMING, ids=lambda case: case.id)
async def test_ambiguous_framing(
    case: Case, start_gateway: StartGateway, start_recorder: StartRecorder
) -> None:
    """A request whose end two readers could see differently is refused, and nothing behind it is served."""
    await check(case, start_gateway, start_recorder)


@pytest.mark.parametrize("case", CHUNKS, ids=lambda case: case.id)
async def test_chunks(case: Case, start_gateway: StartGateway, start_recorder: StartRecorder) -> None:
    """Malformed chunks end the request; trailers and extensions never reach the upstream as anything else."""
    await check(case, start_gateway, start_recorder)

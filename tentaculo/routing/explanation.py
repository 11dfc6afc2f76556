"""Why a request goes to a route, in sentences for `tentaculo routes --match`.

It decides nothing: the table says which route won.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from tentaculo.routing.pattern import Entry, host_keys

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of a request.

    `status` is 200 with a `winner`, else 404 or 405.  `losers` are (name, reason) of the other
    routes whose path matches, the most specific first.
    """

    winner: str | None
    reasons: tuple[str, ...]
    losers: tuple[tuple[str, str], ...]
    status: int


@dataclass(frozen=True, slots=True)
class Question:
    """The request to explain, and the methods that the deciding host and path take."""

    host: str
    method: str
    allow: str


def explain(
    question: Question, rivals: Iterable[Entry[T]], winner: Entry[T] | None, decider: Entry[T] | None
) -> Explanation:
    """Put the table's decision in words.

    `rivals` are the routes whose path matches; `decider` is the winner, or else a route whose host
    and path decided that the method is refused.
    """
    if decider is None:
        reasons: tuple[str, ...] = ("no route has this host and path",)
        return Explanation(None, reasons, tuple((rival.name, _other_host(rival)) for rival in rivals), 404)
    losers = tuple(
        (rival.name, _why_lost(question, rival, decider)) for rival in rivals if rival is not winner
    )
    reasons = (_why_host(decider), _why_path(decider))
    if winner is None:
        return Explanation(None, (*reasons, f"only {question.allow} may be used"), losers, 405)
    return Explanation(winner.name, (*reasons, _why_method(question.method, winner)), losers, 200)


def _why_host(entry: Entry[T]) -> str:
    return "any host" if entry.host is None else f"host {entry.host}"


def _why_path(entry: Entry[T]) -> str:
    return f"{'exact path' if entry.exact else 'path'} {entry.pattern.path}"


def _why_method(method: str, entry: Entry[T]) -> str:
    if entry.pattern.methods is None:
        return "any method"
    return f"method {method}" if method in entry.pattern.methods else f"method {method}, which GET admits"


def _why_lost(question: Question, loser: Entry[T], decider: Entry[T]) -> str:
    if loser.host is not None and loser.host not in host_keys(question.host):
        return _other_host(loser)
    if loser.host != decider.host:
        return f"host {decider.host} is more specific"
    if loser.shape != decider.shape:
        return f"path {decider.pattern.path} is more specific"
    return _why_method_lost(question.method, loser.pattern.methods)


def _why_method_lost(method: str, methods: frozenset[str] | None) -> str:
    if methods is None or (method == "HEAD" and "GET" in methods and "HEAD" not in methods):
        return f"another route names {method}"
    if method in methods:
        return "another route with the same pattern comes first"
    return f"it takes only {', '.join(sorted(methods))}"


def _other_host(entry: Entry[T]) -> str:
    return f"it is for host {entry.host}"

"""Whether a request may pass a route, decided from the credentials it presented; fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tentaculo.access.principals import Principal, Principals
from tentaculo.access.standings import Standings
from tentaculo.access.store import Grant
from tentaculo.config.settings import Access, Carry, PrincipalSettings, RouteSettings
from tentaculo.errors import AmbiguousCredential, Forbidden, RouteDisabled, Unauthorized

# Whatever is not named here needs a principal token.
UNCHECKED = frozenset({Access.PUBLIC, Access.UPSTREAM})

# RFC 9110 section 15.5.2 asks for one; no browser opens a dialogue for this scheme.
CHALLENGE = (("WWW-Authenticate", 'Token realm="tentaculo"'),)


BY_HEADER = "principal_header"
BY_QUERY = "principal_query"
BY_TOKEN = "ephemeral_token"


@dataclass(frozen=True, slots=True)
class Presented:
    """What opens a stream: a principal that was proved, or an ephemeral token yet to be redeemed."""

    by: str
    principal: Principal | None = None
    token: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The access rule of one route; `allowed` are the names of the principals that may use it.

    `token_in_header` lets an ephemeral token stand where a principal's does; `principal_in_query`
    lets it be the other way round.
    """

    access: Access
    enabled: bool
    principals: Principals
    allowed: frozenset[str]
    standings: Standings
    token_in_header: bool = False
    principal_in_query: bool = False

    def admit(self, credentials: Sequence[bytes]) -> Principal | None:
        """Return the principal that was proved, None where the route demands none.

        Raises RouteDisabled, Unauthorized, AmbiguousCredential or Forbidden.
        """
        if not self.enabled:
            raise RouteDisabled
        return None if self.access in UNCHECKED else self._principal(credentials)

    def present(self, credentials: Sequence[bytes], tokens: Sequence[bytes]) -> Presented:
        """Return what opens a stream: `credentials` came in headers, `tokens` where a token may be.

        Raises RouteDisabled, Unauthorized, AmbiguousCredential or Forbidden.
        """
        if not self.enabled:
            raise RouteDisabled
        _check_single(len(credentials) + len(tokens))
        if credentials:
            principal = self.principals.authenticate(credentials[0])
            if principal is not None or not self.token_in_header:
                return Presented(BY_HEADER, principal=self._allow(principal))
            return Presented(BY_TOKEN, token=credentials[0])
        principal = self.principals.authenticate(tokens[0]) if self.principal_in_query else None
        if principal is not None:
            return Presented(BY_QUERY, principal=self._allow(principal))
        return Presented(BY_TOKEN, token=tokens[0])

    def holder(self, grant: Grant) -> Principal:
        """Return the principal that a redeemed token stands for.

        Raises Unauthorized for one whose token was rotated or that is gone, Forbidden for one that
        may not use the route any more, or is blocked.
        """
        principal = self.principals.holder(grant.principal, grant.fingerprint)
        if principal is None:
            raise Unauthorized("principal_gone", headers=CHALLENGE)
        return self._allow(principal)

    def _principal(self, credentials: Sequence[bytes]) -> Principal:
        _check_single(len(credentials))
        return self._allow(self.principals.authenticate(credentials[0]))

    def _allow(self, principal: Principal | None) -> Principal:
        if principal is None:
            raise Unauthorized("unknown", headers=CHALLENGE)
        if principal.name not in self.allowed:
            raise Forbidden("route_not_allowed")
        if self.standings.is_blocked(principal.name):
            raise Forbidden("blocked")
        return principal


def _check_single(count: int) -> None:
    if count == 0:
        raise Unauthorized("missing", headers=CHALLENGE)
    if count > 1:
        raise AmbiguousCredential("ambiguous")


def allowed_names(route: RouteSettings, settings: Iterable[PrincipalSettings]) -> frozenset[str]:
    """Return the names of the principals that may use a route."""
    return frozenset(p.name for p in settings if any(fnmatchcase(route.name, glob) for glob in p.routes))


def guard_of(
    route: RouteSettings,
    principals: Principals,
    settings: Iterable[PrincipalSettings],
    standings: Standings,
) -> Guard:
    """Compile the guard of one route."""
    terms = route.ephemeral_token
    return Guard(
        access=route.access,
        enabled=route.enabled,
        principals=principals,
        allowed=allowed_names(route, settings),
        standings=standings,
        token_in_header=terms is not None and terms.carry is Carry.HEADER,
        principal_in_query=terms is not None and terms.principal_in_query,
    )

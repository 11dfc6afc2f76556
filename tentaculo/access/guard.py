"""Whether a request may pass a route, decided from the credentials it presented; fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tentaculo.access.principals import Principal, Principals
from tentaculo.config.settings import Access, PrincipalSettings, RouteSettings
from tentaculo.errors import AmbiguousCredential, Forbidden, RouteDisabled, Unauthorized

# Whatever is not named here needs a principal token.
UNCHECKED = frozenset({Access.PUBLIC, Access.UPSTREAM})

# RFC 9110 section 15.5.2 asks for one; no browser opens a dialogue for this scheme.
CHALLENGE = (("WWW-Authenticate", 'Token realm="tentaculo"'),)


@dataclass(frozen=True, slots=True)
class Guard:
    """The access rule of one route; `allowed` are the names of the principals that may use it."""

    access: Access
    enabled: bool
    principals: Principals
    allowed: frozenset[str]

    def admit(self, credentials: Sequence[bytes]) -> Principal | None:
        """Return the principal that was proved, None where the route demands none.

        Raises RouteDisabled, Unauthorized, AmbiguousCredential or Forbidden.
        """
        if not self.enabled:
            raise RouteDisabled
        return None if self.access in UNCHECKED else self._principal(credentials)

    def _principal(self, credentials: Sequence[bytes]) -> Principal:
        if not credentials:
            raise Unauthorized("missing", headers=CHALLENGE)
        if len(credentials) > 1:
            raise AmbiguousCredential("ambiguous")
        principal = self.principals.authenticate(credentials[0])
        if principal is None:
            raise Unauthorized("unknown", headers=CHALLENGE)
        if principal.name not in self.allowed:
            raise Forbidden("route_not_allowed")
        return principal


def guard_of(route: RouteSettings, principals: Principals, settings: Iterable[PrincipalSettings]) -> Guard:
    """Compile the guard of one route."""
    allowed = (p.name for p in settings if any(fnmatchcase(route.name, glob) for glob in p.routes))
    return Guard(route.access, route.enabled, principals, frozenset(allowed))

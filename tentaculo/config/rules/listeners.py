"""The two listeners keep apart, and header fields that mean different things have different names."""

from __future__ import annotations

from collections.abc import Iterator

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding, YamlPath
from tentaculo.config.rules.presence import repeated_fields
from tentaculo.config.settings import Address, Settings

_DEFAULTS = Settings(principals=(), upstreams=(), routes=())
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


def listener_faults(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong with listeners and credential headers."""
    yield from _same_address(draft)
    yield from _credential_headers(draft)


def _same_address(draft: Draft) -> Iterator[Finding]:
    file = draft.file
    if not (draft.is_clear("listen", "address") and draft.is_clear("admin", "address")):
        return
    listen = (file.listen and file.listen.address) or _DEFAULTS.listen
    admin = (file.admin and file.admin.address) or _DEFAULTS.admin
    if _overlap(listen, admin):
        yield Finding(("admin",), "must be another address than that of listen")


def _overlap(one: Address, other: Address) -> bool:
    if one.port != other.port or one.port == 0:
        return False
    return one.host == other.host or not _EVERY_ADDRESS.isdisjoint({one.host, other.host})


def _credential_headers(draft: Draft) -> Iterator[Finding]:
    identity = (draft.file.identity_header or _DEFAULTS.identity_header).lower()
    lists: list[tuple[YamlPath, list[str] | None]] = [
        (("credential_headers",), draft.file.credential_headers)
    ]
    lists += [
        ((*route.path, "credential_headers"), route.section.credential_headers) for route in draft.routes
    ]
    for path, names in lists:
        yield from repeated_fields(path, names or ())
        for index, name in enumerate(names or ()):
            if name.lower() == identity and draft.is_clear("identity_header"):
                yield Finding((*path, index), "must be another header than identity_header")
    if draft.file.credential_headers is None and identity in map(str.lower, _DEFAULTS.credential_headers):
        yield Finding(("identity_header",), "must be another header than the credential header")

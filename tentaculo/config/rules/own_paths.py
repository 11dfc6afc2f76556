"""Paths that the gateway itself answers, whatever the host: no route and no issue path stands there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tentaculo.config.draft import Draft
from tentaculo.config.problems import Finding
from tentaculo.config.settings import BROWSER_FILES, Settings
from tentaculo.wire.target import fold_path, spell_path

_DEFAULTS = Settings(principals=(), upstreams=(), routes=())


@dataclass(frozen=True, slots=True)
class OwnPaths:
    """The health path, and what all paths beneath browser_path begin with; None for what is unclear."""

    health: str | None
    browser: str | None

    def fault(self, path: str) -> str | None:
        """Return what is wrong with a route or an issue path at a folded path."""
        if path == self.health:
            return "must be another path than health_path, which the gateway answers"
        if self.browser is not None and path.startswith(self.browser):
            return "must not be beneath browser_path, where the gateway answers"
        return None


def own_paths(draft: Draft) -> OwnPaths:
    """Return the gateway's own paths, folded."""
    health = draft.file.health_path or _DEFAULTS.health_path
    browser = draft.browser_path if draft.is_clear("browser_path") else None
    return OwnPaths(
        health=fold_path(health) if draft.is_clear("health_path") else None,
        browser=None if browser is None else f"{fold_path(browser)}/",
    )


def own_path_faults(draft: Draft) -> Iterator[Finding]:
    """Yield the routes that would never be asked, and a health path that hides a file."""
    own = own_paths(draft)
    if own.browser is not None and own.health in {own.browser + name for name in BROWSER_FILES}:
        yield Finding(("health_path",), "must be another path than that of a file beneath browser_path")
    for route in draft.routes:
        path = route.section.path
        fault = None if path is None else own.fault(fold_path(spell_path(path)))
        if fault is not None:
            yield Finding((*route.path, "path"), fault)

"""Configuration texts for tests, and their problems in short."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tentaculo.config.loader import load_text
from tentaculo.config.problems import ConfigError
from tentaculo.config.settings import Settings

SOURCE = Path("folder/tentaculo.yaml")
PRINCIPAL = "- {name: ui, token: token-of-the-ui}"
UPSTREAM = "backend: http://127.0.0.1:9000"
ROUTE = "{name: api, path: /api/*, upstream: backend}"


def config(
    *routes: str,
    top: str = "",
    principals: str = PRINCIPAL,
    upstreams: str = UPSTREAM,
) -> str:
    """Write a configuration that is good unless an argument is bad; `routes` are flow mappings."""
    listed = "".join(f"  - {route}\n" for route in routes or (ROUTE,))
    return f"principals:\n  {principals}\nupstreams:\n  {upstreams}\nroutes:\n{listed}{top}"


def settings_of(text: str, environ: Mapping[str, str] | None = None, source: Path = SOURCE) -> Settings:
    """Load a text that is good."""
    return load_text(text, source=source, environ=environ or {})


def error_of(text: str, environ: Mapping[str, str] | None = None, source: Path = SOURCE) -> ConfigError:
    """Load a text that is bad."""
    try:
        settings_of(text, environ, source)
    except ConfigError as fault:
        return fault
    raise AssertionError("the configuration is good")


def problems_of(text: str, environ: Mapping[str, str] | None = None, source: Path = SOURCE) -> list[str]:
    """Return the problems of a text as `path: message`, an empty list where it is good."""
    try:
        settings_of(text, environ, source)
    except ConfigError as fault:
        return [f"{problem.path}: {problem.message}".removeprefix(": ") for problem in fault.problems]
    return []

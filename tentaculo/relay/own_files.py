"""The gateway's own paths compiled: health, and the files of the browser client that it serves to anyone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from tentaculo import __version__
from tentaculo.config.settings import BROWSER_FILES, Settings
from tentaculo.relay.own_replies import OwnAnswer, OwnReplies, OwnReply
from tentaculo.wire.cors import Fields

HOUR = "public, max-age=3600"
FOR_EVER = "public, max-age=31536000, immutable"
_NO_STORE = "no-store"
_SCRIPT = "text/javascript; charset=utf-8"
_JSON = "application/json"
# Any page may have them, and takes them for nothing but scripts.
_FOR_PAGES: Fields = (
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


@cache
def browser_files() -> Mapping[str, bytes]:
    """Return the files by name, read once: an upgrade under a running gateway must not mix two versions.

    Raises OSError where the installation lacks one.
    """
    folder = files("tentaculo") / "browser"
    return {name: (folder / name).read_bytes() for name in BROWSER_FILES}


def file_paths(prefix: str) -> dict[str, tuple[str, str]]:
    """Return the paths of the files with their names and their Cache-Control."""
    folders = {prefix: HOUR, f"{prefix}/{__version__}": FOR_EVER}
    return {
        f"{folder}/{name}": (name, caching) for folder, caching in folders.items() for name in BROWSER_FILES
    }


def own_replies(settings: Settings) -> OwnReplies:
    """Return what the gateway answers at its own paths."""
    replies = {settings.health_path: _health()}
    prefix = settings.browser_path
    if prefix is None:
        return OwnReplies(replies)
    found = {path: _file(*named) for path, named in file_paths(prefix).items()}
    return OwnReplies({**found, **replies}, f"{prefix}/")


def _health() -> OwnReply:
    good, draining = b'{"status":"ok"}', b'{"status":"draining"}'
    return OwnReply(
        OwnAnswer(200, _fields(_JSON, good, _NO_STORE), good),
        last=OwnAnswer(503, _fields(_JSON, draining, _NO_STORE), draining),
    )


def _file(name: str, caching: str) -> OwnReply:
    data = browser_files()[name]
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    rest: Fields = (("ETag", etag), *_FOR_PAGES)
    return OwnReply(
        OwnAnswer(200, (*_fields(_SCRIPT, data, caching), *rest), data),
        known=OwnAnswer(304, (("Cache-Control", caching), *rest)),
        etag=etag,
    )


def _fields(content_type: str, body: bytes, caching: str) -> Fields:
    return ("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", caching)

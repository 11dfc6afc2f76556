"""The JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tentaculo.config.schema import json_schema
from tests.config.files import config
from tests.config.test_assembly import EVERY_KEY

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def _is_valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.safe_load(text)))


def test_schema_is_one() -> None:
    """The schema keeps to its own dialect."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_stored_schema_is_fresh() -> None:
    """The stored file is what `tentaculo schema` prints."""
    stored = json.loads((ROOT / "config" / "tentaculo.schema.json").read_text(encoding="utf-8"))
    assert stored == json_schema(), "run: tentaculo schema > config/tentaculo.schema.json"


def test_default_configuration_keeps_to_the_schema_that_it_names() -> None:
    """The first line of the default configuration leads editors to the schema."""
    text = (ROOT / "config" / "tentaculo.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./tentaculo.schema.json\n")
    assert _is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        EVERY_KEY,
        config(),
        config(top="limits:\nlog:\n"),
        config(top="admin: '${A}'\nlimits: {body: '${B}', streams: '${C}'}\n"),
        config(principals="- {name: a, token: [aaaaaaaaaaaa, bbbbbbbbbbbb]}"),
        config(top="limits: {body: 8192}\n"),
        config(top="browser_path: /own\n"),
        config(top="browser_path: null\n"),
        config(top="browser_path: false\n"),
        config(top="browser_path: '${B}'\n"),
        config(top="token_store: redis://user:p@redis/0\n"),
        config(top="token_store: '${STORE}'\n"),
        config("{name: a, path: /a, upstream: b, stream: {max_age: null, unavailable: '${U}'}}"),
        config(
            "{name: a, path: /a, upstream: b, stream: {heartbeat: null, idle_timeout: null, retry: null, "
            "replay: null, slow_client: null, gather: null, max_streams: null, "
            "max_streams_per_principal: null, max_streams_per_client: null}}"
        ),
        config("{name: a, path: /a, upstream: b, stream: {shared: true, replay: {}, slow_client: 65536}}"),
        config("{name: a, path: /a, upstream: b, cors: {origins: ['*']}}"),
        config(principals="- {name: a, token: aaaaaaaaaaaa, issue_rate: {rate: 1/h}}"),
        config(top="listen: {address: 'h:1', tls: [{certificate: a, key: b}]}\nlog: {file: x}\n"),
        config(top="listen: {address: 'h:1', tls: []}\nlog: {file: null}\n"),
        config("{name: a, path: /a, upstream: b, rate_limit: {rate: 1/s}, maintenance: {}}"),
        config("{name: a, path: /a, upstream: b, rate_limit: null, maintenance: null}"),
        config(upstreams="b: {servers: ['http://h', {url: 'http://i'}], retries: {budget: 100%}}"),
        config(
            upstreams="b: {servers: [{url: 'http://h', weight: null}], balance: null, health_check: null, "
            "limits: {connections: null, exchanges: null}, retries: null, breaker: null}"
        ),
    ],
    ids=[
        "every-key",
        "least",
        "empty",
        "references",
        "two-tokens",
        "number",
        "browser",
        "browser-null",
        "browser-off",
        "browser-reference",
        "redis",
        "store-reference",
        "endless",
        "nulls",
        "replay",
        "every-origin",
        "rate",
        "tls",
        "no-tls",
        "rate-limit",
        "no-rate-limit",
        "servers",
        "upstream-nulls",
    ],
)
def test_good_files_are_valid(text: str) -> None:
    """What the gateway takes, editors take."""
    assert _is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        config(top="nonsense: 1\n"),
        config(top="limits: {body: 12MB}\n"),
        config(top="limits: {streams: 0}\n"),
        config(top="limits: {keep_alive: 15}\n"),
        config(top="listen: 8000\n"),
        config(top="browser_path: true\n"),
        config(top="browser_path: /\n"),
        config(top="browser_path: /own/\n"),
        config("{name: a, path: /a}"),
        config("{name: a, path: a, upstream: b}"),
        config("{name: a, path: /a, upstream: b, access: none}"),
        config("{name: a, path: /a, upstream: b, methods: [get]}"),
        config("{name: a, path: /a, upstream: b, methods: []}"),
        config("{name: null, path: /a, upstream: b}"),
        config(principals="- {name: a, token: short}"),
        config(upstreams="b: ftp://h"),
        config(upstreams="b: {servers: [{url: 'http://h', weight: 1001}]}"),
        config(upstreams="b: {servers: ['http://h'], balance: random}"),
        config(upstreams="b: {servers: ['http://h'], health_check: {}}"),
        config(upstreams="b: {servers: ['http://h'], limits: {exchanges: 0}}"),
        config(upstreams="b: {servers: ['http://h'], retries: {attempts: 11}}"),
        config(upstreams="b: {servers: ['http://h'], retries: {budget: 101%}}"),
        config(upstreams="b: {servers: ['http://h'], retries: {budget: 0.2}}"),
        config(upstreams="b: {servers: ['http://h'], breaker: {open_for: 10}}"),
        config(top="listen: {address: 'h:1', tls: [{certificate: a}]}\n"),
        config(top="listen: {address: 'h:1', tls: {certificate: a, key: b}}\n"),
        config("{name: a, path: /a, upstream: b, rate_limit: {}}"),
        config("{name: a, path: /a, upstream: b, rate_limit: {rate: 1/s, per: host}}"),
        config("{name: a, path: /a, upstream: b, maintenance: {status: 200}}"),
        config("{name: a, path: /a, upstream: b, maintenance: true}"),
        config(upstreams="b: {}"),
        config(top="token_store: http://h\n"),
        config(top="admin: {address: 'h:1', token: short}\n"),
        config("{name: a, path: /a, upstream: b, ephemeral_token: {}}"),
        config("{name: a, path: /a, upstream: b, ephemeral_token: {issue_path: /t, carry: post}}"),
        config("{name: a, path: /a, upstream: b, cors: {origins: [x]}}"),
        config("{name: a, path: /a, upstream: b, cors: {origins: []}}"),
        config("{name: a, path: /a, upstream: b, stream: {max_age: 4}}"),
        config("{name: a, path: /a, upstream: b, stream: {heartbeat: 15}}"),
        config("{name: a, path: /a, upstream: b, stream: {replay: 1000}}"),
        config("{name: a, path: /a, upstream: b, stream: {replay: {events: 1000001}}}"),
        config("{name: a, path: /a, upstream: b, stream: {vary: Cookie}}"),
        config(principals="- {name: a, token: aaaaaaaaaaaa, max_streams: 0}"),
        config(top="drain: 5s\n"),
        config(principals="- {name: a, token: aaaaaaaaaaaa, issue_rate: {rate: 50}}"),
    ],
)
def test_bad_files_are_not_valid(text: str) -> None:
    """Common mistakes are seen in the editor already."""
    assert not _is_valid(text)


def _without_description(schema: Any, path: str = "") -> list[str]:
    found = []
    for name, value in schema.get("properties", {}).items():
        if "description" not in value and "$ref" not in value:
            found.append(f"{path}.{name}")
    for name, value in schema.get("$defs", {}).items():
        found += _without_description(value, name)
        found += [place for part in value.get("anyOf", []) for place in _without_description(part, name)]
    return found


def test_every_key_is_described() -> None:
    """Editors show a sentence for every key, and nothing of Python."""
    schema = json_schema()
    assert _without_description(schema) == []
    assert '"title"' not in json.dumps(schema["$defs"])

"""The configuration reference is that of the sections, and its examples are good."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scripts.reference import EXAMPLES, PAGE, default_of, page
from tentaculo.config.call_models import MaintenanceSection
from tentaculo.config.loader import load_text
from tentaculo.config.models import DrainSection, LimitsSection, LogSection, TokenStoreSection
from tentaculo.config.schema import json_schema
from tentaculo.config.section import Section
from tentaculo.config.settings import (
    BreakerSettings,
    DrainSettings,
    EphemeralTokenSettings,
    HealthCheckSettings,
    Limits,
    LogSettings,
    MaintenanceSettings,
    ReplaySettings,
    RetrySettings,
    StreamSettings,
    Timeouts,
    TokenStoreSettings,
)
from tentaculo.config.stream_models import EphemeralTokenSection, ReplaySection, StreamSection
from tentaculo.config.upstream_models import (
    BreakerSection,
    HealthCheckSection,
    RetriesSection,
    TimeoutsSection,
)
from tests.config.pem import make_pair

ENVIRON = {"TENTACULO_ADMIN_TOKEN": "a" * 12, "DASHBOARD_TOKEN": "d" * 12, "ORDERS_TOKEN": "o" * 12}
NO_VALUES = {"null", "none", "no limit", "memory"}  # in the settings all of these are None


def test_page_is_fresh() -> None:
    """The stored page is what the sections say."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: scripts/docs --pages"


def test_every_key_has_a_row() -> None:
    """No key of any section is left out."""
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    parts += [choice for part in parts for choice in part.get("anyOf", ())]
    keys = {key for part in parts for key in part.get("properties", ())}
    assert len(keys) > 90
    text = page()
    assert {key for key in keys if f"\n| `{key}` | " not in text} == set()


def test_examples_are_one_good_file(tmp_path: Path) -> None:
    """The file that the examples come from is good where the files that it names are there."""
    for folder in ("tls", "secrets"):
        (tmp_path / folder).mkdir()
    make_pair(tmp_path / "tls", "gateway")
    make_pair(tmp_path / "tls", "authorities")
    (tmp_path / "secrets" / "worker").write_text("token-of-the-worker\n")
    text = EXAMPLES.read_text(encoding="utf-8")
    settings = load_text(text, source=tmp_path / EXAMPLES.name, environ=ENVIRON)
    assert len(settings.routes) == 4
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        (LimitsSection, Limits()),
        (DrainSection, DrainSettings()),
        (LogSection, LogSettings()),
        (TokenStoreSection, TokenStoreSettings()),
        (StreamSection, StreamSettings()),
        (ReplaySection, ReplaySettings()),
        (EphemeralTokenSection, EphemeralTokenSettings(issue_path="/t")),
        (TimeoutsSection, Timeouts()),
        (HealthCheckSection, HealthCheckSettings(path="/h")),
        (RetriesSection, RetrySettings()),
        (BreakerSection, BreakerSettings()),
        (MaintenanceSection, MaintenanceSettings()),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_defaults_are_those_of_the_settings(section: type[Section], settings: Any) -> None:
    """The default that is told, read as if it stood in the file, is the one in effect."""
    properties = _properties(section)
    for key in {field.name for field in fields(settings)} & section.model_fields.keys():
        told = default_of(properties[key], required=key in section.required).strip("`")
        if told == "required" or " " in told:  # a sentence
            continue
        value = None if told in NO_VALUES else getattr(section.model_validate({key: told}), key)
        assert (value or None) == (getattr(settings, key) or None), key


def _properties(section: type[Section]) -> dict[str, Any]:
    schema = json_schema()["$defs"][section.__name__]
    found: dict[str, Any] = schema.get("properties") or schema["anyOf"][1]["properties"]
    return found


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ({"description": "Time to connect; default 2s."}, "`2s`"),
        ({"description": "Who comes; default those of one second."}, "those of one second"),
        ({"description": "error (default), or retry."}, "`error`"),
        ({"description": "Default auto: readable."}, "`auto`"),
        ({"description": "Whether."}, "none"),
        ({"description": "Whether.", "default": True}, "`true`"),
    ],
    ids=["value", "sentence", "word", "first", "none", "switch"],
)
def test_default_is_read_from_the_description(schema: dict[str, Any], default: str) -> None:
    """A key's description says its default in one of a few ways."""
    assert default_of(schema, required=False) == default
    assert default_of(schema, required=True) == "required"


def test_links_lead_to_sections() -> None:
    """Each anchor that a row links to is a heading's."""
    text = page()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_-]", "", heading.lower().replace(" ", "-")) for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors

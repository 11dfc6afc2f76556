"""How one operation is written."""

from __future__ import annotations

import jsonschema
import pytest

from tentaculo.admin.openapi_operations import (
    COUNT,
    TEXT,
    answer,
    array,
    mapping,
    one_of,
    operation,
    or_null,
    parameter,
    record,
)


def test_operation() -> None:
    """Refusals are problems; any one of the schemes will do."""
    made = operation("name", "Do it", {200: answer("Done")}, refusals=[404], security=["a", "b"])
    assert made == {
        "operationId": "name",
        "summary": "Do it",
        "responses": {
            "200": {"description": "Done"},
            "404": {
                "description": "Not Found",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
        "security": [{"a": []}, {"b": []}],
    }


def test_bare_operation() -> None:
    """What needs no credential and takes no parameter says nothing of either."""
    made = operation("name", "Do it", {204: answer("Done")})
    assert made.keys() == {"operationId", "summary", "responses"}


def test_parameters() -> None:
    """Those of a path must be there, those of a query may."""
    made = operation(
        "x", "y", {}, parameters=[parameter("id", "path", "It"), parameter("q", "query", "Q", COUNT)]
    )
    assert [(one["name"], one["in"], one["required"], one["schema"]) for one in made["parameters"]] == [
        ("id", "path", True, TEXT),
        ("q", "query", False, COUNT),
    ]


SCHEMA = record(
    {"a": TEXT, "b": or_null(COUNT), "c": array(one_of(["x", "y"])), "d": mapping(COUNT)}, optional=["d"]
)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"a": "", "b": None, "c": []}, True),
        ({"a": "", "b": 0, "c": ["y"], "d": {"any": 1}}, True),
        ({"a": "", "b": -1, "c": []}, False),
        ({"a": "", "b": None, "c": ["z"]}, False),
        ({"a": "", "b": None, "c": [], "d": {"any": "1"}}, False),
        ({"a": "", "b": None, "c": [], "e": 1}, False),
        ({"a": "", "c": []}, False),
    ],
)
def test_schemas(value: object, *, good: bool) -> None:
    """A record has its members and no others."""
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(value) == good

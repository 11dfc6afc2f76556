"""Reads an OpenAPI document: its structure, and whether a reply is what it describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema

from tests.fakes.client import told
from tests.fakes.messages import Message

METHODS = {"get", "post", "delete", "put", "patch", "head", "options"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check_document(document: dict[str, Any]) -> None:
    """Check the structure that OpenAPI 3.1 demands of what is used of it."""
    assert document["openapi"] == "3.1.0"
    assert document.keys() <= {"openapi", "info", "servers", "tags", "paths", "components"}
    assert {"title", "version"} <= document["info"].keys()
    tags = {tag["name"] for tag in document["tags"]}
    schemes = document["components"]["securitySchemes"]
    for scheme in schemes.values():
        assert scheme["type"] in {"http", "apiKey"}
        assert ({"name", "in"} if scheme["type"] == "apiKey" else {"scheme"}) <= scheme.keys()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert path.startswith("/")
        assert method.lower() in METHODS
        assert set(operation["tags"]) <= tags
        assert all(scheme in schemes for way in operation.get("security", ()) for scheme in way)
        _check_operation(path, operation)


def _check_operation(path: str, operation: dict[str, Any]) -> None:
    assert {"operationId", "summary", "responses", "servers"} <= operation.keys()
    assert all(server["url"].startswith(("http://", "https://")) for server in operation["servers"])
    parameters = operation.get("parameters", [])
    assert {one["name"] for one in parameters if one["in"] == "path"} == set(re.findall(r"\{(\w+)\}", path))
    assert operation["responses"]
    for status, response in operation["responses"].items():
        assert re.fullmatch(r"[1-5]\d\d", status)
        assert response["description"]
        for content in response.get("content", {}).values():
            jsonschema.Draft202012Validator.check_schema(content["schema"])


def check_reply(document: dict[str, Any], method: str, path: str, reply: Message) -> None:
    """Check that a reply is one that the document describes: status, content type and body."""
    response = document["paths"][path][method.lower()]["responses"][str(reply.status)]
    content = response.get("content")
    if content is None:
        return
    kind = (reply.head.value("Content-Type") or "").partition(";")[0]
    (schema,) = (part["schema"] for name, part in content.items() if name.partition(";")[0] == kind)
    if kind.endswith("json"):
        whole = {**schema, "components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(told(reply))

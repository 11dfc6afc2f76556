"""One operation of an OpenAPI description and the schemas in it: how they are written, not what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

Node = dict[str, Any]

TEXT: Node = {"type": "string"}
COUNT: Node = {"type": "integer", "minimum": 0}
SECONDS: Node = {"type": "number", "minimum": 0}
FLAG: Node = {"type": "boolean"}
_PROBLEM: Node = {"$ref": "#/components/schemas/Problem"}


def operation(
    name: str,
    summary: str,
    answers: Mapping[int, Node],
    *,
    refusals: Iterable[int] = (),
    security: Iterable[str] = (),
    parameters: Iterable[Node] = (),
) -> Node:
    """Return an operation with its good answers and, as problems, its refusals by status.

    `security` are the names of the schemes, any one of which will do; none is no credential.
    """
    responses = {
        **{str(status): answer for status, answer in answers.items()},
        **{str(status): _problem(status) for status in refusals},
    }
    made: Node = {"operationId": name, "summary": summary, "responses": responses}
    if schemes := list(security):
        made["security"] = [{scheme: []} for scheme in schemes]
    if listed := list(parameters):
        made["parameters"] = listed
    return made


def answer(description: str, schema: Node | None = None, kind: str = "application/json") -> Node:
    """Return an answer with a body of some kind, or without one."""
    if schema is None:
        return {"description": description}
    return {"description": description, "content": {kind: {"schema": schema}}}


def parameter(name: str, place: str, description: str, schema: Node = TEXT) -> Node:
    """Return a parameter; those of a path are always there."""
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": schema,
    }


def record(properties: Mapping[str, Node], optional: Iterable[str] = ()) -> Node:
    """Return the schema of an object with these members and no others."""
    left_out = frozenset(optional)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


def mapping(schema: Node) -> Node:
    """Return the schema of an object whose members, by any name, are alike."""
    return {"type": "object", "additionalProperties": schema}


def array(schema: Node) -> Node:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def or_null(schema: Node) -> Node:
    """Return a schema that takes null too."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(values: Iterable[str]) -> Node:
    """Return the schema of a text that is one of a few."""
    return {"type": "string", "enum": list(values)}


def _problem(status: int) -> Node:
    return answer(HTTPStatus(status).phrase, _PROBLEM, "application/problem+json")

"""A body is told field by field: type, whether it is required, what it means, and its bounds."""

from typing import Any

import pytest

from safelight.cli.reference.bodies import fields

SHAPES = {
    "Wish": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "What to call it", "minLength": 1, "maxLength": 2000},
            "at": {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}], "description": "Where"},
        },
    },
    "Place": {"type": "object", "required": ["side"], "properties": {"side": {"$ref": "#/components/schemas/Side"}}},
    "Side": {"enum": ["left", "right"]},
}


def taking(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def test_a_field_stands_with_its_meaning_and_bounds_and_what_is_in_it_below():
    told = fields(taking({"$ref": "#/components/schemas/Wish"}), SHAPES)

    assert told == [
        ("`name`", "string", "yes", "What to call it; at least 1 and at most 2,000 characters"),
        ("`at`", "object", "", "Where"),
        ("`at.side`", "`left` or `right`", "yes", ""),
    ]


@pytest.mark.parametrize(
    ("field", "kind", "bounds"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 9}, "integer", "at most 9"),
        ({"type": "integer", "minimum": 1}, "integer", "at least 1"),
        ({"type": "boolean"}, "boolean", ""),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, "array of string", "at most 3 of them"),
    ],
)
def test_bounds_are_those_of_the_type(field: dict[str, Any], kind: str, bounds: str):
    told = fields(taking({"type": "object", "properties": {"field": field}}), {})

    assert told == [("`field`", kind, "", bounds)]


def test_a_call_without_a_body_has_no_fields():
    assert fields({}, SHAPES) == []

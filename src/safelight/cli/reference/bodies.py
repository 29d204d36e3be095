"""What a call takes in its body, field by field, from the schemas of the OpenAPI document."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Field = tuple[str, str, str, str]
"""Name, type, whether it is required, and meaning. Fields of a field have its name before their own."""

NUMBERS = ("minimum", "maximum")
LENGTHS = {"string": ("minLength", "maxLength", "characters"), "array": ("minItems", "maxItems", "of them")}
"""Of each type, what bounds it, and what is counted."""


def fields(operation: Schema, shapes: Mapping[str, Schema]) -> list[Field]:
    """Return the fields of a call's body, none where it takes no body. `shapes` are the schemas that have a name."""
    if "requestBody" not in operation:
        return []
    (media,) = operation["requestBody"]["content"].values()
    return list(_fields(_resolved(media["schema"], shapes), shapes))


def _fields(shape: Schema, shapes: Mapping[str, Schema], before: str = "") -> Iterator[Field]:
    for name, field in shape["properties"].items():
        own = _resolved(field, shapes)
        required = "yes" if name in shape.get("required", ()) else ""
        said = (field.get("description", ""), _bounds(own))
        yield f"`{before}{name}`", _type(own, shapes), required, "; ".join(filter(None, said))
        if "properties" in own:
            yield from _fields(own, shapes, f"{before}{name}.")


def _resolved(schema: Schema, shapes: Mapping[str, Schema]) -> Schema:
    """Return what a schema refers to, or is where it is not null."""
    if "$ref" in schema:
        return shapes[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        (own,) = (one for one in schema["anyOf"] if one.get("type") != "null")
        return _resolved(own, shapes)
    return schema


def _type(schema: Schema, shapes: Mapping[str, Schema]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"array of {_type(_resolved(schema['items'], shapes), shapes)}"
    return str(schema["type"])


def _bounds(schema: Schema) -> str:
    """Return the least and the most that a field takes, in words."""
    least, most, counted = LENGTHS.get(schema.get("type", ""), (*NUMBERS, ""))
    bounds = (
        f"at least {schema[least]:,}" if schema.get(least) else "",
        f"at most {schema[most]:,}" if most in schema else "",
    )
    return f"{' and '.join(filter(None, bounds))} {counted}".strip() if any(bounds) else ""

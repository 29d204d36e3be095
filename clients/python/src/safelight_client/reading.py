"""Reads JSON documents: what is needed must be there and of its type; what is not known is passed over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from safelight_client.errors import InvalidAnswer

Kind = TypeVar("Kind")
Document = Mapping[str, Any]


def optional(document: Document, name: str, kind: type[Kind]) -> Kind | None:
    """Return a field, or None where it is missing or null. Raises InvalidAnswer where it is of another type."""
    value = document.get(name)
    if value is None:
        return None
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InvalidAnswer(f"Field {name!r} of the answer is {value!r:.80}, which is no {kind.__name__}.")
    return value


def required(document: Document, name: str, kind: type[Kind]) -> Kind:
    """Return a field. Raises InvalidAnswer where it is missing, null or of another type."""
    value = optional(document, name, kind)
    if value is None:
        raise InvalidAnswer(f"Field {name!r} is missing from the answer. Is this the address of a Safelight server?")
    return value


def moment(document: Document, name: str) -> datetime | None:
    """Return a field that is a moment as RFC 3339 writes it, or None. Raises InvalidAnswer."""
    text = optional(document, name, str)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidAnswer(f"Field {name!r} of the answer is {text!r:.80}, which is no moment.") from error


def documents(document: Document, name: str) -> list[Document]:
    """Return a field that is a list of objects. Raises InvalidAnswer."""
    values = required(document, name, list)
    if not all(isinstance(value, dict) for value in values):
        raise InvalidAnswer(f"Field {name!r} of the answer is no list of objects.")
    return values


def numbers(document: Document, name: str) -> list[int]:
    """Return a field that is a list of whole numbers. Raises InvalidAnswer."""
    values = required(document, name, list)
    if not all(type(value) is int for value in values):
        raise InvalidAnswer(f"Field {name!r} of the answer is no list of whole numbers.")
    return values


def words(document: Document, name: str) -> dict[str, str]:
    """Return a field that is an object of strings; empty where it is missing. Raises InvalidAnswer."""
    values = optional(document, name, dict) or {}
    return {key: required(values, key, str) for key in values}

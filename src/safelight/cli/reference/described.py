"""What the code says of itself where Python forgets it: the docstrings under names, and those of parameters."""

import ast
import inspect
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from textwrap import dedent
from types import ModuleType

_PARAMETER = re.compile(r"^`(\w+)`: (.+(?:\n +\S.*)*)$", re.MULTILINE)


def meanings(of: type | ModuleType) -> Mapping[str, str]:
    """Return what stands under each name that a class or a module binds, in one line; "" where nothing does."""
    body = _body(of)
    return {
        name: _docstring(after) for statement, after in pairwise([*body, ast.Pass()]) if (name := _bound_by(statement))
    }


def parameters(docstring: str) -> Mapping[str, str]:
    """Return the meaning of each parameter, in one line, of a docstring that gives each a line of its own.

    Such a line begins with the parameter's name and a colon. What is indented after it belongs to it.
    """
    return {name: _one_line(meaning) for name, meaning in _PARAMETER.findall(inspect.cleandoc(docstring))}


def about(docstring: str) -> str:
    """Return a docstring without its parameters, in lines as they are."""
    return re.sub(r"\n{3,}", "\n\n", _PARAMETER.sub("", inspect.cleandoc(docstring))).strip()


def _body(of: type | ModuleType) -> Sequence[ast.stmt]:
    tree = ast.parse(dedent(inspect.getsource(of)))
    if isinstance(of, ModuleType):
        return tree.body
    (definition,) = tree.body
    return definition.body if isinstance(definition, ast.ClassDef) else ()


def _bound_by(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _docstring(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _one_line(text)
        case _:
            return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())

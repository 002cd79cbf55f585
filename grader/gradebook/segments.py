"""The definitions of a module, one by one, so that a .py file can be shown in the cells of the notebook."""

from __future__ import annotations

import ast
from collections.abc import Collection

from grader.submission import parse


def definitions(source: str, names: Collection[str]) -> tuple[dict[str, str], str]:
    """Split a module into the functions and classes of these names, and all of its other statements as one text.

    A name that is defined twice counts as Python counts it: the last one. A source with a syntax error has no parts:
    it is all in the second value.
    """
    if (body := parse(source)) is None:
        return {}, source
    lines = source.split("\n")  # where Python ends a line
    named: dict[str, str] = {}
    rest: list[str] = []
    for statement in body:
        text = _text(statement, lines)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and statement.name in names:
            named[statement.name] = text
        else:
            rest.append(text)
    return named, "\n".join(rest)


def _text(statement: ast.stmt, lines: list[str]) -> str:
    """The lines of a statement with its decorators, the comment right above it, and comments at the end of its body."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    while first > 0 and lines[first - 1].startswith("#") and not lines[first - 1].startswith("# %%"):
        first -= 1
    last = statement.end_lineno or statement.lineno
    while last < len(lines) and lines[last].lstrip().startswith("#") and not lines[last].startswith("#"):
        last += 1
    return "\n".join(lines[first:last])

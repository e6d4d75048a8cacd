"""A configuration as Python that can be pasted."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import numpy as np

__all__ = ["as_python"]


def as_python(params: Mapping[str, object], name: str = "params") -> str:
    """`params = {...}`, one parameter a line. A value whose text is no Python literal gets a comment that says so."""
    if not params:
        return f"{name} = {{}}"
    lines = []
    for key, value in params.items():
        written, literal = _literal(value)
        remark = "" if literal else "  # an object: import or build it first"
        lines.append(f"    {_quoted(key)}: {written},{remark}")
    return "\n".join([f"{name} = {{", *lines, "}"])


def _literal(value: object) -> tuple[str, bool]:
    """Text of a value, and whether Python reads it back as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return _quoted(value), True
    named = getattr(value, "__qualname__", None)
    written = named if isinstance(named, str) and callable(value) else repr(value)
    try:
        ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _expression(written), False
    return written, True


def _expression(written: str) -> str:
    """Itself if it is an expression, else a text that keeps the line valid Python."""
    try:
        ast.parse(written, mode="eval")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return repr(" ".join(written.split()))
    return " ".join(written.split())


def _quoted(value: str) -> str:
    """A text in double quotes where that needs no escape."""
    written = repr(value)
    return f'"{written[1:-1]}"' if '"' not in written else written

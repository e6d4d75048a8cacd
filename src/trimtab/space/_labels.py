"""Stable short texts for the choices of a categorical parameter, which may be any objects.

A text is its own label, in quotes where it could be taken for something else ("1", "None"); numbers, None, tuples and
estimators are shown by `repr`; functions and classes by their qualified name. An object whose `repr` holds a memory
address has no stable text: it gets the name of its type. A label never depends on the choices that come after it, so
that a list of choices can grow.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Sequence

import numpy as np

from trimtab.errors import SpaceError

__all__ = ["LabelText", "has_address", "label_of", "labels_of"]

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_LONGEST = 100  # characters; longer texts keep their start and get a checksum


class LabelText(str):
    """Stands for an object of which only the label is known: that of a space read from a storage."""

    __slots__ = ()


def labels_of(choices: Sequence[object], given: Sequence[str] | None) -> tuple[str, ...]:
    """One distinct text a choice. Raises SpaceError where two choices are the same, or `given` does not fit."""
    if given is not None:
        labels = (given,) if isinstance(given, str) else tuple(given)
        if (
            len(labels) != len(choices)
            or len(set(labels)) != len(labels)
            or not all(isinstance(s, str) for s in labels)
        ):
            raise SpaceError(
                f"labels must be {len(choices)} different texts, one for each choice, got {list(labels)!r}."
            )
        return labels
    taken: dict[str, object] = {}
    for choice in choices:
        label = base = label_of(choice)
        if label in taken and (
            taken[label] is choice or (type(taken[label]) is type(choice) and not has_address(choice))
        ):
            raise SpaceError(f"Categorical choices must differ, got {label} twice. Remove one, or give labels=[...].")
        k = 1
        while label in taken:
            k += 1
            label = f"{base} #{k}"
        taken[label] = choice
    return tuple(taken)


def label_of(choice: object) -> str:
    """The text of one value on its own."""
    if isinstance(choice, LabelText):
        return str(choice)
    if isinstance(choice, str):
        return _shortened(repr(choice) if _looks_otherwise(choice) else choice)
    name = getattr(choice, "__qualname__", None)
    if isinstance(name, str) and callable(choice):
        module = getattr(choice, "__module__", None)
        return f"{module}.{name}" if module and module not in ("builtins", "__main__") else name
    text = " ".join(repr(_unwrapped(choice)).split())
    return type(choice).__name__ if _ADDRESS.search(text) else _shortened(text)


def has_address(choice: object) -> bool:
    """Whether the text of an object differs from run to run."""
    return not isinstance(choice, str) and _ADDRESS.search(repr(choice)) is not None


def _looks_otherwise(text: str) -> bool:
    """A text that reads like a number, a constant, a tuple or nothing."""
    if not text or text != " ".join(text.split()):
        return True
    try:
        float(text)
    except ValueError:
        if text[0] not in "([{'\"NTF-+.0123456789bBrRuU":  # only these can begin a literal
            return False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a backslash in a text is nobody's mistake here
                ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return False
    return True


def _unwrapped(value: object) -> object:
    """NumPy scalars as Python's own, whose repr is the same in all versions."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is tuple or type(value) is list:
        return type(value)(_unwrapped(v) for v in value)
    if type(value) is dict:
        return {k: _unwrapped(v) for k, v in value.items()}
    return value


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 20]}... #{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"

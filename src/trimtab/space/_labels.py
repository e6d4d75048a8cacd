"""Stable short texts for the choices of a categorical parameter, which may be any objects.

A text is its own label; numbers, None, tuples and estimators are shown by `repr`; functions and classes by their qualified name.
An object whose `repr` holds a memory address has no stable text: it gets its type's name, numbered where needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from trimtab.errors import SpaceError

__all__ = ["labels_of"]

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def labels_of(choices: Sequence[object], given: Sequence[str] | None) -> tuple[str, ...]:
    """One distinct text a choice. Raises SpaceError where two choices are the same, or `given` does not fit."""
    if given is not None:
        labels = tuple(given)
        if len(labels) != len(choices) or len(set(labels)) != len(labels) or not all(isinstance(s, str) for s in labels):
            raise SpaceError(f"labels must be {len(choices)} different texts, one for each choice, got {list(labels)!r}.")
        return labels
    labels = tuple(_label(c) for c in choices)
    if len(set(labels)) < len(labels):  # the text "1" beside the number 1
        labels = tuple(repr(c) if isinstance(c, str) else s for c, s in zip(choices, labels, strict=True))
    counts = Counter(labels)
    for choice, label in zip(choices, labels, strict=True):
        if counts[label] > 1 and not _ADDRESS.search(repr(choice)):
            raise SpaceError(f"Categorical choices must differ, got {label} twice. Remove one, or give labels=[...].")
    seen: Counter[str] = Counter()
    numbered = []
    for label in labels:
        seen[label] += 1
        numbered.append(f"{label} #{seen[label]}" if counts[label] > 1 else label)
    return tuple(numbered)


def _label(choice: object) -> str:
    if isinstance(choice, str):
        return choice
    if isinstance(choice, np.generic):
        return repr(choice.item())
    name = getattr(choice, "__qualname__", None)
    if isinstance(name, str) and callable(choice):
        module = getattr(choice, "__module__", None)
        return f"{module}.{name}" if module and module not in ("builtins", "__main__") else name
    text = " ".join(repr(choice).split())
    if _ADDRESS.search(text):
        return type(choice).__name__
    return text

"""The table [space] of a settings file becomes a Space.

lr = {type = "float", low = 1e-4, high = 1e-1, log = true}      type: float, int, categorical or constant
units = {type = "int", low = 16, high = 256, step = 16}
size = {type = "categorical", choices = ["s", "m", "l"], ordered = true}
activation = ["relu", "tanh"]                                   a list: choices
epochs = 20                                                     a plain value: a constant
momentum = {type = "float", low = 0.5, high = 0.99, when = {solver = "sgd"}}
decay = {type = "float", low = 1e-6, high = 1e-1, log = true, prior = 1e-4}       a belief: a best guess, [low, high],
optimiser = {choices = ["adam", "sgd"], prior = {adam = 3, sgd = 1}}              a choice, or weights of choices
constraints = ["units * lr < 10"]                               a reserved name
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from trimtab.errors import InputError, SpaceError
from trimtab.space import Categorical, Constant, Float, Int, Space

__all__ = ["hashable", "space_of"]

_KINDS: dict[
    str, tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]
] = {  # type -> class, needed keys, optional keys
    "float": (Float, ("low", "high"), ("log", "step", "prior", "when")),
    "int": (Int, ("low", "high"), ("log", "step", "prior", "when")),
    "categorical": (Categorical, ("choices",), ("ordered", "labels", "prior", "when")),
    "constant": (Constant, ("value",), ("when",)),
}


def space_of(table: Mapping[str, Any]) -> Space:
    """The Space that [space] describes. SpaceError or InputError names the entry that is wrong."""
    entries = dict(table)
    constraints = entries.pop("constraints", [])
    if not isinstance(constraints, list) or not all(isinstance(rule, str) for rule in constraints):
        raise InputError(
            f'[space] constraints must be a list of expressions such as ["units * lr < 10"], got {constraints!r}. '
            "(The name is reserved: no hyperparameter can be called constraints.)"
        )
    return Space({name: _parameter(name, entry) for name, entry in entries.items()}, constraints)


def _parameter(name: str, entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return [hashable(choice) for choice in entry] if isinstance(entry, list) else entry
    kind = entry.get("type", "categorical" if "choices" in entry else None)
    if kind not in _KINDS:
        close = difflib.get_close_matches(str(kind), _KINDS, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        got = "none" if kind is None else repr(kind)
        raise InputError(f"[space] {name} needs type = one of {', '.join(map(repr, _KINDS))}, got {got}.{meant}")
    make, needed, optional = _KINDS[kind]
    for key in entry:
        if key not in ("type", *needed, *optional):
            close = difflib.get_close_matches(key, (*needed, *optional), n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"[space] {name} has the unknown key {key!r}.{meant} A {kind} takes: {', '.join((*needed, *optional))}."
            )
    for key in needed:
        if key not in entry:
            raise InputError(f"[space] {name} needs {key} =. A {kind} takes: {', '.join((*needed, *optional))}.")
    keywords = {key: value for key, value in entry.items() if key not in ("type", *needed)}
    for key in ("log", "ordered"):
        if not isinstance(keywords.get(key, False), bool):
            raise InputError(f"[space] {name}: {key} must be true or false, got {keywords[key]!r}.")
    values = [entry[key] for key in needed]
    if kind == "categorical":
        if not isinstance(values[0], list):
            raise InputError(f"[space] {name}: choices must be a list, got {values[0]!r}.")
        values = [[hashable(choice) for choice in values[0]]]
        if "prior" in keywords:
            keywords["prior"] = hashable(keywords["prior"])
    try:
        return make(*values, **keywords)
    except SpaceError as error:
        raise SpaceError(f"[space] {name}: {error}") from None


def hashable(choice: Any) -> Any:
    """A list inside a list of choices is one choice: a tuple."""
    return tuple(hashable(c) for c in choice) if isinstance(choice, list) else choice

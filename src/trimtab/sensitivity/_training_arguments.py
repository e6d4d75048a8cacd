"""Arguments of the analyses that run a training of the user's: refused by name, saying what to write instead."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray

__all__ = ["logged_of", "names_of", "seeds_of"]


def names_of(at: Mapping[str, float], wrt: Sequence[str] | None) -> tuple[str, ...]:
    """The hyperparameters to differentiate for; all floats of `at` where wrt is None."""
    floats = [name for name, value in at.items() if isinstance(value, float | np.floating)]
    if isinstance(wrt, str):
        raise InputError(f"wrt must be a sequence of names, got the text {wrt!r}. Write wrt=[{wrt!r}].")
    if wrt is None and not floats:
        raise InputError(
            f"at has no float to differentiate for, got {dict(at)!r}. Whole numbers and choices have no gradient; write 1.0 for a 1 "
            "that is continuous."
        )
    names = tuple(floats if wrt is None else wrt)
    for name in names:
        if name not in at:
            raise InputError(f"wrt has {name!r}, which is no hyperparameter of at (it has {', '.join(map(repr, at))}).")
        if name not in floats:
            hint = f"Write {at[name]}.0 if it is continuous. " if type(at[name]) is int else ""
            raise InputError(
                f"{name!r} is {at[name]!r}, a {type(at[name]).__name__}, and only floats have a gradient. {hint}For others use "
                "trimtab.sensitivity.finite_difference or one_at_a_time."
            )
        if not math.isfinite(at[name]):
            raise InputError(f"{name!r} must be finite, got {at[name]!r}.")
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"wrt must name at least one float of at, each once, got {list(names)} (floats are {', '.join(map(repr, floats)) or 'none'})."
        )
    return names


def logged_of(at: Mapping[str, float], names: tuple[str, ...], log: Collection[str] | None) -> BoolArray:
    """Which of them are on a logarithmic scale (p,); those that are > 0 where log is None."""
    if log is None:
        return np.array([at[name] > 0 for name in names])
    if isinstance(log, str):
        raise InputError(f"log must be a collection of names, got the text {log!r}. Write log=[{log!r}].")
    for name in log:
        if name not in at:
            raise InputError(f"log has {name!r}, which is no hyperparameter of at (it has {', '.join(map(repr, at))}).")
        if name in names and not at[name] > 0:
            raise InputError(
                f"{name!r} is {at[name]!r} and can be on a log scale only if it is > 0. Leave it out of log=."
            )
    return np.array([name in log for name in names])


def seeds_of(seeds: Sequence[int]) -> tuple[int, ...]:
    """The seeds themselves."""
    whole = [] if isinstance(seeds, int | str) else [s for s in seeds if isinstance(s, int | np.integer)]
    if isinstance(seeds, int | str) or not whole or len(whole) < len(seeds) or len(set(whole)) < len(whole):
        raise InputError(f"seeds must be a sequence of different whole numbers, such as (0, 1, 2), got {seeds!r}.")
    return tuple(int(s) for s in whole)

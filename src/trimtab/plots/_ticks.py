"""Ticks in the user's own values on axes that run over the unit coordinate of a parameter.

Notation
    u   unit coordinates, ascending        v   the values there (numbers)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import number
from trimtab.space import Space

__all__ = ["Ticks", "column_ticks", "nice", "position", "ticks"]


@dataclass(frozen=True, eq=False)
class Ticks:
    """Where labels stand and what they say. at (k,); labels: k plain texts; log: values run logarithmically."""

    at: FloatArray
    labels: tuple[str, ...]
    log: bool


def column_ticks(space: Space, j: int, most: int = 5) -> Ticks:
    """Ticks of column j of a space, on [0, 1]. Choices each have one."""
    parameter = space.parameters[space.names[j]]
    if hasattr(parameter, "choices"):
        u = space.levels(j)
        return Ticks(u, tuple(space.label(j, space.value(j, float(c))) for c in u), False)
    k = int(space.n_levels[j])
    u = space.levels(j) if 0 < k <= 400 else np.linspace(0.0, 1.0, 201)
    values = [space.value(j, float(c)) for c in u]
    return ticks(u, np.array(values, dtype=float), most, discrete=k > 0)


def ticks(u: FloatArray, v: FloatArray, most: int = 5, discrete: bool = False) -> Ticks:
    """Round values of a numeric axis, by interpolation between known points (u, v)."""
    log = _is_log(u, v)
    if discrete and len(v) <= most:
        return Ticks(u, tuple(number(value) for value in v.tolist()), log)
    chosen = nice(float(v[0]), float(v[-1]), most, log)
    if discrete and np.all(v == np.round(v)):
        chosen = chosen[chosen == np.round(chosen)]
    return Ticks(position(u, v, chosen), tuple(number(value) for value in chosen.tolist()), log)


def position(u: FloatArray, v: FloatArray, values: Sequence[float] | FloatArray) -> FloatArray:
    """Unit coordinates of values, by interpolation on the scale on which the axis is even."""
    wanted = np.asarray(values, dtype=float)
    if _is_log(u, v):
        wanted, v = np.log(np.maximum(wanted, 1e-300)), np.log(v)
    return np.asarray(np.interp(wanted, v, u), dtype=float)


def nice(low: float, high: float, most: int, log: bool) -> FloatArray:
    """Up to about `most` round numbers in [low, high]: powers of ten, or steps of 1, 2, 5."""
    if log:
        first, last = np.log10(low), np.log10(high)
        for mantissas in ((1, 2, 5), (1, 3), (1,)):
            decades = np.arange(np.floor(first), np.ceil(last) + 1)
            candidates = np.sort(np.ravel([m * 10.0**decades for m in mantissas]))
            inside = candidates[(candidates >= low * (1 - 1e-9)) & (candidates <= high * (1 + 1e-9))]
            if len(inside) <= most:
                break
        if len(inside) > most:
            inside = inside[:: -(-len(inside) // most)]
        if len(inside) >= 2:
            return inside
    span = high - low
    if span <= 0 or not np.isfinite(span):
        return np.array([low])
    power = 10.0 ** np.floor(np.log10(span / most))
    step = next(m * power for m in (1, 2, 2.5, 5, 10, 20) if _count(low, high, m * power) <= most)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return np.asarray(np.arange(first, last + 1) * step + 0.0, dtype=float)  # + 0.0: no minus zero


def _count(low: float, high: float, step: float) -> float:
    return float(np.floor(high / step + 1e-9) - np.ceil(low / step - 1e-9) + 1)


def _is_log(u: FloatArray, v: FloatArray) -> bool:
    """Whether log(v) is nearer to a straight line in u than v is."""
    if len(v) < 3 or v[0] <= 0 or v[-1] / v[0] < 3:
        return False
    return _bend(u, np.log(v)) < _bend(u, v)


def _bend(u: FloatArray, v: FloatArray) -> float:
    line = v[0] + (u - u[0]) / (u[-1] - u[0]) * (v[-1] - v[0])
    return float(np.max(np.abs(v - line)) / (v[-1] - v[0]))

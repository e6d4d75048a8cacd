"""A frozen `scipy.stats` distribution as a parameter, searched through its quantile function: u = cdf(value).

uniform, loguniform and randint become Float and Int (see `_convert`); this class serves all others (norm, expon, poisson, ...).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._parameters import Kind, Parameter, _number

__all__ = ["Distribution"]

_TAIL = 1e-9  # u is kept this far from 0 and 1, where quantiles of unbounded distributions are infinite


@dataclass(frozen=True)
class Distribution(Parameter):
    """Values distributed like the frozen distribution `frozen`, for example `scipy.stats.norm(0, 1)`.

    Discrete distributions give Python ints. The coordinate is the cumulative probability, so that the cube is uniform.
    """

    frozen: Any = field(compare=False)
    _spec: tuple[str, tuple[Any, ...], tuple[tuple[str, Any], ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        frozen = self.frozen
        if not all(hasattr(frozen, a) for a in ("ppf", "cdf", "dist")):
            raise SpaceError(
                f"{frozen!r} has no quantile function (ppf). Use a frozen scipy.stats distribution, for example "
                "scipy.stats.norm(0, 1), or Float, Int or Categorical."
            )
        object.__setattr__(self, "_spec", (frozen.dist.name, tuple(frozen.args), tuple(sorted(frozen.kwds.items()))))

    @property
    def discrete(self) -> bool:
        """Whole numbers only."""
        return hasattr(self.frozen.dist, "pmf")

    @property
    def spec(self) -> dict[str, Any]:
        """Name and arguments, plain JSON."""
        name, args, keywords = self._spec
        return {"name": name, "args": [_plain(a) for a in args], "keywords": {k: _plain(v) for k, v in keywords}}

    @property
    def kind(self) -> Kind:
        return "continuous"

    @property
    def n_levels(self) -> int:
        return 0

    def snap(self, u: FloatArray) -> FloatArray:
        u = np.clip(u, _TAIL, 1 - _TAIL)
        if not self.discrete:
            return u
        k = self.frozen.ppf(u)  # the middle of the value's own share of probability
        return np.asarray(0.5 * (self.frozen.cdf(k - 1) + self.frozen.cdf(k)), dtype=float)

    def values(self, u: FloatArray) -> list[Any]:
        v = self.frozen.ppf(np.clip(u, _TAIL, 1 - _TAIL))
        return [int(k) for k in v.tolist()] if self.discrete else v.tolist()  # type: ignore[no-any-return]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        v = np.asarray(values, dtype=float)
        if self.discrete:
            return np.asarray(0.5 * (self.frozen.cdf(v - 1) + self.frozen.cdf(v)), dtype=float)
        return np.clip(np.asarray(self.frozen.cdf(v), dtype=float), _TAIL, 1 - _TAIL)

    def check(self, value: object, name: str) -> None:
        v = _number(value, f"Parameter {name!r}")
        low, high = self.frozen.support()
        if not low <= v <= high or (self.discrete and v != math.floor(v)):
            raise SpaceError(f"Parameter {name!r} must lie in the support [{low:g}, {high:g}] of {self._spec[0]}, got {value!r}.")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

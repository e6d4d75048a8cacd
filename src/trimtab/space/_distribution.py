"""A frozen `scipy.stats` distribution as a parameter, searched through its quantile function: u = cdf(value).

uniform, loguniform and randint become Float and Int (see `_convert`); this class serves all others (norm, expon,
poisson, ...).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import SpaceError
from trimtab.numerics import FloatArray
from trimtab.space._parameter import Kind, Parameter, finite_number

__all__ = ["Distribution", "frozen_from_spec"]

_TAIL = 1e-9  # u is kept this far from 0 and 1, where quantiles of unbounded distributions are infinite
_MOST_LEVELS = 1000  # a discrete distribution with so many values or fewer has levels


@dataclass(frozen=True)
class Distribution(Parameter):
    """Values distributed like the frozen distribution `frozen`, for example `scipy.stats.norm(0, 1)`.

    Discrete distributions give Python ints. The coordinate is the cumulative probability, so that the cube is uniform;
    a whole number sits in the middle of its own share of probability.
    """

    frozen: Any = field(compare=False)
    _spec: tuple[str, tuple[float, ...], tuple[tuple[str, float], ...]] = field(init=False, repr=False)
    _support: tuple[float, float] = field(init=False, repr=False, compare=False)
    _edges: FloatArray | None = field(
        default=None, init=False, repr=False, compare=False
    )  # (K + 1,) cdf around each level

    def __post_init__(self) -> None:
        super().__post_init__()
        frozen = self.frozen
        if not all(hasattr(frozen, a) for a in ("ppf", "cdf", "dist", "args", "kwds")):
            raise SpaceError(
                f"{frozen!r} has no quantile function (ppf). Use a frozen scipy.stats distribution, for example "
                "scipy.stats.norm(0, 1), or Float, Int or Categorical."
            )
        name = str(frozen.dist.name)
        try:
            args = tuple(_scalar(a) for a in frozen.args)
            keywords = tuple(sorted((k, _scalar(v)) for k, v in frozen.kwds.items()))
        except (TypeError, ValueError):
            raise SpaceError(f"The distribution {name} has arrays for arguments. Give one number each.") from None
        object.__setattr__(self, "_spec", (name, args, keywords))
        low, high = (float(v) for v in frozen.support())
        if math.isnan(low) or not np.isfinite(frozen.ppf(0.5)):
            raise SpaceError(
                f"{self} is no valid distribution: scipy.stats gives NaN for these arguments (is scale > 0?). "
                "Correct them."
            )
        object.__setattr__(self, "_support", (low, high))
        again = frozen_from_spec(self.spec)
        if again is None or not np.allclose(again.ppf([0.2, 0.7]), frozen.ppf([0.2, 0.7]), equal_nan=True):
            raise SpaceError(
                f"The distribution {name!r} cannot be stored: scipy.stats has none of this name and these values. "
                "Use one of scipy.stats, "
                "or Float, Int or Categorical."
            )
        if self.discrete and high - low < _MOST_LEVELS:
            edges = np.asarray(frozen.cdf(np.arange(low - 1, high + 1)), dtype=float)
            if np.all(np.diff(edges) > _TAIL):
                object.__setattr__(self, "_edges", edges)

    @property
    def discrete(self) -> bool:
        """Whole numbers only."""
        return hasattr(self.frozen.dist, "pmf")

    @property
    def spec(self) -> dict[str, Any]:
        """Name and arguments, plain JSON."""
        name, args, keywords = self._spec
        return {"name": name, "args": list(args), "keywords": dict(keywords)}

    @property
    def kind(self) -> Kind:
        return "continuous" if self._edges is None else "discrete"

    @property
    def n_levels(self) -> int:
        return 0 if self._edges is None else len(self._edges) - 1

    @property
    def even(self) -> bool:
        return False

    def levels(self) -> FloatArray:
        assert self._edges is not None
        return 0.5 * (self._edges[:-1] + self._edges[1:])

    def snap(self, u: FloatArray) -> FloatArray:
        if self._edges is not None:
            x = self.levels()[np.searchsorted(self._edges[1:-1], np.clip(u, 0.0, 1.0), side="right")]
            return np.where(np.isnan(u), np.nan, x)
        u = np.clip(u, _TAIL, 1 - _TAIL)
        return self._middle(self.frozen.ppf(u)) if self.discrete else u

    def _middle(self, k: FloatArray) -> FloatArray:
        return np.asarray(0.5 * (self.frozen.cdf(k - 1) + self.frozen.cdf(k)), dtype=float)

    def values(self, u: FloatArray) -> list[Any]:
        if self._edges is not None:
            return [int(self._support[0]) + k for k in np.searchsorted(self._edges[1:-1], u, side="right").tolist()]
        v = self.frozen.ppf(np.clip(u, _TAIL, 1 - _TAIL)).tolist()
        return [int(k) for k in v] if self.discrete else [float(f"{k:.12g}") for k in v]

    def coordinates(self, values: Sequence[Any]) -> FloatArray:
        v = np.asarray(values, dtype=float)
        if self._edges is not None:
            return self.levels()[np.clip(v - self._support[0], 0, self.n_levels - 1).astype(np.intp)]
        if self.discrete:
            return self._middle(v)
        u: FloatArray = np.clip(np.asarray(self.frozen.cdf(v), dtype=float), _TAIL, 1 - _TAIL)
        return u

    def stretch(self, values: Sequence[Any]) -> FloatArray:
        density = self.frozen.pmf if self.discrete else self.frozen.pdf
        with np.errstate(divide="ignore"):  # no slope where the distribution ends
            slope = 1.0 / np.asarray(density(np.asarray(values, dtype=float)), dtype=float)
        return np.where(np.isfinite(slope), slope, np.nan)

    def check(self, value: object, name: str) -> None:
        v = finite_number(value, f"Parameter {name!r}")
        low, high = self._support
        if not low <= v <= high or (self.discrete and v != math.floor(v)):
            whole = "be a whole number" if self.discrete else "lie"
            raise SpaceError(
                f"Parameter {name!r} must {whole} in the support [{low:g}, {high:g}] of {self}, got {value!r}."
            )

    def load(self, stored: Sequence[Any]) -> list[Any]:
        return [int(v) for v in stored] if self.discrete else [float(v) for v in stored]

    def __str__(self) -> str:
        name, args, keywords = self._spec
        return f"{name}({', '.join([*map(repr, args), *(f'{k}={v!r}' for k, v in keywords)])})"


def frozen_from_spec(spec: dict[str, Any]) -> Any:
    """The frozen distribution of a stored one, None where scipy.stats has none of that name."""
    from scipy import stats

    family = getattr(stats, str(spec["name"]), None)
    if not isinstance(family, (stats.rv_continuous, stats.rv_discrete)):
        return None
    return family(*spec["args"], **spec["keywords"])


def _scalar(value: Any) -> Any:
    """A Python number; TypeError or ValueError for anything else."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.item()
    if not isinstance(value, (int, float)):
        raise TypeError(value)
    return value

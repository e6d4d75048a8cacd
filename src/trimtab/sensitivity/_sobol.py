"""Global sensitivity from the trials a study already has: shares of variance with posterior intervals.

Notation
    f               objective over the declared space, on the scale named in the result, without seed noise
    main_j          Var(E[f | x_j]) / Var(f): what knob j moves on its own
    total_j         1 - Var(E[f | all but j]) / Var(f): what knob j moves alone and together with others
    share_ij        Var(E[f | x_i, x_j]) / Var(f) - main_i - main_j: what the pair moves beyond its two mains

Sources: Sobol' 1993; Oakley and O'Hagan 2004 (doi:10.1111/j.1467-9868.2004.05304.x) for the Bayesian closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.numerics import FloatArray
from trimtab.sensitivity._result import Result, percent_text

__all__ = ["Interactions", "Sensitivity", "sobol"]


@dataclass(frozen=True, eq=False)
class Interactions(Result):
    """Pair shares of variance, largest first. All arrays (p,), p = d (d - 1) / 2 pairs; NaN with [0, 1] where not estimated."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    share: FloatArray
    low: FloatArray
    high: FloatArray

    def columns(self) -> list[str]:
        return ["first", "second", "share", "low", "high"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {"first": a, "second": b, "share": float(s), "low": float(low), "high": float(high)}
            for a, b, s, low, high in zip(self.first, self.second, self.share, self.low, self.high, strict=True)
        ]

    def title(self) -> str:
        return "Interactions: share of variance of each pair of knobs, beyond their own main effects"

    def shown(self) -> list[dict[str, str]]:
        return [
            {"first": a, "second": b, "share": percent_text(s, low, high)}
            for a, b, s, low, high in zip(self.first, self.second, self.share, self.low, self.high, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Sensitivity(Result):
    """Shares of the objective's variance over the declared space.

    All arrays are (d,), in the order of `parameters`; shares lie in [0, 1]; where there is too little data they are NaN
    with the interval [0, 1]. The intervals hold seed noise, the surrogate's ignorance and that of its hyperparameters.

    scale       "raw", "log" or "rank": what the shares are shares of
    scope       "space": the whole declared space
    noise       share of the trials' variance that no knob explains (seed noise and what the surrogate cannot follow)
    fit         share of the trials' variance that leave-one-out predictions explain; NaN with too little data
    evidence    (d,) how much better the trials are explained with the knob than without it, in nats of log evidence
    notes       sentences on what was assumed
    """

    parameters: tuple[str, ...]
    main: FloatArray
    main_low: FloatArray
    main_high: FloatArray
    total: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    interactions: Interactions
    verdicts: dict[str, str]
    scale: str
    scope: str
    confidence: float
    n_used: int
    n_failed: int
    noise: float
    fit: float
    evidence: FloatArray
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "main", "main_low", "main_high", "total", "total_low", "total_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "main": float(self.main[j]),
                "main_low": float(self.main_low[j]),
                "main_high": float(self.main_high[j]),
                "total": float(self.total[j]),
                "total_low": float(self.total_low[j]),
                "total_high": float(self.total_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        failed = f", {self.n_failed} failed left out" if self.n_failed else ""
        return (
            f"Sensitivity: shares of the objective's variance, scale {self.scale}, scope {self.scope}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used{failed}"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "main": percent_text(self.main[j], self.main_low[j], self.main_high[j]),
                "total": percent_text(self.total[j], self.total_low[j], self.total_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def sobol(source: object, *, scale: str = "auto", scope: str = "space", confidence: float = 0.9) -> Sensitivity:
    """To be filled in."""
    raise NotImplementedError

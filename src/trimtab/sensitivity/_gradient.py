"""Slopes of the objective: the posterior of the surrogate's derivative with respect to each numeric knob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.numerics import FloatArray
from trimtab.sensitivity._result import Result, interval_text

__all__ = ["Gradient", "gradient"]


@dataclass(frozen=True, eq=False)
class Gradient(Result):
    """Slopes of the objective, in the user's sign: positive means that a larger knob gives a larger objective.

    All arrays are (d,), one entry a numeric knob, in the order of `parameters`. NaN where the knob is inactive at `at`, or where
    there is too little data. Slopes are changes of the objective (on `scale`) per whole declared range of the knob (on its declared
    scale, from low to high); `per_unit` turns them into the knob's own unit: slope * per_unit is the change per `units`.

    at          the configuration at which `slope` is taken
    values      the knobs' values there; None where inactive
    slope       posterior mean of the derivative at `at`, with slope_low and slope_high
    positive    probability that the derivative at `at` is > 0
    mean        derivative averaged over the declared space, with mean_low, mean_high; mean_positive: probability that it is > 0
    squared     mean squared derivative over the space (DGSM), with squared_low, squared_high
    units       "per decade" for log knobs, "per unit" otherwise ("per level" for ordered choices)
    per_unit    (d,) share of the declared range that one unit is
    """

    parameters: tuple[str, ...]
    at: Mapping[str, object]
    values: tuple[object, ...]
    slope: FloatArray
    slope_low: FloatArray
    slope_high: FloatArray
    positive: FloatArray
    mean: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray
    mean_positive: FloatArray
    squared: FloatArray
    squared_low: FloatArray
    squared_high: FloatArray
    units: tuple[str, ...]
    per_unit: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "parameter", "at", "slope", "slope_low", "slope_high", "positive",
            "mean", "mean_low", "mean_high", "mean_positive", "squared", "squared_low", "squared_high",
            "own_slope", "unit", "verdict",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        arrays = ["slope", "slope_low", "slope_high", "positive"]
        arrays += ["mean", "mean_low", "mean_high", "mean_positive", "squared", "squared_low", "squared_high"]
        return [
            {
                "parameter": name,
                "at": self.values[j],
                **{a: float(getattr(self, a)[j]) for a in arrays},
                "own_slope": float(self.slope[j] * self.per_unit[j]),
                "unit": self.units[j],
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"Gradient: change of the objective over a knob's whole range, scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": row["parameter"],
                "at": row["at"],
                "slope here": interval_text(self.slope[j], self.slope_low[j], self.slope_high[j]),
                "P(>0)": row["positive"],
                "own unit": f"{row['own_slope']} {row['unit']}",
                "slope on average": interval_text(self.mean[j], self.mean_low[j], self.mean_high[j]),
                "verdict": row["verdict"],
            }
            for j, row in enumerate(super().shown())
        ]


def gradient(
    source: object, *, at: Mapping[str, object] | None = None, scale: str = "auto", confidence: float = 0.9
) -> Gradient:
    """To be filled in."""
    raise NotImplementedError

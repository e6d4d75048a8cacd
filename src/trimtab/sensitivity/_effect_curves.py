"""What the effects analysis returns: a curve for each knob, a surface for each of some pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._result import Result, interval_text

__all__ = ["EffectCurve", "EffectSurface", "Effects"]


@dataclass(frozen=True, eq=False)
class EffectCurve:
    """The objective against one knob, averaged over the others. Arrays (m,), in order of the knob (choices as declared).

    kind            "continuous", "discrete" or "categorical"
    u               position on the knob's declared scale, in [0, 1]
    values          the knob's values; labels: short texts of them
    mean, low, high objective units and sign; NaN where the trials never vary the knob
    tried           (k,) positions of the finished trials in which the knob is active
    """

    name: str
    kind: str
    u: FloatArray
    values: tuple[object, ...]
    labels: tuple[str, ...]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    tried: FloatArray


@dataclass(frozen=True, eq=False)
class EffectSurface(Result):
    """The objective against two knobs, averaged over the others. mean, low, high (a, b): objective units and sign.

    u, values, labels   of the first (a) and of the second knob (b), as in EffectCurve
    mean                NaN where the two knobs are never active together
    tried               (k, 2) positions of the finished trials in which both are active
    share               what the pair moves beyond its two mains, of the variance, with share_low and share_high; NaN if not estimated
    """

    names: tuple[str, str]
    kinds: tuple[str, str]
    u: tuple[FloatArray, FloatArray]
    values: tuple[tuple[object, ...], tuple[object, ...]]
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    tried: FloatArray
    share: float
    share_low: float
    share_high: float

    def columns(self) -> list[str]:
        return ["first", "second", "mean", "low", "high"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "first": self.values[0][a],
                "second": self.values[1][b],
                "mean": float(self.mean[a, b]),
                "low": float(self.low[a, b]),
                "high": float(self.high[a, b]),
            }
            for a, b in np.ndindex(*self.mean.shape)
        ]

    def title(self) -> str:
        return f"Objective against {self.names[0]} (first) and {self.names[1]} (second), averaged over the others"


@dataclass(frozen=True, eq=False)
class Effects(Result):
    """The objective against each knob, averaged over the declared distributions of the others.

    curves     one EffectCurve a knob, in the order of `parameters`; empty with too little data
    surfaces   one EffectSurface a pair, the largest interaction first
    level      the average over all knobs: what a curve without any effect would show everywhere; with level_low and level_high
    scale      "raw", "log" or "rank": on which the averages are taken before they go back to objective units
    direction  "minimize" or "maximize"
    """

    parameters: tuple[str, ...]
    curves: tuple[EffectCurve, ...]
    surfaces: tuple[EffectSurface, ...]
    level: float
    level_low: float
    level_high: float
    verdicts: dict[str, str]
    scale: str
    direction: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "value", "mean", "low", "high"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": curve.name,
                "value": value,
                "mean": float(curve.mean[k]),
                "low": float(curve.low[k]),
                "high": float(curve.high[k]),
            }
            for curve in self.curves
            for k, value in enumerate(curve.values)
        ]

    def title(self) -> str:
        return (
            f"Effects: the objective against each knob, averaged over the others on scale {self.scale}, "
            f"{100 * self.confidence:g} % bands, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        """A row a knob: where its curve is lowest and highest."""
        if not self.curves:
            return [{"parameter": name, "verdict": verdict} for name, verdict in self.verdicts.items()]
        return [
            {
                "parameter": curve.name,
                **_end("lowest", curve, -1.0),
                **_end("highest", curve, 1.0),
                "verdict": self.verdicts[curve.name],
            }
            for curve in self.curves
        ]


def _end(what: str, curve: EffectCurve, sign: float) -> dict[str, str]:
    if np.isnan(curve.mean).any():
        return {what: "-", f"{what} at": "-"}
    k = int(np.argmax(sign * curve.mean))
    return {what: interval_text(curve.mean[k], curve.low[k], curve.high[k]), f"{what} at": curve.labels[k]}

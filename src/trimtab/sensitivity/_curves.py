"""What the one-at-a-time analysis returns: a curve for each knob, tornado and tolerances."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.numerics import FloatArray
from trimtab.sensitivity._result import Result, interval_text

__all__ = ["Curve", "OneAtATime"]


@dataclass(frozen=True, eq=False)
class Curve:
    """The objective along one knob, all others as in `at`. Arrays (m,), points in order of the knob (choices as declared).

    kind        "continuous", "discrete" or "categorical"
    u           position on the knob's declared scale, in [0, 1]
    values      the knob's values; labels: short texts of them
    effect      change of the objective against `at`, on the result's scale, in the user's sign, with low and high
    objective   predicted objective in its own units, with objective_low and objective_high
    here        index of the point nearest to `at`
    """

    name: str
    kind: str
    u: FloatArray
    values: tuple[object, ...]
    labels: tuple[str, ...]
    effect: FloatArray
    low: FloatArray
    high: FloatArray
    objective: FloatArray
    objective_low: FloatArray
    objective_high: FloatArray
    here: int


@dataclass(frozen=True, eq=False)
class OneAtATime(Result):
    """What each knob does on its own, starting from the configuration `at`.

    All arrays are (d,), in the order of `parameters` (the knobs that are active at `at`). Effects are changes of the objective
    on `scale`, in the user's sign (negative is better when minimising). NaN where there is too little data.

    values, labels  the knobs' values at `at`
    curves          one Curve a knob; empty with too little data
    effect          largest minus smallest value along the curve: how much this knob can change the objective from here
    down, up        tornado: effect of moving the knob by `step` of its range down / up (to the range's end if that is nearer; choices: to
                    the best / to the worst other choice), each with _low and _high; down_to, up_to: the values moved to, as text
    epsilon         how much worse the objective may get, in its own units
    tolerance       (low, high) a knob: the values between which the expected objective stays within epsilon, in own units;
                    for choices the tuple of tolerated choices
    safe            the same where the objective stays within epsilon with the probability `confidence`
    """

    parameters: tuple[str, ...]
    at: Mapping[str, object]
    values: tuple[object, ...]
    labels: tuple[str, ...]
    curves: tuple[Curve, ...]
    effect: FloatArray
    effect_low: FloatArray
    effect_high: FloatArray
    down: FloatArray
    down_low: FloatArray
    down_high: FloatArray
    down_to: tuple[str, ...]
    up: FloatArray
    up_low: FloatArray
    up_high: FloatArray
    up_to: tuple[str, ...]
    tolerance: tuple[tuple[object, ...], ...]
    safe: tuple[tuple[object, ...], ...]
    tolerance_text: tuple[str, ...]
    safe_text: tuple[str, ...]
    epsilon: float
    step: float
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "parameter", "at", "effect", "effect_low", "effect_high", "down", "up", "tolerance_low", "tolerance_high", "safe_low",
            "safe_high", "tolerance", "safe", "verdict",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "at": self.values[j],
                "effect": float(self.effect[j]),
                "effect_low": float(self.effect_low[j]),
                "effect_high": float(self.effect_high[j]),
                "down": float(self.down[j]),
                "up": float(self.up[j]),
                "tolerance_low": self._end(self.tolerance, j, 0),
                "tolerance_high": self._end(self.tolerance, j, -1),
                "safe_low": self._end(self.safe, j, 0),
                "safe_high": self._end(self.safe, j, -1),
                "tolerance": self.tolerance_text[j],
                "safe": self.safe_text[j],
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def _end(self, ranges: tuple[tuple[object, ...], ...], j: int, end: int) -> object:
        """One end of a numeric knob's range; None for choices and without an estimate."""
        numeric = self.curves and self.curves[j].kind != "categorical"
        return ranges[j][end] if numeric and ranges[j] else None

    def title(self) -> str:
        tolerated = f"an objective worse by {self.epsilon:.3g} is tolerated, " if math.isfinite(self.epsilon) else ""
        return (
            f"One at a time around the configuration shown: scale {self.scale}, {tolerated}"
            f"{100 * self.confidence:g} % bands, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "at": self.labels[j],
                "effect": interval_text(self.effect[j], self.effect_low[j], self.effect_high[j]),
                "tolerance": self.tolerance_text[j],
                "safe": self.safe_text[j],
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

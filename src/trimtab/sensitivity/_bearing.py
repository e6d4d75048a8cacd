"""What the robustness analysis returns: tolerances, cliffs, switches, named configurations, and sentences that sum them up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.numerics import FloatArray
from trimtab.sensitivity._cliffs import Cliffs
from trimtab.sensitivity._curves import OneAtATime
from trimtab.sensitivity._places import Places, params_text
from trimtab.sensitivity._result import Result, interval_text, percent_text
from trimtab.sensitivity._scale import UNITS
from trimtab.sensitivity._seed_noise import SeedNoise

__all__ = ["Robustness", "Switches"]


@dataclass(frozen=True, eq=False)
class Switches(Result):
    """What another choice would cost, one row a choice that the best configuration does not have. Arrays (k,), losses on the scale.

    tolerated   whether the expected loss stays within epsilon
    """

    parameter: tuple[str, ...]
    choice: tuple[object, ...]
    label: tuple[str, ...]
    loss: FloatArray
    loss_low: FloatArray
    loss_high: FloatArray
    tolerated: tuple[bool, ...]

    def columns(self) -> list[str]:
        return ["parameter", "choice", "loss", "loss_low", "loss_high", "tolerated"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "choice": self.label[i],
                **{a: float(getattr(self, a)[i]) for a in ("loss", "loss_low", "loss_high")},
                "tolerated": self.tolerated[i],
            }
            for i, name in enumerate(self.parameter)
        ]

    def title(self) -> str:
        return "Switches: loss of another choice, all other knobs held"


@dataclass(frozen=True, eq=False)
class Robustness(Result):
    """How the best configuration bears changes. Arrays (d,), in the order of `parameters` (its active knobs); NaN where not estimated.

    local        curves and tolerances of each knob around the best configuration: `tolerance` holds for the expected loss, `safe` with
                 the probability `confidence`, both in the knobs' own units
    edge         loss on the scale at the worse of the knob's two ends of the box, with edge_low and edge_high; NaN for choices
    curvature    second derivative of the loss for the knob's whole range, with curvature_low and curvature_high; NaN for choices
    shape        a word a knob: "flat" (edge surely within epsilon), "sharp" (surely beyond), "not clear", "-" for choices
    flat         share of the box where the loss stays within epsilon, with flat_low and flat_high
    cliffs       where one knob suddenly makes the objective worse, or trials fail; the nearest first
    switches     what other choices would cost
    places       best, robust best, worst case in the box (by the mean, and by the upper bound), with predictions and observed values
    cost         what the robust best loses against the best when nothing is perturbed, on the scale, with cost_low and cost_high
    relief       by how much the robust best lowers the criterion (loss over the box) against the best; 0 where they are the same
    noise        seed noise of one evaluation on the scale
    failing      mean probability that a trial in the box fails, failing_most: the highest; NaN where too few trials failed to tell
    """

    parameters: tuple[str, ...]
    local: OneAtATime
    edge: FloatArray
    edge_low: FloatArray
    edge_high: FloatArray
    curvature: FloatArray
    curvature_low: FloatArray
    curvature_high: FloatArray
    shape: tuple[str, ...]
    flat: float
    flat_low: float
    flat_high: float
    cliffs: Cliffs
    switches: Switches
    places: Places
    cost: float
    cost_low: float
    cost_high: float
    relief: float
    noise: SeedNoise | None
    failing: float
    failing_most: float
    radius: float
    epsilon: float
    criterion: str
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    @property
    def best(self) -> Mapping[str, object]:
        """The configuration that all this is about."""
        return self.local.at

    @property
    def robust(self) -> Mapping[str, object]:
        """The robust best configuration; the best one itself unless another is clearly more robust."""
        return self.places.at("robust best") if "robust best" in self.places.what else self.best

    def columns(self) -> list[str]:
        return [
            "parameter", "at", "tolerance_low", "tolerance_high", "safe_low", "safe_high", "tolerance", "safe", "edge", "edge_low",
            "edge_high", "curvature", "curvature_low", "curvature_high", "shape", "verdict",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        from_local = self.columns()[1:8]
        arrays = self.columns()[8:14]
        return [
            {
                "parameter": name,
                **{a: row[a] for a in from_local},
                **{a: float(getattr(self, a)[j]) for a in arrays},
                "shape": self.shape[j],
                "verdict": self.verdicts[name],
            }
            for j, (name, row) in enumerate(zip(self.parameters, self.local.rows(), strict=True))
        ]

    def title(self) -> str:
        tolerated = f"a loss of {self.epsilon:.3g} is tolerated, " if math.isfinite(self.epsilon) else ""
        return (
            f"Robustness of the best configuration: box of +-{100 * self.radius:g} % of each range, {tolerated}scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "at": self.local.labels[j],
                "tolerance": self.local.tolerance_text[j],
                "safe": self.local.safe_text[j],
                "loss at the box's edge": interval_text(self.edge[j], self.edge_low[j], self.edge_high[j]),
                "shape": self.shape[j],
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def remarks(self) -> tuple[str, ...]:
        return (*self.summary(), *self.notes)

    def summary(self) -> tuple[str, ...]:
        """The answer in sentences."""
        if not self.places.what or self.noise is None:
            return ()
        share = percent_text(self.flat, self.flat_low, self.flat_high)
        said = [f"In {share} of the box the loss stays within {self.epsilon:.3g}."]
        for i, what in enumerate(self.places.what):
            if what.startswith("worst"):
                at = params_text(self.places.params[i])
                value = interval_text(self.places.objective[i], self.places.low[i], self.places.high[i])
                said.append(f"{what[0].upper()}{what[1:]}: objective {value} at {at}.")
        said += [
            f"Cliff: {self.cliffs.parameter[i]}, {self.cliffs.said(i)}." for i in range(len(self.cliffs.parameter))
        ]
        if math.isfinite(self.failing):
            said.append(
                f"Trials in the box fail with probability {100 * self.failing:.0f} % on average, {100 * self.failing_most:.0f} % at most."
            )
        noise = interval_text(self.noise.sd, self.noise.low, self.noise.high)
        here = (
            f"; {self.noise.here:.3g} in {self.noise.n_here} evaluations of the best"
            if math.isfinite(self.noise.here)
            else ""
        )
        said.append(f"Seed noise of one evaluation: {noise} in {UNITS[self.scale]}, {self.noise.told_by}{here}.")
        return (*said, self._robust_words(), *self._checked())

    def _robust_words(self) -> str:
        if "robust best" not in self.places.what:
            return price(self)
        return f"More robust: {params_text(self.robust)}. {price(self)}"

    def _checked(self) -> tuple[str, ...]:
        seen = [word for word in self.places.inside if word]
        if not seen:
            return ()
        good = sum(word == "yes" for word in seen)
        return (f"Real evaluations: {good} of {len(seen)} lie inside their {100 * self.confidence:g} % intervals.",)


def price(result: Robustness) -> str:
    """What the robust best costs against the best, and what it saves."""
    if "robust best" not in result.places.what:
        return "No configuration is clearly more robust than the best one."
    if result.cost > 0:
        told = f"costs {interval_text(result.cost, result.cost_low, result.cost_high)}"
    else:
        told = f"is expected to gain {interval_text(-result.cost, -result.cost_high, -result.cost_low)}"
    often = f"the loss that {100 * result.confidence:g} % of the cases stay below"
    over = often if result.criterion == "upper" else "the average loss"
    saved = f"over the box, {over} is lower by {result.relief:.3g}"
    return f"Set exactly, the robust best {told} against the best; {saved} ({result.scale} scale)."

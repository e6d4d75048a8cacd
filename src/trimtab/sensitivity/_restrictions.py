"""What is lost where knobs are frozen or ranges cut, and where a range ends too early: the parts of `advice` that look at minima.

Notation
    regret      lowest value with the knobs frozen, minus lowest value over the space, of one draw (>= 0)
    epsilon     the loss that is taken for nothing
    K           places of a knob at which parts of its range are judged

All probabilities of freezing, and all of cutting, are joint: what the rows of one kind say holds together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.sensitivity._minima import Minima
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["LIKELY", "Case", "Piece", "cuts", "equals", "freezes", "percent", "widenings"]

LIKELY = 0.8  # probability from which an edge and repeats are spoken of
OUTER = 0.1  # of a range: where a best value lies "at the edge"
NODES = 11  # places of a continuous range at which parts are judged
LISTED = 24  # levels or choices judged one by one


@dataclass(frozen=True)
class Piece:
    """One piece of advice.

    kind        "freeze", "widen", "shrink", "log scale", "repeats", "more trials" or "enough trials"
    parameter   the knob; several, or "" for the study as a whole
    value       freeze: the value to freeze at; shrink: (low, high) or the tuple of choices to keep; else None
    confidence  probability that the advice is right, as far as the surrogate knows; None where it is not a matter of one
    """

    kind: str
    parameter: str
    value: object
    advice: str
    evidence: str
    confidence: float | None


@dataclass(frozen=True, eq=False)
class Case:
    """p, the draws of its minima, and what was asked. worse: epsilon, standardised on the scale. evidence (d,): of each knob, in nats."""

    p: Prepared
    m: Minima
    evidence: FloatArray
    worse: float
    epsilon: float
    confidence: float

    def label(self, j: int, u: float) -> str:
        return self.p.space.label(j, self.p.space.value(j, u))

    def within(self, f: FloatArray) -> BoolArray:
        """Draws in which the value f (H D,) is no worse than the minimum by more than epsilon."""
        return np.asarray(f <= self.m.low + self.worse)

    def loss(self, standardised: float) -> float:
        """A loss from the best onwards, in objective units."""
        middle = float(self.m.mean[self.m.best])
        ends = self.p.scale.objective(self.p.sign * np.array([middle, middle + standardised]))
        return float(abs(ends[1] - ends[0]))


def freezes(case: Case, wider: Sequence[int]) -> tuple[list[int], list[Piece]]:
    """Knobs that may be frozen together at the best trial's values: first those that may be dead, then others, by falling probability.

    wider: columns whose range ends too early, which are not to be frozen at its end.
    """
    p, m = case.p, case.m
    point = m.latent[m.best]
    fixed = ~p.varied | (p.space.n_levels == 1) | np.isnan(m.x[m.best])
    columns = [j for j in np.flatnonzero(~fixed).tolist() if j not in wider]
    dead = 1.0 / (1.0 + np.exp(np.clip(case.evidence, -50.0, 50.0)))  # even odds before the trials
    alone = {j: _mixed(dead[[j]], case.within(m.along(j, np.array([point[j]]))[0]).mean()) for j in columns}
    frozen: list[int] = []
    pieces: list[Piece] = []
    for j in sorted(columns, key=lambda j: (p.alive[j], -alone[j], case.evidence[j])):
        if alone[j] < case.confidence or len(frozen) == p.space.d - 1:
            continue
        together = [*frozen, j]
        low = m.frozen(together, [float(point[i]) for i in together])
        probability = _mixed(dead[together], float(case.within(low).mean()))
        if probability < case.confidence:
            continue
        frozen = together
        value = case.label(j, float(point[j]))
        also = " with those above" if pieces else ""
        lost = np.maximum(low - m.low, 0.0)
        bound = case.loss(float(np.quantile(lost, case.confidence)))
        pieces.append(Piece(
            "freeze", p.names[j], p.space.value(j, float(point[j])),
            f"Freeze {p.names[j]} at {value}{also}: the best that can be reached stays the same within {case.epsilon:.3g}.",
            f"P(loss <= {case.epsilon:.3g}) {equals(probability)}; the loss is {case.loss(float(lost.mean())):.2g} on average, "
            f"at most {bound:.2g} with {percent(case.confidence)}",
            probability,
        ))  # fmt: skip
    return frozen, pieces


def _mixed(dead: FloatArray, probability: float) -> float:
    """Probability that freezing knobs is free: all are dead, which costs nothing, or else that of the draws, in which none quite is."""
    all_dead = float(np.prod(dead))
    return all_dead + (1.0 - all_dead) * probability


def _nodes(p: Prepared, j: int) -> FloatArray:
    """Ascending places of a knob at which parts are judged: all of a few levels or choices, else even ones."""
    k = int(p.space.n_levels[j])
    if 0 < k <= LISTED:
        return np.asarray(p.space.levels(j))
    return np.unique(np.round(p.space.parameters[p.names[j]].snap(np.linspace(0.0, 1.0, NODES)), 12))


def widenings(case: Case) -> list[Piece]:
    """Numeric knobs that matter, whose best value lies at an end of the range."""
    p, m = case.p, case.m
    pieces = []
    for j in np.flatnonzero(p.alive).tolist():
        if p.space.kinds[j] == "categorical" or p.space.n_levels[j] == 2:
            continue
        nodes = _nodes(p, j)
        profile = m.along(j, nodes)
        for end, away, name in ((0, 1, "lower"), (-1, -2, "upper")):
            lowest = nodes[profile.argmin(axis=0)]
            outer = np.abs(lowest - nodes[end]) <= OUTER + 1e-9
            probability = float(np.mean(outer & (profile[end] < profile[away])))
            if probability < LIKELY or not np.isfinite(profile[[end, away]]).all():
                continue
            gained = float(np.mean(profile[away] - profile[end]))
            if gained < case.worse:  # more of the same beyond the end would not be worth it
                continue
            value, step = case.label(j, float(nodes[end])), case.loss(gained)
            where = f"below {value}" if end == 0 else f"above {value}"
            pieces.append(Piece(
                "widen", p.names[j], None,
                f"Widen {p.names[j]} {where}, if such values are allowed: its best value lies at the {name} end of its range.",
                f"P(the best lies there and the objective still falls outwards) {equals(probability)}; the last "
                f"step, from {case.label(j, float(nodes[away]))} to {value}, gains {step:.2g} on average",
                probability,
            ))  # fmt: skip
    return pieces


def cuts(case: Case, free: Sequence[int]) -> list[Piece]:
    """Parts of ranges, and choices, that do not hold anything within epsilon of the best; all together, with the confidence asked for."""
    p = case.p
    sure = np.ones(case.m.f.shape[1], dtype=bool)
    pieces = []
    for j in free:
        nodes = _nodes(p, j)
        # worse than what was found already, not only than the draw's own minimum, which may be a guess too deep
        bad = case.m.along(j, nodes) > case.m.f[case.m.best] + case.worse  # (K, H D)
        cut = _choices if p.space.kinds[j] == "categorical" else _ends
        kept, together = cut(bad, sure, case.confidence)
        if not 0 < p.space.n_levels[j] <= LISTED:  # a range is cut at the last bad place, not at the first good one
            kept = kept | np.append(kept[1:], False) | np.append(False, kept[:-1])
        if kept.all():
            continue
        sure = together
        pieces.append(_shrink(case, j, nodes, kept, float(sure.mean())))
    return pieces


def _choices(bad: BoolArray, sure: BoolArray, confidence: float) -> tuple[BoolArray, BoolArray]:
    """Which choices to keep, and the draws in which all that was cut is bad. The surest cut comes first."""
    kept = np.ones(len(bad), dtype=bool)
    for k in np.argsort(-bad.mean(axis=1), kind="stable"):
        together = sure & bad[k]
        if together.mean() >= confidence and kept.sum() > 1:
            kept[k], sure = False, together
    return kept, sure


def _ends(bad: BoolArray, sure: BoolArray, confidence: float) -> tuple[BoolArray, BoolArray]:
    """The same for the nodes of a range, from both ends inwards."""
    kept = np.ones(len(bad), dtype=bool)
    for order in (range(len(bad)), range(len(bad) - 1, -1, -1)):
        for k in order:
            together = sure & bad[k]
            if together.mean() < confidence or kept.sum() <= 2:
                break
            kept[k], sure = False, together
    return kept, sure


def _shrink(case: Case, j: int, nodes: FloatArray, kept: BoolArray, probability: float) -> Piece:
    p = case.p
    if p.space.kinds[j] == "categorical":
        value: tuple[object, ...] = tuple(p.space.value(j, float(u)) for u in nodes[kept])
        away = ", ".join(case.label(j, float(u)) for u in nodes[~kept])
        advised = f"Drop {away} from {p.names[j]}"
    else:
        first, last = int(np.argmax(kept)), len(kept) - 1 - int(np.argmax(kept[::-1]))
        value = tuple(p.space.value(j, float(nodes[k])) for k in (first, last))
        low, high = (case.label(j, float(nodes[k])) for k in (first, last))
        advised = f"Shrink {p.names[j]} to {low} ... {high}"
    return Piece(
        "shrink", p.names[j], value,
        f"{advised}: nothing within {case.epsilon:.3g} of the best lies in what is cut off.",
        f"P(so it is, here and in the cuts above) {equals(probability)}", probability,
    )  # fmt: skip


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 0.995 else "> 99 %"


def equals(probability: float) -> str:
    """`= 98 %`, or `> 99 %`: what stands behind P(...)."""
    return percent(probability) if percent(probability).startswith(">") else f"= {percent(probability)}"

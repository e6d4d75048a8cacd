"""First-order shares of variance without any model: neighbours along a knob have alike objectives if the knob matters.

Notation
    y, V       objective, variance of it (seed noise included)
    next       trial that follows in the order of the knob's values, cyclic; at equal values a random one
    main_j     (mean y_i y_next(i) - (mean y)^2) / V        estimates Var(E[y | x_j]) / V

For choices and other knobs of few values: the same product over all pairs of trials with equal values.

Sources: Gamboa, Gremaud, Klein, Lagnoux 2022 (doi:10.3150/21-BEJ1421, on arXiv in 2020); Chatterjee 2021
(doi:10.1080/01621459.2020.1758115).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, percent_text
from trimtab.sensitivity._surrogate import Prepared, check_confidence, read_trials, too_little

__all__ = ["RankFirstOrder", "rank_first_order"]

ENOUGH = 100  # trials from which the error is about 0.1
HALVES, SHUFFLES, TIE_ORDERS = 200, 499, 8
ALPHA = 0.02
FEW_VALUES = 5  # trials a value, on average, from which pairs of equal values are used


@dataclass(frozen=True, eq=False)
class RankFirstOrder(Result):
    """First-order shares of variance. All arrays are (d,), in the order of `parameters`; NaN with [0, 1] where there is too little data.

    main    share of the variance of the trials (seed noise included) that the knob explains alone, with main_low and main_high
    """

    parameters: tuple[str, ...]
    main: FloatArray
    main_low: FloatArray
    main_high: FloatArray
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "main", "main_low", "main_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "main": float(self.main[j]),
                "main_low": float(self.main_low[j]),
                "main_high": float(self.main_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"First-order shares of the variance by ranks, without a model: scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "main": percent_text(self.main[j], self.main_low[j], self.main_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def rank_first_order(source: object, *, scale: str = "auto", confidence: float = 0.9) -> RankFirstOrder:
    """Share of the variance that each knob explains alone, straight from the trials, without a surrogate.

    Answers "does the objective follow this knob?" with nothing assumed about the response: a check of `sobol` and `fanova`. Needs about
    100 trials drawn at random (its error is about 1 / sqrt(n)). Do not use it for a Sobol' sequence or a grid, where neighbours along one
    knob are alike in others too: of Sobol' points it said of 103 of 240 dead knobs that they matter, of random ones of 7. Nor for an
    optimiser's trials, whose knobs move together, nor for knobs that act only through others (x3 of Ishigami's function gets 0).

    source      a Study or a TrialTable; failed and pruned trials are left out
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals, from random halves of the trials

    Seed noise is part of the variance, so the shares of a noisy objective are smaller than those of `sobol`. A knob matters if its share
    is among the largest 2 % of those after shuffling the objective. Raises InputError for bad arguments. Gamboa et al. 2022.
    """
    check_confidence(confidence)
    p = read_trials(source, scale)
    if p.why:
        nan, zero, one = np.full(p.space.d, np.nan), np.zeros(p.space.d), np.ones(p.space.d)
        return RankFirstOrder(
            p.names,
            nan,
            zero,
            one,
            dict.fromkeys(p.names, too_little(p)),
            p.scale.name,
            confidence,
            p.n,
            p.n_failed,
            _notes(p),
        )
    z = p.scale.standard(p.v)
    every_shuffle = np.random.default_rng(0).permuted(np.tile(z, (SHUFFLES, 1)), axis=1).T
    found = [_column(p, j, z, every_shuffle, confidence) for j in range(p.space.d)]
    main, low, high, chance = np.array(found).T
    chance = np.where(low > 0.0, chance, np.maximum(chance, 2 * ALPHA))  # an interval down to 0 is no proof
    verdicts = {name: _verdict(p, j, main[j], low[j], high[j], chance[j], confidence) for j, name in enumerate(p.names)}
    low = np.where(chance <= ALPHA, low, 0.0)
    return RankFirstOrder(p.names, main, low, high, verdicts, p.scale.name, confidence, p.n, p.n_failed, _notes(p))


def _column(
    p: Prepared, j: int, z: FloatArray, every_shuffle: FloatArray, confidence: float
) -> tuple[float, float, float, float]:
    """Share, low, high, and the probability of so large a share by chance."""
    from scipy.special import ndtri

    if p.space.n_levels[j] == 1:
        return 0.0, 0.0, 0.0, 1.0
    if not p.varied[j]:
        return np.nan, 0.0, 1.0, 1.0
    there = ~np.isnan(p.x[:, j])
    u, here = np.round(p.x[there, j], 9), z[there]
    n = len(here)
    if n < 4:
        return np.nan, 0.0, 1.0, 1.0
    weight = there.mean() ** 2  # a conditional knob moves the mean over the whole space only where it is active
    rng = np.random.default_rng(j)
    middle = weight * float(_explained(u, here[:, None], rng)[0])
    shuffled = rng.permuted(np.tile(here, (SHUFFLES, 1)), axis=1).T if n < p.n else every_shuffle
    chance = float((1 + np.sum(weight * _explained(u, shuffled, rng, 1) >= middle)) / (SHUFFLES + 1))
    order = np.lexsort((rng.random(n), u))
    halves = np.empty(HALVES)
    for b in range(HALVES):
        half = np.zeros(n, dtype=bool)
        half[rng.permutation(n)[: (n + 1) // 2]] = True
        rows = order[half[order]]
        halves[b] = weight * float(_explained(u[rows], here[rows, None], None)[0])
    # a random half of n without replacement spreads about its mean as much as n trials spread about the truth
    wide = ndtri((1 + confidence) / 2) * float(halves.std())
    low, high = np.clip([middle - wide, middle + wide], 0.0, 1.0)
    return float(np.clip(middle, 0.0, 1.0)), float(low), float(high), chance


def _explained(u: FloatArray, z: FloatArray, rng: np.random.Generator | None, orders: int = TIE_ORDERS) -> FloatArray:
    """Var(E[z | u]) of B objectives z (n, B) that have variance 1 over all trials, for one knob u (n,).

    rng: for the order of trials with equal values; None: the trials are in the knob's order already.
    """
    z = z - z.mean(axis=0)
    n = len(u)
    levels, where, counts = np.unique(u, return_inverse=True, return_counts=True)
    if len(levels) * FEW_VALUES <= n and counts.min() >= 2:
        sums = np.zeros((len(levels), z.shape[1]))
        squares = np.zeros_like(sums)
        np.add.at(sums, where, z)
        np.add.at(squares, where, z**2)
        pairs = (sums**2 - squares) / (counts * (counts - 1))[:, None]
        # the mean of all pairs, equal values or not, instead of 0: z was centred with the same trials
        between = counts @ pairs / n
        return np.asarray(between + np.sum(z**2, axis=0) / (n * (n - 1)))
    if rng is None:
        return np.asarray(np.mean(z * np.roll(z, -1, axis=0), axis=0))
    orders = 1 if len(levels) == n else orders
    total = np.zeros(z.shape[1])
    for _ in range(orders):
        order = np.lexsort((rng.random(n), u))
        total += np.einsum("nb,nb->b", z[order], z[np.roll(order, -1)]) / n
    return np.asarray(total / orders)


def _verdict(p: Prepared, j: int, main: float, low: float, high: float, chance: float, confidence: float) -> str:
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if np.isnan(main):
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value, or hardly any has it"
    if chance <= ALPHA:
        return f"{MATTERS}: alone it explains {100 * low:.0f} to {100 * high:.0f} % of the variance ({100 * confidence:g} %)"
    return (
        f"{DEAD}: alone it explains no more than chance may, at most {100 * high:.0f} % of the variance "
        f"({100 * confidence:g} %); it may act through other knobs"
    )


def _notes(p: Prepared) -> tuple[str, ...]:
    notes = [
        *p.notes,
        "Seed noise is part of the variance. What a knob does only together with others does not show here.",
    ]
    if p.n < ENOUGH:
        notes.append(
            f"{p.n} trials are few: without a model about {ENOUGH} are needed; the intervals are wide for that reason."
        )
    if p.crowded:
        notes.append(
            "The trials crowd in parts of the space, as an optimiser's do: the shares are those among these trials, whose "
            "knobs may move together. Do not rely on them."
        )
    if p.space.is_conditional:
        notes.append("A conditional knob counts only where it is active.")
    return tuple(notes)

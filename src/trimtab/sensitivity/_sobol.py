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

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._measure import Measure, around, held, whole
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, percent_text
from trimtab.sensitivity._shares import VarianceDraws, closed_form, joined
from trimtab.sensitivity._slices import Region, sliced
from trimtab.sensitivity._surrogate import LEAST_EVIDENCE, Prepared, check_confidence, prepare, too_little
from trimtab.surrogates import ProductGP

__all__ = ["Interactions", "Sensitivity", "sobol"]

SCOPES = ("space", "good", "local")
GOOD = 0.25  # share of the space that is the good region
EXTRA = 48  # points at which functions are drawn
FUNCTION_DRAWS = 8  # functions a draw of the hyperparameters
ESTIMATE_SETS = 12  # hyperparameter draws behind the estimates
PAIR_SETS = 4  # hyperparameter draws behind the pairs of conditional spaces, which are slow
PART = 0.7
WIDEN_MAIN, WIDEN, WIDEN_PAIR = 1.05, 1.15, 1.5  # of the intervals in log odds, chosen on exact grids
CROWDED = 1.1  # times that, where the trials do not fill the space
RESOLUTION = 0.01  # shares below are not told from zero, nor those twice as close to one from all


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
    scope       "space", "good" or "local": where; see `sobol`
    n_effective how many trials spread evenly would tell as much of the space: fewer than n_used where an optimiser collected them
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
    n_effective: float
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
    """Main, total and pair shares of the objective's variance, each with an interval, and a verdict a knob.

    Answers "which knobs matter over the space, alone and together?", from about 30 trials on. Do not use it for what matters near the best
    configuration (scope="local", `robustness`), for directions and good values (`effects`), nor where jumps are narrower than the distance
    of the trials. A small share is no licence to freeze a knob at any value: see `advice`.

    source      a Study or a TrialTable; failed and pruned trials are left out
    scale       "raw", "log", "rank" (normal scores), or "auto": raw unless the objective has a heavy tail
    scope       "space": all knobs over their declared distributions; "good": the same, but whatever is worse than the best quarter of
                the space counts as equally bad, so that shares tell what decides among good configurations, and who is one;
                "local": within 15 % of each range around the best trial
    confidence  of the intervals, which hold seed noise, the surrogate's ignorance and that of its hyperparameters

    Knobs vary independently (constraints do not apply). A conditional knob's share counts the part of the space where it is active; its
    parent's share includes the switch. Raises InputError for an unknown scale or scope, and for several objectives. The same trials give
    the same numbers. Sobol' 1993; Oakley and O'Hagan 2004.
    """
    check_confidence(confidence)
    if scope not in SCOPES:
        raise InputError(f"scope must be one of {', '.join(SCOPES)}, got {scope!r}.")
    p = prepare(source, scale)
    if not p.explained:
        return _nothing(p, scope, confidence)
    if scope not in p.kept:
        measure = held(around(p.space, p.best) if scope == "local" else whole(p.space), p.x)
        region = Region(GOOD, p.sign) if scope == "good" else None
        with one_blas_thread():
            p.kept[scope] = _draws(p, measure, region)
    return _result(p, scope, confidence, p.kept[scope])


def main_and_total(p: Prepared, confidence: float) -> Sensitivity:
    """As `sobol` over the space, in a third of the time where the space is conditional: pairs may be NaN. p must explain something."""
    if "space" not in p.kept and "without pairs" not in p.kept:
        with one_blas_thread():
            p.kept["without pairs"] = _draws(p, held(whole(p.space), p.x), None, pair_sets=0)
    return _result(p, "space", confidence, p.kept.get("space") or p.kept["without pairs"])


def _draws(
    p: Prepared, measure: Measure, region: Region | None, pair_sets: int = PAIR_SETS
) -> tuple[VarianceDraws, VarianceDraws]:
    """Expectations given all trials for the estimates, and draws given random parts of them for the intervals."""
    assert p.fit is not None
    rng = np.random.default_rng(0)
    extra = p.space.snap(measure.latent(EXTRA, 1))
    extra = extra[np.unique(np.round(np.nan_to_num(extra, nan=-1.0), 9), axis=0, return_index=True)[1]]
    by_slices = p.space.is_conditional or region is not None

    def drawn(gp: ProductGP, k: int) -> VarianceDraws:
        normal = rng.standard_normal((len(extra), FUNCTION_DRAWS // 2))
        normal = np.concatenate([normal, -normal], axis=1)  # in pairs: the objective's sign must not change a share
        if by_slices:
            return sliced(gp, measure, extra, normal, pairs=k < pair_sets, region=region)
        return closed_form(gp, measure, extra, normal)

    def expected(gp: ProductGP, k: int) -> VarianceDraws:
        return drawn(gp, k) if by_slices else closed_form(gp, measure, extra[:0], np.empty((0, 1)))

    middle = joined([expected(gp, k) for k, gp in enumerate(p.draws[:ESTIMATE_SETS])])
    return middle, joined([drawn(_part(gp, rng), k) for k, gp in enumerate(p.draws)])


def _part(gp: ProductGP, rng: np.random.Generator) -> ProductGP:
    """The surrogate without a random part of its trials.

    Stationary surrogates are too sure of themselves on real responses. Draws that each see 70 % of the trials also vary with what single
    trials pull; on exact grids this brought 90 % intervals from 65-75 % to about 90 % coverage.
    """
    n = len(gp.values)
    return gp.of_trials(np.sort(rng.permutation(n)[: max(4, round(PART * n))]))


def _result(p: Prepared, scope: str, confidence: float, draws: tuple[VarianceDraws, VarianceDraws]) -> Sensitivity:
    assert p.fit is not None
    assert p.evidence is not None
    middle, spread = draws
    crowded = CROWDED if p.crowded else 1.0
    main = _estimate(
        middle.main / middle.variance[:, None],
        spread.main / spread.variance[:, None],
        confidence,
        crowded * WIDEN_MAIN,
    )
    total = _estimate(
        middle.total / middle.variance[:, None], spread.total / spread.variance[:, None], confidence, crowded * WIDEN
    )
    pair = np.full((3, p.space.d, p.space.d), np.nan)
    if len(middle.pair):
        pair = _estimate(middle.pair, spread.pair, confidence, crowded * WIDEN_PAIR)
    alive = p.alive & (total[1] > 0.0)
    for shares in (main, total):
        shares[1][~alive] = 0.0
    single = np.array([p.space.n_levels[j] == 1 for j in range(p.space.d)])
    for shares in (main, total):
        shares[:, single] = 0.0
        shares[:, ~p.varied & ~single] = np.array([[np.nan], [0.0], [1.0]])
    return Sensitivity(
        parameters=p.names,
        main=main[0], main_low=main[1], main_high=main[2],
        total=total[0], total_low=total[1], total_high=total[2],
        interactions=_interactions(p.names, pair, alive),
        verdicts={name: _verdict(p, j, bool(alive[j]), total[:, j], confidence) for j, name in enumerate(p.names)},
        scale=p.scale.name, scope=scope, confidence=confidence, n_used=p.n, n_failed=p.n_failed,
        n_effective=p.n_effective,
        noise=float(min(p.fit.best.noise, 1.0)), fit=p.explains(), evidence=p.evidence, notes=_notes(p, scope),
    )  # fmt: skip


def _estimate(middle: FloatArray, spread: FloatArray, confidence: float, widen: float) -> FloatArray:
    """Estimate, low, high (3, ...): the mean of the one, quantiles of the other, widened on the scale of log odds."""
    estimate = np.clip(middle.mean(axis=0), 0.0, 1.0)
    odds = _log_odds(spread)
    centre = np.median(odds, axis=0)
    ends = np.quantile(odds, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    low, high = 1.0 / (1.0 + np.exp(-(centre + widen * (ends - centre))))
    low = np.where(low < RESOLUTION, 0.0, low - RESOLUTION / 4)
    high = np.where(high > 1.0 - 2.0 * RESOLUTION, 1.0, high + RESOLUTION / 4)
    return np.array([estimate, np.minimum(low, estimate), np.maximum(np.minimum(high, 1.0), estimate)])


def _log_odds(share: FloatArray) -> FloatArray:
    inside = np.clip(share, 1e-4, 1.0 - 1e-4)
    return np.log(inside) - np.log1p(-inside)


def _verdict(p: Prepared, j: int, alive: bool, total: FloatArray, confidence: float) -> str:
    assert p.evidence is not None
    sure = f"{100 * confidence:g} %"
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if alive:
        return f"{MATTERS}: it moves {100 * total[1]:.0f} to {100 * total[2]:.0f} % of the variance ({sure})"
    if p.evidence[j] > LEAST_EVIDENCE:
        return f"{DEAD}: it moves at most {100 * total[2]:.0f} % of the variance ({sure}), perhaps nothing"
    return f"{DEAD}: the {p.n} trials are explained as well without it; at most {100 * total[2]:.0f} % of the variance ({sure})"


def _interactions(names: tuple[str, ...], pair: FloatArray, alive: BoolArray) -> Interactions:
    first, second = np.triu_indices(len(names), 1)
    share, low, high = (pair[k][first, second] for k in range(3))
    low = np.where(alive[first] & alive[second], low, 0.0)
    order = np.argsort(-np.nan_to_num(share, nan=-1.0), kind="stable")
    return Interactions(
        tuple(names[i] for i in first[order]), tuple(names[i] for i in second[order]), share[order], low[order], high[order]
    )  # fmt: skip


def _nothing(p: Prepared, scope: str, confidence: float) -> Sensitivity:
    """The result when nothing can be told: no invented numbers."""
    d = p.space.d
    nan, zero, one = np.full(d, np.nan), np.zeros(d), np.ones(d)
    pairs = np.full((3, d, d), np.nan)
    pairs[1], pairs[2] = 0.0, 1.0
    if p.fit is None:
        reason = too_little(p)
    else:
        reason = f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
    return Sensitivity(
        parameters=p.names,
        main=nan, main_low=zero, main_high=one,
        total=nan.copy(), total_low=zero.copy(), total_high=one.copy(),
        interactions=_interactions(p.names, pairs, np.zeros(d, dtype=bool)),
        verdicts=dict.fromkeys(p.names, reason),
        scale=p.scale.name, scope=scope, confidence=confidence, n_used=p.n, n_failed=p.n_failed,
        n_effective=p.n_effective,
        noise=float("nan") if p.fit is None else float(min(p.fit.best.noise, 1.0)),
        fit=float("nan") if p.fit is None else p.explains(),
        evidence=np.zeros(d) if p.evidence is None else p.evidence, notes=_notes(p, scope),
    )  # fmt: skip


def _notes(p: Prepared, scope: str) -> tuple[str, ...]:
    where = "a box of 15 % of each range around the best trial" if scope == "local" else "their declared distributions"
    notes = [
        *p.notes,
        f"Knobs vary independently over {where}; seed noise is not part of the variance that is shared out.",
    ]
    if scope == "good":
        notes.append(f"Whatever is worse than the best {100 * GOOD:.0f} % of the space counts as equally bad.")
    if p.n and not p.varied.all():
        same = ", ".join(name for name, varied in zip(p.names, p.varied, strict=True) if not varied)
        notes.append(f"Never changed among these trials, and held there for the shares of the others: {same}.")
    if p.space.is_conditional:
        notes.append(
            "A conditional knob counts only where it is active; its parent's share includes switching it on and off."
        )
    if p.space.constrained:
        notes.append("Constraints are not applied here: shares include configurations that the constraints forbid.")
    if not p.explained and p.fit is not None:
        notes.append(
            "No shares are given: either nothing matters here, or the seed noise hides it. Repeats or more trials would tell."
        )
    return tuple(notes)

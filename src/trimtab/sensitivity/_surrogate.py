"""From a table to the fitted surrogate that all analyses of existing trials share.

The surrogate is a product-kernel GP of the objective in the user's sign, on the scale asked for, with draws of its hyperparameters.
It depends on the trials, the space and the scale alone, so it is kept for the next analysis of the same table.

Notation
    n, d       trials used, searched columns
    x, v, z    configurations (n, d), objective in the user's sign (n,), the same standardised on the scale (n,)
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray, column_rule, sobol_points
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import FAILED, PRUNED, TrialTable, table_of
from trimtab.sensitivity._effective import effective_trials
from trimtab.sensitivity._scale import Scale, choose_scale
from trimtab.sensitivity._tied import slopes_worth, with_tied_rows
from trimtab.space import Space
from trimtab.surrogates import ProductFit, ProductGP, Ties, evidence_of_columns, fit_product_gp

__all__ = ["LEAST_EVIDENCE", "Prepared", "check_confidence", "prepare", "read_trials", "too_little"]

HYPER_DRAWS = 12
FIT_TRIALS = 250  # the fit costs n^3 about 150 times; more trials sharpen hyperparameters little
USED_TRIALS = 500
FEWEST_TRIALS = 8
KEPT_FITS = 4
NEAR = 0.1  # in every coordinate: trials that tell of one place
# noise alone passes both limits for 0 to 2.5 % of knobs (12 to 100 trials, 2 to 20 knobs)
LEAST_GAIN, GAIN_A_KNOB = 4.0, 0.4
LEAST_EVIDENCE = 3.0  # nats: odds of 20 to 1


@dataclass(frozen=True, eq=False)
class Prepared:
    """Trials and surrogate of one table on one scale. fit is None where there is too little data; why says so in words.

    active_levels (d,): number of different values of each knob among the trials where it is active.
    evidence (d,), gain: log evidence of each knob and of the whole surrogate against noise alone, in nats.
    kept: what analyses of the same trials need again, so that they need not repeat it.
    slopes (n, d): derivatives of v by the knobs' coordinates that trials reported, NaN where none; None where no trial did.
    crowded: the trials do not fill the space evenly, as an optimiser's. n_effective: see `_effective`.
    """

    space: Space
    sign: float
    x: FloatArray
    v: FloatArray
    scale: Scale
    n_failed: int
    notes: tuple[str, ...]
    why: str
    varied: BoolArray
    crowded: bool
    fit: ProductFit | None = None
    evidence: FloatArray | None = None
    gain: float = 0.0
    feasible: BoolArray | None = None
    n_effective: float = float("nan")
    kept: dict[str, Any] = field(default_factory=dict)
    slopes: FloatArray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.space.names

    @property
    def n(self) -> int:
        return len(self.v)

    @property
    def explained(self) -> bool:
        """Whether the trials are explained better with the knobs than by noise alone."""
        return self.fit is not None and self.gain > LEAST_GAIN + GAIN_A_KNOB * self.space.d

    @property
    def alive(self) -> BoolArray:
        """Knobs without which the trials are clearly told worse (d,)."""
        assert self.evidence is not None
        return (self.evidence > LEAST_EVIDENCE) & self.varied

    @property
    def best(self) -> FloatArray:
        """The best trial's point (d,): of those that keep the limits on outcomes, if there are any."""
        y = self.sign * self.v
        if self.feasible is not None and self.feasible.any():
            y = np.where(self.feasible, y, np.inf)
        best: FloatArray = self.x[int(np.argmin(y))]
        return best

    @property
    def draws(self) -> tuple[ProductGP, ...]:
        """The surrogate with hyperparameters drawn from their posterior."""
        assert self.fit is not None
        return self.fit.draws

    def explains(self) -> float:
        """Share of the variance of the trials that leave-one-out predictions explain; at most 1, below 0 is worse than the mean."""
        assert self.fit is not None
        gp = self.fit.best
        mean, _ = gp.leave_one_out()
        y, n = gp.values, len(gp.values)
        others = (y.sum() - y) / (n - 1)
        return float(1.0 - np.sum((y - mean) ** 2) / np.sum((y - others) ** 2))

    def point(self, at: Mapping[str, object] | None) -> FloatArray:
        """The point (d,) of a configuration, by default the best trial's."""
        return self.best if at is None else np.asarray(self.space.encode([dict(at)])[0])


def check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence must lie between 0 and 1, got {confidence!r}. 0.9 gives 90 % intervals.")


_kept: OrderedDict[str, Prepared] = OrderedDict()


def prepare(source: object, scale: str = "auto") -> Prepared:
    """Trials of a study or table, ready to analyse; the fit of the same trials is not repeated."""
    table = _one_objective(source)
    key = _digest(table, scale)
    found = _kept.get(key)
    if found is None:
        with one_blas_thread():
            found = _prepare(table, scale)
        _kept[key] = found
        while len(_kept) > KEPT_FITS:
            _kept.popitem(last=False)
    return replace(found, space=table.space)


def read_trials(source: object, scale: str = "auto") -> Prepared:
    """Trials of a study or table for an analysis that needs no surrogate; fit is None, why says what is missing, if anything."""
    return _read(_one_objective(source), scale)


def _one_objective(source: object) -> TrialTable:
    table = table_of(source)
    if table.goals.m > 1:
        raise InputError(
            f"A sensitivity analysis looks at one number, and this study has {table.goals.m} objectives. Say which one: "
            f"pass study.table.of_outcome({table.goals.objectives[0]!r})."
        )
    return table


def too_little(prepared: Prepared) -> str:
    """The verdict of a knob that nothing can be said about."""
    return f"too little data: {prepared.why}"


def _digest(table: TrialTable, scale: str) -> str:
    parts = hashlib.blake2b(digest_size=16)
    parts.update(json.dumps([table.space.to_dict(), table.direction, scale], sort_keys=True, default=repr).encode())
    slopes = () if table.derivatives is None else (table.derivatives,)
    for column in (table.x, table.y, table.state, table.feasible, *slopes):
        parts.update(np.ascontiguousarray(column).tobytes())
    return parts.hexdigest()


def _prepare(table: TrialTable, scale: str) -> Prepared:
    prepared = _read(table, scale)
    return prepared if prepared.why else _fitted(prepared)


def _read(table: TrialTable, scale: str) -> Prepared:
    space = table.space
    finished = table.finished
    finished = finished.where(np.isfinite(finished.y))
    n_failed = int(np.sum(table.state == FAILED)) + (table.finished.n - finished.n)
    x, v = finished.x, finished.value
    name, why_scale = choose_scale(scale, v, v[_spread_out(space, x)])
    notes = [*([why_scale] if len(v) else []), *_left_out(table, n_failed)]
    varied = np.array([_distinct(x[:, j]) > 1 for j in range(space.d)])
    crowded = bool(len(v)) and _is_crowded(space, x)
    prepared = Prepared(space, table.sign, x, v, Scale.of(name, v) if len(v) else Scale.of("raw", np.zeros(1)), n_failed, tuple(notes),
                        "", varied, crowded, feasible=finished.feasible,
                        slopes=None if finished.derivatives is None else table.sign * finished.derivatives)  # fmt: skip
    return replace(prepared, why=_why_too_little(prepared))


def _left_out(table: TrialTable, n_failed: int) -> list[str]:
    notes = []
    if n_failed:
        notes.append(
            f"{_many(n_failed, 'failed trial')} left out, having no objective: what follows holds for configurations that work."
        )
    pruned = int(np.sum(table.state == PRUNED))
    if pruned:
        notes.append(
            f"{_many(pruned, 'pruned trial')} left out; pruned ones are mostly bad, so effects may look smaller than they are."
        )
    return notes


def _many(n: int, what: str) -> str:
    return f"{n} {what} is" if n == 1 else f"{n} {what}s are"


def _why_too_little(p: Prepared) -> str:
    """What is missing, in words; empty if nothing is."""
    needed = max(FEWEST_TRIALS, p.space.d + 2)
    if p.space.d == 0:
        return "the space has no knob that varies"
    if p.n < needed:
        return f"{p.n} finished trial{'s' * (p.n != 1)}, at least {needed} are needed for {p.space.d} knob{'s' * (p.space.d != 1)}"
    if p.scale.width == 0.0:
        return f"all {p.n} finished trials have the same objective"
    if not p.varied.any():
        return "all finished trials have the same configuration"
    return ""


def _fitted(p: Prepared) -> Prepared:
    notes = list(p.notes)
    if p.n > FIT_TRIALS:
        rows = np.random.default_rng(0).permutation(p.n)[: min(p.n, USED_TRIALS)]
        notes.append(
            f"Of {p.n} trials, drawn at random, {FIT_TRIALS} set the surrogate's hyperparameters and the evidence, "
            f"and {'all' if len(rows) == p.n else len(rows)} its predictions."
        )
    else:
        rows = np.arange(p.n)
    categorical = np.array([k == "categorical" for k in p.space.kinds])
    fit = _fit(p, rows[:FIT_TRIALS], categorical)
    if fit.best.ties is not None:
        notes.append(
            f"{len(fit.best.y) - len(fit.best.values)} derivatives that trials reported sharpen the surrogate; continuous knobs only."
        )
    if p.crowded and p.scale.name == "rank":
        p, fit = _rank_over_space(p, fit, rows[:FIT_TRIALS], categorical)
        notes.append("Ranks are those over the declared space, through the surrogate, not those among the trials.")
    effective = effective_trials(fit.best.without_ties(), p.space) if p.crowded else float(p.n)
    if p.crowded:
        notes.append(
            f"The trials crowd in parts of the space, as an optimiser's do: {len(fit.best.values)} of them tell as much of it as about "
            f"{effective:.0f} spread evenly. Intervals are widened, and where few trials lie the surrogate's guess stands in."
        )
    evidence = evidence_of_columns(fit, [[j, *_descendants(p.space, j)] for j in range(p.space.d)])
    gain = fit.best.log_evidence() - _noise_evidence(fit.best)
    if len(rows) > FIT_TRIALS:
        x, y, ties = _rows(p, rows)
        fit = ProductFit(
            replace(fit.best, x=x, y=y, ties=ties), tuple(replace(g, x=x, y=y, ties=ties) for g in fit.draws)
        )
    return replace(p, fit=fit, evidence=evidence, gain=gain, notes=tuple(notes), n_effective=effective)


def _descendants(space: Space, j: int) -> list[int]:
    """Columns whose existence depends on column j, directly or not: seen by moving j alone at 64 points.

    Without j they would always or never exist, so evidence for j is evidence for the switch too.
    """
    if not space.is_conditional:
        return []
    base = np.repeat(sobol_points(64, space.d, 5)[None], 9, axis=0)
    base[:, :, j] = (np.arange(9)[:, None] + 0.5) / 9
    exists = space.active(base.reshape(-1, space.d)).reshape(9, 64, space.d)
    return [int(i) for i in np.flatnonzero((exists != exists[0]).any(axis=(0, 1))) if i != j]


def _noise_evidence(gp: ProductGP) -> float:
    """Log evidence of the trials as independent noise around a constant, and of their derivatives as noise around 0."""
    y = gp.values
    found = -0.5 * len(y) * (1.0 + np.log(2 * np.pi * y.var()))
    if gp.ties is not None:
        tied = ~gp.ties.is_trial
        apart, own = (gp.y - gp.y[gp.ties.trial])[tied], gp.ties.own[tied]
        found -= 0.5 * np.sum(apart**2 / own + np.log(2 * np.pi * own))
    return float(found)


def _rank_over_space(
    p: Prepared, fit: ProductFit, rows: IntArray, categorical: BoolArray
) -> tuple[Prepared, ProductFit]:
    """Normal scores of the objective over the declared space instead of among the trials, and the fit on them."""
    from scipy.special import ndtr, ndtri

    u = p.space.snap(sobol_points(512, p.space.d, 1))
    mean, variance = fit.best.predict(u)
    spread = np.sqrt(variance + fit.best.noise)
    known = (p.scale.score - p.scale.centre) / p.scale.width
    share = ndtr((known[:, None] - mean) / spread).mean(axis=1)
    edge = 0.5 / len(p.v)
    score = np.maximum.accumulate(ndtri(np.clip(share, edge, 1 - edge)))
    scale = replace(p.scale, score=score + 1e-9 * np.arange(len(score)))._standardised(p.v)
    p = replace(p, scale=scale)
    return p, _fit(p, rows, categorical)


def _rows(p: Prepared, rows: IntArray) -> tuple[FloatArray, FloatArray, Ties | None]:
    """What the surrogate sees of some trials: points, standardised values, and which of them are tied rows of reported derivatives."""
    slopes = None if p.slopes is None else p.slopes[rows] * p.scale.rate(p.v[rows])[:, None]
    return with_tied_rows(p.x[rows], p.scale.standard(p.v)[rows], slopes_worth(p.space, slopes))


def _fit(p: Prepared, rows: IntArray, categorical: BoolArray) -> ProductFit:
    """With few trials noise and short waves tell the same story, so two starts compete; with many the first is enough."""
    x, z, ties = _rows(p, rows)
    return fit_product_gp(x, z, categorical, draws=HYPER_DRAWS, seed=0, starts=2 if len(z) <= 120 else 1, ties=ties)


def _distinct(column: FloatArray) -> int:
    return len(np.unique(np.round(column[~np.isnan(column)], 9)))


def _spread_out(space: Space, x: FloatArray) -> list[int]:
    """Trials none of which is near an earlier one. Where an optimiser converged one stands for all, so that the many good
    values there do not make all others look like a heavy tail."""
    categorical = np.array([k == "categorical" for k in space.kinds])
    points = np.where(np.isnan(x), 0.5, x)
    kept: list[int] = []
    for i in np.unique(np.linspace(0, len(x) - 1, min(len(x), USED_TRIALS)).astype(int)):
        away = np.abs(points[kept] - points[i])
        away = np.where(categorical, away > 1e-9, away)
        if not np.any(away.max(axis=1, initial=0.0) < NEAR):
            kept.append(int(i))
    return kept


def _is_crowded(space: Space, x: FloatArray) -> bool:
    """Whether the columns together are far from their declared distributions: the sum of Cramer-von Mises statistics.

    Each has mean 1/6 and variance 1/45 for uniform columns; the limit is passed by about one uniform table in a thousand.
    """
    total, columns = 0.0, 0
    for j in range(space.d):
        u = x[~np.isnan(x[:, j]), j]
        if len(u) >= 10 and space.n_levels[j] != 1:
            total += _von_mises(_spread_ties(space, j, u))
            columns += 1
    return total > columns / 6.0 + 4.0 * math.sqrt(columns / 45.0) + 0.3


def _spread_ties(space: Space, j: int, u: FloatArray) -> FloatArray:
    """Sorted coordinates; those on one level spread evenly over its cell, as a uniform coordinate would be."""
    k = int(space.n_levels[j])
    if not 0 < k <= 512:
        return np.sort(u)
    nodes, weights = column_rule(256, k, space.parameters[space.names[j]].snap)
    edges = np.concatenate([[0.0], np.cumsum(weights)])
    level = np.argmin(np.abs(u[:, None] - nodes), axis=1)
    spread = [
        edges[i] + weights[i] * (np.arange(m) + 0.5) / m for i in range(len(nodes)) if (m := int(np.sum(level == i)))
    ]
    return np.concatenate(spread)


def _von_mises(u: FloatArray) -> float:
    """Cramer-von Mises statistic of sorted u (n,) against the uniform distribution."""
    n = len(u)
    return float(1.0 / (12 * n) + np.sum((u - (np.arange(n) + 0.5) / n) ** 2))

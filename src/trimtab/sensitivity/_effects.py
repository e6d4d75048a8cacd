"""Main-effect curves and pair surfaces: the objective against one or two knobs, averaged over the others.

Under a product kernel the average of f over all columns but those in S is a GP again, with

    E[m_S(t)]  = sigma2 sum_a alpha_a prod_{j in S} k_j(t_j, X_a) o_a
    Var m_S(t) = sigma2 c - h C^-1 h,    h_a = sigma2 prod_{j in S} k_j(t_j, X_a) o_a

where o_a and c are means over the columns outside S: of prod_j k_j(x_j, X_a), and of prod_j k_j(x_j, x'_j) for two independent draws.
Without conditional knobs they are products of integrals over single columns, else means over space-filling points where the knobs of S
are active. Draws of the hyperparameters are mixed by their moments.

Notation
    S      the knobs of a curve (one) or a surface (two)       t   their coordinates (m, |S|)
    o, c   `weights` (n,) and `own` of a group of rows of t that switch the same knobs on

Sources: Oakley and O'Hagan 2004, section 3.1 (doi:10.1111/j.1467-9868.2004.05304.x) for the posterior; Friedman 2001, section 8.2
(doi:10.1214/aos/1013203451), partial dependence; Moosbauer et al. 2021 (arXiv:2111.04820), partial dependence with bands in
hyperparameter optimisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray, IntArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._effect_curves import EffectCurve, Effects, EffectSurface
from trimtab.sensitivity._measure import Measure, held, whole
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE
from trimtab.sensitivity._shares import NODES
from trimtab.sensitivity._sobol import sobol
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare, too_little
from trimtab.surrogates import ProductGP

__all__ = ["effects"]

CURVE_POINTS, SURFACE_POINTS = 33, 17
AVERAGED, LATENT = 256, 4096  # points over which conditional spaces are averaged, of so many that may be inactive
WIDEN = 1.25  # of the posterior's spread, as in `one_at_a_time`


def effects(
    source: object, *, scale: str = "auto", confidence: float = 0.9, pairs: int | Sequence[tuple[str, str]] = 3
) -> Effects:
    """The objective against each knob, averaged over the declared distributions of all others, with bands; and against pairs of knobs.

    source      a Study or a TrialTable; failed and pruned trials are left out
    scale       "auto", "raw", "log" or "rank": on which the average is taken. Curves are in objective units: on the log scale they show
                the geometric mean, on the rank scale the value of the mean normal score (near the median)
    confidence  of the pointwise bands, which hold seed noise, the surrogate's ignorance and that of its hyperparameters. They are bands of
                the average, level included, not of a single evaluation
    pairs       how many surfaces: those of the largest interactions of `sobol`; or the pairs of names themselves

    Answers "where in its range is this knob good, whatever the others are?", and for a pair "does the good value of the one depend on the
    other?". A conditional knob's curve is the average where it is active; a parent's includes what it switches on.

    Not for: the best configuration's neighbourhood (see `one_at_a_time`); a knob whose effect turns with another's value, which averages
    out (see the surfaces); spaces whose constraints forbid much, for knobs vary independently here and forbidden configurations count;
    regions without trials, where the surrogate extrapolates: the band is wide there, and the figures show what was tried.
    Raises InputError for an unknown scale or pair. The same trials give the same numbers. Oakley and O'Hagan 2004; Moosbauer et al. 2021.
    """
    check_confidence(confidence)
    p = prepare(source, scale)
    chosen = _named(p, pairs)
    if not p.explained:
        return _nothing(p, confidence)
    if p.space.d > 1 and pairs:
        found = sobol(source, scale=scale, confidence=confidence).interactions
        place = {name: j for j, name in enumerate(p.names)}
        ranked = [(place[a], place[b]) for a, b in zip(found.first, found.second, strict=True)]
        shares = {
            frozenset(pair): (float(found.share[k]), float(found.low[k]), float(found.high[k]))
            for k, pair in enumerate(ranked)
        }
        if isinstance(pairs, int):
            chosen = [(i, j) for i, j in ranked if p.varied[i] and p.varied[j]]
    else:
        shares, chosen = {}, []
    with one_blas_thread():
        average = _Average(p, confidence)
        curves = [_curve(average, j) for j in range(p.space.d)]
        surfaces: list[EffectSurface] = []
        for i, j in chosen:
            surface = _surface(average, i, j, shares[frozenset((i, j))])
            if not np.isnan(surface.mean).all():
                surfaces.append(surface)
            if len(surfaces) == pairs:
                break
        _, level = average.over((), np.empty((1, 0)))
    return Effects(
        parameters=p.names, curves=tuple(curves), surfaces=tuple(surfaces), level=float(level[0, 0]), level_low=float(level[1, 0]),
        level_high=float(level[2, 0]), verdicts={c.name: _verdict(p, j, c) for j, c in enumerate(curves)}, scale=p.scale.name,
        direction=_direction(p), confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip


def _named(p: Prepared, pairs: int | Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Columns of the pairs asked for by name; none if a number was given."""
    if isinstance(pairs, int):
        if pairs < 0:
            raise InputError(f"pairs must be 0 or more, or pairs of names, got {pairs!r}.")
        return []
    known = ", ".join(map(repr, p.names))
    found = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(p.names):
            raise InputError(f"pairs must hold pairs of two different knobs that vary, got {pair!r}. Knobs: {known}.")
        found.append((p.names.index(pair[0]), p.names.index(pair[1])))
    return found


@dataclass(frozen=True, eq=False)
class _Group:
    """Rows of t (r,) with the same knobs on, and points (w, d) of the others there; None: whole columns, by integrals."""

    rows: IntArray
    points: FloatArray | None


class _Average:
    """The posterior of averages of f over all knobs but a few."""

    def __init__(self, p: Prepared, confidence: float) -> None:
        from scipy.special import ndtri

        self.p = p
        self.reach = WIDEN * float(ndtri((1.0 + confidence) / 2.0))
        self.measure = held(whole(p.space), p.x)
        self.latent = self.measure.latent(LATENT, 6) if p.space.is_conditional else np.empty((0, p.space.d))
        self.integrals = [] if p.space.is_conditional else [_integrals(gp, self.measure) for gp in p.draws]

    def over(self, columns: tuple[int, ...], t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """At t (m, |columns|): mean and sd on the standardised scale (2, m); mean, low and high in objective units (3, m)."""
        groups = self._groups(columns, t)
        mean, variance = np.full((2, len(self.p.draws), len(t)), np.nan)
        for k, gp in enumerate(self.p.draws):
            for group in groups:
                mean[k, group.rows], variance[k, group.rows] = self._moments(k, gp, columns, t, group)
        middle = mean.mean(axis=0)
        spread = np.sqrt(variance.mean(axis=0) + mean.var(axis=0))
        return np.array([middle, spread]), self.units(
            middle, middle - self.reach * spread, middle + self.reach * spread
        )

    def units(self, middle: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        """In objective units (3, m); NaN stays."""
        z = np.array([middle, low, high])
        return np.where(np.isnan(z), np.nan, self.p.scale.objective(np.nan_to_num(z)))

    def _groups(self, columns: tuple[int, ...], t: FloatArray) -> list[_Group]:
        if not self.p.space.is_conditional:
            return [_Group(np.arange(len(t)), None)]
        groups: dict[bytes, tuple[list[int], FloatArray]] = {}
        for r in range(len(t)):
            points = self.latent.copy()
            points[:, list(columns)] = t[r]
            x = self.p.space.snap(points)
            x = x[~np.isnan(x[:, list(columns)]).any(axis=1)][:AVERAGED]
            if len(x):
                x[:, list(columns)] = np.nan  # so that rows that differ in these alone share their points
                groups.setdefault(x.tobytes(), ([], x))[0].append(r)
        return [_Group(np.array(rows), x) for rows, x in groups.values()]

    def _moments(
        self, k: int, gp: ProductGP, columns: tuple[int, ...], t: FloatArray, group: _Group
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and variance at the group's rows under one draw of the hyperparameters."""
        from scipy.linalg import solve_triangular

        others = [j for j in range(gp.x.shape[1]) if j not in columns]
        if group.points is None:
            z, prior = self.integrals[k]
            weights, own = np.prod(z[others], axis=0), float(np.prod(prior[others]))
        else:
            w = group.points
            weights = _product(gp, others, w, gp.x).mean(axis=0)
            own = float(_product(gp, others, w, w).mean())
        h = gp.sigma2 * np.repeat(weights[None, :], len(group.rows), axis=0)
        for c, j in enumerate(columns):
            h *= gp.factor(j, t[group.rows, c], gp.x[:, j])
        root = solve_triangular(gp.cholesky, h.T, lower=True, check_finite=False)
        return h @ gp.alpha, np.maximum(gp.sigma2 * own - np.einsum("nm,nm->m", root, root), 0.0)


def _product(gp: ProductGP, columns: list[int], u: FloatArray, v: FloatArray) -> FloatArray:
    """Product of some columns' factors between points u (m, d) and v (q, d): (m, q)."""
    k = np.ones((len(u), len(v)))
    for j in columns:
        if gp.share[j] > 0.0:
            k *= gp.factor(j, u[:, j], v[:, j])
    return k


def _integrals(gp: ProductGP, measure: Measure) -> tuple[FloatArray, FloatArray]:
    """Of every column: means of k_j(t, X_a) over t (d, n), and of k_j(t, t') over both (d,)."""
    z, prior = [], []
    for j in range(gp.x.shape[1]):
        t, w = measure.rule(j, NODES)
        z.append(w @ gp.factor(j, t, gp.x[:, j]))
        prior.append(w @ gp.factor(j, t, t) @ w)
    return np.array(z), np.array(prior)


def _nodes(p: Prepared, j: int, most: int) -> FloatArray:
    """All levels or choices of a knob, or `most` places of it, always with both ends."""
    if p.space.kinds[j] == "categorical" or 0 < p.space.n_levels[j] <= most:
        return p.space.levels(j)
    u = np.unique(np.round(p.space.parameters[p.names[j]].snap(np.linspace(0.0, 1.0, most)), 12))
    return np.asarray(u)


def _texts(p: Prepared, j: int, u: FloatArray) -> tuple[tuple[object, ...], tuple[str, ...]]:
    values = tuple(p.space.value(j, float(a)) for a in u)
    return values, tuple(p.space.label(j, v) for v in values)


def _curve(average: _Average, j: int) -> EffectCurve:
    p = average.p
    u = _nodes(p, j, CURVE_POINTS)
    values, labels = _texts(p, j, u)
    if p.varied[j] or p.space.n_levels[j] == 1:
        (middle, spread), _ = average.over((j,), u[:, None])
        low, high = middle - average.reach * spread, middle + average.reach * spread
        if not p.alive[j]:  # the trials are explained without the knob: a flat curve belongs into the band
            low, high = np.minimum(low, middle.mean()), np.maximum(high, middle.mean())
        middle, low, high = average.units(middle, low, high)
    else:
        middle, low, high = np.full((3, len(u)), np.nan)
    tried = p.x[~np.isnan(p.x[:, j]), j]
    return EffectCurve(p.names[j], p.space.kinds[j], u, values, labels, middle, low, high, tried)


def _surface(average: _Average, i: int, j: int, share: tuple[float, float, float]) -> EffectSurface:
    p = average.p
    s, t = _nodes(p, i, SURFACE_POINTS), _nodes(p, j, SURFACE_POINTS)
    grid = np.array([(a, b) for a in s for b in t])
    if p.varied[i] and p.varied[j]:
        _, found = average.over((i, j), grid)
    else:
        found = np.full((3, len(grid)), np.nan)
    mean, low, high = found.reshape(3, len(s), len(t))
    (first, first_labels), (second, second_labels) = _texts(p, i, s), _texts(p, j, t)
    tried = p.x[:, [i, j]]
    return EffectSurface(
        names=(p.names[i], p.names[j]), kinds=(p.space.kinds[i], p.space.kinds[j]), u=(s, t), values=(first, second),
        labels=(first_labels, second_labels), mean=mean, low=low, high=high, tried=tried[~np.isnan(tried).any(axis=1)],
        share=share[0], share_low=share[1], share_high=share[2],
    )  # fmt: skip


def _direction(p: Prepared) -> str:
    return "minimize" if p.sign > 0 else "maximize"


def _verdict(p: Prepared, j: int, curve: EffectCurve) -> str:
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if not p.alive[j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it"
    y = p.sign * curve.mean
    if np.isnan(y).any():
        return f"{TOO_LITTLE}: it is active in too small a part of the space to average there"
    best, worst = int(np.argmin(y)), int(np.argmax(y))
    return (
        f"{MATTERS}: on average over the others {curve.mean[best]:.3g} at {curve.labels[best]}, "
        f"{curve.mean[worst]:.3g} at {curve.labels[worst]}"
    )


def _notes(p: Prepared) -> tuple[str, ...]:
    notes = [
        *p.notes,
        "Averages over the declared distributions of the other knobs, each varying independently; bands are pointwise.",
    ]
    if p.scale.name != "raw":
        notes.append(f"The average is taken on the {p.scale.name} scale and shown in objective units.")
    if p.n and not p.varied.all():
        same = ", ".join(name for name, varied in zip(p.names, p.varied, strict=True) if not varied)
        notes.append(f"Never changed among these trials, and held there for the curves of the others: {same}.")
    if p.space.is_conditional:
        notes.append("A conditional knob's curve is the average over the configurations in which it is active.")
    if p.space.constrained:
        notes.append("Constraints are not applied here: averages include configurations that the constraints forbid.")
    if not p.explained and p.fit is not None:
        notes.append(
            "No curves are given: either nothing matters here, or the seed noise hides it. Repeats or more trials would tell."
        )
    return tuple(notes)


def _nothing(p: Prepared, confidence: float) -> Effects:
    """The result when nothing can be told: no curves, no invented numbers."""
    if p.fit is None:
        reason = too_little(p)
    else:
        reason = f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
    nan = float("nan")
    return Effects(
        parameters=p.names, curves=(), surfaces=(), level=nan, level_low=nan, level_high=nan,
        verdicts=dict.fromkeys(p.names, reason), scale=p.scale.name, direction=_direction(p), confidence=confidence,
        n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip

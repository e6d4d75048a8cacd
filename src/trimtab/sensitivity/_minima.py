"""Where functions drawn from the surrogate have their minima, and what is lost where a knob may no longer move there.

A drawn function is the posterior mean after seeing, besides the trials, function values drawn at q points (see `_shares`); the q points lie
where minima are likely. All draws are looked at on one common set of candidates, so that differences between two minima are those of the
functions. A restricted minimum is that over the candidates with one or several columns set to other values.

Notation
    H, D    draws of the hyperparameters, functions drawn under each      m    candidates
    f       drawn functions, standardised, minimised sign (m, H D)        N    trials and extra points

Sources: Thompson sampling of the minimum as in Hennig and Schuler 2012 (arXiv:1112.1217); Hernandez-Lobato et al. 2014 (arXiv:1406.2541).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.sensitivity._measure import whole
from trimtab.sensitivity._shares import coefficients
from trimtab.sensitivity._slices import kernel_rows
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["Minima", "draw_minima"]

FUNCTION_DRAWS = 16  # functions a draw of the hyperparameters
WIDEN = (
    1.0  # of the posterior's spread; 1.25, as elsewhere, gave less advice that was not more often right on full tables
)
CROWDED = 1.4  # times that, where the trials do not fill the space
SPREAD, LIKELY, TRIED, ON_A_LINE = (
    64,
    96,
    32,
    4,
)  # extra points: even, of low values, tried, on each line through the best
EVEN, TRIALS, NEAR = 320, 128, 96  # first candidates: even, tried, around the best
CROSSED, KEPT = 384, 256  # candidates made of the draws' minima, and those kept in the end


@dataclass(frozen=True, eq=False)
class Minima:
    """The candidates and what is drawn at them. best: index of the tried point with the lowest posterior mean.

    latent (m, d): coordinates also where inactive. x (m, d): the same, snapped. kernels: k(x, centres) of each of the H draws.
    tried (m,): candidates that are trials. mean (m,): posterior mean.
    """

    p: Prepared
    latent: FloatArray
    x: FloatArray
    tried: BoolArray
    best: int
    mean: FloatArray
    f: FloatArray
    low: FloatArray
    kernels: tuple[FloatArray, ...]
    centres: FloatArray
    v: tuple[FloatArray, ...]
    parents: frozenset[int]

    def along(self, j: int, nodes: FloatArray) -> FloatArray:
        """Minimum of each function over the candidates with column j at each node (K, H D); infinite where none is allowed."""
        if j in self.parents or self.p.space.constrained:
            return np.array([self._minimum(self._moved([j], [u])) for u in nodes])
        active = ~np.isnan(self.x[:, j])
        found = []
        for gp, k, v in zip(self.p.draws, self.kernels, self.v, strict=True):
            others = k[active] / gp.factor(j, self.x[active, j], self.centres[:, j])
            rows = gp.factor(j, nodes, self.centres[:, j])  # the same for all candidates: it goes to the coefficients
            scaled = (rows[:, :, None] * v).transpose(1, 0, 2).reshape(len(v), -1)
            there = (others @ scaled).reshape(-1, len(nodes), v.shape[1])
            found.append(there.min(axis=0, initial=np.inf))
        moved = np.concatenate(found, axis=1)
        return moved if active.all() else np.minimum(moved, self.f[~active].min(axis=0))

    def frozen(self, columns: Sequence[int], values: Sequence[float]) -> FloatArray:
        """Minimum of each function over the candidates with these columns at these values (H D,)."""
        if self.p.space.constrained or self.p.space.is_conditional:
            return self._minimum(self._moved(columns, values))
        found = []
        for gp, k, v in zip(self.p.draws, self.kernels, self.v, strict=True):
            left, row = k.copy(), np.ones(len(v))
            for j, u in zip(columns, values, strict=True):
                left /= gp.factor(j, self.x[:, j], self.centres[:, j])
                row *= gp.factor(j, np.array([u]), self.centres[:, j])[0]
            found.append((left @ (row[:, None] * v)).min(axis=0))
        return np.concatenate(found)

    def at(self, points: FloatArray) -> FloatArray:
        """Every function at snapped points (k, d): (k, H D)."""
        parts = zip(self.p.draws, self.v, strict=True)
        return np.concatenate([kernel_rows(gp, points, self.centres) @ v for gp, v in parts], axis=1)

    def _moved(self, columns: Sequence[int], values: Sequence[float]) -> FloatArray:
        latent = self.latent.copy()
        latent[:, list(columns)] = values
        x = self.p.space.snap(latent)
        x = x[self.p.space.feasible(x)] if self.p.space.constrained else x
        return x[_different(x)]

    def _minimum(self, x: FloatArray) -> FloatArray:
        return self.at(x).min(axis=0, initial=np.inf) if len(x) else np.full(self.f.shape[1], np.inf)


def draw_minima(p: Prepared, parents: frozenset[int]) -> Minima:
    """Functions drawn from the surrogate of `p`, at candidates where their minima are likely. The same trials give the same draws."""
    rng = np.random.default_rng(0)
    start = _start(p, rng)
    x = p.space.snap(start)
    means = [p.sign * gp.predict(x)[0] for gp in p.draws]
    spread = np.sqrt(np.mean([gp.predict(x)[1] for gp in p.draws[:4]], axis=0))
    mean = np.mean(means, axis=0)
    extra = _extra(p, x, mean, spread)
    widen = WIDEN * (CROWDED if p.crowded else 1.0)
    v, centres = [], np.empty((0, p.space.d))
    for gp in p.draws:
        normal = rng.standard_normal((len(extra), FUNCTION_DRAWS // 2))
        # in pairs, so that the mean over the draws is the posterior's
        centres, own, _ = coefficients(gp, extra, widen * np.concatenate([normal, -normal], axis=1))
        v.append(p.sign * own)
    f = np.concatenate([kernel_rows(gp, x, centres) @ own for gp, own in zip(p.draws, v, strict=True)], axis=1)
    crossed = _crossed(p, start[np.unique(f.argmin(axis=0))], rng)
    rows = np.concatenate([start, crossed])
    x = np.concatenate([x, p.space.snap(crossed)])
    more = [kernel_rows(gp, x[len(f) :], centres) @ own for gp, own in zip(p.draws, v, strict=True)]
    f = np.concatenate([f, np.concatenate(more, axis=1)])
    n_tried = min(p.n, TRIALS)
    keep = _kept(f, mean, n_tried)
    kernels = tuple(kernel_rows(gp, x[keep], centres) for gp in p.draws)
    mean = f.mean(axis=1)[keep]
    tried = keep < n_tried
    best = int(np.argmin(np.where(tried & _allowed_trials(p, keep), mean, np.inf)))
    return Minima(
        p, rows[keep], x[keep], tried, best, mean, f[keep], f[keep].min(axis=0), kernels, centres, tuple(v), parents
    )


def _start(p: Prepared, rng: np.random.Generator) -> FloatArray:
    """Latent candidates: the best trials first, then even ones, then some around the best that differ in a few columns."""
    order = np.argsort(p.sign * p.v, kind="stable")[: min(p.n, TRIALS)]
    tried = np.where(np.isnan(p.x[order]), 0.5, p.x[order])
    even = whole(p.space).latent(EVEN, 4)
    best = np.where(np.isnan(p.best), 0.5, p.best)
    near = np.repeat(best[None], NEAR, axis=0)
    move = rng.random(near.shape) < min(1.0, 2.0 / p.space.d)
    near = np.where(move, even[rng.integers(len(even), size=NEAR)], near)
    small = np.clip(best + 0.1 * rng.standard_normal((NEAR, p.space.d)), 0.0, 1.0)
    categorical = np.array([kind == "categorical" for kind in p.space.kinds])
    more = np.concatenate([even, near, np.where(categorical, best, small)])
    more[:, ~p.varied] = best[~p.varied]  # nothing is known of what these would do
    if p.space.constrained:
        more = more[p.space.feasible(p.space.snap(more))]
    return np.concatenate([tried, more])


def _allowed_trials(p: Prepared, keep: IntArray) -> BoolArray:
    """Of the candidates, which are trials that keep the limits on outcomes (all, where none does)."""
    allowed = np.ones(len(keep), dtype=bool)
    if p.feasible is not None and p.feasible.any():
        order = np.argsort(p.sign * p.v, kind="stable")[: min(p.n, TRIALS)]
        tried = keep < len(order)
        allowed[tried] = p.feasible[order][keep[tried]]
        if not (allowed & tried).any():
            allowed[:] = True
    return allowed


def _extra(p: Prepared, x: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Points at which the draws are exact (q, d): even ones, likely minima, good trials, and lines through the best."""
    n_tried = min(p.n, TRIALS)
    even = p.space.snap(whole(p.space).latent(SPREAD, 1))
    likely = x[np.argsort(mean - 1.5 * spread, kind="stable")[:LIKELY]]
    tried = x[np.argsort(mean[:n_tried], kind="stable")[:TRIED]]
    best = np.where(np.isnan(p.best), 0.5, p.best)
    lines = np.repeat(best[None], ON_A_LINE * p.space.d, axis=0)
    at = np.linspace(0.0, 1.0, ON_A_LINE)
    for j in range(min(p.space.d, 40)):
        lines[j * ON_A_LINE : (j + 1) * ON_A_LINE, j] = at
    extra = np.concatenate([even, likely, tried, p.space.snap(lines)])
    extra[:, ~p.varied] = np.where(np.isnan(extra[:, ~p.varied]), np.nan, best[~p.varied])
    return extra[_different(extra)]


def _crossed(p: Prepared, minima: FloatArray, rng: np.random.Generator) -> FloatArray:
    """New candidates from the minima of the draws: columns of two of them mixed."""
    first, second = (minima[rng.integers(len(minima), size=CROSSED)] for _ in range(2))
    crossed = np.where(rng.random(first.shape) < 0.5, first, second)
    return crossed[p.space.feasible(p.space.snap(crossed))] if p.space.constrained else crossed


def _kept(f: FloatArray, mean: FloatArray, n_tried: int) -> IntArray:
    """Candidates that are the minimum of a draw, then the good trials, then those that come nearest to being a minimum."""
    minima = np.unique(f.argmin(axis=0))
    tried = np.argsort(mean[:n_tried], kind="stable")[:TRIED]
    lack = np.quantile(f - f.min(axis=0), 0.1, axis=1)
    order = np.concatenate([minima, tried, np.argsort(lack, kind="stable")])
    first = np.unique(order, return_index=True)[1]
    return np.asarray(order[np.sort(first)][: max(KEPT, len(minima) + len(tried))])


def _different(x: FloatArray) -> IntArray:
    """Rows of x that are not equal to an earlier one, in order."""
    return np.sort(np.unique(np.round(np.nan_to_num(x, nan=-1.0), 9), axis=0, return_index=True)[1])

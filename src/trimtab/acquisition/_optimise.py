"""Maximises an acquisition function over a mixed, conditional, constrained space; returns a point that is new.

Small finite spaces are searched completely. Else: score candidates (half random, half around the best points), take
the best few, and improve each in turns, by gradients (L-BFGS-B) along the continuous columns and by the best single
change of one discrete or categorical column at a time.

Notation
    x        snapped points, NaN where inactive    (m, d)
    starts   the few points that are improved      (s, d)
    taken    keys of points tried or pending: never returned
    pending  points that are being evaluated: nothing so close that it would be the same    (q, d)
"""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

import numpy as np

from trimtab.acquisition._candidates import draw_new, enumerate_cells, is_new, keys, perturb
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.space import Space

__all__ = ["Acquisition", "Posterior", "maximise"]

N_STARTS = 6
ROUNDS = 2  # gradient and local search in turns
STEPS = 30  # of a gradient search
FLIPS = 8  # single changes a start may make in one round
ALL_LEVELS = 16  # up to here every level of a discrete column is tried, beyond steps of 1, 2, 4, ...
LISTED_LEVELS = 10_000  # of a discrete column; more are not listed: an Int may have 2**50
APART = 1e-3  # least difference to a pending point in at least one column, where there is a choice
SHORTER = (1.0, 0.5, 0.25, 0.1)  # shares of a gradient move, until it is feasible


class Posterior(Protocol):
    """What an acquisition function asks of a surrogate; shapes as in surrogates.GaussianProcess."""

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]: ...

    def predict_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...


class Acquisition(Protocol):
    """A function of x to maximise: values (m,), and with `gradient` also their gradients (m, d)."""

    def __call__(self, x: FloatArray) -> FloatArray: ...

    def gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]: ...


def maximise(
    acquisition: Acquisition,
    space: Space,
    centres: FloatArray,
    taken: Set[bytes],
    rng: np.random.Generator,
    n_candidates: int = 1500,
    pending: FloatArray | None = None,
) -> FloatArray:
    """The feasible new point (d,) with the highest acquisition found.

    centres (c, d): good points whose neighbourhood is worth a look; may be empty. pending (q, d): points that are being
    evaluated; where the model is sure, the maximum would be the same point again but for rounding.
    Raises SearchEnded where every cell of a finite space is taken.
    """
    pool = _pool(space, centres, taken, rng, n_candidates)
    pending = np.empty((0, space.d)) if pending is None else pending
    apart = _is_apart(pool, pending)
    if apart.any():
        pool = pool[apart]
    else:
        pending = pending[:0]  # of a small finite space only neighbours are left
    value = acquisition(pool)
    best = int(np.argmax(value))
    if space.cells is not None and space.cells <= n_candidates:
        return _row(pool, best)
    starts = pool[_roulette(value, rng)]
    moved = np.ones(len(starts), dtype=np.bool_)
    for _ in range(ROUNDS):  # what no single change moved would climb to where it is
        climbed = starts.copy()
        climbed[moved] = _climb(acquisition, space, starts[moved])
        starts = _flip(acquisition, space, climbed, taken, rng)
        moved = ~np.all((starts == climbed) | np.isnan(climbed), axis=1)
        if not moved.any():
            break
    starts = starts[is_new(starts, taken) & _is_apart(starts, pending)]
    found = np.concatenate([pool[best : best + 1], starts])
    return _row(found, int(np.argmax(acquisition(found))))


def _pool(space: Space, centres: FloatArray, taken: Set[bytes], rng: np.random.Generator, n: int) -> FloatArray:
    """New feasible candidates: all cells of a small space, else about n points."""
    if space.cells is not None and space.cells <= n:
        cells = [x[is_new(x, taken)] for x in enumerate_cells(space)]
        return np.concatenate(cells) if any(map(len, cells)) else draw_new(space, 1, taken, rng)
    parts = [draw_new(space, n // 2 if len(centres) else n, taken, rng)]
    if len(centres):
        parts.append(perturb(space, centres, n - n // 2, rng))
    x = np.concatenate(parts)
    return x[is_new(x, taken)]


def _is_apart(x: FloatArray, pending: FloatArray) -> BoolArray:
    """Which rows of x (m, d) differ from every pending point (q, d): (m,)."""
    if not len(pending):
        return np.ones(len(x), dtype=np.bool_)
    one = np.isnan(x)[:, None] != np.isnan(pending)  # active in one of the two only
    gap = np.where(one, 1.0, np.nan_to_num(np.abs(x[:, None] - pending)))
    apart: BoolArray = gap.max(axis=2).min(axis=1) >= APART
    return apart


def _roulette(value: FloatArray, rng: np.random.Generator) -> IntArray:
    """The two best rows and others drawn without replacement with weight exp(value) (Gumbel's trick)."""
    count = min(N_STARTS, len(value))
    score = value + rng.gumbel(size=len(value))
    score[np.argsort(value)[-2:]] = np.inf
    return np.argsort(score)[-count:]


def _climb(acquisition: Acquisition, space: Space, starts: FloatArray) -> FloatArray:
    """Moves the active continuous columns of all starts uphill at once; keeps a start that does not gain."""
    from scipy.optimize import minimize

    continuous = np.array([kind == "continuous" for kind in space.kinds])
    free = continuous & ~np.isnan(starts)
    if not free.any():
        return starts

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        x = starts.copy()
        x[free] = flat
        value, gradient = acquisition.gradient(x)
        return -float(value.sum()), -gradient[free]

    end = starts.copy()
    end[free] = minimize(
        loss,
        starts[free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * int(free.sum()),
        options={"maxiter": STEPS},
    ).x
    return _keep_gains(acquisition, space, starts, end)


def _keep_gains(acquisition: Acquisition, space: Space, starts: FloatArray, end: FloatArray) -> FloatArray:
    """For each start the best feasible point among itself and the shorter moves towards its end."""
    tries = [starts, *(space.snap(starts + share * (end - starts)) for share in SHORTER)]
    value = np.array([np.where(space.feasible(x), acquisition(x), -np.inf) for x in tries])
    chosen = np.argmax(value, axis=0)
    return np.stack([tries[k][i] for i, k in enumerate(chosen)])


def _flip(
    acquisition: Acquisition, space: Space, starts: FloatArray, taken: Set[bytes], rng: np.random.Generator
) -> FloatArray:
    """Changes one discrete or categorical column of each start at a time, the best change first, until none gains."""
    current = starts.copy()
    if not np.any(space.n_levels > 0):
        return current
    value = acquisition(current)
    value[[key in taken for key in keys(current)]] = -np.inf
    live = list(range(len(current)))
    for _ in range(FLIPS):
        near, owner = _neighbours(space, current, live, rng)
        keep = space.feasible(near) if len(near) else np.zeros(0, dtype=np.bool_)
        near, owner = near[keep], owner[keep]
        if not len(near):
            break
        score = acquisition(near)
        score[[key in taken for key in keys(near)]] = -np.inf
        gained = []
        for i in live:
            mine = np.flatnonzero(owner == i)
            if len(mine) and score[mine].max() > value[i] + 1e-9:
                k = mine[int(np.argmax(score[mine]))]
                current[i], value[i] = near[k], score[k]
                gained.append(i)
        live = gained
        if not live:
            break
    return current


def _neighbours(space: Space, x: FloatArray, rows: list[int], rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """All single changes of the rows (m, d), and the row each belongs to (m,). A column that awakes takes any value."""
    here = x[rows]
    base = np.where(np.isnan(here), rng.random(here.shape), here)
    near, owner = [base[:0]], [np.empty(0, dtype=np.int64)]
    for j in np.flatnonzero(space.n_levels > 0):
        active = np.flatnonzero(~np.isnan(here[:, j]))
        which, others = _other_levels(space, int(j), here[active, j])
        block = base[active[which]]
        block[:, j] = others
        near.append(block)
        owner.append(np.array(rows)[active[which]])
    return space.snap(np.concatenate(near)), np.concatenate(owner)


def _other_levels(space: Space, j: int, u: FloatArray) -> tuple[IntArray, FloatArray]:
    """Other values of column j than u (r,): all, or at distances that double. The row of each (m,), and the values (m,).

    Of very many levels only places: `snap` finds them.
    """
    if space.n_levels[j] > LISTED_LEVELS:
        share = 2.0 ** -np.arange(1, int(np.log2(space.n_levels[j])) + 1)
        places = u[:, None] + np.concatenate([-share, share])
        row, k = np.nonzero((places >= 0.0) & (places <= 1.0))
        return row, places[row, k]
    levels = space.levels(j)
    here = np.argmin(np.abs(levels - u[:, None]), axis=1)[:, None]
    if len(levels) <= ALL_LEVELS or space.kinds[j] == "categorical":
        index = np.broadcast_to(np.arange(len(levels)), (len(u), len(levels)))
    else:
        steps = 2 ** np.arange(int(np.log2(len(levels))) + 1)
        index = here + np.concatenate([-steps, steps])
    row, k = np.nonzero((index >= 0) & (index < len(levels)) & (index != here))
    return row, levels[index[row, k]]


def _row(x: FloatArray, i: int) -> FloatArray:
    row: FloatArray = x[i]
    return row

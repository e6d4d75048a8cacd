"""What tuning a coalition of knobs gains, all others held at the start: the configuration the surrogate would choose for each coalition.

Coordinate descent on a grid, for all coalitions of one size at once. A coalition starts where its best part ended (the coalition without
one of its knobs), so more knobs never gain less.

Notation
    c       coalitions of one size          latent   their configurations (c, d), without NaN
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.sensitivity._games import members
from trimtab.sensitivity._slices import kernel_rows
from trimtab.sensitivity._surrogate import Prepared

__all__ = ["tuned"]

NODES = 17  # of a continuous knob's line
SWEEPS = 2
BATCH = 20_000  # rows of the kernel at a time


def tuned(p: Prepared, start: FloatArray) -> FloatArray:
    """Configurations (2^d, d), latent: row S has the knobs of coalition S tuned, all others as in the start (d,), latent."""
    d = p.space.d
    inside = members(d)
    size = inside.sum(axis=1)
    found = np.repeat(start[None, :], len(inside), axis=0)
    value = np.zeros(len(inside))
    value[0] = _values(p, found[:1])[0]
    for k in range(1, d + 1):
        rows = np.flatnonzero(size == k)
        parts = np.array([[s & ~(1 << j) for j in range(d) if s >> j & 1] for s in rows.tolist()])
        best = parts[np.arange(len(rows)), np.argmin(value[parts], axis=1)]
        found[rows], value[rows] = _descended(p, found[best], value[best], inside[rows])
    return found


def _descended(p: Prepared, latent: FloatArray, value: FloatArray, free: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Configurations and losses after sweeps over the knobs that are free (c, d)."""
    latent, value = latent.copy(), value.copy()
    for sweep in range(SWEEPS):
        moved = False
        for j in range(p.space.d) if sweep % 2 == 0 else reversed(range(p.space.d)):
            rows = np.flatnonzero(free[:, j])
            if not len(rows):
                continue
            nodes = _nodes(p, j)
            line = np.repeat(latent[rows], len(nodes), axis=0)
            line[:, j] = np.tile(nodes, len(rows))
            loss = _values(p, line).reshape(len(rows), len(nodes))
            k = np.argmin(loss, axis=1)
            lowest = loss[np.arange(len(rows)), k]
            better = lowest < value[rows] - 1e-9
            latent[rows[better], j] = nodes[k[better]]
            value[rows[better]] = lowest[better]
            moved = moved or bool(better.any())
        if not moved:
            break
    return latent, value


def _nodes(p: Prepared, j: int) -> FloatArray:
    """Coordinates of the values of knob j that are tried: all levels, up to NODES of them."""
    k = int(p.space.n_levels[j])
    if 0 < k <= NODES or p.space.kinds[j] == "categorical":
        return p.space.levels(j)
    points = np.full((NODES, p.space.d), 0.5)
    points[:, j] = np.linspace(0.0, 1.0, NODES)
    return np.unique(p.space.parameters[p.names[j]].snap(points[:, j]))


def _values(p: Prepared, latent: FloatArray) -> FloatArray:
    """Posterior mean, minimised sign (m,); infinite where the constraints forbid."""
    assert p.fit is not None
    gp = p.fit.best
    means = []
    for i in range(0, len(latent), BATCH):
        x = p.space.snap(latent[i : i + BATCH])
        mean = p.sign * (kernel_rows(gp, x, gp.x) @ gp.alpha)
        means.append(np.where(p.space.feasible(x), mean, np.inf) if p.space.constrained else mean)
    return np.concatenate(means)

"""Where to look for the maximum of an acquisition function: points of the space, and which of them are new.

Notation
    x        snapped points of the unit cube, NaN where inactive    (m, d)
    taken    keys of the points that were tried or are pending

Source of the perturbations: Regis and Shoemaker 2013 (dynamic coordinate search, doi:10.1080/0305215X.2012.687731), as
RAASP in TuRBO (arXiv:1910.01739): only some coordinates of a good point move.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy as np

from trimtab.errors import SearchEnded
from trimtab.numerics import BoolArray, FloatArray
from trimtab.space import Space

__all__ = ["draw_new", "enumerate_cells", "is_new", "keys", "perturb"]

CHUNK = 4096  # cells decoded at once
DRAWS = 20  # rounds of random drawing before a finite space is searched cell by cell


def keys(x: FloatArray) -> list[bytes]:
    """One key for each row of x (m, d); equal where the points are equal to 1e-10, inactive to inactive."""
    rounded = np.where(np.isnan(x), -1.0, np.round(x, 10)) + 0.0  # + 0.0: -0.0 has other bytes
    return [row.tobytes() for row in np.ascontiguousarray(rounded)]


def is_new(x: FloatArray, taken: Set[bytes]) -> BoolArray:
    """Which rows of x (m, d) are neither taken nor a copy of an earlier row (m,)."""
    seen: set[bytes] = set()
    new = np.zeros(len(x), dtype=np.bool_)
    for i, key in enumerate(keys(x)):
        new[i] = key not in taken and key not in seen
        seen.add(key)
    return new


def enumerate_cells(space: Space) -> Iterator[FloatArray]:
    """All feasible points of a finite space, each once, in chunks (m, d)."""
    sizes = tuple(int(k) for k in space.n_levels)
    levels = [space.levels(j) for j in range(space.d)]
    total = int(space.cells or 0)
    seen: set[bytes] = set()
    for begin in range(0, total, CHUNK):
        index = np.unravel_index(np.arange(begin, min(begin + CHUNK, total)), sizes)
        grid = [levels[j][i] for j, i in enumerate(index)]
        x = space.snap(np.stack(grid, axis=1))
        x = x[space.feasible(x)]
        x = x[is_new(x, seen)]  # conditions fold many cells into one
        if space.is_conditional:
            seen.update(keys(x))
        if len(x):
            yield x


def draw_new(space: Space, n: int, taken: Set[bytes], rng: np.random.Generator) -> FloatArray:
    """1 to n distinct feasible points (m, d) that are not taken, drawn from the declared distributions.

    Raises SearchEnded where every cell of a finite space is taken.
    """
    for _ in range(DRAWS):
        x = space.sample(n, rng)
        x = x[is_new(x, taken)]
        if len(x):
            return x
    if space.cells is not None:
        for x in enumerate_cells(space):
            x = x[is_new(x, taken)]
            if len(x):
                return x[:n]
    raise SearchEnded(
        f"Every configuration of this space was tried ({len(taken)} of them): nothing new is left to suggest. "
        "Widen a range, add a choice, or stop here."
    )


def perturb(space: Space, centres: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """n feasible neighbours (about; m, d) of the centres (c, d): some coordinates moved, by steps of all sizes.

    A coordinate moves with a probability between 1/d and 1; numeric ones by a normal step of sd 0.01 to 0.3, choices
    to another choice; inactive ones take any value, which matters where the move makes them active.
    """
    base = centres[np.arange(n) % len(centres)]
    anywhere = rng.random(base.shape)
    base = np.where(np.isnan(base), anywhere, base)
    share = np.exp(rng.uniform(np.log(1.0 / space.d), 0.0, size=(n, 1)))
    moved = rng.random(base.shape) < share
    moved[np.arange(n), rng.integers(0, space.d, size=n)] = True
    step = np.exp(rng.uniform(np.log(0.01), np.log(0.3), size=(n, 1))) * rng.standard_normal(base.shape)
    numeric = np.array([kind != "categorical" for kind in space.kinds])
    near = np.where(numeric, _reflect(base + step), anywhere)
    x = space.snap(np.where(moved, near, base))
    return x[space.feasible(x)]


def _reflect(u: FloatArray) -> FloatArray:
    """u folded back into [0, 1] at its ends."""
    u = np.abs(u) % 2.0
    return np.where(u > 1.0, 2.0 - u, u)

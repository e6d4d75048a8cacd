"""Shapley effects of functions drawn from the surrogate: the game whose coalitions earn Var(E[f | x_S]).

Knobs are independent, so the Moebius transform of the game is the variance s_T of each ANOVA component, and with |T| under an integral

    value_j  = sum over T with j of s_T / |T|               = int_0^1 sum over T with j of t^(|T| - 1) s_T dt
    pair_ij  = sum over T with i, j of s_T / (|T| - 1)      = int_0^1 sum over T with i, j of t^(|T| - 2) s_T dt

where the sums are products over the columns: A_j, or t A_i + z_i z_i' for the columns that may or may not be in T. The integrands are
polynomials of t, so a Gauss-Legendre rule of d / 2 nodes is exact: no coalition is left out, and none is computed on its own.

With conditional knobs the kernel is no product over the columns that vary. There the same sums are means over random coalitions P and
points (Liu and Owen 2006; Goda 2021):

    value_j = E[cov_j(f(x_P, r), f(x_P, r'))],    pair_ij = E[h(x_P, r) h(x_P, r')] / 4,    h the second difference for x_i and x_j

where P is drawn by size first, evenly, and r, r' are two draws of the knobs outside. What the drawn points leave open of a function
enters in the closed form with its expected variance, as in `_shares`.

Notation
    A_j     P_j - z_j z_j' with the integrals P_j and z_j of `_shares`      v   coefficients of D drawn functions (n + q, D)

Sources: Owen 2014 (doi:10.1137/130936233); Song, Nelson, Staum 2016 (doi:10.1137/15M1048070); Goda 2021 (doi:10.1016/j.ress.2021.107702).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from trimtab.numerics import FloatArray, IntArray, sobol_points
from trimtab.sensitivity._games import pairs_of
from trimtab.sensitivity._measure import Measure
from trimtab.sensitivity._shares import coefficients
from trimtab.sensitivity._slices import SLICE_NODES, kernel_rows
from trimtab.surrogates import ProductGP

__all__ = ["effects"]

NODES = 16  # of a column's integrals
SAMPLES, MANY = 256, 6  # coalitions a knob, and a pair, of conditional spaces; half as many above so many columns

_Places = tuple[IntArray, IntArray]  # rows and columns of one half of a symmetric matrix, diagonal included


def effects(
    gp: ProductGP, measure: Measure, extra: FloatArray, normal: FloatArray, *, pairs: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Shapley effects (d, D) and interactions (p, D) of D drawn functions. extra (q, d): where they are drawn; normal (q, D).

    pairs=False leaves the interactions NaN.
    """
    centres, v, lower = coefficients(gp, extra, normal)
    if measure.space.is_conditional:
        return _sampled(gp, measure, centres, v, pairs)
    return _closed(gp, measure, centres, v, lower, pairs)


def _closed(
    gp: ProductGP, measure: Measure, centres: FloatArray, v: FloatArray, lower: FloatArray, pairs: bool
) -> tuple[FloatArray, FloatArray]:
    d, n_draws = gp.x.shape[1], v.shape[1]
    places = np.tril_indices(len(centres))  # of symmetric matrices, one half is enough
    moments = _moments(gp, v, lower, places)
    columns = [_column(gp, measure, centres, j, places) for j in range(d)]
    varying = [a for a, _ in columns]
    nodes, weights = np.polynomial.legendre.leggauss(d // 2 + 1)
    rule = list(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))

    def integral(chosen: list[int]) -> FloatArray:
        """For each of the chosen columns the integral over t of the product of all others (len(chosen), q)."""
        total = np.zeros((len(chosen), len(varying[0])))
        for t, weight in rule:
            for k, others in enumerate(_others([t * columns[j][0] + columns[j][1] for j in chosen])):
                total[k] += weight * others
        return total

    def variance(products: FloatArray) -> FloatArray:
        """Of components, for every draw, and what is left open of them (k, D). The last place holds the prior's own moment."""
        found = products[:, :-1] @ moments
        left_open = gp.sigma2 * products[:, -1] - found[:, -1]
        return np.asarray(found[:, :-1] + np.maximum(left_open, 0.0)[:, None])

    value = variance(integral(list(range(d))) * np.array(varying))
    if not pairs:
        return value, np.full((d * (d - 1) // 2, n_draws), np.nan)
    pair = [np.empty((0, n_draws))]
    for i in range(d - 1):
        rest = integral([j for j in range(d) if j != i])[i:]  # of the columns after i
        pair.append(variance(rest * varying[i] * np.array(varying[i + 1 :])))
    return value, np.concatenate(pair)


def _moments(gp: ProductGP, v: FloatArray, lower: FloatArray, places: _Places) -> FloatArray:
    """What turns half of a matrix of products into its moment for each draw, and into what the draws leave open (q, D + 1)."""
    from scipy.linalg.lapack import dpotri

    a, b = places
    twice = np.where(a == b, 1.0, 2.0)[:, None] * gp.sigma2**2
    inverse = dpotri(lower, lower=1)[0]
    return np.asarray(twice * np.concatenate([v[a] * v[b], inverse[places][:, None]], axis=1))


def _column(
    gp: ProductGP, measure: Measure, centres: FloatArray, j: int, places: _Places
) -> tuple[FloatArray, FloatArray]:
    """Half of A_j and of z_j z_j', each followed by what it is for the prior, 1 - c_j and c_j."""
    t, w = measure.rule(j, NODES)
    k = gp.factor(j, t, centres[:, j])
    z = w @ k
    c = float(w @ gp.factor(j, t, t) @ w)
    varying = (k - z).T @ (w[:, None] * (k - z))
    return np.append(varying[places], max(1.0 - c, 0.0)), np.append(z[places[0]] * z[places[1]], c)


def _others(parts: list[FloatArray]) -> Iterator[FloatArray]:
    """For each part the product of all others."""
    after = [np.ones_like(part) for part in parts[:1]]
    for part in parts[:0:-1]:
        after.append(after[-1] * part)
    before = np.ones_like(after[0]) if after else np.empty(0)
    for part, rest in zip(parts, reversed(after), strict=True):
        yield before * rest
        before = before * part


def _sampled(
    gp: ProductGP, measure: Measure, centres: FloatArray, v: FloatArray, pairs: bool
) -> tuple[FloatArray, FloatArray]:
    d, n_draws = gp.x.shape[1], v.shape[1]
    first, second = pairs_of(d)
    samples = SAMPLES if d <= MANY else SAMPLES // 2

    def f(latent: FloatArray) -> FloatArray:
        return np.asarray(kernel_rows(gp, measure.space.snap(latent), centres) @ v)

    value = np.array([_alone(f, measure, j, samples) for j in range(d)]).reshape(d, n_draws)
    if not pairs:
        return np.maximum(value, 0.0), np.full((len(first), n_draws), np.nan)
    both = [_together(f, measure, u, samples) for u in zip(first.tolist(), second.tolist(), strict=True)]
    return np.maximum(value, 0.0), np.maximum(np.array(both).reshape(len(first), n_draws), 0.0)


def _alone(f: Callable[[FloatArray], FloatArray], measure: Measure, j: int, samples: int) -> FloatArray:
    """Mean over coalitions of the covariance (D,) that f(x_P, r, .) and f(x_P, r', .) have along column j."""
    t, w = measure.rule(j, SLICE_NODES)
    x, mixed, _ = _coalitions(measure, (j,), samples)
    sides = []
    for base in (x, mixed):
        rows = np.repeat(base, len(t), axis=0)
        rows[:, j] = np.tile(t, samples)
        along = f(rows).reshape(samples, len(t), -1)
        sides.append(along - np.einsum("m,smd->sd", w, along)[:, None, :])
    return np.asarray(np.einsum("m,smd,smd->d", w, *sides) / samples)


def _together(f: Callable[[FloatArray], FloatArray], measure: Measure, u: tuple[int, int], samples: int) -> FloatArray:
    """Mean over coalitions of E[h h'] / 4 (D,) for the two columns u."""
    x, mixed, new = _coalitions(measure, u, samples)
    product = np.ones(1)
    for base in (x, mixed):
        change = np.zeros(1)
        for which in ((), (0,), (1,), (0, 1)):
            moved = base.copy()
            for b in which:
                moved[:, u[b]] = new[:, b]
            change = change + (-1.0) ** len(which) * f(moved)
        product = product * change
    return np.asarray(product.mean(axis=0) / 4.0)


def _coalitions(measure: Measure, u: tuple[int, ...], samples: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points x, the same with knobs outside of a random coalition and u drawn anew (samples, d), and other values of u (samples, |u|)."""
    d, m = measure.space.d, len(u)
    points = sobol_points(samples, 2 * d + m, 6)
    width = measure.high - measure.low
    x, other = (measure.low + width * points[:, k * d : (k + 1) * d] for k in (0, 1))
    new = measure.low[list(u)] + width[list(u)] * points[:, 2 * d :]
    rng = np.random.default_rng([6, *u])
    order = rng.permuted(np.repeat(np.setdiff1d(np.arange(d), u)[None, :], samples, axis=0), axis=1)
    size = rng.permutation(np.arange(samples) % (d - m + 1))
    shared = np.zeros((samples, d), dtype=bool)
    np.put_along_axis(shared, order, np.arange(d - m) < size[:, None], axis=1)
    shared[:, list(u)] = True
    return x, np.where(shared, x, other), new

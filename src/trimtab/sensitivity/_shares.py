"""Variance shares of functions drawn from a product-kernel GP, in closed form where no column is conditional.

A draw is the posterior mean after seeing, besides the n trials, function values drawn at q space-filling points: a sum of n + q
product functions f(x) = sigma2 sum_a v_a prod_j k_j(x_j, X_a). Its integrals are products of integrals over single columns:

    z_j[a]      integral of k_j(t, X_a)                             P_j[a, b]   integral of k_j(t, X_a) k_j(t, X_b)
    E[E[f | x_S]^2] = sigma4 sum_ab v_a v_b prod_{j in S} P_j[a, b] prod_{j not in S} z_j[a] z_j[b]

What the q points leave open enters with its expected variance, so no variance is lost.

Notation
    D       draws of f             X       n trials and q extra points (n + q, d)
    v       coefficients (n + q, D)

Sources: Oakley and O'Hagan 2004, section 3; Le Gratiet, Cannamela, Iooss 2014 (doi:10.1137/130926869) for draws conditioned on a design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.sensitivity._measure import Measure
from trimtab.surrogates import ProductGP

__all__ = ["VarianceDraws", "closed_form", "coefficients", "joined"]

NODES = 24
PAIR_NODES = 10


@dataclass(frozen=True, eq=False)
class VarianceDraws:
    """Variances of drawn functions. variance (D,), main and total (D, d), pair (D, d, d) symmetric with zero diagonal."""

    variance: FloatArray
    main: FloatArray
    total: FloatArray
    pair: FloatArray


def joined(parts: list[VarianceDraws]) -> VarianceDraws:
    """All draws of several sets. A set without pairs (NaN) takes no part in the pairs."""
    pairs = [p.pair / p.variance[:, None, None] for p in parts if not np.isnan(p.pair).any()] or [parts[0].pair[:0]]
    return VarianceDraws(
        np.concatenate([p.variance for p in parts]),
        np.concatenate([p.main for p in parts]),
        np.concatenate([p.total for p in parts]),
        np.concatenate(pairs),
    )


def coefficients(gp: ProductGP, extra: FloatArray, normal: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres X (n + q, d), coefficients v (n + q, D) of D drawn functions, and the lower Cholesky factor behind them.

    extra (q, d): points where the draws are exact; normal (q, D): standard normal numbers.
    """
    from scipy.linalg import solve_triangular

    centres = np.concatenate([gp.x, extra])
    cross = solve_triangular(gp.cholesky, gp.kernel(gp.x, extra), lower=True, check_finite=False)
    rest = gp.kernel(extra, extra) - cross.T @ cross
    rest[np.diag_indices_from(rest)] += 1e-6 * gp.sigma2  # close extra points are nearly the same number
    n, q = len(gp.y), len(extra)
    lower = np.zeros((n + q, n + q))
    lower[:n, :n], lower[n:, :n], lower[n:, n:] = gp.cholesky, cross.T, np.linalg.cholesky(rest)
    white = np.concatenate([np.repeat(gp.whitened[:, None], normal.shape[1], 1), normal])
    return centres, np.asarray(solve_triangular(lower, white, lower=True, trans=1, check_finite=False)), lower


def closed_form(gp: ProductGP, measure: Measure, extra: FloatArray, normal: FloatArray) -> VarianceDraws:
    """Variances of D drawn functions; every column is always active. extra (q, d), normal (q, D)."""
    from scipy.linalg.lapack import dpotri

    d = gp.x.shape[1]
    centres, v, lower = coefficients(gp, extra, normal)
    inverse = dpotri(lower, lower=1)[0]
    inverse = inverse + np.tril(inverse, -1).T
    rules = [measure.rule(j, NODES) for j in range(d)]
    factors = [gp.factor(j, t, centres[:, j]) for j, (t, _) in enumerate(rules)]
    z = np.array([w @ k for (_, w), k in zip(rules, factors, strict=True)])
    gram = [k.T @ (w[:, None] * k) for (_, w), k in zip(rules, factors, strict=True)]
    prior = np.array([w @ gp.factor(j, t, t) @ w for j, (t, w) in enumerate(rules)])
    s2, s4 = gp.sigma2, gp.sigma2**2

    def second_moment(products: FloatArray, own: float) -> FloatArray:
        """E[E[f | x_S]^2] of every draw, for the matrix of products over the columns and the prior's own moment."""
        left_open = s2 * own - s4 * float(np.vdot(inverse, products))
        return np.asarray(s4 * np.einsum("ad,ad->d", v, products @ v) + max(left_open, 0.0))

    before, after = _running_products(gram), _running_products(gram[::-1])[::-1]
    everything = second_moment(before[-1], 1.0)
    others = np.array([np.prod(np.delete(z, j, axis=0), axis=0) for j in range(d)])
    whole = np.prod(z, axis=0)
    mean = s2 * (whole @ v)
    mean_open = max(s2 * float(np.prod(prior)) - s4 * float(whole @ inverse @ whole), 0.0)
    main, total = np.empty((len(mean), d)), np.empty((len(mean), d))
    for j in range(d):
        fixed = before[j] * after[j + 1] * np.outer(z[j], z[j])
        total[:, j] = everything - second_moment(fixed, float(prior[j]))
        curve = s2 * (factors[j] * others[j]) @ v
        left_open = s2 * float(np.prod(np.delete(prior, j))) - s4 * float(
            np.vdot(inverse, np.outer(others[j], others[j]) * gram[j])
        )
        main[:, j] = rules[j][1] @ (curve - mean) ** 2 + max(left_open - mean_open, 0.0)
    variance = np.maximum(everything - mean**2 - mean_open, 1e-12 * s2)
    return VarianceDraws(variance, main, np.maximum(total, main), _pairs(gp, measure, centres, v, z))


def _running_products(matrices: list[FloatArray]) -> list[FloatArray]:
    """Ones, first, first times second, ...: one more than `matrices`."""
    products = [np.ones_like(matrices[0])]
    for matrix in matrices:
        products.append(products[-1] * matrix)
    return products


def _pairs(gp: ProductGP, measure: Measure, centres: FloatArray, v: FloatArray, z: FloatArray) -> FloatArray:
    """Variance of the pair functions of every draw, on coarse nodes: (D, d, d)."""
    d, n_draws = gp.x.shape[1], v.shape[1]
    rules = [measure.rule(j, PAIR_NODES) for j in range(d)]
    factors = [gp.factor(j, t, centres[:, j]) for j, (t, _) in enumerate(rules)]
    # without their means over the column: what they make over i and j is the pair's own effect
    centred = [k - w @ k for k, (_, w) in zip(factors, rules, strict=True)]
    pair = np.zeros((n_draws, d, d))
    for i in range(d - 1):
        left = (centred[i][:, None, :] * v.T[None, :, :]).reshape(-1, v.shape[0])
        right = [centred[j] * np.prod(np.delete(z, [i, j], axis=0), axis=0) for j in range(i + 1, d)]
        surfaces = gp.sigma2 * (left @ np.concatenate(right).T)
        ends = np.cumsum([len(r) for r in right])[:-1]
        for j, surface in zip(range(i + 1, d), np.split(surfaces, ends, axis=1), strict=True):
            squares = (surface**2 @ rules[j][1]).reshape(len(rules[i][1]), n_draws)
            pair[:, i, j] = pair[:, j, i] = rules[i][1] @ squares
    return pair

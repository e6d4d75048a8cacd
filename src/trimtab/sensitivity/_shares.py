"""Variance shares of functions drawn from a product-kernel GP, in closed form where columns are independent.

A draw is the posterior mean after seeing, besides the n trials, function values drawn at q space-filling points: a sum of n + q
product functions f(x) = sigma2 sum_a v_a prod_j k_j(x_j, X_a). Its integrals are products of integrals over single columns:

    z_j[a]      integral of k_j(t, X_a)                             P_j[a, b]   integral of k_j(t, X_a) k_j(t, X_b)
    E[E[f | x_S]^2] = sigma4 sum_ab v_a v_b prod_{j in S} P_j[a, b] prod_{j not in S} z_j[a] z_j[b]

What the q points leave open enters with its expected variance (`rest`), so no variance is lost.

Notation
    D       draws of f             V_S     variance of E[f | x_S]
    X       n trials and q extra points (n + q, d)
    v       coefficients (n + q, D)

Sources: Oakley and O'Hagan 2004, section 3; Le Gratiet, Cannamela, Iooss 2014 (doi:10.1137/130926869) for draws conditioned on a design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.surrogates import ProductGP

__all__ = ["Measure", "VarianceDraws", "coefficients", "closed_form"]

PAIR_NODES = 10


@dataclass(frozen=True, eq=False)
class Measure:
    """Nodes and weights of every column on its declared distribution; `coarse` ones serve the pairs."""

    nodes: tuple[FloatArray, ...]
    weights: tuple[FloatArray, ...]
    coarse_nodes: tuple[FloatArray, ...]
    coarse_weights: tuple[FloatArray, ...]


@dataclass(frozen=True, eq=False)
class VarianceDraws:
    """Variances of drawn functions. variance (D,), main and total (D, d), pair (D, d, d) symmetric with zero diagonal."""

    variance: FloatArray
    main: FloatArray
    total: FloatArray
    pair: FloatArray


def coefficients(gp: ProductGP, extra: FloatArray, normal: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres X (n + q, d), coefficients v (n + q, D) of D drawn functions, and the lower Cholesky factor behind them.

    extra (q, d): points where the draws are exact; normal (q, D): standard normal numbers.
    """
    from scipy.linalg import solve_triangular

    centres = np.concatenate([gp.x, extra])
    cross = solve_triangular(gp.cholesky, gp.kernel(gp.x, extra), lower=True, check_finite=False)
    rest = gp.kernel(extra, extra) - cross.T @ cross
    rest[np.diag_indices_from(rest)] += 1e-7 * gp.sigma2  # close extra points are nearly the same number
    n, q = len(gp.y), len(extra)
    lower = np.zeros((n + q, n + q))
    lower[:n, :n], lower[n:, :n], lower[n:, n:] = gp.cholesky, cross.T, np.linalg.cholesky(rest)
    white = np.concatenate([np.repeat(gp.whitened[:, None], normal.shape[1], 1), normal])
    return centres, solve_triangular(lower, white, lower=True, trans=1, check_finite=False), lower


def closed_form(gp: ProductGP, measure: Measure, extra: FloatArray, normal: FloatArray) -> VarianceDraws:
    """Variances of D drawn functions, all columns independent and active."""
    from scipy.linalg.lapack import dpotri

    d = gp.x.shape[1]
    centres, v, lower = coefficients(gp, extra, normal)
    inverse = dpotri(lower, lower=1)[0]
    inverse = inverse + np.tril(inverse, -1).T
    factors = [gp.factor(j, measure.nodes[j], centres[:, j]) for j in range(d)]
    z = np.array([w @ k for w, k in zip(measure.weights, factors, strict=True)])
    gram = [k.T @ (w[:, None] * k) for w, k in zip(measure.weights, factors, strict=True)]
    prior = np.array(
        [w @ gp.factor(j, t, t) @ w for j, (t, w) in enumerate(zip(measure.nodes, measure.weights, strict=True))]
    )
    s2, s4 = gp.sigma2, gp.sigma2**2

    def second_moment(kernel: FloatArray, open_prior: float) -> FloatArray:
        """E[E[f | x_S]^2] of every draw, for the matrix of products and the prior's own moment."""
        rest = s2 * open_prior - s4 * np.einsum("ab,ab->", inverse, kernel)
        return s4 * np.einsum("ad,ad->d", v, kernel @ v) + max(rest, 0.0)

    before = _running_products(gram)
    after = _running_products(gram[::-1])[::-1]
    all_of = second_moment(before[-1], 1.0)
    total = np.empty((normal.shape[1], d))
    for j in range(d):
        without = before[j] * after[j + 1] * np.outer(z[j], z[j])
        total[:, j] = all_of - second_moment(without, prior[j])

    others = _products_of_others(z)
    mean = s2 * (np.prod(z, axis=0) @ v)
    constant = s2 * float(np.prod(prior)) - s4 * float(np.prod(z, 0) @ inverse @ np.prod(z, 0))
    main = np.empty_like(total)
    for j in range(d):
        curve = s2 * (factors[j] * others[j]) @ v
        left = s2 * float(np.prod(np.delete(prior, j))) - s4 * float(
            np.einsum("ab,a,b,ab->", inverse, others[j], others[j], gram[j])
        )
        main[:, j] = measure.weights[j] @ (curve - mean) ** 2 + max(left - constant, 0.0)
    variance = np.maximum(all_of - mean**2 - max(constant, 0.0), 1e-300)
    return VarianceDraws(variance, main, np.maximum(total, 0.0), _pairs(gp, measure, centres, v, z))


def _running_products(matrices: list[FloatArray]) -> list[FloatArray]:
    """Ones, first, first times second, ...: one more than `matrices`."""
    products = [np.ones_like(matrices[0])]
    for matrix in matrices:
        products.append(products[-1] * matrix)
    return products


def _products_of_others(z: FloatArray) -> FloatArray:
    """Product over i != j of z_i, for every j: (d, n + q)."""
    return np.array([np.prod(np.delete(z, j, axis=0), axis=0) for j in range(len(z))])


def _pairs(gp: ProductGP, measure: Measure, centres: FloatArray, v: FloatArray, z: FloatArray) -> FloatArray:
    """Variance of the pair functions of every draw, on coarse nodes: (D, d, d)."""
    d, n_draws = gp.x.shape[1], v.shape[1]
    factors = [gp.factor(j, measure.coarse_nodes[j], centres[:, j]) for j in range(d)]
    weights = measure.coarse_weights
    # centred columns: what is left over i and j is the pair effect itself
    centred = [k - w @ k for k, w in zip(factors, weights, strict=True)]
    pair = np.zeros((n_draws, d, d))
    if d < 2:
        return pair
    for i in range(d - 1):
        left = (centred[i][:, None, :] * v.T[None, :, :]).reshape(-1, v.shape[0])
        right = [centred[j] * np.prod(np.delete(z, [i, j], axis=0), axis=0) for j in range(i + 1, d)]
        surfaces = gp.sigma2 * (left @ np.concatenate(right).T)
        ends = np.cumsum([len(r) for r in right])[:-1]
        for j, surface in zip(range(i + 1, d), np.split(surfaces, ends, axis=1), strict=True):
            squares = (surface**2 @ weights[j]).reshape(len(weights[i]), n_draws)
            pair[:, i, j] = pair[:, j, i] = weights[i] @ squares
    return pair

"""Cholesky factors for Gaussian processes: never fails on duplicate rows, grows by rows, inverts.

Thin layer over LAPACK (potrf, potri, trtrs), without the checks of scipy.linalg: at n=50 they cost more than the work.

Notation
    a      symmetric positive (semi)definite matrix    (n, n)
    root   lower factor, a = root root'                (n, n)
"""

from __future__ import annotations

import numpy as np

from trimtab.numerics._arrays import FloatArray

__all__ = ["cholesky", "cholesky_extend", "cholesky_inverse", "solve_lower", "solve_lower_transposed"]


def cholesky(a: FloatArray) -> FloatArray:
    """Lower factor of a (n, n); adds the smallest of 1e-10, 1e-8, ... times the mean diagonal that makes it definite.

    Raises numpy.linalg.LinAlgError where even a jitter of the size of the diagonal does not help, or `a` holds NaN.
    """
    from scipy.linalg.lapack import dpotrf

    root, info = dpotrf(a, lower=1, clean=1)
    jitter = 1e-10
    while info != 0 and jitter <= 1.0:
        root, info = dpotrf(a + jitter * np.mean(np.diag(a)) * np.eye(a.shape[0]), lower=1, clean=1)
        jitter *= 100.0
    if info != 0 or not np.isfinite(root[-1:, -1:]).all():  # NaN spreads to the last row
        raise np.linalg.LinAlgError(f"a ({a.shape[0]} rows) has no Cholesky factor: it is indefinite or holds NaN")
    factor: FloatArray = root
    return factor


def cholesky_extend(root: FloatArray, cross: FloatArray, corner: FloatArray) -> FloatArray:
    """Factor of [[a, cross], [cross', corner]] from the factor root of a: O(n^2 q) instead of O((n + q)^3).

    cross (n, q), corner (q, q). l21 = (root^-1 cross)', l22 = cholesky(corner - l21 l21').
    """
    n, q = cross.shape
    l21 = solve_lower(root, cross).T
    grown = np.zeros((n + q, n + q), order="F")
    grown[:n, :n] = root
    grown[n:, :n] = l21
    grown[n:, n:] = cholesky(corner - l21 @ l21.T)
    return grown


def cholesky_inverse(root: FloatArray) -> FloatArray:
    """Inverse of a = root root' (n, n), full and symmetric."""
    from scipy.linalg.lapack import dpotri

    half, _ = dpotri(root, lower=1)
    full: FloatArray = half + half.T
    full.flat[:: full.shape[0] + 1] *= 0.5
    return full


def solve_lower(root: FloatArray, b: FloatArray) -> FloatArray:
    """root^-1 b for b (n,) or (n, m)."""
    from scipy.linalg.lapack import dtrtrs

    x: FloatArray = dtrtrs(root, b, lower=1)[0] if b.size else np.zeros(b.shape)
    return x.reshape(b.shape)


def solve_lower_transposed(root: FloatArray, b: FloatArray) -> FloatArray:
    """root'^-1 b for b (n,) or (n, m)."""
    from scipy.linalg.lapack import dtrtrs

    x: FloatArray = dtrtrs(root, b, lower=1, trans=1)[0] if b.size else np.zeros(b.shape)
    return x.reshape(b.shape)

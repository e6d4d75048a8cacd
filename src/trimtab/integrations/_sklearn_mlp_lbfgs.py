"""The derivative of a converged training: solver="lbfgs", by the implicit function theorem.

Where the gradient of the training loss is 0, d weights / d alpha = -H^-1 (d gradient / d alpha), whatever path led there. So
scikit-learn's own fit, which stops when the loss falls by less than 2e-9 of itself, is carried on to such a point, and the validation loss
is judged there.

Notation
    H, rho   Hessian of the training loss at the end, and what is added to its diagonal where it has no positive curvature
    u        solution of (H + rho) u = d value / d weights, so that d value / d alpha = -u . (d gradient / d alpha)

Sources: Lorraine, Vicol and Duvenaud 2020 (arXiv:1911.02590); Nocedal and Wright 2006, algorithms 5.2 and 7.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.integrations._sklearn_mlp_network import Layout, Passes
from trimtab.integrations._sklearn_mlp_problem import Problem
from trimtab.numerics import FloatArray

__all__ = ["Converged", "alpha_gradient", "converge"]

STILL = 1e-10  # norm of the training loss's gradient that is good enough
NEAR = 1e-7  # largest component of it from which Newton's steps are faster
NEWTON_STEPS = 30
ROUGHLY, FULLY = 1e-5, 1e-12  # relative residual of a Newton step, and of u
CG_STEPS = 2_000
DAMPING = (
    1e-8  # the first rho that is tried after 0, relative to the curvature along the right side; then 10 times more each
)


@dataclass(frozen=True, slots=True)
class Converged:
    """weights (m,); norms of the training loss's gradient where scikit-learn stopped (before) and at the weights (after)."""

    weights: FloatArray
    before: float
    after: float


def converge(problem: Problem, alpha: float, seed: int) -> Converged:
    """scikit-learn's fit, carried on until the gradient of the training loss vanishes or falls no further."""
    from scipy.optimize import minimize

    real = problem.real_fit({"alpha": alpha}, seed)
    weights = np.concatenate([part.ravel() for part in (*real.coefs_, *real.intercepts_)])
    at = _Point(problem, alpha)
    before = at.norm(weights)
    options = {"maxiter": 5_000, "maxfun": 10_000, "ftol": 0.0, "gtol": NEAR, "maxcor": 30}
    weights = np.asarray(minimize(at.loss, weights, method="L-BFGS-B", jac=True, options=options).x)
    norm = at.norm(weights)
    for _ in range(NEWTON_STEPS):
        if norm <= STILL:
            break
        step, _, _ = _solve(at, weights, -at.gradient(weights), ROUGHLY)
        trial = weights + step
        trial_norm = at.norm(trial)
        if not trial_norm < norm:
            break
        weights, norm = trial, trial_norm
    return Converged(weights, before, norm)


def alpha_gradient(problem: Problem, alpha: float, weights: FloatArray) -> tuple[float, float, float, float]:
    """Value, d value / d alpha, the relative residual of the system that was solved for it, and the rho that it took."""
    value, slope = problem.judge(weights)
    at = _Point(problem, alpha)
    u, residual, rho = _solve(at, weights, slope, FULLY)
    decayed = Layout(problem.network, weights).decayed
    return value, float(-u[decayed] @ weights[decayed] / len(problem.x)), residual, rho


class _Point:
    """Training loss on all data, its gradient, and products with its Hessian, at any weights."""

    def __init__(self, problem: Problem, alpha: float) -> None:
        self._weights, self._direction = np.zeros(problem.network.m), np.zeros((1, problem.network.m))
        self._passes = Passes(problem.network, self._weights, self._direction)
        self._x, self._y, self._alpha = problem.x, problem.y.astype(np.float64), alpha

    def loss(self, weights: FloatArray) -> tuple[float, FloatArray]:
        self._weights[:] = weights
        with np.errstate(over="ignore", invalid="ignore"):
            return self._passes.loss(self._x, self._y, self._alpha), self._passes.gradient.copy()

    def gradient(self, weights: FloatArray) -> FloatArray:
        return self.loss(weights)[1]

    def norm(self, weights: FloatArray) -> float:
        return float(np.linalg.norm(self.gradient(weights)))

    def curved(self, direction: FloatArray) -> FloatArray:
        """H direction, at the weights of the last call of `loss`."""
        self._direction[0] = direction
        self._passes.along(self._alpha)
        return np.array(self._passes.gradient_dot[0])


def _solve(at: _Point, weights: FloatArray, right: FloatArray, enough: float) -> tuple[FloatArray, float, float]:
    """(H + rho)^-1 right by conjugate gradients, its relative residual, and the least rho that showed no negative curvature."""
    at.loss(weights)
    size = float(np.linalg.norm(right))
    if size == 0.0:
        return np.zeros_like(right), 0.0, 0.0
    unit = DAMPING * float(np.linalg.norm(at.curved(right))) / size
    for tried in range(12):
        rho = 0.0 if tried == 0 else unit * 10.0 ** (tried - 1)
        found = _conjugate_gradients(at, right, rho, enough)
        if found is not None:
            break
    else:
        return np.zeros_like(right), 1.0, rho
    return found[0], found[1], rho


def _conjugate_gradients(at: _Point, right: FloatArray, rho: float, enough: float) -> tuple[FloatArray, float] | None:
    """Solution and relative residual; None where a direction has no positive curvature."""
    solution, residual = np.zeros_like(right), right.copy()
    direction, square, first = residual.copy(), float(residual @ residual), float(right @ right)
    best, least = solution.copy(), square
    for _ in range(min(CG_STEPS, 4 * len(right))):
        if square <= enough**2 * first:
            break
        curved = at.curved(direction) + rho * direction
        curvature = float(direction @ curved)
        if not curvature > 1e-14 * float(np.linalg.norm(direction) * np.linalg.norm(curved)):
            return None if square > 1e-16 * first else (best, float(np.sqrt(least / first)))
        length = square / curvature
        solution += length * direction
        residual -= length * curved
        before, square = square, float(residual @ residual)
        if square < least:
            best, least = solution.copy(), square
        direction = residual + (square / before) * direction
    return best, float(np.sqrt(least / first))

"""The known answers are right: found again by brute force or by plain quasi-Monte-Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from trimtab.numerics import sobol_points
from trimtab.space import Space
from trimtab.testing import conditional_bowl, ishigami, mixed_branin, seeds, sobol_g, spaces


def values(problem, u):
    return np.array([problem(params) for params in problem.space.decode(problem.space.snap(u))])


@pytest.mark.parametrize("problem", [ishigami(), sobol_g()], ids=lambda p: p.name)
def test_indices_are_those_of_the_pick_freeze_estimators(problem):
    """Saltelli's estimator of main, Jansen's of total effects; at n = 4,096 scrambled points both are within 0.02."""
    n, d = 4_096, problem.space.d
    points = sobol_points(n, 2 * d, seed=1)
    a, b = points[:, :d], points[:, d:]
    ya, yb = values(problem, a), values(problem, b)
    variance = np.var(np.concatenate([ya, yb]))

    for j, name in enumerate(problem.space.names):
        ab = a.copy()
        ab[:, j] = b[:, j]
        yab = values(problem, ab)
        assert np.mean(yb * (yab - ya)) / variance == pytest.approx(problem.main[name], abs=0.02)
        assert np.mean((ya - yab) ** 2) / 2 / variance == pytest.approx(problem.total[name], abs=0.02)


def test_minimum_of_ishigami():
    found = min(ishigami()({"x1": x1, "x2": 0.0, "x3": math.pi}) for x1 in np.linspace(-math.pi, math.pi, 2_001))

    assert found == pytest.approx(ishigami().minimum, abs=1e-4)


def test_minimum_of_sobol_g():
    problem = sobol_g([0.5, 2.0])

    assert problem({"x1": 0.5, "x2": 0.5}) == pytest.approx(problem.minimum)
    assert values(problem, sobol_points(512, 2, seed=0)).min() >= problem.minimum


def test_minimum_of_mixed_branin():
    problem = mixed_branin()
    x1 = np.linspace(-5.0, 10.0, 3_001)
    lowest = {x2: min(problem({"x1": x, "x2": x2, "tilt": "flat", "wave": 10.0}) for x in x1) for x2 in range(16)}

    assert min(lowest, key=lowest.__getitem__) == 12
    assert lowest[12] == pytest.approx(problem.minimum, abs=1e-4)


def test_minimum_of_conditional_bowl():
    problem = conditional_bowl()

    assert problem({"lr": 0.01, "solver": "sgd", "momentum": 0.9}) == pytest.approx(problem.minimum, abs=1e-12)
    assert problem({"lr": 0.01, "solver": "adam"}) == pytest.approx(0.1)
    assert values(problem, sobol_points(512, 3, seed=0)).min() >= problem.minimum


@settings(max_examples=50, deadline=None, derandomize=True)
@given(spaces(constrained=True), seeds())
def test_strategies_make_spaces_that_can_be_sampled(space, seed):
    assert isinstance(space, Space)
    x = space.sample(8, np.random.default_rng(seed))

    assert space.feasible(x).all()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(spaces(finite=True))
def test_finite_spaces_are_small(space):
    assert space.cells is not None
    assert space.cells <= 4**4

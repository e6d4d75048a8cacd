"""Quasi-random search: trial i takes point i, whatever the order in which trials end."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trimtab.errors import SearchEnded
from trimtab.numerics import sobol_points
from trimtab.records import TrialTable
from trimtab.samplers import Sobol
from trimtab.space import Categorical, Float, Int, Space

CONTINUOUS = Space({"lr": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.6)})
RNG = np.random.default_rng(0)  # Sobol' must not use it


def ended(space, x):
    return TrialTable.of(space, x, np.zeros(len(x)))


def test_trial_i_takes_point_i():
    state = Sobol().init(CONTINUOUS, seed=7)
    points = sobol_points(256, 2, seed=7)

    assert_array_equal(Sobol().suggest(state, np.empty((0, 2)), 3, RNG), points[:3])
    assert_array_equal(Sobol().suggest(state, points[:2], 1, RNG), points[2:3])
    later = Sobol().update(state, ended(CONTINUOUS, points[[0, 3, 1]]))
    assert_array_equal(Sobol().suggest(later, points[[2, 4]], 1, RNG), points[5:6])
    assert_array_equal(Sobol().suggest(later, points[[2]], 196, RNG), points[4:200])


def test_points_that_break_a_constraint_are_skipped():
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}, constraints=["a + b <= 0.4"])
    points = sobol_points(4_096, 2, seed=3)
    allowed = points[points.sum(axis=1) <= 0.4]

    assert_array_equal(Sobol().suggest(Sobol().init(space, 3), np.empty((0, 2)), 200, RNG), allowed[:200])


def test_a_finite_space_ends_after_each_cell_once():
    space = Space({"a": Int(1, 7), "b": Categorical(["x", "y", "z"])})
    state = Sobol().init(space, seed=2)

    x = Sobol().suggest(state, np.empty((0, 2)), 50, RNG)

    assert len(x) == 21
    assert len(np.unique(x, axis=0)) == 21
    with pytest.raises(SearchEnded, match="21 trials"):
        Sobol().suggest(Sobol().update(state, ended(space, x)), np.empty((0, 2)), 1, RNG)


def test_cells_that_came_from_elsewhere_are_not_repeated():
    space = Space({"a": Int(1, 4), "b": Int(1, 4)})
    elsewhere = space.encode([{"a": 2, "b": b} for b in range(1, 5)])
    state = Sobol().update(Sobol().init(space, seed=2), ended(space, elsewhere))

    x = Sobol().suggest(state, np.empty((0, 2)), 50, RNG)

    assert len(np.unique(np.concatenate([elsewhere, x]), axis=0)) == len(x) + 4 == 16


def test_a_thin_feasible_set_is_still_searched():
    """One point in about 40,000 is allowed; the sequence alone would have to be very long."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}, constraints=["a + b <= 0.007"])

    x = Sobol().suggest(Sobol().init(space, 1), np.empty((0, 2)), 8, RNG)

    assert space.feasible(x).all()
    assert len(np.unique(x, axis=0)) == 8

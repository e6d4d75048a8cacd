"""Sobol' points: reproducible, nested, balanced."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trimtab.numerics import sobol_points


def test_more_points_begin_with_the_same_points():
    assert_array_equal(sobol_points(100, 5, seed=3)[:13], sobol_points(13, 5, seed=3))


def test_the_seed_decides_the_scrambling():
    assert not np.allclose(sobol_points(8, 3, seed=0), sobol_points(8, 3, seed=1))


@pytest.mark.parametrize("seed", range(5))
def test_every_column_is_stratified(seed):
    """2^k points put exactly one into each of 2^k equal intervals, whatever the scrambling."""
    cells = np.sort((sobol_points(64, 7, seed) * 64).astype(int), axis=0)

    assert_array_equal(cells, np.tile(np.arange(64)[:, None], 7))


def test_integrates_better_than_random_points():
    """Mean of a product over the cube; plain random points miss by about 0.02 at n = 1,024."""
    x = sobol_points(1024, 4, seed=5)

    assert abs(np.prod(1.0 + 0.5 * (x - 0.5), axis=1).mean() - 1.0) < 1e-3


@pytest.mark.parametrize(("n", "d"), [(0, 3), (5, 0), (1, 1)])
def test_shapes_at_the_edges(n, d):
    assert sobol_points(n, d, seed=0).shape == (n, d)

"""Slopes of the warps: those of their formulas where they have one, of the right sign and size everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.numerics import WARPS
from trimtab.numerics._warp_slopes import warp_slope


@pytest.mark.parametrize("n", [2, 8, 40])
@pytest.mark.parametrize("warp", WARPS)
def test_slopes_are_about_those_between_the_values(warp, n):
    """Over a wide window a slope integrates to the rise of the warp."""
    y = np.sort(np.exp(np.random.default_rng(n).standard_normal(n)))
    z, slope = WARPS[warp](y), warp_slope(warp, y)

    assert np.all(slope > 0.0)
    rise = np.sum(0.5 * (slope[1:] + slope[:-1]) * np.diff(y))
    assert rise == pytest.approx(z[-1] - z[0], rel=0.5)


def test_formulas_are_differentiated_exactly():
    """A warp is fixed at its values: where many are dense, differences of it are its slope."""
    y = np.sort(np.random.default_rng(0).gamma(2.0, size=4001))
    for warp, good in (("yeo_johnson", slice(10, -10)), ("half_rank_log", slice(10, 1900))):
        z = WARPS[warp](y)
        assert_allclose(warp_slope(warp, y)[good], np.gradient(z, y)[good], rtol=1e-2)


@pytest.mark.parametrize("warp", WARPS)
def test_one_diverged_run_does_not_make_all_others_flat(warp):
    y = np.array([0.1, 0.11, 0.12, 0.2, 0.4, 2.0, 1e120])

    slope = warp_slope(warp, y)
    assert np.all(np.isfinite(slope))
    if warp != "yeo_johnson":  # a power cannot draw it in: its z are those of two values
        assert np.all(slope[:5] > 0.1)


@pytest.mark.parametrize("warp", WARPS)
def test_values_that_cannot_be_told_apart_have_no_slope(warp):
    for y in (np.array([3.0]), np.full(4, 2.0), np.empty(0)):
        assert_allclose(warp_slope(warp, y), np.zeros(len(y)))


def test_units_of_the_objective_cancel():
    y = np.exp(np.random.default_rng(1).standard_normal(12))
    for warp in WARPS:
        assert_allclose(warp_slope(warp, 1000.0 * y + 7.0), warp_slope(warp, y) / 1000.0, rtol=1e-6)

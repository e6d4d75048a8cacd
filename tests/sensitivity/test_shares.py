"""Closed-form and sliced variance shares against exact ANOVA by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.sensitivity._measure import around, whole
from trimtab.sensitivity._shares import closed_form, coefficients
from trimtab.sensitivity._slices import kernel_rows, sliced
from trimtab.space import Categorical, Float, Int, Space
from trimtab.surrogates import ProductGP

FINITE = Space({"a": Categorical(["p", "q", "r"]), "b": Int(1, 4), "c": Categorical([1, 2, 5], ordered=True)})
CONDITIONAL = Space({"a": Categorical(["p", "q"]), "b": Int(1, 4, when={"a": "q"}), "c": Int(1, 3)})
SMOOTH = Space({"a": Float(0, 1), "b": Float(0, 1), "c": Float(0, 1)})


def cells(space):
    """All latent points (K_1 ... K_d, d) of a finite space whose levels weigh the same."""
    return np.array(list(itertools.product(*(space.levels(j) for j in range(space.d)))))


def anova(table):
    """Exact variance, mains, totals and pairs of a full table, all levels weighing the same."""
    axes = range(table.ndim)

    def var_of(kept):
        return table.mean(axis=tuple(a for a in axes if a not in kept)).var()

    variance = table.var()
    main = np.array([var_of({j}) for j in axes])
    total = np.array([variance - var_of(set(axes) - {j}) for j in axes])
    pair = np.zeros((table.ndim, table.ndim))
    for i, j in itertools.combinations(axes, 2):
        pair[i, j] = pair[j, i] = var_of({i, j}) - main[i] - main[j]
    return variance, main, total, pair


def some_gp(space, seed, n=12):
    rng = np.random.default_rng(seed)
    categorical = np.array([k == "categorical" for k in space.kinds])
    x = space.sample(n, rng)
    return ProductGP(
        x, rng.standard_normal(n), categorical, 1.3, 0.02, np.array([0.5, 0.7, 0.4]), np.array([0.6, 0.5, 0.8])
    )


def drawn_table(gp, space, extra, normal):
    """The first drawn function over all cells."""
    centres, v, _ = coefficients(gp, extra, normal)
    values = kernel_rows(gp, space.snap(cells(space)), centres) @ v[:, 0]
    return values.reshape([int(k) for k in space.n_levels])


@pytest.mark.parametrize("seed", range(3))
def test_closed_form_is_the_exact_anova_of_the_drawn_function(seed):
    gp, extra = some_gp(FINITE, seed), FINITE.snap(cells(FINITE))
    normal = np.random.default_rng(seed).standard_normal((len(extra), 1))
    variance, main, total, pair = anova(drawn_table(gp, FINITE, extra, normal))

    drawn = closed_form(gp, whole(FINITE), extra, normal)

    assert_allclose(drawn.variance[0], variance, atol=1e-4)
    assert_allclose(drawn.main[0], main, atol=1e-4)
    assert_allclose(drawn.total[0], total, atol=1e-4)
    assert_allclose(drawn.pair[0], pair, atol=1e-4)


@pytest.mark.parametrize("space", [FINITE, CONDITIONAL], ids=["plain", "conditional"])
def test_slices_are_the_exact_anova_up_to_sampling(space, seed=1):
    extra = np.unique(np.nan_to_num(space.snap(cells(space)), nan=-1.0), axis=0)
    extra[extra < 0] = np.nan
    gp = some_gp(space, seed)
    normal = np.random.default_rng(seed).standard_normal((len(extra), 1))
    variance, main, total, pair = anova(drawn_table(gp, space, extra, normal))

    drawn = sliced(gp, whole(space), extra, normal)

    assert_allclose(drawn.variance[0], variance, rtol=0.05)
    assert_allclose(drawn.main[0] / variance, main / variance, atol=0.03)
    assert_allclose(drawn.total[0] / variance, total / variance, atol=0.03)
    assert_allclose(drawn.pair[0] / variance, pair / variance, atol=0.05)


def test_closed_form_and_slices_agree_on_continuous_knobs(seed=2):
    gp = some_gp(SMOOTH, seed, n=20)
    extra = whole(SMOOTH).latent(128, 1)
    normal = np.random.default_rng(seed).standard_normal((128, 8))

    exact = closed_form(gp, whole(SMOOTH), extra, normal)
    sampled = sliced(gp, whole(SMOOTH), extra, normal)

    assert_allclose(sampled.total / sampled.variance[:, None], exact.total / exact.variance[:, None], atol=0.04)
    assert_allclose(sampled.main / sampled.variance[:, None], exact.main / exact.variance[:, None], atol=0.04)


def test_what_draws_leave_open_is_in_their_variance(seed=3):
    """Without extra points the expected variance stays that of the process; with few it is shared between both."""
    gp = some_gp(SMOOTH, seed)
    none, many = whole(SMOOTH).latent(2, 1), whole(SMOOTH).latent(256, 1)
    rng = np.random.default_rng(seed)

    few_points = closed_form(gp, whole(SMOOTH), none, rng.standard_normal((2, 400)))
    many_points = closed_form(gp, whole(SMOOTH), many, rng.standard_normal((256, 400)))

    assert_allclose(few_points.variance.mean(), many_points.variance.mean(), rtol=0.1)
    assert few_points.variance.std() < many_points.variance.std()


def test_a_box_around_a_point_reaches_at_least_the_neighbouring_levels():
    box = around(FINITE, np.array([0.5, 0.375, 0.5]))

    assert_allclose(box.low, [0.0, 0.0, 0.0])
    assert_allclose(box.high, [1.0, 0.75, 1.0])
    assert_allclose(around(SMOOTH, np.array([0.05, 0.5, np.nan])).high, [0.2, 0.65, 1.0])

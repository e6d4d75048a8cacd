"""Samplers draw from what was declared. Each test names the probability that a right sampler fails a fresh seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from trimtab.records import TrialTable
from trimtab.samplers import TPE, Random, Sobol
from trimtab.space import Categorical, Float, Int, Space

ALPHA = 1e-6  # a right sampler fails one fresh seed in a million, for each test
N = 3_000


def draws(space, sampler=None):
    """Parameters of N suggestions, one rng a trial as in a study."""
    sampler = sampler or Random()
    state, none = sampler.init(space, 3), np.empty((0, space.d))
    x = np.concatenate([sampler.suggest(state, none, 1, np.random.default_rng([3, i])) for i in range(N)])
    return space.decode(x)


def test_log_float_is_uniform_in_the_logarithm():
    values = [p["lr"] for p in draws(Space({"lr": Float(1e-5, 1e-1, log=True)}))]

    assert stats.kstest(values, stats.loguniform(1e-5, 1e-1).cdf).pvalue > ALPHA


def test_float_is_uniform():
    values = [p["x"] for p in draws(Space({"x": Float(-2.0, 3.0)}))]

    assert stats.kstest(values, stats.uniform(-2.0, 5.0).cdf).pvalue > ALPHA


def test_scipy_distribution_is_drawn_from():
    values = [p["z"] for p in draws(Space({"z": stats.gamma(2.0, scale=0.3)}))]

    assert stats.kstest(values, stats.gamma(2.0, scale=0.3).cdf).pvalue > ALPHA


def test_int_is_uniform_both_ends_included():
    values = np.array([p["k"] for p in draws(Space({"k": Int(3, 12), "x": Float(0.0, 1.0)}))])

    assert stats.chisquare(np.bincount(values, minlength=13)[3:]).pvalue > ALPHA


def test_log_int_has_the_share_of_its_rounding_interval():
    values = np.array([p["k"] for p in draws(Space({"k": Int(1, 8, log=True), "x": Float(0.0, 1.0)}))])
    share = np.diff(np.log(np.arange(0.5, 9.0)))

    observed = np.bincount(values, minlength=9)[1:]
    assert stats.chisquare(observed, share / share.sum() * N).pvalue > ALPHA


def test_choices_are_equally_likely():
    values = [p["act"] for p in draws(Space({"act": Categorical(["a", "b", "c"]), "x": Float(0.0, 1.0)}))]

    assert stats.chisquare([values.count(c) for c in "abc"]).pvalue > ALPHA


def test_constraints_cut_the_distribution_and_change_nothing_else():
    """a given a + b <= 1 has the distribution function 2a - a^2."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}, constraints=["a + b <= 1"])

    assert stats.kstest([p["a"] for p in draws(space)], lambda a: 2 * a - a**2).pvalue > ALPHA


def test_trials_are_independent():
    """Correlation of neighbours: |r| sqrt(N) is a standard normal, above 4.9 once in a million."""
    values = np.array([p["x"] for p in draws(Space({"x": Float(0.0, 1.0)}))])

    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) * math.sqrt(N) < 4.9


@pytest.mark.parametrize("seed", range(4))
def test_sobol_points_are_stratified_in_the_declared_distribution(seed):
    """Exact, no failure probability: 64 points put one into each 1/64 of the distribution."""
    space = Space({"lr": Float(1e-5, 1e-1, log=True), "z": stats.norm(0, 1)})
    x = Sobol().suggest(Sobol().init(space, seed), np.empty((0, 2)), 64, np.random.default_rng(0))
    params = space.decode(x)

    for cdf, name in ((stats.loguniform(1e-5, 1e-1).cdf, "lr"), (stats.norm.cdf, "z")):
        shares = np.floor(cdf([p[name] for p in params]) * 64).astype(int)
        assert sorted(shares) == list(range(64))


@pytest.mark.parametrize("seed", range(3))
def test_tpe_without_a_signal_still_explores_the_whole_space(seed):
    """A study of 150 equally good trials puts at least 12 of 144 into every quarter of each of 3 columns (36 is even).

    TPE is more even than draws (22 was the least of 12 seeds); plain random draws would fail once in a million.
    """
    space = Space({name: Float(0.0, 1.0) for name in "abc"})
    sampler, state, suggested = TPE(), TPE().init(space, seed), []
    for number in range(150):
        x = sampler.suggest(state, np.empty((0, 3)), 1, np.random.default_rng([seed, number]))
        state = sampler.update(state, TrialTable.of(space, x, np.zeros(1)))
        suggested.append(x[0])

    for column in np.array(suggested[6:]).T:
        assert np.bincount(np.floor(column * 4).astype(int), minlength=4).min() >= 12

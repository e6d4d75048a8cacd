"""EffectReduction is the fall of the main effects' posterior variance: checked against that fall, computed the long way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.acquisition import EffectReduction
from trimtab.numerics import column_rule
from trimtab.space import Categorical, Float, Int, Space
from trimtab.surrogates import ProductGP

PLAIN = Space({"lr": Float(1e-4, 1.0, log=True), "layers": Int(1, 4), "act": Categorical(["a", "b", "c"])})
SWITCH = Space({"solver": Categorical(["adam", "sgd"]), "lr": Float(0, 1), "m": Float(0, 1, when={"solver": "sgd"})})


def process(space, n, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    categorical = np.array([kind == "categorical" for kind in space.kinds])
    x = space.sample(n, rng)
    return ProductGP(x, rng.standard_normal(n), categorical, 1.7, noise, np.array([0.9, 0.4, 0.6]), np.array([0.4, 0.6, 0.5]))  # fmt: skip


def effects_variance(gp, space, nodes):
    """Sum over the columns of the integrated posterior variance of the centred main effects, on a full tensor grid."""
    rules = [column_rule(nodes, int(space.n_levels[j]), space.parameters[name].snap) for j, name in enumerate(space.names)]  # fmt: skip
    grid = np.stack([g.ravel() for g in np.meshgrid(*[t for t, _ in rules], indexing="ij")], axis=1)
    weight = np.stack([g.ravel() for g in np.meshgrid(*[w for _, w in rules], indexing="ij")], axis=1)
    _, covariance = gp.covariance(space.snap(grid))
    total = 0.0
    for j, (t, w) in enumerate(rules):
        average = np.array([np.prod(np.delete(weight, j, axis=1), axis=1) * (grid[:, j] == node) for node in t])
        centred = average - w @ average
        total += float(w @ np.einsum("tg,gh,th->t", centred, covariance, centred))
    return total


def seen(gp, z):
    """The process after a trial at z (1, d), with the value 0."""
    return replace(gp, x=np.concatenate([gp.x, z]), y=np.append(gp.y, 0.0))


@pytest.mark.parametrize("n", [0, 1, 12])
def test_is_the_fall_of_the_variance_of_the_main_effects(n):
    gp = process(PLAIN, n)
    z = PLAIN.sample(5, np.random.default_rng(1))

    before = effects_variance(gp, PLAIN, 16)
    falls = [before - effects_variance(seen(gp, z[[i]]), PLAIN, 16) for i in range(5)]

    assert_allclose(EffectReduction(gp, PLAIN)(z), falls, rtol=1e-6)


def test_is_that_fall_in_a_conditional_space_too():
    gp = process(SWITCH, 10)
    z = SWITCH.sample(12, np.random.default_rng(1))

    before = effects_variance(gp, SWITCH, 12)
    falls = np.array([before - effects_variance(seen(gp, z[[i]]), SWITCH, 12) for i in range(12)])

    assert_allclose(EffectReduction(gp, SWITCH)(z), falls, atol=0.1 * falls.max())  # 64 points stand for an integral


@pytest.mark.parametrize("space", [PLAIN, SWITCH])
def test_the_values_of_the_trials_play_no_part(space):
    gp = process(space, 9)
    z = space.sample(20, np.random.default_rng(2))

    assert_allclose(EffectReduction(gp, space)(z), EffectReduction(replace(gp, y=0 * gp.y), space)(z))


def test_a_tried_point_and_a_noisy_process_promise_less():
    gp, noisy = process(PLAIN, 9, noise=1e-4), process(PLAIN, 9, noise=10.0)
    z = PLAIN.sample(200, np.random.default_rng(3))

    assert EffectReduction(gp, PLAIN)(gp.x).max() < 0.05 * EffectReduction(gp, PLAIN)(z).max()
    assert np.all(EffectReduction(noisy, PLAIN)(z) < EffectReduction(noisy, PLAIN).gp.sigma2 / 10.0)


def test_a_knob_that_is_dead_draws_no_trials():
    gp = replace(process(PLAIN, 8), share=np.array([0.9, 1e-9, 0.6]))
    z = PLAIN.sample(50, np.random.default_rng(4))
    moved = z.copy()
    moved[:, 1] = z[::-1, 1]

    assert_allclose(EffectReduction(gp, PLAIN)(moved), EffectReduction(gp, PLAIN)(z), rtol=1e-5)

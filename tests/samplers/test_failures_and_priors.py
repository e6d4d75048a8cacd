"""Failed trials teach the samplers where not to go; a user's prior where to begin; neither for ever."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from trimtab.errors import SearchEnded
from trimtab.records import FAILED, PRUNED, Goals, TrialTable
from trimtab.samplers import CMAES, GP, TPE, Auto
from trimtab.space import Categorical, Float, Int, Space

NONE = np.empty((0, 0))


def live(sampler, space, objective, n, seed=0):
    """Points (n, d) and values (n,) of one study."""
    state, ys, xs = sampler.init(space, seed), [], []
    for number in range(n):
        try:
            x = sampler.suggest(state, np.empty((0, space.d)), 1, np.random.default_rng([seed, number]))
        except SearchEnded:
            break
        xs.append(x[0])
        ys.append(objective(space.decode(x)[0]))
        state = sampler.update(state, TrialTable.of(space, x, np.array(ys[-1:])))
    return np.array(xs), np.array(ys)


def memory(params):
    """Out of memory for large products, which are most of the space; the best is beside the edge."""
    if params["units"] * params["batch"] > 2**14:
        return math.nan
    return (math.log2(params["units"]) - 9) ** 2 + params["drop"]


@pytest.mark.parametrize(("sampler", "most"), [(GP(n_candidates=200), 0.35), (TPE(), 0.45)])
def test_failures_of_one_kind_are_left(sampler, most):
    """Half of the space fails. Three studies of 30 trials: the share that fails among the last 20."""
    space = Space({"units": Int(16, 4096, log=True), "batch": Int(8, 512, log=True), "drop": Float(0, 1)})
    failing = [np.isnan(live(sampler, space, memory, 30, seed)[1][10:]).mean() for seed in range(3)]

    assert np.mean(failing) < most


def test_a_search_that_only_fails_goes_elsewhere():
    space = Space({"a": Float(0, 1), "b": Float(0, 1)})
    x, _ = live(GP(n_candidates=200), space, lambda p: math.nan if p["a"] < 0.8 else p["b"], 12)

    assert (x[3:, 0] > 0.8).any()


@pytest.mark.parametrize("sampler", [GP(), TPE(), Auto()], ids=lambda s: type(s).__name__)
def test_a_finite_space_with_failures_is_tried_once_each_and_ends(sampler):
    space = Space({"a": Int(1, 3), "b": ["x", "y"], "c": Int(0, 2)}, constraints=["a + c <= 4"])
    x, y = live(sampler, space, lambda p: math.nan if p["b"] == "y" else p["a"] - p["c"], 40)

    assert len(x) == 16
    assert len({tuple(row.round(9)) for row in x}) == 16
    assert np.isnan(y).sum() == 8


@pytest.mark.parametrize("sampler", [GP(), TPE()], ids=lambda s: type(s).__name__)
def test_a_pruned_trial_is_no_failure(sampler):
    """It differs from a failed one in the next suggestion, and teaches no failure."""
    space = Space({"a": Float(0, 1), "b": Float(0, 1)})
    rng = np.random.default_rng(0)
    x, y = space.sample(12, rng), np.arange(12.0)
    y[6:] = np.nan
    tables = [TrialTable.of(space, x, y) for _ in range(2)]
    tables[1].state[6:] = PRUNED
    states = [sampler.update(sampler.init(space, 0), table) for table in tables]

    assert (tables[0].state[6:] == FAILED).all()
    held = [s.y if isinstance(sampler, GP) else s.history.y for s in states]
    assert np.isinf(held[0]).sum() == 6
    assert np.isnan(held[1]).sum() == 6


@pytest.mark.parametrize("sampler", [GP(n_candidates=200), TPE(), CMAES(), Auto()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("limit", [(), ["memory <= 8"]], ids=["plain", "limit"])
def test_the_last_value_of_a_pruned_trial_is_no_result(sampler, limit):
    """Whether it was the lowest of all, the highest, or none: the next suggestions are the same."""
    if sampler == CMAES():
        pytest.importorskip("cmaes")
    goals = Goals.of("minimize", None, limit)
    space = Space({"a": Float(0, 1), "b": Float(0, 1)})
    x = space.sample(20, np.random.default_rng(0))
    suggested = []
    for last in (-5.0, 50.0, math.nan):
        y = np.arange(20.0)
        table = TrialTable.of(space, x, np.stack([y, y - 30], axis=1) if limit else y, goals=goals)
        table.state[::3] = PRUNED
        table.y[::3] = last
        if table.several is not None:
            table.several[::3] = last
        state = sampler.update(sampler.init(space, 0), table)
        suggested.append(sampler.suggest(state, np.empty((0, 2)), 3, np.random.default_rng([0, 20])))

    assert_array_equal(suggested[0], suggested[1])
    assert_array_equal(suggested[0], suggested[2])


@pytest.mark.parametrize("sampler", [GP(), TPE()], ids=lambda s: type(s).__name__)
def test_the_best_guess_is_tried_first(sampler):
    space = Space(
        {
            "lr": Float(1e-5, 1e-1, log=True, prior=1e-3),
            "layers": Int(1, 8, prior=7),
            "act": Categorical(["relu", "tanh", "gelu"], prior="gelu"),
        }
    )
    x, _ = live(sampler, space, lambda p: 0.0, 1)

    assert space.decode(x)[0] == {"lr": 1e-3, "layers": 7, "act": "gelu"}


@pytest.mark.parametrize("sampler", [GP(n_candidates=200), TPE()], ids=lambda s: type(s).__name__)
def test_a_misleading_prior_does_not_hold_the_search(sampler):
    """The optimum is far from the guess: 40 trials find it to 0.1 in each column, in each of two studies."""
    space = Space({"a": Float(0, 1, prior=0.95), "b": Float(0, 1, prior=0.95)})
    for seed in range(2):
        _, y = live(sampler, space, lambda p: (p["a"] - 0.15) ** 2 + (p["b"] - 0.2) ** 2, 40, seed)
        assert y.min() < 0.01

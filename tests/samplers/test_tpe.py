"""TPE: mixed, conditional, constrained, parallel, and better than random."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError, SearchEnded
from trimtab.numerics import sobol_points
from trimtab.records import TrialTable
from trimtab.samplers import TPE, Random
from trimtab.samplers._tpe import groups_of, thin
from trimtab.space import Categorical, Float, Int, Space
from trimtab.testing import conditional_bowl, mixed_branin


def none(space):
    return np.empty((0, space.d))


def state_after(space, x, y, sampler=None, seed=0):
    sampler = sampler or TPE()
    return sampler.update(sampler.init(space, seed), TrialTable.of(space, x, np.asarray(y, dtype=float)))


def minimise(sampler, problem, n_trials, seed):
    """Values of a serial study, in order."""
    space, state, values = problem.space, sampler.init(problem.space, seed), []
    for number in range(n_trials):
        x = sampler.suggest(state, none(space), 1, np.random.default_rng([seed, number]))
        values.append(problem(space.decode(x)[0]))
        state = sampler.update(state, TrialTable.of(space, x, np.array(values[-1:])))
    return np.array(values)


def test_starts_with_sobol_points():
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})

    x = TPE(startup=5).suggest(TPE().init(space, 9), none(space), 5, np.random.default_rng(0))

    assert_array_equal(x, sobol_points(5, 2, seed=9))


def test_goes_on_with_sobol_points_while_everything_fails():
    space = Space({"a": Float(0.0, 1.0)})
    points = sobol_points(21, 1, seed=0)
    state = state_after(space, points[:20], np.full(20, np.nan))

    assert_array_equal(TPE().suggest(state, none(space), 1, np.random.default_rng(0)), points[20:])


@pytest.mark.parametrize("n_ended", [1, 2, 3])
def test_the_model_waits_until_half_of_the_startup_trials_have_ended(n_ended):
    """Eight workers: the first trial that ends is not yet worth a density of good trials."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    points = sobol_points(n_ended + 8, 2, seed=0)
    state = state_after(space, points[:n_ended], np.arange(n_ended))

    x = TPE(startup=6).suggest(state, points[n_ended:-1], 1, np.random.default_rng(0))

    assert np.array_equal(x, points[-1:]) == (n_ended < 3)


def test_suggests_near_the_good_trials():
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    x = space.sample(60, np.random.default_rng(3))
    state = state_after(space, x, np.abs(x - [0.2, 0.8]).sum(axis=1))

    suggested = TPE().suggest(state, none(space), 20, np.random.default_rng(4))

    assert np.median(np.abs(suggested - [0.2, 0.8]).sum(axis=1)) < 0.3  # random points: about 0.65


def test_leaves_the_region_where_trials_fail():
    """Crashes above 0.5, no signal below. A model that dropped the failures would go where it has seen nothing."""
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)})
    x = space.sample(60, np.random.default_rng(8))
    fails = x[:, 0] > 0.5
    told = state_after(space, x, np.where(fails, np.nan, 0.0))
    not_told = state_after(space, x[~fails], np.zeros((~fails).sum()))

    shares = []
    for state in (told, not_told):
        suggested = [TPE().suggest(state, none(space), 1, np.random.default_rng(k))[0, 0] for k in range(40)]
        shares.append(np.mean(np.array(suggested) > 0.55))

    assert shares[0] < 0.1 < shares[1]


def test_pending_trials_push_the_next_ones_away():
    """Constant liar: with a dozen workers at the best spot the density ratio is higher elsewhere."""
    space = Space({"a": Float(0.0, 1.0)})
    x = space.sample(40, np.random.default_rng(1))
    state = state_after(space, x, np.abs(x[:, 0] - 0.5))
    alone = [TPE().suggest(state, none(space), 1, np.random.default_rng(k))[0, 0] for k in range(30)]
    crowd = np.full((12, 1), np.median(alone)) + np.linspace(-0.01, 0.01, 12)[:, None]

    crowded = [TPE().suggest(state, crowd, 1, np.random.default_rng(k))[0, 0] for k in range(30)]

    spread = [np.mean(np.abs(np.array(us) - np.median(alone))) for us in (alone, crowded)]
    assert spread[1] > 2 * spread[0]


def test_a_batch_is_what_one_by_one_with_pending_gives():
    space = mixed_branin().space
    x = space.sample(30, np.random.default_rng(2))
    state = state_after(space, x, x.sum(axis=1))

    batch = TPE().suggest(state, x[:1], 3, np.random.default_rng(5))

    rng, pending = np.random.default_rng(5), x[:1]
    for row in batch:
        one = TPE().suggest(state, pending, 1, rng)
        assert_array_equal(one[0], row)
        pending = np.concatenate([pending, one])


def test_columns_of_one_condition_form_a_group():
    space = Space(
        {
            "solver": Categorical(["adam", "sgd"]),
            "lr": Float(1e-4, 1.0, log=True),
            "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
            "nesterov": Categorical([True, False], when={"solver": "sgd"}),
            "beta": Float(0.8, 0.99, when={"solver": "adam"}),
        }
    )

    groups = [{space.names[j] for j in group.columns} for group in groups_of(space)]

    assert groups == [{"solver", "lr"}, {"momentum", "nesterov"}, {"beta"}]


def test_a_group_learns_from_the_trials_in_which_it_exists():
    """sgd is worse here, but its momentum has a clear best value, which must be found whenever sgd is tried."""
    space = Space({"solver": Categorical(["adam", "sgd"]), "momentum": Float(0.0, 1.0, when={"solver": "sgd"})})
    x = space.sample(80, np.random.default_rng(0))
    momentum = np.nan_to_num(x[:, 1], nan=0.5)
    state = state_after(space, x, np.where(np.isnan(x[:, 1]), 0.0, 1.0 + np.abs(momentum - 0.8)))
    # "adam" is one configuration and is not repeated: the model must choose sgd, with a good momentum
    suggested = np.array([TPE().suggest(state, none(space), 1, np.random.default_rng(k))[0] for k in range(20)])

    assert np.all(suggested[:, 0] == space.coordinate(0, "sgd"))
    assert np.median(np.abs(suggested[:, 1] - 0.8)) < 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_finite_space_is_exhausted_without_repetition(seed):
    space = Space(
        {"a": Int(1, 4), "b": Categorical(["x", "y", "z"]), "c": Int(1, 2, when={"b": "x"})}, constraints=["a + c <= 5"]
    )
    sampler, state, waiting, seen = TPE(), TPE().init(space, seed), none(space), []
    for number in range(15):
        x = sampler.suggest(state, waiting, 1, np.random.default_rng([seed, number]))
        seen.append(tuple(np.nan_to_num(x[0], nan=-1)))
        waiting = np.concatenate([waiting, x])
        if len(waiting) == 3:
            state = sampler.update(state, TrialTable.of(space, waiting[:1], np.array([float(np.nansum(waiting[0]))])))
            waiting = waiting[1:]

    assert len(seen) == len(set(seen)) == 4 * 2 + 4 + 3  # y and z with each a; x with c=1 (4) and c=2 (3)
    with pytest.raises(SearchEnded, match="that the constraints allow"):
        sampler.suggest(state, waiting, 1, np.random.default_rng(0))


def test_constraints_hold_where_good_trials_touch_the_bound():
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}, constraints=["a + b <= 0.2"])
    x = space.sample(40, np.random.default_rng(6))
    state = state_after(space, x, -x.sum(axis=1))

    suggested = TPE().suggest(state, none(space), 30, np.random.default_rng(7))

    assert space.feasible(suggested).all()
    assert suggested.sum(axis=1).mean() > x.sum(axis=1).mean()


def test_an_integer_of_a_million_levels_is_searched():
    space = Space({"seed": Int(1, 10**6), "units": Int(1, 10**4, log=True)})
    x = space.sample(50, np.random.default_rng(0))
    state = state_after(space, x, np.abs(x - 0.5).sum(axis=1))

    suggested = TPE().suggest(state, none(space), 10, np.random.default_rng(1))

    assert_allclose(suggested, space.snap(suggested))


@pytest.mark.parametrize("problem", [mixed_branin(), conditional_bowl()], ids=lambda p: p.name)
def test_beats_random_search(problem):
    """Median best of 60 trials over 7 seeds, above the known minimum: at most half of random search's."""
    regret = {
        type(sampler): np.median([minimise(sampler, problem, 60, seed).min() for seed in range(7)]) - problem.minimum
        for sampler in (TPE(), Random())
    }

    assert regret[TPE] < 0.5 * regret[Random]


def test_thinning_keeps_the_newest_and_the_mass():
    ranked = np.random.default_rng(0).permutation(5_000)

    kept, weights = thin(ranked, 2_000)

    assert len(np.unique(kept)) == len(kept) == 2_000
    assert set(range(4_000, 5_000)) <= set(kept.tolist())
    assert_allclose(weights.sum(), 5_000)
    position = np.argsort(ranked)[kept[1_000:]]  # the older ones are spread evenly over the ranks
    assert_allclose(np.quantile(position, [0.25, 0.5, 0.75]), [1_250, 2_500, 3_750], atol=150)


def test_a_small_history_is_not_thinned():
    kept, weights = thin(np.arange(2_000), 2_000)

    assert_array_equal(kept, np.arange(2_000))
    assert_array_equal(weights, np.ones(2_000))


@pytest.mark.parametrize("wrong", [{"startup": 0}, {"candidates": 0}, {"good": 0.0}, {"good": 1.0}, {"most_good": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(InputError, match="TPE needs"):
        TPE(**wrong)

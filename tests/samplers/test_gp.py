"""The GP sampler: finds good points, replays, keeps to the space, survives failures, exhausts finite spaces."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.acquisition import keys
from trimtab.errors import InputError, SearchEnded
from trimtab.records import TrialTable
from trimtab.samplers._gp import GP, _checkpoint, _choose_warp, _subset
from trimtab.space import Categorical, Float, Int, Space
from trimtab.surrogates import Columns

MIXED = Space({"lr": Float(1e-4, 1.0, log=True), "k": Int(1, 12), "c": Categorical(["p", "q", "r"])})
CONDITIONAL = Space(
    {
        "solver": Categorical(["adam", "sgd"]),
        "lr": Float(1e-4, 1e-1, log=True),
        "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
        "layers": Int(1, 3),
        "width_2": Int(8, 256, log=True, when="layers >= 2"),
    },
    constraints=["lr < 0.05 or layers < 3"],
)


def mixed_function(x):
    """Minimum 0 at lr coordinate 0.7, k = 4, c = q; heavy tail at large lr."""
    y = 8.0 * (x[:, 0] - 0.7) ** 2 + 2.0 * (x[:, 1] - 3.5 / 12) ** 2 + 0.3 * (np.abs(x[:, 2] - 0.5) > 0.1)
    return np.where(x[:, 0] > 0.9, y + np.exp(60.0 * (x[:, 0] - 0.9)), y)


def conditional_function(x):
    return (x[:, 1] - 0.6) ** 2 + np.nan_to_num((x[:, 3] - 0.9) ** 2, nan=0.3) + 0.1 * np.nan_to_num(x[:, 4])


def live(sampler, space, f, n, seed, state=None, start=0):
    """n trials one after the other: state, x (n, d), y (n,)."""
    state = sampler.init(space, seed) if state is None else state
    xs, ys = [], []
    for i in range(start, start + n):
        x = sampler.suggest(state, np.empty((0, space.d)), 1, np.random.default_rng([seed, i]))
        y = f(x)
        state = sampler.update(state, TrialTable.of(space, x, y))
        xs.append(x[0])
        ys.append(y[0])
    return state, np.array(xs), np.array(ys)


def suggest(sampler, state, *, pending=None, n=1, seed=99):
    pending = np.empty((0, state.space.d)) if pending is None else pending
    return sampler.suggest(state, pending, n, np.random.default_rng([seed, 0]))


def test_beats_random_on_a_mixed_function():
    """Best of 20 over 100 seeds: ours 0.0009 at worst, random above 0.005 in 97. So that the median of 5 fails by
    chance has a probability below 1e-3 (three of five beyond a limit that at most 3 % are beyond)."""
    ours, theirs = [], []
    for seed in range(5):
        ours.append(live(GP(), MIXED, mixed_function, 20, seed)[2].min())
        theirs.append(mixed_function(MIXED.sample(20, np.random.default_rng([seed, 1]))).min())

    assert np.median(ours) < 0.005 < np.median(theirs)


def test_starts_at_the_centre():
    state = GP().init(MIXED, 3)

    assert_allclose(suggest(GP(), state), MIXED.snap(np.full((1, 3), 0.5)))


def test_initial_points_belong_to_the_study():
    first, again, other = GP().init(MIXED, 3), GP().init(MIXED, 3), GP().init(MIXED, 4)

    assert_array_equal(first.design, again.design)
    assert not np.array_equal(first.design[1:], other.design[1:])


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
def test_replaying_is_living_through(space):
    f = mixed_function if space is MIXED else conditional_function
    state, x, y = live(GP(), space, f, 14, seed=5)
    replayed = GP().update(GP().init(space, 5), TrialTable.of(space, x, y))

    expected = suggest(GP(), state)

    assert_array_equal(suggest(GP(), replayed), expected)
    assert_array_equal(suggest(GP(), state), expected)  # asking changes nothing


def test_branches_of_a_state_do_not_mix():
    state, x, y = live(GP(), MIXED, mixed_function, 8, seed=5)
    new = MIXED.sample(1, np.random.default_rng(0))

    good = GP().update(state, TrialTable.of(MIXED, new, np.array([-50.0])))
    bad = GP().update(state, TrialTable.of(MIXED, new, np.array([50.0])))
    suggest(GP(), good)
    alone = GP().update(GP().init(MIXED, 5), TrialTable.of(MIXED, np.concatenate([x, new]), np.append(y, 50.0)))

    assert_array_equal(suggest(GP(), bad), suggest(GP(), alone))


def test_conditional_and_constrained_points_exist():
    _, x, y = live(GP(), CONDITIONAL, conditional_function, 25, seed=1)

    assert_allclose(CONDITIONAL.snap(x), x)
    assert CONDITIONAL.feasible(x).all()
    assert len(set(keys(x))) == 25
    assert y.min() < 0.05
    assert x[np.argmin(y), 0] == 0.75  # sgd


def test_finite_space_is_exhausted_once_each():
    space = Space({"a": Int(1, 4), "c": Categorical(["p", "q"]), "m": Int(1, 3, when={"c": "q"})})

    state, x, _ = live(GP(), space, lambda x: np.nansum(x, axis=1), 16, seed=0)

    assert len(set(keys(x))) == 16
    with pytest.raises(SearchEnded):
        suggest(GP(), state)


def test_pending_cells_count_as_tried():
    space = Space({"a": Int(1, 4), "c": Categorical(["p", "q"])})
    state, x, _ = live(GP(), space, lambda x: x[:, 0], 5, seed=0)

    pending = suggest(GP(), state, n=2)
    last = suggest(GP(), state, pending=pending)

    assert len(set(keys(np.concatenate([x, pending, last])))) == 8
    with pytest.raises(SearchEnded):
        suggest(GP(), state, pending=np.concatenate([pending, last]))


def test_batch_and_pending_points_differ():
    state, _, _ = live(GP(), MIXED, mixed_function, 12, seed=2)

    batch = suggest(GP(), state, n=4)
    after = suggest(GP(), state, pending=batch, n=2)
    both = np.concatenate([batch, after])

    assert len(set(keys(both))) == 6
    apart = np.abs(both[:, None] - both[None]).max(2)
    assert apart[~np.eye(6, dtype=bool)].min() >= 1e-3


def test_pending_initial_points_are_not_handed_out_again():
    state = GP(n_initial=4).init(MIXED, 0)

    first = suggest(GP(n_initial=4), state, n=3)
    fourth = suggest(GP(n_initial=4), state, pending=first)

    assert_allclose(np.concatenate([first, fourth]), state.design[:4])


def test_workers_that_ask_before_any_trial_has_ended_get_spread_points():
    state = GP().init(MIXED, 0)

    eight = suggest(GP(), state, n=8)

    assert_allclose(eight, state.design[:8])
    assert len(set(keys(eight))) == 8


def test_no_configuration_is_asked_for_again_and_again():
    """Rough or noisy values are taken for noise; without re-interpolation the best point is proposed up to ten times."""
    space = Space({f"x{j}": Float(0.0, 1.0) for j in range(5)} | {"c": Categorical(["a", "b"])})

    def rough(x):
        return np.sum((x[:, :5] - 0.1) ** 2, axis=1) + 0.2 * np.sin(40 * x[:, :5]).sum(axis=1) + 0.1 * (x[:, 5] > 0.5)

    near = 0  # of 87
    for seed in (1, 2, 3):
        _, x, _ = live(GP(), space, rough, 30, seed)
        near += sum(np.abs(x[:i] - x[i]).max(axis=1).min() < 0.01 for i in range(1, len(x)))
    assert near <= 8


def test_failing_region_is_left():
    """A quarter of the space fails, next to the optimum: at most a few of the later trials go there."""

    def f(x):
        y = (x[:, 0] - 0.7) ** 2 + 0.1 * x[:, 1]
        return np.where(x[:, 0] > 0.75, np.nan, y)

    _, x, y = live(GP(), MIXED, f, 30, seed=3)

    assert np.isnan(y[10:]).sum() <= 5
    assert np.nanmin(y) < 0.03
    assert len(set(keys(x))) == 30


def test_only_failures_so_far_gives_new_points():
    state, x, _ = live(GP(), MIXED, lambda x: np.full(len(x), np.nan), 12, seed=0)

    assert len(set(keys(x))) == 12
    with pytest.raises(InputError, match="no finished trial"):
        GP().model(state)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_constant_objective(n):
    _, x, _ = live(GP(n_initial=1), MIXED, lambda x: np.full(len(x), 3.0), n + 3, seed=0)

    assert len(set(keys(x))) == n + 3


def test_duplicate_trials_of_others_do_no_harm():
    x = np.repeat(MIXED.sample(4, np.random.default_rng(0)), 5, axis=0)
    state = GP().update(GP().init(MIXED, 0), TrialTable.of(MIXED, x, np.random.default_rng(1).random(20)))

    assert not set(keys(suggest(GP(), state))) & set(keys(x))


def test_many_trials_use_a_subset():
    rng = np.random.default_rng(0)
    x = MIXED.sample(1500, rng)
    state = GP().update(GP().init(MIXED, 0), TrialTable.of(MIXED, x, mixed_function(x)))

    new = suggest(GP(), state)

    assert GP().model(state).n == 1000
    assert mixed_function(new)[0] < 0.05


def test_subset_has_the_best_and_the_newest():
    y = np.random.default_rng(0).random(500)
    y[::7] = np.nan

    rows = _subset(y, 100)

    assert len(rows) == 100
    assert np.all(np.diff(rows) > 0)
    assert set(range(475, 500)) <= set(rows.tolist())
    assert set(np.argsort(np.where(np.isnan(y), np.inf, y))[:50].tolist()) <= set(rows.tolist())


def test_checkpoints_are_every_trial_then_every_20th():
    c = [_checkpoint(n) for n in range(1, 1001)]

    assert c[:100] == list(range(1, 101))
    assert np.all(np.diff(c) >= 0)
    assert all(n - k < 0.05 * n + 1 for n, k in zip(range(1, 1001), c, strict=True))
    assert len(set(c[300:])) < 30


def test_hyperparameters_of_a_checkpoint_are_shared():
    rng = np.random.default_rng(0)
    x = MIXED.sample(104, rng)
    table = TrialTable.of(MIXED, x, mixed_function(x))
    at_100 = GP().update(GP().init(MIXED, 0), table.where(np.arange(100)))

    theta = GP().model(at_100).theta
    later = GP().update(at_100, table.where(np.arange(100, 104)))
    replayed = GP().update(GP().init(MIXED, 0), table)

    assert_array_equal(GP().model(later).theta, theta)
    assert_array_equal(GP().model(replayed).theta, theta)


def test_warp_is_chosen_by_what_predicts():
    """exp(smooth) needs a warp that undoes the exponential; the smooth function itself keeps its shape."""
    rng = np.random.default_rng(0)
    x = rng.random((60, 2))
    smooth = 6.0 * np.sin(4.0 * x[:, 0]) + 6.0 * x[:, 1]

    assert _choose_warp(Columns.continuous(2), x, smooth) == "yeo_johnson"
    assert _choose_warp(Columns.continuous(2), x, rng.standard_cauchy(60) ** 3) != "yeo_johnson"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_initial": 0}, "n_initial >= 1"),
        ({"warp": "log"}, "'auto' or one of"),
        ({"n_candidates": 3}, "n_candidates"),
    ],
)
def test_refuses_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        GP(**settings)

"""CMA-ES: precise on smooth valleys of any turn, indifferent to the order of workers, at home in mixed spaces too."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import trimtab as tt
from trimtab.errors import InputError, MissingExtra, SearchEnded
from trimtab.records import Goals, TrialTable
from trimtab.samplers import CMAES, Random
from trimtab.samplers._cmaes import Layout
from trimtab.space import Categorical, Float, Int, Space
from trimtab.testing import check_sampler, conditional_bowl, mixed_branin

pytest.importorskip("cmaes")

D = 5
CENTRE = np.array([0.3, 0.6, 0.45, 0.7, 0.25])
TURN = np.linalg.qr(np.random.default_rng(1).standard_normal((D, D)))[0]
SCALES = 1e6 ** (np.arange(D) / (D - 1))
BALLS = Space({f"x{j}": Float(-5.0, 5.0) for j in range(D)})


def sphere(x):
    return ((10 * (x - CENTRE)) ** 2).sum(axis=1)


def ellipsoid(x):
    return (SCALES * (10 * (x - CENTRE)) ** 2).sum(axis=1)


def turned_ellipsoid(x):
    return (SCALES * ((10 * (x - CENTRE)) @ TURN) ** 2).sum(axis=1)


def rosenbrock(x):
    z = 10 * (x - 0.5)
    return (100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1 - z[:, :-1]) ** 2).sum(axis=1)


def of(problem):
    return lambda x: np.array([problem(p) for p in problem.space.decode(x)])


def lowest(sampler, space, f, n_trials, seed, workers=1):
    """The lowest value of a study whose workers end in any order; and its points."""
    state, best, points = sampler.init(space, seed), np.inf, []
    order, waiting = np.random.default_rng(seed), np.empty((0, space.d))
    for number in range(n_trials):
        x = sampler.suggest(state, waiting, 1, np.random.default_rng([seed, number]))
        points.append(x[0])
        waiting = np.concatenate([waiting, x])
        if len(waiting) < workers:
            continue
        k = int(order.integers(workers))
        y = f(waiting[k : k + 1])
        best = min(best, float(y[0]))
        state = sampler.update(state, TrialTable.of(space, waiting[k : k + 1], y))
        waiting = np.delete(waiting, k, axis=0)
    return best, np.array(points)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("f", "n_trials", "precision"),
    [(sphere, 800, 1e-7), (ellipsoid, 1_600, 1e-7), (turned_ellipsoid, 1_600, 1e-7), (rosenbrock, 2_000, 1e-4)],
)
def test_solves_smooth_valleys(f, n_trials, precision, seed):
    assert lowest(CMAES(), BALLS, f, n_trials, seed)[0] < precision


def test_eight_workers_lose_little():
    found = [lowest(CMAES(), BALLS, turned_ellipsoid, 2_000, seed, workers=8)[0] for seed in range(2)]

    assert max(found) < 1e-3


def test_is_far_ahead_of_random():
    for problem, n_trials in ((mixed_branin(), 200), (conditional_bowl(), 200)):
        ours, theirs = (
            np.median([lowest(s, problem.space, of(problem), n_trials, seed)[0] for seed in range(5)]) - problem.minimum
            for s in (CMAES(), Random())
        )
        assert ours < theirs / 2, problem.name


@pytest.mark.parametrize("seed", [1])
def test_keeps_the_sampler_contract_over_several_generations(seed):
    check_sampler(CMAES(population=4), n_trials=30, seed=seed)


def test_columns_by_treatment():
    space = Space(
        {
            "lr": Float(1e-5, 1.0, log=True),
            "wide": Int(1, 1000),
            "layers": Int(1, 5),
            "two": Int(1, 2),
            "act": Categorical(["a", "b", "c"]),
        }
    )
    layout = Layout.of(space)

    assert layout.continuous.tolist() == [0, 1]
    assert layout.integer.tolist() == [2]
    assert layout.choice.tolist() == [3, 4]


@pytest.mark.parametrize(
    "space",
    [
        Space({"k": Int(1, 20)}),
        Space({"x": Float(0.0, 1.0)}),
        Space({"a": ["u", "v", "w"], "b": ["p", "q"]}),
        Space({"k": Int(1, 9), "c": ["u", "v", "w"]}),
    ],
    ids=["integers", "one column", "choices", "no continuous column"],
)
def test_spaces_of_one_kind(space):
    state, n_trials = CMAES().init(space, 0), 40 if space.cells is None else space.cells
    for number in range(n_trials):
        x = CMAES().suggest(state, np.empty((0, space.d)), 1, np.random.default_rng([0, number]))
        state = CMAES().update(state, TrialTable.of(space, x, x.sum(axis=1)))

    assert len(np.unique(state.history.x, axis=0)) == n_trials
    if space.cells is not None:
        with pytest.raises(SearchEnded):
            CMAES().suggest(state, np.empty((0, space.d)), 1, np.random.default_rng(0))


def test_starts_again_with_twice_the_population_when_it_has_converged():
    state = CMAES().init(BALLS, 0)
    first = state.generation.size
    for number in range(1_200):
        x = CMAES().suggest(state, np.empty((0, D)), 1, np.random.default_rng([0, number]))
        state = CMAES().update(state, TrialTable.of(BALLS, x, sphere(x)))

    assert state.generation.restarts == 1
    assert state.generation.size == 2 * first


def test_values_that_are_all_equal_start_it_again():
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    x = space.sample(300, np.random.default_rng(0))

    state = CMAES().update(CMAES().init(space, 0), TrialTable.of(space, x, np.ones(300)))

    assert state.generation.restarts > 0


def test_failures_rank_last_and_a_generation_of_them_teaches_nothing():
    state = CMAES().init(BALLS, 0)
    size, before = state.generation.size, state.generation.optimiser.mean.copy()
    x = CMAES().suggest(state, np.empty((0, D)), size, np.random.default_rng(0))
    failed = CMAES().update(state, TrialTable.of(BALLS, x, np.full(size, np.nan)))
    some = CMAES().update(state, TrialTable.of(BALLS, x, np.where(np.arange(size) < size // 2, 1.0, np.nan)))

    assert_array_equal(failed.generation.optimiser.mean, before)
    fresh = CMAES().suggest(failed, np.empty((0, D)), size, np.random.default_rng(0))
    assert not np.isin(fresh, x).any()
    assert not np.array_equal(some.generation.optimiser.mean, before)


def test_keeps_limits_on_other_outcomes():
    space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}
    objective = lambda t: {"value": (t["a"] - 0.9) ** 2 + (t["b"] - 0.9) ** 2, "size": t["a"]}  # noqa: E731
    study = tt.Study(space, sampler="cmaes", outcome_constraints=["size <= 0.5"], seed=0)
    study.optimize(objective, 150, progress=False)

    assert study.best["a"] == pytest.approx(0.5, abs=0.02)
    assert study.best["b"] == pytest.approx(0.9, abs=0.1)


def test_several_objectives_are_refused():
    table = TrialTable.of(BALLS, np.full((1, D), 0.5), np.ones((1, 2)), goals=Goals(("a", "b"), (1.0, 1.0)))

    with pytest.raises(InputError, match="CMA-ES searches for one objective"):
        CMAES().update(CMAES().init(BALLS, 0), table)


def test_starts_at_the_best_of_the_users_own_results():
    space = {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}
    study = tt.Study(space, sampler=CMAES(sigma=0.01), seed=0)
    study.add_trial({"a": 0.5, "b": 0.5}, 3.0)
    study.add_trial({"a": 0.9, "b": 0.1}, 1.0)
    study.add_trial({"a": 0.2, "b": 0.2}, 2.0)

    asked = np.array([[trial["a"], trial["b"]] for trial in (study.ask() for _ in range(6))])

    assert np.abs(asked - [0.9, 0.1]).max() < 0.06


def test_a_far_trial_of_the_user_cannot_throw_the_distribution():
    state = CMAES(sigma=0.01).init(BALLS, 0)
    x = CMAES(sigma=0.01).suggest(state, np.empty((0, D)), state.generation.size - 1, np.random.default_rng(0))
    state = CMAES(sigma=0.01).update(state, TrialTable.of(BALLS, x, np.ones(len(x))))
    far = TrialTable.of(BALLS, np.full((1, D), 0.99), np.zeros(1))
    far.from_sampler[:] = False
    state = CMAES(sigma=0.01).update(state, far)

    assert state.generation.seed == (0, 1)
    assert np.abs(state.generation.optimiser.mean - 0.5).max() < 0.05


def test_a_study_resumes_at_the_same_point(tmp_path):
    objective = lambda trial: (trial["a"] - 0.3) ** 2 + trial["k"] + len(trial["c"])  # noqa: E731
    space = {"a": Float(0.0, 1.0), "k": Int(1, 9), "c": ["u", "vv", "www"]}
    whole = tt.Study(space, sampler="cmaes", seed=3).optimize(objective, 60, progress=False)
    for n in (25, 35):
        part = tt.Study(space, sampler="cmaes", seed=3, storage=tmp_path / "x.db")
        part.optimize(objective, n, progress=False)
        part.close()
    part = tt.Study.load(tmp_path / "x.db")

    assert [t.params for t in part.trials] == [t.params for t in whole.trials]


def test_suggestions_take_a_few_milliseconds_at_most_whatever_the_number_of_trials():
    space = mixed_branin().space
    state = CMAES().init(space, 0)
    x = space.sample(600, np.random.default_rng(0))
    state = CMAES().update(state, TrialTable.of(space, x, x.sum(axis=1)))
    times = []
    for k in range(20):
        begun = time.perf_counter()
        CMAES().suggest(state, np.empty((0, space.d)), 1, np.random.default_rng(k))
        times.append(time.perf_counter() - begun)

    assert np.median(times) < 0.01  # 0.1 ms on an idle machine


def test_says_how_to_install_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)

    with pytest.raises(MissingExtra, match=r"pip install 'trimtab\[cmaes\]'"):
        tt.Study(BALLS, sampler="cmaes")


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"sigma": 2.0}, {"population": 3}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(InputError, match=f"CMAES needs .*{next(iter(wrong))}"):
        CMAES(**wrong)

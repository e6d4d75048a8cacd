"""Grid search: each feasible, distinct cell exactly once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from trimtab.errors import InputError, SearchEnded
from trimtab.records import TrialTable
from trimtab.samplers import Grid
from trimtab.space import Categorical, Float, Int, Space
from trimtab.testing import seeds, spaces

RNG = np.random.default_rng(0)  # a grid must not use it


def none(space):
    return np.empty((0, space.d))


def every_cell(space):
    """The distinct feasible configurations, the naive way: the full product, snapped, without repetitions."""
    product = np.array(list(itertools.product(*(space.levels(j) for j in range(space.d)))))
    x = space.snap(product)
    return {config_key(params) for params in space.decode(x[space.feasible(x)])}


def config_key(params):
    return tuple(sorted((name, repr(value)) for name, value in params.items()))


def search(grid, space, seed, workers, order):
    """Cells in the order in which they were handed out; `workers` trials run at once and end in a random order."""
    state, waiting, handed_out = grid.init(space, seed), none(space), []
    while True:
        try:
            x = grid.suggest(state, waiting, 1, RNG)
        except SearchEnded:
            return handed_out
        handed_out.append(config_key(space.decode(x)[0]))
        waiting = np.concatenate([waiting, x])
        if len(waiting) == workers:
            i = int(order.integers(workers))
            value = np.array([np.nan if order.random() < 0.3 else 1.0])  # a failed cell counts as tried
            state = grid.update(state, TrialTable.of(space, waiting[[i]], value))
            waiting = np.delete(waiting, i, axis=0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(spaces(finite=True, constrained=True), seeds(), st.integers(1, 4), st.booleans())
def test_each_cell_exactly_once(space, seed, workers, shuffle):
    handed_out = search(Grid(shuffle=shuffle), space, seed, workers, np.random.default_rng(seed))

    assert len(handed_out) == len(set(handed_out))
    assert set(handed_out) == every_cell(space)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(spaces(finite=True, constrained=True), seeds(), st.integers(0, 200))
def test_goes_on_after_a_kill(space, seed, killed_after):
    """A replayed table gives the rest of the grid, in the same order."""
    grid = Grid(shuffle=True)
    cells = grid.suggest(grid.init(space, seed), none(space), 10_000, RNG)
    k = killed_after % len(cells)

    state = grid.update(grid.init(space, seed), TrialTable.of(space, cells[:k], np.zeros(k)))

    np.testing.assert_array_equal(grid.suggest(state, none(space), 10_000, RNG), cells[k:])


def test_order_is_that_of_nested_loops():
    space = Space({"a": Categorical(["x", "y"]), "b": Int(1, 3)})
    x = Grid().suggest(Grid().init(space, 0), none(space), 6, RNG)

    assert [tuple(p.values()) for p in space.decode(x)] == list(itertools.product("xy", [1, 2, 3]))


def test_shuffled_order_belongs_to_the_seed():
    space = Space({"a": Int(1, 50)})
    orders = [Grid(shuffle=True).suggest(Grid(shuffle=True).init(space, s), none(space), 50, RNG) for s in (0, 0, 1)]

    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    np.testing.assert_array_equal(np.sort(orders[2], axis=0)[:, 0], space.levels(0))


def test_a_continuous_parameter_without_levels_is_refused():
    space = Space({"layers": Int(1, 3), "lr": Float(1e-4, 1e-1, log=True)})

    with pytest.raises(InputError, match=r"'lr' is continuous.*step=.*list of values.*Grid\(levels=\{'lr': 5\}\)"):
        Grid().init(space, 0)


def test_levels_of_a_log_parameter_are_even_in_the_logarithm():
    space = Space({"lr": Float(1e-4, 1.0, log=True)})
    grid = Grid(levels=5)

    x = grid.suggest(grid.init(space, 0), none(space), 9, RNG)

    assert_allclose([p["lr"] for p in space.decode(x)], [1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_levels_by_name_as_numbers_or_values():
    space = Space(
        {"lr": Float(0.0, 1.0), "drop": Float(0.0, 0.6), "units": Int(1, 9), "act": Categorical(["a", "b", "c"])}
    )
    grid = Grid(levels={"lr": [0.1, 0.7, 0.1], "drop": 1, "units": 3, "act": ["c", "a"]})

    params = space.decode(grid.suggest(grid.init(space, 0), none(space), 100, RNG))

    assert len(params) == 2 * 1 * 3 * 2
    assert {round(p["lr"], 12) for p in params} == {0.1, 0.7}
    assert {p["drop"] for p in params} == {0.3}
    assert {p["units"] for p in params} == {1, 5, 9}
    assert {p["act"] for p in params} == {"a", "c"}


def test_distributions_get_the_middles_of_equal_shares():
    """The bounds of a normal distribution are infinite."""
    space = Space({"z": stats.norm(0, 1)})
    grid = Grid(levels=4)

    z = [p["z"] for p in space.decode(grid.suggest(grid.init(space, 0), none(space), 9, RNG))]

    assert_allclose(z, stats.norm.ppf([0.125, 0.375, 0.625, 0.875]), rtol=1e-6)


def test_trials_from_elsewhere_count_even_if_changed_in_the_last_digit():
    space = Space({"lr": Float(1e-4, 1.0, log=True)})
    grid = Grid(levels=5)
    x = space.encode([{"lr": 1e-3 * (1 + 1e-9)}, {"lr": 0.05}])

    state = grid.update(grid.init(space, 0), TrialTable.of(space, x, np.zeros(2)))

    left = [p["lr"] for p in space.decode(grid.suggest(state, none(space), 9, RNG))]
    assert_allclose(left, [1e-4, 1e-2, 1e-1, 1.0])


@pytest.mark.parametrize(
    ("parameters", "cells"),
    [
        ({f"p{j}": Int(1, 10) for j in range(9)}, "1,000,000,000"),
        ({"seed": Int(0, 10**9 - 1)}, "1,000,000,000"),
        ({"a": Int(1, 10**9), "b": Float(0.0, 1.0)}, "1,000,000,000"),
    ],
)
def test_a_grid_of_a_billion_cells_is_refused_at_once(parameters, cells):
    with pytest.raises(InputError, match=rf"{cells} cells.*max_cells=1,000,000.*fewer levels.*'random'"):
        Grid(levels={"b": 1} if "b" in parameters else None).init(Space(parameters), 0)


def test_max_cells_is_the_user_s_to_raise():
    space = Space({"a": Int(1, 100)})

    with pytest.raises(InputError, match="100 cells"):
        Grid(max_cells=99).init(space, 0)
    assert len(Grid(max_cells=100).init(space, 0).plan.cells) == 100


def test_exclusive_branches_cost_their_cells_not_their_product():
    """12 solvers with 2 parameters of 10 levels each: 1,200 cells, a product of 1.2e25."""
    parameters = {"solver": Categorical([f"s{k}" for k in range(12)])}
    for k in range(12):
        parameters |= {f"{name}{k}": Int(1, 10, when={"solver": f"s{k}"}) for name in "ab"}
    space = Space(parameters)

    assert len(Grid().init(space, 0).plan.cells) == 1_200


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (0, "at least 1"),
        (True, "at least 1"),
        ({"lr": []}, "'lr'"),
        ({"lr": "many"}, "'lr'"),
        ({"lx": 5}, "'lx'.*'lr'"),
    ],
)
def test_wrong_levels_are_refused(levels, message):
    with pytest.raises(InputError, match=message):
        Grid(levels=levels).init(Space({"lr": Float(0.0, 1.0)}), 0)


def test_a_list_of_dicts_has_the_cells_of_scikit_learns_parameter_grid():
    from sklearn.model_selection import ParameterGrid

    dicts = [{"kernel": ["rbf"], "C": [1, 10]}, {"kernel": ["linear"], "C": [1, 10, 100], "shrinking": [True, False]}]
    space = Space(dicts)

    cells = space.decode(Grid().suggest(Grid().init(space, 0), none(space), 100, RNG))

    assert sorted(map(config_key, cells)) == sorted(map(config_key, ParameterGrid(dicts)))

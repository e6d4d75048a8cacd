"""Random search: the declared distributions, and no repetition where the space is finite."""

from __future__ import annotations

import numpy as np
import pytest

from trimtab.errors import SearchEnded
from trimtab.records import TrialTable
from trimtab.samplers import TPE, Random, Sobol
from trimtab.space import Categorical, Float, Int, Space


def none(space):
    return np.empty((0, space.d))


def test_draws_are_those_of_the_space():
    space = Space({"lr": Float(1e-5, 1e-1, log=True), "units": Int(1, 100)})
    state = Random().init(space, seed=0)

    x = Random().suggest(state, none(space), 5, np.random.default_rng([0, 3]))

    np.testing.assert_array_equal(x, space.sample(5, np.random.default_rng([0, 3])))


def test_finite_space_is_searched_without_repetition():
    space = Space({"a": Int(1, 4), "b": Categorical(["x", "y", "z"])}, constraints=["a + 1 <= 4 or a == 4"])
    state = Random().init(space, seed=0)
    table = TrialTable.of(space, Random().suggest(state, none(space), 7, np.random.default_rng(1)), np.zeros(7))
    state = Random().update(state, table)

    rest = Random().suggest(state, none(space), 9, np.random.default_rng(2))

    assert len(rest) == 5  # as many as are left
    assert len(np.unique(np.concatenate([table.x, rest]), axis=0)) == 12
    with pytest.raises(SearchEnded, match="12 trials"):
        Random().suggest(state, rest, 1, np.random.default_rng(3))


def test_the_cell_that_is_left_is_found_among_thousands():
    """Draws alone would need 5,000 tries for the last one."""
    space = Space({"a": Int(1, 100), "b": Int(1, 50)})
    every = space.encode([{"a": a, "b": b} for a in range(1, 101) for b in range(1, 51)])
    state = Random().update(
        Random().init(space, 0), TrialTable.of(space, np.delete(every, 1_234, axis=0), np.zeros(4_999))
    )

    x = Random().suggest(state, none(space), 1, np.random.default_rng(5))

    np.testing.assert_array_equal(x[0], every[1_234])


def test_a_huge_finite_space_is_not_listed():
    space = Space({f"p{j}": Int(1, 10**6) for j in range(3)})
    state = Random().init(space, seed=0)

    assert Random().suggest(state, none(space), 3, np.random.default_rng(0)).shape == (3, 3)


@pytest.mark.parametrize("sampler", [Random(), Sobol(), TPE()], ids=lambda s: type(s).__name__)
def test_few_allowed_cells_among_many_are_all_found(sampler):
    """15 of 160,000 cells are allowed."""
    space = Space({"a": Int(1, 400), "b": Int(1, 400)}, constraints=["a == 7 or b == 9", "a + b <= 16"])
    state, x = sampler.init(space, 0), none(space)

    for number in range(15):
        x = np.concatenate([x, sampler.suggest(state, x, 1, np.random.default_rng(number))])

    assert len(np.unique(x, axis=0)) == 15
    with pytest.raises(SearchEnded):
        sampler.suggest(state, x, 1, np.random.default_rng(15))


def test_failed_trials_count_as_tried():
    space = Space({"a": Categorical(["x", "y"])})
    state = Random().update(
        Random().init(space, 0), TrialTable.of(space, space.encode([{"a": "x"}]), np.array([np.nan]))
    )

    for seed in range(8):
        x = Random().suggest(state, none(space), 1, np.random.default_rng(seed))
        assert space.decode(x) == [{"a": "y"}]

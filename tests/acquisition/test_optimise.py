"""The acquisition optimiser finds known maxima, keeps to the space, and never returns a taken point."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.acquisition import draw_new, enumerate_cells, is_new, keys, maximise, perturb
from trimtab.errors import SearchEnded
from trimtab.space import Categorical, Float, Int, Space

MIXED = Space(
    {
        "a": Float(0.0, 1.0),
        "b": Float(0.0, 1.0),
        "k": Int(0, 40),
        "c": Categorical(["p", "q", "r"]),
        "e": Float(0.0, 1.0, when={"c": "q"}),
    }
)
FINITE = Space({"k": Int(0, 3), "c": Categorical(["p", "q"]), "m": Int(0, 4, when={"c": "q"})})


class Bowl:
    """-(distance to a target)^2, plus 1 for the choice "q"; the maximum of MIXED is at (0.3, 0.8, 33, q, 0.6)."""

    target = np.array([0.3, 0.8, 33.5 / 41, 0.5, 0.6])

    def __call__(self, x):
        return self.gradient(x)[0]

    def gradient(self, x):
        away = np.nan_to_num(x - self.target)
        away[:, 3] = 0.0
        value = -np.sum(away**2, axis=1) + (np.abs(x[:, 3] - 0.5) < 0.1)
        return value, -2.0 * away


def maximum(acquisition, space, *, centres=None, taken=frozenset(), seed=0, n_candidates=200):
    centres = np.empty((0, space.d)) if centres is None else centres
    return maximise(acquisition, space, centres, taken, np.random.default_rng(seed), n_candidates)


@pytest.mark.parametrize("seed", range(5))
def test_finds_the_maximum_of_a_mixed_function(seed):
    assert_allclose(maximum(Bowl(), MIXED, seed=seed), Bowl.target, atol=1e-3)


def test_obeys_constraints():
    space = Space({"a": Float(0.0, 1.0), "b": Float(0.0, 1.0)}, constraints=["a + b <= 0.8"])

    class Corner:
        def __call__(self, x):
            return x.sum(1)

        def gradient(self, x):
            return x.sum(1), np.ones_like(x)

    x = maximum(Corner(), space)

    assert space.feasible(x[None])[0]
    assert 0.75 < x.sum() <= 0.8


def test_takes_the_best_cell_that_is_left():
    cells = np.concatenate(list(enumerate_cells(FINITE)))

    def score(x):
        return x[:, 0] + np.nan_to_num(x[:, 2])

    taken: set[bytes] = set()
    scores = []
    for _ in range(len(cells)):
        x = maximum(score, FINITE, taken=taken)
        scores.append(float(score(x[None])[0]))
        taken.update(keys(x[None]))

    assert len(taken) == len(cells) == 4 * (1 + 5)  # m exists only where c is "q"
    assert_allclose(scores, np.sort(score(cells))[::-1])
    with pytest.raises(SearchEnded, match="24 of them"):
        maximum(score, FINITE, taken=taken)


def test_finds_the_last_cells_of_a_larger_space():
    space = Space({"a": Int(0, 59), "b": Int(0, 59)}, constraints=["a + b < 30"])
    cells = np.concatenate(list(enumerate_cells(space)))
    taken = set(keys(cells[:-2]))

    found = [maximum(lambda x: x[:, 0], space, taken=taken, n_candidates=50)]
    taken.update(keys(found[0][None]))
    found.append(maximum(lambda x: x[:, 0], space, taken=taken, n_candidates=50))

    assert len(cells) == 30 * 31 // 2
    assert set(keys(np.array(found))) == set(keys(cells[-2:]))


def test_same_rng_same_point():
    assert_allclose(maximum(Bowl(), MIXED, seed=4), maximum(Bowl(), MIXED, seed=4), rtol=0, atol=0)


def test_keys_join_equal_points_and_inactive_ones():
    x = np.array([[0.5, np.nan], [0.5 + 1e-13, np.nan], [0.5, 0.0], [0.5, -0.0]])

    assert len(set(keys(x))) == 2
    assert is_new(x, set()).tolist() == [True, False, True, False]
    assert is_new(x, set(keys(x[:1]))).tolist() == [False, False, True, False]


def test_draws_end_only_when_everything_is_taken():
    cells = np.concatenate(list(enumerate_cells(FINITE)))
    rng = np.random.default_rng(0)

    left = draw_new(FINITE, 5, set(keys(cells[1:])), rng)

    assert keys(left) == keys(cells[:1])
    with pytest.raises(SearchEnded, match="Widen a range"):
        draw_new(FINITE, 5, set(keys(cells)), rng)


def test_perturbations_are_near_and_feasible_and_wake_columns():
    centre = MIXED.encode([{"a": 0.5, "b": 0.5, "k": 20, "c": "p"}])

    x = perturb(MIXED, centre, 400, np.random.default_rng(0))

    assert_allclose(MIXED.snap(x), x)
    assert np.median(np.abs(x[:, 0] - 0.5)) < 0.1
    assert 0.0 < np.mean(~np.isnan(x[:, 4])) < 0.5  # e exists where c became "q"


class Peak:
    """-(u - 0.3)^2 of the only column."""

    def __call__(self, x):
        return self.gradient(x)[0]

    def gradient(self, x):
        return -((x[:, 0] - 0.3) ** 2), -2.0 * (x - 0.3)


@pytest.mark.parametrize("wide", [Int(0, 2**32 - 1), Int(1, 10**12, log=True), Float(0.0, 1.0, step=1e-9)])
def test_very_many_levels_are_not_listed(wide):
    space = Space({"k": wide})
    x = np.atleast_2d(maximum(Peak(), space))
    assert_allclose(x, [[0.3]], atol=1e-4)
    assert_allclose(space.snap(x), x, atol=1e-12)

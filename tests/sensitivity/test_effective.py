"""Effective number of trials: all of them where they fill the space, few where they crowd."""

import numpy as np
import pytest

from trimtab.numerics import sobol_points
from trimtab.records import TrialTable
from trimtab.sensitivity import sobol
from trimtab.sensitivity._effective import effective_trials
from trimtab.space import Float, Space
from trimtab.surrogates import ProductGP

SPACE = Space({name: Float(0, 1) for name in "abc"})


def process(x):
    d = x.shape[1]
    return ProductGP(x, np.zeros(len(x)), np.zeros(d, bool), 1.0, 0.05, np.full(d, 0.6), np.full(d, 0.5))


def test_trials_that_fill_the_space_count_in_full():
    assert effective_trials(process(sobol_points(60, 3, 3)), SPACE) >= 50


def test_trials_in_one_corner_tell_little():
    crowd = 0.05 * np.random.default_rng(0).random((60, 3))

    assert effective_trials(process(crowd), SPACE) <= 5


@pytest.mark.parametrize("extra", [10, 30])
def test_a_crowd_adds_little_to_what_fills_the_space(extra):
    spread = sobol_points(20, 3, 3)
    crowd = 0.5 + 0.03 * np.random.default_rng(1).random((extra, 3))

    assert 14 <= effective_trials(process(np.concatenate([spread, crowd])), SPACE) <= 27


def test_the_result_says_it_for_the_trials_of_an_optimiser():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.random((15, 3)), np.clip(0.3 + 0.05 * rng.standard_normal((45, 3)), 0, 1)])
    y = np.sum((x - 0.3) ** 2, axis=1) + 0.01 * rng.standard_normal(60)
    crowded = sobol(TrialTable.of(SPACE, x, y), scale="rank")
    even = sobol(TrialTable.of(SPACE, rng.random((60, 3)), y[:60]), scale="rank")

    assert crowded.n_effective < 40
    assert any("spread evenly" in note for note in crowded.notes)
    assert even.n_effective == even.n_used == 60

"""The default sampler: what it chooses, that it says why, and that changing horses costs nothing."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from trimtab.records import Goals, TrialTable
from trimtab.samplers import GP, TPE, Auto
from trimtab.space import Float, Int, Space

LINE = Space({"lr": Float(0.0, 1.0)})
NONE = np.empty((0, 1))


def wide(d):
    return Space({f"p{j}": Int(1, 9) for j in range(d)})


def after(sampler, n):
    """State after n trials."""
    x = (np.arange(n)[:, None] + 0.5) / max(n, 1)
    return sampler.update(sampler.init(LINE, 0), TrialTable.of(LINE, x, np.sin(7 * x[:, 0])))


def test_says_what_it_chose_and_why():
    auto = Auto()

    assert str(auto.choose(LINE, 2_999)) == "gp: 1 column and fewer than 3,000 trials: a GP needs the fewest trials"
    assert str(auto.choose(LINE, 3_000)).startswith("tpe: there are 3,000 trials")
    assert str(auto.choose(LINE, 2_990, pending=10)).startswith("tpe: there are 3,000 trials")
    assert str(auto.choose(wide(auto.gp_columns), 0)).startswith("gp:")
    assert str(auto.choose(wide(auto.gp_columns + 1), 0)).startswith(
        f"tpe: the space has {auto.gp_columns + 1} columns"
    )
    assert str(auto.choose(LINE, 10, objectives=3)).startswith("gp:")
    assert str(auto.choose(LINE, 10, objectives=4)).startswith("tpe: there are 4 objectives")


def test_suggests_what_the_chosen_sampler_suggests():
    auto = Auto(gp_trials=8)

    for n, chosen in ((7, GP()), (9, TPE())):
        assert_array_equal(
            auto.suggest(after(auto, n), NONE, 1, np.random.default_rng(n)),
            chosen.suggest(after(chosen, n), NONE, 1, np.random.default_rng(n)),
        )


def test_returns_to_the_gp_when_fewer_trials_run():
    auto, pending = Auto(gp_trials=15), np.array([[0.11], [0.22], [0.33]])
    state = after(auto, 12)

    for waiting, chosen in ((pending, TPE()), (pending[:2], GP())):
        assert_array_equal(
            auto.suggest(state, waiting, 1, np.random.default_rng(0)),
            chosen.suggest(after(chosen, 12), waiting, 1, np.random.default_rng(0)),
        )


def test_four_objectives_are_for_tpe():
    goals = Goals(("a", "b", "c", "d"), (1.0,) * 4)
    rng = np.random.default_rng(0)
    table = TrialTable.of(LINE, rng.random((12, 1)), rng.random((12, 4)), goals=goals)

    state = Auto().update(Auto().init(LINE, 0), table)

    assert state.objectives == 4
    assert state.gp is None
    assert Auto().suggest(state, NONE, 1, np.random.default_rng(0)).shape == (1, 1)

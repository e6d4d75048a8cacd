"""The Gaussian-process search with reported gradients: unchanged without them, fewer trials with them, safe whatever they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import trimtab as tt
from trimtab.records import FAILED, TrialTable
from trimtab.samplers import GP
from trimtab.samplers._gp_slopes import STEEPEST, Tangents
from trimtab.surrogates import Columns

SPACE = tt.Space(
    {"a": tt.Float(0.0, 1.0), "b": tt.Float(1e-3, 1.0, log=True), "c": ["x", "y", "z"], "d": tt.Float(0, 1, when={"c": "y"})}
)  # fmt: skip


def some_trials(n: int, seed: int = 0) -> TrialTable:
    x = SPACE.sample(n, np.random.default_rng(seed))
    return TrialTable.of(SPACE, x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + np.nan_to_num(x[:, 3]))


def proposals(table: TrialTable, pieces: int = 1, n: int = 2) -> np.ndarray:
    sampler = GP(n_candidates=200)
    state = sampler.init(SPACE, 0)
    for rows in np.array_split(np.arange(table.n), pieces):
        state = sampler.update(state, table.where(rows))
    return sampler.suggest(state, np.empty((0, SPACE.d)), n, np.random.default_rng([0, table.n]))


@pytest.mark.parametrize("n", [1, 2, 5, 25])
def test_without_gradients_proposals_are_those_of_the_plain_process_bit_for_bit(n, monkeypatch):
    """None, or none known: neither the derivative model nor its likelihood is called."""
    table = some_trials(n)
    plain = proposals(table)
    for name in ("Tangents", "fit_gp_slopes"):
        monkeypatch.setattr(f"trimtab.samplers._gp.{name}", None)

    assert_array_equal(proposals(replace(table, derivatives=np.full((n, SPACE.d), np.nan))), plain)
    assert_array_equal(proposals(table), plain)


def test_gradients_change_what_is_proposed_and_replaying_the_table_does_not():
    table = some_trials(8)
    slopes = np.full((8, SPACE.d), np.nan)
    slopes[3:, 0] = 5 * np.cos(5 * table.x[3:, 0])
    told = replace(table, derivatives=slopes)

    assert np.any(proposals(told) != proposals(table))
    assert_array_equal(proposals(told, pieces=4), proposals(told))


def quadratic(seed: int):
    """A bowl with its bottom anywhere inside, and its gradient."""
    centre, weight = np.random.default_rng(seed).uniform(0.2, 0.8, 3), np.array([4.0, 2.0, 1.0])
    space = {f"x{j}": tt.Float(0.0, 1.0) for j in range(3)}

    def objective(trial, gradients):
        x = np.array(list(trial.values()))
        if gradients:
            trial.report_gradient(dict(zip(trial, 2 * weight * (x - centre), strict=True)))
        return float(weight @ (x - centre) ** 2)

    return space, objective


def test_a_smooth_bowl_takes_half_the_trials():
    """What 12 trials find without gradients, 6 find with them, in at least 2 of 4 bowls.

    In 22 of 24 bowls they did. So fewer than 2 of 4 fresh ones would with a probability of 0.002; these seeds are fixed.
    """
    won = 0
    for seed in range(4):
        space, objective = quadratic(seed)
        values = []
        for gradients, n in ((False, 12), (True, 6)):
            study = tt.Study(space, sampler=GP(n_candidates=200), seed=seed)
            study.optimize(lambda trial, g=gradients, f=objective: f(trial, g), n, progress=False)
            values.append(study.best.value)
        won += values[1] <= values[0]
    assert won >= 2


@pytest.mark.parametrize("scale", [0.0, 1e-200, 1.0, 1e6, 1e200])
def test_whatever_gradients_are_the_search_goes_on(scale):
    table = some_trials(10)
    slopes = scale * np.random.default_rng(1).standard_normal((10, SPACE.d))
    table.state[2] = FAILED

    for n in (1, 2, 10):
        x = proposals(replace(table, derivatives=slopes).where(np.arange(n)))
        assert SPACE.feasible(x).all()


def test_derivatives_are_those_of_the_warped_objective():
    """One unit of y is one of z here but for the scale; long gradients keep their direction, failed trials have none."""
    columns = Columns.continuous(2)
    x, y = np.random.default_rng(0).random((6, 2)), np.array([0.0, 1.0, 2.0, 3.0, np.inf, np.nan])
    raw = np.array([[1.0, -2.0], [np.nan, 0.5], [1e9, 1e9], [0.1, 0.0], [1.0, 1.0], [1.0, 1.0]])
    slopes = Tangents(columns, x, y, raw, "yeo_johnson").of(np.arange(6))

    assert slopes.column.tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert_allclose(slopes.value[1] / slopes.value[0], -2.0)
    assert_allclose(np.hypot(*slopes.value[3:5]), STEEPEST)
    assert_allclose(slopes.value[3], slopes.value[4])
    assert not np.isin(x[4:], slopes.x).any()


def test_one_trial_with_a_gradient_has_a_slope_of_ordinary_length():
    slopes = Tangents(
        Columns.continuous(2), np.full((1, 2), 0.5), np.array([3.0]), np.array([[30.0, 40.0]]), "half_rank_log"
    )
    assert_allclose(slopes.of(np.arange(1)).value, np.sqrt(5.0) * np.array([0.6, 0.8]))


def test_the_number_of_derivatives_is_bounded():
    n, d = 200, 5
    rng = np.random.default_rng(0)
    x, y = rng.random((n, d)), rng.standard_normal(n)
    tangents = Tangents(Columns.continuous(d), x, y, rng.standard_normal((n, d)), "half_rank_log")

    kept = tangents.of(np.arange(n))
    assert len(kept.value) == 120
    assert x[np.argmin(y)] in kept.x
    assert x[-1] in kept.x
    assert tangents.of(np.array([], dtype=int)) is None

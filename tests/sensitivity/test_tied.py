"""Sensitivities of trials that reported gradients: sharper intervals, the same counts, and sense in what enters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.records import TrialTable
from trimtab.sensitivity import gradient, sobol
from trimtab.sensitivity._surrogate import prepare
from trimtab.sensitivity._tied import DOUBT, STEEPEST, STEP, slopes_worth, with_tied_rows
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space({f"x{j}": Float(0.0, 1.0) for j in range(3)})


def tables(seed: int, n: int = 14, direction: str = "minimize") -> tuple[TrialTable, TrialTable]:
    """Trials of 2 x0 + sin(5 x1), x2 dead: without their gradients, and with them."""
    x = SPACE.sample(n, np.random.default_rng(seed))
    plain = TrialTable.of(SPACE, x, 2 * x[:, 0] + np.sin(5 * x[:, 1]), direction)
    slopes = np.stack([np.full(n, 2.0), 5 * np.cos(5 * x[:, 1]), np.zeros(n)], axis=1)
    return plain, replace(plain, derivatives=slopes)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_gradients_sharpen_the_shares(direction):
    """Exact totals: 2^2 / 12 = 1/3 and Var sin(5 u) = 0.476 of their sum."""
    wave = 0.5 - np.sin(10.0) / 20.0 - ((1 - np.cos(5.0)) / 5.0) ** 2
    exact = np.array([1 / 3, wave, 0.0]) / (1 / 3 + wave)
    errors, widths = [], []
    for seed in range(3):
        found = [sobol(table, scale="raw") for table in tables(seed, direction=direction)]
        errors.append([np.abs(f.total - exact).mean() for f in found])
        widths.append([np.mean(f.total_high - f.total_low) for f in found])
        assert found[1].n_used == found[0].n_used == 14
        assert any("42 derivatives that trials reported sharpen" in note for note in found[1].notes)
    (plain, sharp), (wide, narrow) = np.mean(errors, axis=0), np.mean(widths, axis=0)
    assert sharp < 0.6 * plain
    assert sharp < 0.06
    assert narrow < 0.7 * wide


@pytest.mark.parametrize("scale", ["raw", "log", "rank"])
def test_slopes_agree_with_the_gradients_on_every_scale(scale):
    x = SPACE.sample(20, np.random.default_rng(0))
    y = np.exp(x[:, 0] + 0.5 * x[:, 1])
    table = TrialTable.of(SPACE, x, y)
    told = replace(table, derivatives=y[:, None] * np.array([1.0, 0.5, 0.0]))
    here = SPACE.decode(x[[4]])[0]

    expected = gradient(table, at=here, scale=scale)
    found = gradient(told, at=here, scale=scale)
    assert_allclose(found.slope, expected.slope, atol=0.35 * np.abs(expected.slope).max())
    if scale == "log":
        assert_allclose(found.slope, [1.0, 0.5, 0.0], atol=0.05)


def test_tables_with_and_without_gradients_are_kept_apart():
    plain, told = tables(0)
    assert prepare(plain, "raw").fit.best.ties is None
    assert prepare(told, "raw").fit.best.ties is not None
    assert prepare(plain, "raw").fit.best.ties is None


def test_what_says_nothing_does_not_enter():
    space = Space({"a": Float(0, 1), "k": Int(1, 9), "c": Categorical(["u", "v"])})
    slopes = np.array([[1.0, 1.0, np.nan], [2 * STEEPEST, 1.0, np.nan], [np.nan, np.nan, np.nan]])

    worth = slopes_worth(space, slopes)
    assert_allclose(worth, [[1.0, np.nan, np.nan], [np.nan] * 3, [np.nan] * 3])
    assert slopes_worth(space, slopes[1:]) is None
    assert slopes_worth(space, None) is None


def test_tied_rows_lie_inside_beside_their_trial():
    x, z = np.array([[0.0, 1.0], [0.7, np.nan]]), np.array([1.0, 2.0])
    slopes = np.array([[3.0, -1.0], [2.0, 5.0]])

    rows, values, ties = with_tied_rows(x, z, slopes)
    assert_allclose(rows[2:], [[STEP, 1.0], [0.0, 1.0 - STEP], [0.7 - STEP, np.nan]])
    assert_allclose(values[2:], [1.0 + 3 * STEP, 1.0 + STEP, 2.0 - 2 * STEP])
    assert ties.trial.tolist() == [0, 1, 0, 0, 1]
    assert ties.own[0] == ties.own[1] == 0.0
    assert np.all(ties.own[2:] >= (STEP * DOUBT) ** 2)
    assert len(with_tied_rows(x, z, slopes, most=2)[0]) == 4
    assert with_tied_rows(x, z, None)[2] is None

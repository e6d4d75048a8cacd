"""DGSM and its bound: exact values, the half wave for which the bound is sharp, dead knobs, bad data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.records import TrialTable
from trimtab.sensitivity import dgsm, sobol
from trimtab.space import Categorical, Float, Int, Space


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


def test_a_linear_function_and_the_half_wave_for_which_the_bound_is_sharp(seed=0):
    """cos(pi x1) + x2: mean squared slopes pi^2 / 2 and 1, variances 1/2 and 1/12."""
    s = dgsm(table(cube(3), lambda x: np.cos(np.pi * x[:, 0]) + x[:, 1], 60, seed), scale="raw")
    v = 1 / 2 + 1 / 12

    assert_allclose(s.squared[:2], [np.pi**2 / 2, 1.0], rtol=0.1)
    assert_allclose(s.bound[:2], [0.5 / v, 1 / np.pi**2 / v], rtol=0.1)
    assert s.bound_high[2] < 0.05
    assert [text.startswith("matters") for text in s.verdicts.values()] == [True, True, False]


def test_the_bound_lies_above_the_total_effect(seed=1):
    t = table(cube(4), lambda x: np.sin(4 * x[:, 0]) * x[:, 1] + 0.3 * x[:, 2], 80, seed, noise=0.02)
    total, bound = sobol(t), dgsm(t)
    live = bound.bound > 0.02

    assert live[:3].all()
    assert np.all(bound.bound_high[live] > total.total[live])


def test_a_conditional_knob_few_levels_and_choices(seed=2):
    space = Space(
        {
            "c": Categorical(["p", "q"]),
            "k": Int(1, 64),
            "two": Int(1, 2),
            "m": Float(0, 1, when={"c": "q"}),
        }
    )
    order = list(space.names)

    def function(x):
        column = dict(zip(order, x.T, strict=True))
        return column["k"] + 2 * np.nan_to_num(column["m"])

    s = dgsm(table(space, function, 120, seed, noise=0.01), scale="raw")
    at = dict(zip(s.parameters, range(len(s.parameters)), strict=True))

    assert "c" not in at
    assert s.squared[at["m"]] == pytest.approx(2.0, rel=0.3)  # 4 in half of the space
    assert s.squared[at["k"]] == pytest.approx(1.0, rel=0.2)
    assert np.isnan(s.bound[at["two"]])
    assert any("fewer than 8 levels: two" in note for note in s.notes)
    assert any("left out: c" in note for note in s.notes)
    assert "NaN" not in json.dumps(s.to_dict())


@pytest.mark.parametrize(
    ("n", "function", "word"),
    [
        (2, lambda x: x[:, 0], "too little data"),
        (40, lambda x: np.full(len(x), 2.5), "too little data"),
        (40, lambda x: np.random.default_rng(5).standard_normal(len(x)), "cannot be told from a dead knob"),
    ],
    ids=["two", "constant", "noise"],
)
def test_nothing_is_invented(n, function, word):
    s = dgsm(table(cube(3), function, n, 0))

    assert all(text.startswith(word) for text in s.verdicts.values())
    assert np.isnan(s.bound).all()


def test_the_sign_changes_nothing(seed=3):
    t = table(cube(2), lambda x: x[:, 0] ** 2 + 0.2 * x[:, 1], 40, seed, noise=0.02)
    s, mirrored = dgsm(t), dgsm(TrialTable.of(t.space, t.x, t.y, "maximize"))

    assert str(dgsm(t)) == str(s)
    assert_allclose(mirrored.bound, s.bound, rtol=0.02)
    assert_array_equal(list(mirrored.verdicts), list(s.verdicts))

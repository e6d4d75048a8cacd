"""First-order shares by ranks: exact indices of Ishigami, by-level estimates against enumeration, noise, bad data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.records import TrialTable
from trimtab.sensitivity import rank_first_order
from trimtab.space import Categorical, Float, Int, Space


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


def matters(result):
    return np.array([text.startswith("matters") for text in result.verdicts.values()])


def test_ishigami():
    """Four seeds of 1,000 trials; the standard deviation of one estimate is about 0.03."""
    truth = np.array([0.3139, 0.4424, 0.0, 0.0])
    results = [rank_first_order(table(cube(4), ishigami, 1000, seed), scale="raw") for seed in range(4)]

    assert np.abs([s.main - truth for s in results]).max() < 0.12
    assert np.all([matters(s)[:2] for s in results])
    assert np.mean([matters(s)[2:] for s in results]) <= 0.25
    assert np.mean([(s.main_low <= truth) & (truth <= s.main_high) for s in results]) > 0.6


def test_intervals_cover_the_truth(seeds=15):
    """90 % intervals; at 0.9 true coverage 45 cases fall below 0.75 once in 500 seeds."""
    truth = np.array([9.0, 1.0, 0.0]) / (10 + 12 * 0.25)
    results = [
        rank_first_order(table(cube(3), lambda x: 3 * x[:, 0] + x[:, 1], 150, seed, noise=0.5)) for seed in range(seeds)
    ]
    assert np.mean([(s.main_low <= truth) & (truth <= s.main_high) for s in results]) > 0.75


def test_levels_choices_and_conditions(seed=1):
    space = Space({"c": Categorical(["p", "q"]), "k": Int(1, 4), "m": Float(0, 1, when={"c": "q"})})
    order = list(space.names)

    def function(x):
        column = dict(zip(order, x.T, strict=True))
        return 1.0 * (column["c"] > 0.5) + column["k"] + 2 * np.nan_to_num(column["m"] - 0.5)

    s = rank_first_order(table(space, function, 600, seed))
    # variances: choice 1/4, k 5/64, m given active 1/3, which is on in half of the space: main (1/2)^2 / 3
    whole = 1 / 4 + 5 / 64 + 1 / 6
    truth = {"c": 1 / 4 / whole, "k": 5 / 64 / whole, "m": 1 / 12 / whole}

    assert_allclose(s.main, [truth[name] for name in order], atol=0.1)
    assert matters(s).all()


def test_noise_alone_seldom_looks_like_a_knob():
    """At the level 0.02 of each of 150 knobs: more than 11 happen once in 5,000 seeds."""
    results = [rank_first_order(table(cube(5), lambda x: np.zeros(len(x)), 60, seed, noise=1.0)) for seed in range(30)]
    assert np.sum([matters(s) for s in results]) <= 11


def test_few_trials_are_said_and_what_acts_through_others_is_not_seen(seed=2):
    s = rank_first_order(table(cube(2), lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5), 60, seed))

    assert any("60 trials are few" in note for note in s.notes)
    assert all("through other knobs" in text for name, text in s.verdicts.items() if not text.startswith("matters"))


@pytest.mark.parametrize(
    ("n", "function", "reason"),
    [
        (2, lambda x: x[:, 0], "2 finished trials"),
        (40, lambda x: np.full(len(x), 2.5), "same objective"),
        (40, lambda x: np.full(len(x), np.nan), "0 finished trials"),
    ],
    ids=["two", "constant", "all failed"],
)
def test_too_little_data_is_said_and_nothing_invented(n, function, reason):
    s = rank_first_order(table(cube(3), function, n, 0))

    assert all(text.startswith("too little data: ") and reason in text for text in s.verdicts.values())
    assert np.isnan(s.main).all()
    assert "NaN" not in json.dumps(s.to_dict())


def test_the_sign_changes_nothing_and_duplicates_are_no_trouble(seed=3):
    t = table(cube(3), ishigami, 60, seed)
    s = rank_first_order(t)
    assert str(rank_first_order(t)) == str(s)
    assert_allclose(rank_first_order(TrialTable.of(t.space, t.x, t.y, "maximize")).main, s.main)

    again = rank_first_order(TrialTable.of(t.space, np.repeat(t.x, 3, axis=0), np.repeat(t.y, 3)))
    assert np.isfinite(again.main).all()


def test_a_knob_that_never_moved_and_forty_knobs(seed=4):
    rng = np.random.default_rng(seed)
    x = rng.random((120, 40))
    x[:, 1] = 0.25
    s = rank_first_order(TrialTable.of(cube(40), x, x[:, 0]))

    assert s.verdicts["x1"].startswith("matters")
    assert s.main[0] > 0.9
    assert s.verdicts["x2"].startswith("too little data")
    assert_array_equal([np.isnan(s.main[1]), s.main_low[1], s.main_high[1]], [True, 0.0, 1.0])
    assert matters(s)[2:].sum() <= 5

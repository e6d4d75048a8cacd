"""Morris screening: exact on linear functions, SALib as an oracle, noise, choices, conditions, failures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import MorrisDesign, morris
from trimtab.space import Categorical, Float, Int, Space


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def evaluated(design, function, noise=0.0, seed=0, direction="minimize"):
    """The design's result, without a study: function of x (n, d)."""
    y = function(design.points) + noise * np.random.default_rng(seed).standard_normal(len(design.points))
    return design.result(TrialTable.of(design.space, design.points, y, direction))


def matters(result):
    return np.array([text.startswith("matters") for text in result.verdicts.values()])


def test_effects_of_a_linear_function_are_exact():
    slopes = np.array([3.0, -2.0, 0.5, 0.0])
    s = evaluated(MorrisDesign.of(cube(4), r=5), lambda x: x @ slopes)

    assert_allclose(s.mean_abs, np.abs(slopes), atol=1e-5)
    assert_allclose(s.mean, slopes, atol=1e-5)
    assert_allclose(s.spread, 0.0, atol=1e-5)
    assert_allclose(s.mean_abs_low, np.abs(slopes), atol=1e-5)
    assert_array_equal(matters(s), [True, True, True, False])
    assert "straight line" in s.verdicts["x1"]


def test_every_level_is_visited_equally_often_and_steps_are_those_of_morris():
    design = MorrisDesign.of(cube(3), r=400, repeats=0)
    base = np.round(design.path[:, 0] * 3).astype(int)

    counts = np.array([np.bincount(base[:, j], minlength=4) for j in range(3)])
    assert np.abs(counts - 100).max() < 45  # 5.2 sd of a binomial: one fresh seed in 400,000 fails
    assert_allclose(np.abs(design.step), 2 / 3)
    assert_array_equal(np.sum(np.diff(design.path, axis=1) != 0, axis=2), 1)


def test_salib_finds_the_same_effects_in_our_design(seed=1):
    """SALib 1.6 as the oracle of mu, mu_star and sigma."""
    analyze = pytest.importorskip("SALib.analyze.morris")
    design = MorrisDesign.of(cube(4), r=20, seed=seed, repeats=0)

    def function(x):
        return x[:, 0] + 2 * x[:, 1] * x[:, 2] + x[:, 3] ** 3

    ours = evaluated(design, function)
    problem = {"num_vars": 4, "names": ["x1", "x2", "x3", "x4"], "bounds": [[0, 1]] * 4}
    x = design.path.reshape(-1, 4)
    theirs = analyze.analyze(problem, x, function(x), num_levels=4, seed=0)

    assert_allclose(ours.mean_abs, np.asarray(theirs["mu_star"]), atol=1e-4)
    assert_allclose(ours.mean, np.asarray(theirs["mu"]), atol=1e-4)
    assert_allclose(ours.spread, np.asarray(theirs["sigma"]), atol=1e-4)


def test_levels_choices_and_conditions():
    space = Space(
        {
            "k": Int(1, 5),
            "log": Int(1, 1000, log=True),
            "c": Categorical(["p", "q", "r"]),
            "o": Categorical([1, 2, 4], ordered=True),
            "m": Float(0, 1, when={"c": "q"}),
            "one": Categorical(["x"]),
        }
    )

    def objective(p):
        return 2.0 * (p["k"] - 1) / 4 + (p["c"] == "r") + 4.0 * p.get("m", 0.0)

    s = morris(objective, space, r=30, progress=False)
    at = dict(zip(s.parameters, range(space.d), strict=True))

    assert_allclose(s.mean_abs[at["k"]], 2.0, atol=1e-6)
    assert_allclose(s.mean_abs[at["m"]], 4.0, atol=1e-4)  # where it is active
    assert 0.1 < s.active[at["m"]] < 0.7
    assert np.isnan(s.mean[at["c"]])
    assert s.mean_abs[at["c"]] > 0.5
    assert_array_equal(s.mean_abs[[at["log"], at["o"]]], 0.0)
    assert all(s.verdicts[name].startswith("cannot be told") for name in ("log", "o"))
    if "one" in at:
        assert "only one value" in s.verdicts["one"]
    assert any("active" in note for note in s.notes)


def test_intervals_cover_the_mean_effect(seeds=40):
    """x1^2 + x2: mean effects over the grid {0, 1/3, 2/3, 1} are those of steps 2/3, 1 for both."""
    covered = []
    for seed in range(seeds):
        s = evaluated(MorrisDesign.of(cube(2), r=10, seed=seed), lambda x: x[:, 0] ** 2 + x[:, 1], noise=0.2, seed=seed)
        covered.append((s.mean_low <= 1.0) & (s.mean_high >= 1.0))
    assert np.mean(covered) > 0.8  # 90 % intervals; at 0.9 true coverage 80 cases fall below 0.8 once in 500


def test_noise_alone_seldom_looks_like_a_knob():
    """At the level 0.02 of each of 250 knobs: more than 15 happen once in 5,000 seeds."""
    results = [
        evaluated(MorrisDesign.of(cube(5), seed=seed), lambda x: np.zeros(len(x)), 1.0, seed) for seed in range(50)
    ]
    assert np.sum([matters(s) for s in results]) <= 15
    assert np.mean([s.noise for s in results]) == pytest.approx(1.0, abs=0.2)


def test_noise_hides_small_effects_and_says_so():
    s = evaluated(MorrisDesign.of(cube(3)), lambda x: 5 * x[:, 0] + 0.02 * x[:, 1], noise=0.5)

    assert_array_equal(matters(s), [True, False, False])
    assert s.noise == pytest.approx(0.5, rel=0.6)
    assert any("seed noise" in note for note in s.notes)


def test_failed_evaluations_leave_out_their_trajectory():
    design = MorrisDesign.of(cube(3), r=10, repeats=0)
    broken = design.path[[2, 5], 1]

    def function(x):
        y = x[:, 0] + x[:, 1]
        y[(np.abs(x[:, None] - broken) < 1e-9).all(axis=2).any(axis=1)] = np.nan
        return y

    s = evaluated(design, function)
    assert s.n_failed == len(np.unique(broken, axis=0))
    assert s.n_used == int(np.isfinite(function(design.path.reshape(-1, 3))).reshape(10, 4).all(axis=1).sum()) < 10
    assert_allclose(s.mean_abs, [1, 1, 0], atol=1e-5)
    assert any("failed" in note for note in s.notes)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "too little data"), (2.5, "cannot be told from a dead knob")])
def test_nothing_but_failures_and_a_constant_objective(value, word):
    s = evaluated(MorrisDesign.of(cube(3), r=4), lambda x: np.full(len(x), value))

    assert all(text.startswith(word) for text in s.verdicts.values())
    assert "NaN" not in json.dumps(s.to_dict())
    assert str(s)


def test_the_sign_of_the_objective_changes_the_mean_only():
    design = MorrisDesign.of(cube(3), r=6)
    up = evaluated(design, lambda x: x[:, 0] ** 2 + x[:, 1], 0.1)
    down = evaluated(design, lambda x: x[:, 0] ** 2 + x[:, 1], 0.1, direction="maximize")

    assert_allclose(up.mean_abs, down.mean_abs)
    assert_allclose(up.mean, -down.mean)
    assert_allclose(up.mean_low, -down.mean_high)
    assert_array_equal(matters(up), matters(down))


def test_constraints_are_kept_at_every_step():
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 1.7"])
    design = MorrisDesign.of(space, r=10)
    assert space.feasible(design.points).all()
    with pytest.raises(InputError, match="keeps the constraints at every step"):
        MorrisDesign.of(Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 0.3"]), r=10)


def test_forty_knobs_and_heavy_tails():
    s = evaluated(MorrisDesign.of(cube(40), r=10), lambda x: np.exp(12 * x[:, 0] + 3 * x[:, 1]))

    assert s.scale == "log"
    assert_allclose(s.mean_abs[:3], [12, 3, 0], atol=1e-4)
    assert matters(s).sum() == 2


def test_bad_arguments_name_what_is_wrong():
    for bad in ({"r": 1}, {"levels": 1}, {"seed": -1}, {"repeats": 1.5}):
        with pytest.raises(InputError, match=f"{next(iter(bad))} must be a whole number"):
            MorrisDesign.of(cube(2), **bad)
    with pytest.raises(InputError, match="between 0 and 1"):
        morris(lambda p: 0.0, cube(2), confidence=90)
    with pytest.raises(InputError, match="auto, raw, log, rank"):
        morris(lambda p: 0.0, cube(2), scale="ranks")

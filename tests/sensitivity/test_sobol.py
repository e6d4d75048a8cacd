"""Global sensitivity: reference functions, null functions, exact small cases, bad data."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError, MissingExtra
from trimtab.records import PRUNED, TrialTable
from trimtab.sensitivity import sobol
from trimtab.space import Categorical, Float, Int, Space

A = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def sobol_g(u):
    return np.prod((np.abs(4 * u - 2) + A) / (1 + A), axis=1)


def truth_of_g():
    v = 1 / (3 * (1 + A) ** 2)
    variance = np.prod(1 + v) - 1
    return v / variance, v * np.array([np.prod(np.delete(1 + v, j)) for j in range(len(A))]) / variance


REFERENCES = {
    "ishigami": (ishigami, np.array([0.3139, 0.4424, 0.0]), np.array([0.5576, 0.4424, 0.2437])),
    "g": (sobol_g, *truth_of_g()),
}


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


def starts(result, word):
    return np.array([text.startswith(word) for text in result.verdicts.values()])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", REFERENCES)
def test_reference_functions_at_150_trials(name, seed):
    function, main, total = REFERENCES[name]
    s = sobol(table(cube(len(main)), function, 150, seed))

    assert s.scale == "raw"
    assert np.abs(s.main - main).max() < 0.05
    assert np.abs(s.total - total).max() < 0.05
    assert_array_equal(starts(s, "matters")[total > 0.05], True)
    assert_array_equal(starts(s, "matters")[total < 1e-3], False)


@pytest.mark.parametrize("name", REFERENCES)
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    """Four tables of 150 trials. If each interval holds with 90 %, and those of one table are independent, fewer than 75 % of 24
    has a probability of 0.9 %, of 32 of 0.4 %."""
    function, main, total = REFERENCES[name]
    results = [sobol(table(cube(len(main)), function, 150, seed)) for seed in range(4)]
    held = [(s.main_low <= main + 1e-3) & (main - 1e-3 <= s.main_high) for s in results]
    held += [(s.total_low <= total + 1e-3) & (total - 1e-3 <= s.total_high) for s in results]

    assert np.mean(held) >= 0.75


def test_the_pair_of_ishigami_is_found(seed=5):
    s = sobol(table(cube(3), ishigami, 150, seed))
    pairs = s.interactions

    assert (pairs.first[0], pairs.second[0]) == ("x1", "x3")
    assert_allclose(pairs.share, [0.2437, 0.0, 0.0], atol=0.05)
    assert pairs.low[0] <= 0.2437 <= pairs.high[0]


def test_noise_alone_seldom_looks_like_a_knob():
    tables = [table(cube(5), lambda x: np.zeros(len(x)), 30, seed, noise=1.0) for seed in range(20)]
    matters = np.array([starts(sobol(t), "matters") for t in tables])

    assert matters.mean() <= 0.05
    assert not np.isfinite([sobol(t).total for t in tables]).all()  # no invented shares


def test_dead_knobs_beside_live_ones_are_told_apart():
    tables = [table(cube(6), lambda x: 3 * x[:, 0] + np.sin(6 * x[:, 1]), 60, seed, noise=0.3) for seed in range(5)]
    results = [sobol(t) for t in tables]

    assert np.array([starts(s, "matters")[:2] for s in results]).all()
    assert np.array([starts(s, "matters")[2:] for s in results]).mean() <= 0.05
    assert all(np.all(s.total_low[2:] == 0.0) for s in results)


def test_choices_levels_and_pure_interaction_by_enumeration(seed=3):
    space = Space({"a": Categorical(["p", "q", "r"]), "b": Int(1, 4), "c": Categorical([True, False])})
    effect = np.random.default_rng(seed).standard_normal((3, 4, 2))
    effect[:, :, 1] = effect[:, :, 0]  # c is dead
    truth = effect[:, :, 0]
    main = np.array([truth.mean(1).var(), truth.mean(0).var(), 0.0]) / truth.var()
    total = np.array([1 - main[1], 1 - main[0], 0.0])

    def function(x):
        a, b, c = (np.floor(x[:, j] * k).astype(int) for j, k in enumerate([3, 4, 2]))
        return effect[a, b, c]

    s = sobol(table(space, function, 120, seed, noise=0.05), scale="raw")

    assert_allclose(s.main, main, atol=0.05)
    assert_allclose(s.total, total, atol=0.05)
    assert not starts(s, "matters")[2]


def test_a_conditional_knob_counts_where_it_is_active_and_its_parent_keeps_the_switch(seed=4):
    space = Space(
        {"solver": Categorical(["adam", "sgd"]), "lr": Int(1, 5), "momentum": Int(1, 5, when={"solver": "sgd"})}
    )

    def function(x):
        return 1.0 * (x[:, 0] > 0.5) + x[:, 1] + 2 * np.nan_to_num(x[:, 2])

    cells = np.array(list(itertools.product(*(space.levels(j) for j in range(3)))))
    full = function(space.snap(cells)).reshape(2, 5, 5)
    axes = range(3)
    main = np.array([full.mean(axis=tuple(a for a in axes if a != j)).var() for j in axes]) / full.var()
    total = np.array([1 - full.mean(axis=j).var() / full.var() for j in axes])

    s = sobol(table(space, function, 120, seed, noise=0.05))

    assert_allclose(s.main, main, atol=0.05)
    assert_allclose(s.total, total, atol=0.05)
    assert starts(s, "matters").all()
    assert any("active" in note for note in s.notes)


def test_local_scope_looks_around_the_best(seed=5):
    """x1 is steep everywhere, x2 only far from the best."""
    bowl = table(
        cube(2), lambda x: np.abs(x[:, 0] - 0.5) + 3 * np.maximum(x[:, 1] - 0.4, 0) ** 2 + 0.1 * x[:, 1], 100, seed
    )

    everywhere, here = sobol(bowl), sobol(bowl, scope="local")

    assert everywhere.total[1] > 0.6
    assert here.total[1] < 0.3
    assert here.scope == "local"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_good_scope_tells_what_decides_among_the_good(direction):
    """Exact shares of min(f, its 25 % quantile): by 2^17 Saltelli rows, standard errors below 0.005. The whole space has others."""

    def function(x):
        return 4 * (x[:, 0] - 0.3) ** 2 + 0.4 * (x[:, 1] - 0.6) ** 2 + 1.5 * (x[:, 2] > 0.7)

    t = table(cube(4), function, 200, seed=8)
    t = TrialTable.of(t.space, t.x, t.y, direction)  # y is in minimised sign either way
    good = sobol(t, scope="good", scale="raw")

    assert_allclose(good.main, [0.54, 0.04, 0.10, 0.0], atol=0.1)
    assert_allclose(good.total, [0.84, 0.14, 0.37, 0.0], atol=0.1)
    assert good.scope == "good"
    assert any("best 25 %" in note for note in good.notes)
    assert abs(sobol(t, scale="raw").total[2] - good.total[2]) > 0.2


def test_heavy_tails_are_analysed_on_a_robust_scale(seed=6):
    t = table(cube(3), lambda x: np.exp(8 * x[:, 0] + 2 * x[:, 1]), 80, seed)
    s = sobol(t)

    assert s.scale == "log"
    assert_allclose(s.main[:2], [64 / 68, 4 / 68], atol=0.03)
    assert any("heavy tail" in note for note in s.notes)
    assert sobol(t, scale="rank").scale == "rank"


def test_failed_and_pruned_trials_are_left_out_and_counted(seed=7):
    t = table(cube(2), lambda x: np.where(x[:, 1] > 0.8, np.nan, x[:, 0]), 80, seed, noise=0.05)
    state = t.state.copy()
    state[np.flatnonzero(np.isfinite(t.y))[:5]] = PRUNED
    s = sobol(replace(t, state=state))

    assert s.n_failed == int(np.isnan(t.y).sum())
    assert s.n_used == 80 - s.n_failed - 5
    assert any("failed" in note for note in s.notes)
    assert any("5 pruned" in note for note in s.notes)
    assert_array_equal(starts(s, "matters"), [True, False])


@pytest.mark.parametrize(
    ("n", "function", "reason"),
    [
        (0, lambda x: x[:, 0], "0 finished trials"),
        (2, lambda x: x[:, 0], "2 finished trials"),
        (40, lambda x: np.full(len(x), 2.5), "same objective"),
        (40, lambda x: np.full(len(x), np.nan), "0 finished trials"),
    ],
    ids=["none", "two", "constant", "all failed"],
)
def test_too_little_data_is_said_and_nothing_invented(n, function, reason):
    s = sobol(table(cube(3), function, n, 0))

    assert starts(s, "too little data").all()
    assert all(reason in text for text in s.verdicts.values())
    assert np.isnan(s.total).all()
    assert_array_equal(s.total_low, 0.0)
    assert_array_equal(s.total_high, 1.0)
    assert reason in str(s)


def test_a_knob_that_never_moved_is_too_little_data(seed=8):
    rng = np.random.default_rng(seed)
    x = rng.random((40, 3))
    x[:, 1] = 0.25
    s = sobol(TrialTable.of(cube(3), x, x[:, 0] + 0.1 * rng.standard_normal(40)))

    assert s.verdicts["x1"].startswith("matters")
    assert s.total[0] > 0.9  # what x2 might do does not blur what is known of x1
    assert any("x2" in note for note in s.notes)
    assert s.verdicts["x2"].startswith("too little data")
    assert np.isnan(s.total[1])
    assert (s.total_low[1], s.total_high[1]) == (0.0, 1.0)


def test_one_knob_and_forty_knobs(seed=9):
    one = sobol(table(cube(1), lambda x: x[:, 0] ** 2, 20, seed))
    forty = sobol(table(cube(40), lambda x: 2 * x[:, 0] + x[:, 1], 80, seed, noise=0.1))

    assert one.verdicts["x1"].startswith("matters")
    assert_allclose(one.total, 1.0, atol=0.01)
    assert len(one.interactions.first) == 0
    assert starts(forty, "matters")[:2].all()
    assert starts(forty, "matters")[2:].mean() <= 0.05
    assert len(forty.interactions.first) == 780


def test_duplicates_are_no_trouble(seed=10):
    t = table(cube(2), lambda x: x[:, 0], 15, seed)
    s = sobol(TrialTable.of(t.space, np.repeat(t.x, 3, axis=0), np.repeat(t.y, 3)))

    assert s.verdicts["x1"].startswith("matters")


def test_the_same_call_gives_the_same_numbers_and_the_sign_changes_none(seed=11):
    t = table(cube(3), ishigami, 60, seed)
    first = sobol(t)
    from trimtab.sensitivity import _surrogate

    _surrogate._kept.clear()
    second = sobol(t)
    mirrored = sobol(TrialTable.of(t.space, t.x, t.y, "maximize"))

    assert_array_equal(first.total, second.total)
    assert_array_equal(first.main_low, second.main_low)
    assert_allclose(mirrored.total, first.total, atol=1e-3)


def test_trials_of_an_optimiser_are_noticed_and_widen_the_intervals(seed=12):
    rng = np.random.default_rng(seed)
    crowded = np.clip(0.3 + 0.08 * rng.standard_normal((60, 2)), 0, 1)
    even = rng.random((60, 2))

    def look(x):
        return sobol(TrialTable.of(cube(2), x, x[:, 0] + x[:, 1] ** 2 + 0.02 * rng.standard_normal(len(x))))

    assert any("crowd" in note for note in look(crowded).notes)
    assert not any("crowd" in note for note in look(even).notes)
    assert np.mean(look(crowded).total_high - look(crowded).total_low) > np.mean(
        look(even).total_high - look(even).total_low
    )


def test_bad_arguments_name_the_valid_ones():
    t = table(cube(2), lambda x: x[:, 0], 20, 0)

    with pytest.raises(InputError, match="auto, raw, log, rank"):
        sobol(t, scale="ranks")
    with pytest.raises(InputError, match="space, good, local"):
        sobol(t, scope="globe")
    with pytest.raises(InputError, match="between 0 and 1"):
        sobol(t, confidence=90)
    with pytest.raises(InputError, match="positive in every trial"):
        sobol(table(cube(2), lambda x: x[:, 0] - 0.5, 20, 0), scale="log")
    with pytest.raises(InputError, match="TrialTable"):
        sobol([1, 2, 3])


def test_an_empty_study_says_nothing_about_its_objective():
    result = sobol(TrialTable.of(Space({"x": Float(0, 1)}), np.empty((0, 1)), np.empty(0), "minimize"))

    assert result.verdicts["x"] == "too little data: 0 finished trials, at least 8 are needed for 1 knob"
    assert "tail" not in "".join(result.remarks())


def test_tables_for_people_and_machines(seed=13):
    space = Space({"<b>": Float(0, 1), "k": Int(1, 3)})
    s = sobol(table(space, lambda x: x[:, 0] + x[:, 1], 40, seed, noise=0.05))
    frame, pairs = s.to_pandas(), s.interactions.to_pandas()

    assert list(frame.columns) == [
        "parameter", "main", "main_low", "main_high", "total", "total_low", "total_high", "verdict"
    ]  # fmt: skip
    assert list(pairs.columns) == ["first", "second", "share", "low", "high"]
    assert list(sobol(table(cube(1), lambda x: x[:, 0], 20, 0)).interactions.to_pandas().columns) == list(pairs.columns)
    assert "&lt;b&gt;" in s._repr_html_()
    assert "<b>" not in s._repr_html_().replace("<body", "")
    assert json.loads(json.dumps(s.to_dict(), allow_nan=False))["parameters"] == ["<b>", "k"]
    assert "NaN" not in json.dumps(sobol(table(space, lambda x: x[:, 0], 2, 0)).to_dict())
    assert "<b>" in str(s)


def test_a_missing_pandas_names_the_command(monkeypatch):
    s = sobol(table(cube(2), lambda x: x[:, 0], 3, 0))
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(MissingExtra, match=r"trimtab\[pandas\]"):
        s.to_pandas()


def test_local_scope_of_a_knob_with_very_many_values():
    space = Space({"seed": Int(0, 2**32 - 1), "x": Float(0.0, 1.0)})
    x = space.sample(20, np.random.default_rng(0))
    here = sobol(TrialTable.of(space, x, (x[:, 1] - 0.5) ** 2), scope="local")
    assert here.parameters == ("seed", "x")

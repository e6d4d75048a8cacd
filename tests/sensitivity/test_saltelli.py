"""Saltelli's design: exact indices of Ishigami and Sobol' G, SALib as an oracle, noise, discrete and conditional spaces."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import SaltelliDesign
from trimtab.space import Categorical, Float, Int, Space

A = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def sobol_g(u):
    return np.prod((np.abs(4 * u - 2) + A) / (1 + A), axis=1)


V = 1 / (3 * (1 + A) ** 2)
REFERENCES = {
    "ishigami": (ishigami, np.array([0.3139, 0.4424, 0.0]), np.array([0.5576, 0.4424, 0.2437])),
    "g": (
        sobol_g,
        V / (np.prod(1 + V) - 1),
        V * np.prod(1 + V) / (1 + V) / (np.prod(1 + V) - 1),
    ),
}


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def evaluated(design, function, noise=0.0, seed=0, direction="minimize", **settings):
    y = function(design.points) + noise * np.random.default_rng(seed).standard_normal(len(design.points))
    return design.result(TrialTable.of(design.space, design.points, y, direction), **settings)


def matters(result):
    return np.array([text.startswith("matters") for text in result.verdicts.values()])


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_functions(name):
    function, main, total = REFERENCES[name]
    s = evaluated(SaltelliDesign.of(cube(len(main)), n=1024, repeats=0), function, scale="raw")

    assert np.abs(s.main - main).max() < 0.03
    assert np.abs(s.total - total).max() < 0.03
    assert_array_equal(matters(s), total > 0.01)
    assert s.n_trials == 1024 * (len(main) + 2)


def test_intervals_cover_the_truth(seeds=12):
    """90 % intervals over 108 cases; resampled rows know nothing of the even design, so more is covered."""
    covered = []
    for seed in range(seeds):
        for function, main, total in REFERENCES.values():
            s = evaluated(SaltelliDesign.of(cube(len(main)), n=128, seed=seed), function, 0.3, seed, scale="raw")
            tiny = 0.005  # shares below count as zero
            covered.append(np.mean((s.total_low <= total + tiny) & (total - tiny <= s.total_high)))
            covered.append(np.mean((s.main_low <= main + tiny) & (main - tiny <= s.main_high)))
    assert np.mean(covered) > 0.85


def test_salib_estimates_the_same_totals():
    """SALib's total is Jansen's too; its design has the same blocks in another order."""
    analyze = pytest.importorskip("SALib.analyze.sobol")
    design = SaltelliDesign.of(cube(3), n=64, repeats=0)
    ours = evaluated(design, ishigami, scale="raw")
    rows = np.concatenate([design.a[None], design.ab, design.b[None]]).swapaxes(0, 1).reshape(-1, 3)
    problem = {"num_vars": 3, "names": ["x1", "x2", "x3"], "bounds": [[0, 1]] * 3}
    y = ishigami(rows)
    theirs = analyze.analyze(problem, y, calc_second_order=False, num_resamples=10, seed=0)

    assert_allclose(ours.total, np.asarray(theirs["ST"]), rtol=0.02)  # they divide by another estimate of the variance


def test_seed_noise_is_taken_out_of_the_shares():
    noisy = evaluated(SaltelliDesign.of(cube(3), n=512, repeats=512), lambda x: 3 * x[:, 0] + x[:, 1], noise=0.4)

    assert_allclose(noisy.total, [0.9, 0.1, 0.0], atol=0.1)  # about 4 sd
    assert_allclose(noisy.variance, 10 / 12, rtol=0.2)
    assert noisy.noise == pytest.approx(0.16 / (0.16 + 10 / 12), abs=0.04)
    assert_array_equal(matters(noisy), [True, True, False])


def test_noise_alone_seldom_looks_like_a_knob():
    """At the level 0.02 of each of 150 knobs: more than 11 happen once in 5,000 seeds."""
    results = [
        evaluated(SaltelliDesign.of(cube(5), n=32, seed=seed), lambda x: np.zeros(len(x)), 1.0, seed)
        for seed in range(30)
    ]
    assert np.sum([matters(s) for s in results]) <= 11


def test_levels_choices_and_conditions_by_enumeration():
    space = Space(
        {"c": Categorical(["adam", "sgd"]), "k": Int(1, 5), "dead": Int(1, 2), "m": Int(1, 5, when={"c": "sgd"})}
    )

    def function(x):
        return 1.0 * (x[:, 0] > 0.5) + x[:, 1] + 2 * np.nan_to_num(x[:, 3])

    cells = np.array(list(itertools.product(*(space.levels(j) for j in range(4)))))
    full = function(space.snap(cells)).reshape(2, 5, 2, 5)
    axes = range(4)
    main = np.array([full.mean(axis=tuple(a for a in axes if a != j)).var() for j in axes]) / full.var()
    total = np.array([1 - full.mean(axis=j).var() / full.var() for j in axes])

    design = SaltelliDesign.of(space, n=512, repeats=0)
    s = evaluated(design, function)

    assert_allclose(s.main, main, atol=0.06)
    assert_allclose(s.total, total, atol=0.04)
    assert_array_equal(matters(s), [True, True, False, True])
    assert s.n_trials == len(design.points) <= 60  # equal configurations are evaluated once


def test_failed_evaluations_leave_out_their_row():
    s = evaluated(SaltelliDesign.of(cube(2), n=128), lambda x: np.where(x[:, 1] > 0.9, np.nan, x[:, 0]))

    assert 60 < s.n_used < 128
    assert s.n_failed > 0
    assert_array_equal(matters(s), [True, False])
    assert any("failed" in note and "left out" in note for note in s.notes)


@pytest.mark.parametrize("value", [np.nan, 2.5], ids=["only failures", "constant"])
def test_too_little_is_said_and_nothing_invented(value):
    s = evaluated(SaltelliDesign.of(cube(3), n=16), lambda x: np.full(len(x), value))

    assert not matters(s).any()
    assert all(text.startswith("too little data: ") for text in s.verdicts.values())
    assert np.isnan(s.total).all()
    assert_array_equal(s.total_high, 1.0)
    assert "NaN" not in json.dumps(s.to_dict())


def test_the_sign_changes_nothing_and_more_rows_begin_with_the_same():
    small, large = SaltelliDesign.of(cube(3), n=16), SaltelliDesign.of(cube(3), n=32)
    assert_array_equal(small.ab, large.ab[:, :16])
    up, down = evaluated(small, ishigami, 0.1), evaluated(small, ishigami, 0.1, direction="maximize")
    assert_allclose(up.total, down.total)
    assert_allclose(up.main_low, down.main_low)


def test_constraints():
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 1.5"])
    design = SaltelliDesign.of(space, n=16)
    assert space.feasible(design.points).all()
    with pytest.raises(InputError, match="keep the constraints"):
        SaltelliDesign.of(Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 0.05"]), n=16)


def test_bad_arguments_and_forty_knobs():
    with pytest.raises(InputError, match="n must be a whole number >= 8"):
        SaltelliDesign.of(cube(2), n=4)
    s = evaluated(SaltelliDesign.of(cube(40), n=32, repeats=0), lambda x: x[:, 0] + 0.5 * x[:, 1])
    assert_array_equal(np.flatnonzero(matters(s)), [0, 1])

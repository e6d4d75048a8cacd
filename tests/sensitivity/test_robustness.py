"""Robustness on functions whose tolerance, cliffs and robust optimum are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import trimtab as tt
from trimtab.errors import InputError
from trimtab.records import TrialTable
from trimtab.sensitivity import robustness
from trimtab.sensitivity._box import Box
from trimtab.sensitivity._robust_best import _quantile
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space({"lr": Float(1e-4, 1e-1, log=True), "width": Float(0, 10), "dead": Float(0, 1)})


def bowl(x):
    """Minimum at the centre of lr and width."""
    return 4 * (x[:, 0] - 0.5) ** 2 + (x[:, 1] - 0.5) ** 2


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    """Trials of a loss of the unit cube; where the user maximises, he sees minus the loss."""
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


@pytest.fixture(scope="module")
def around_the_bowl():
    return robustness(table(SPACE, bowl, 80, 0, noise=0.01), epsilon=0.09)


def test_tolerance_of_a_bowl_is_where_it_rises_by_epsilon(around_the_bowl):
    r = around_the_bowl

    assert_allclose(np.log10(r.local.tolerance[0]), [-2.5 - 0.45, -2.5 + 0.45], atol=0.1)
    assert_allclose(r.local.tolerance[1], [2.0, 8.0], atol=0.6)
    assert r.local.tolerance_text[2] == "whole range"
    assert r.epsilon == 0.09


def test_curvature_edge_and_shape_of_a_bowl(around_the_bowl):
    """Second derivatives 8, 2 and 0; at the edge of the box 4 * 0.1^2 and 0.1^2 from the centre."""
    r = around_the_bowl

    assert_allclose(r.curvature, [8.0, 2.0, 0.0], atol=2.5)
    assert np.all((r.curvature_low <= r.curvature) & (r.curvature <= r.curvature_high))
    assert_allclose(r.edge, [0.04, 0.01, 0.0], atol=0.02)
    assert r.shape == ("flat", "flat", "flat")
    assert r.flat == 1.0
    assert r.cliffs.parameter == ()
    assert r.verdicts["lr"].startswith("matters: flat here; tolerates ")
    assert r.verdicts["dead"].startswith("cannot be told from a dead knob")


def test_the_worst_case_lies_at_the_corner_of_the_box(around_the_bowl):
    r = around_the_bowl
    best, worst = r.best, r.places.at("worst in the box")
    i = r.places.what.index("worst in the box")

    assert abs(np.log10(worst["lr"]) - np.log10(best["lr"])) == pytest.approx(0.3, abs=0.01)
    assert abs(worst["width"] - best["width"]) == pytest.approx(1.0, abs=0.01)
    assert r.places.objective[i] == pytest.approx(bowl(SPACE.encode([worst]))[0], abs=0.03)
    assert r.robust == r.best
    assert (r.cost, r.relief) == (0.0, 0.0)


def test_a_narrow_bowl_is_sharp(seed=1):
    r = robustness(table(SPACE, lambda x: 40 * (x[:, 0] - 0.5) ** 2 + x[:, 1], 80, seed, noise=0.01), epsilon=0.1)

    assert r.shape[0] == "sharp"
    assert r.flat < 0.8
    assert r.verdicts["lr"].startswith("matters: sharp here")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_step_is_a_cliff_at_its_place_and_the_robust_best_keeps_away(direction, seed=2):
    """The objective falls slowly towards 0.7 of the width, and jumps by 1 there."""

    def step(x):
        return 0.3 * (x[:, 0] - 0.5) ** 2 + 1.0 * (x[:, 1] > 0.7) + 0.2 * (0.7 - x[:, 1]) * (x[:, 1] <= 0.7)

    r = robustness(table(SPACE, step, 90, seed, noise=0.01, direction=direction))
    cliffs = r.cliffs

    assert (cliffs.parameter, cliffs.kind, cliffs.side) == (("width",), ("jump",), ("up",))
    assert cliffs.at[0] == pytest.approx(7.0, abs=0.4)
    assert cliffs.distance[0] == pytest.approx((cliffs.at[0] - r.best["width"]) / 10, abs=1e-6)
    assert cliffs.size_low[0] <= cliffs.size[0] <= cliffs.size_high[0]
    assert cliffs.size[0] == pytest.approx(1.0, abs=0.2)
    assert "the objective jumps above" in r.verdicts["width"]
    assert r.robust["width"] < r.best["width"]
    assert r.relief > 0
    assert r.cost_low <= r.cost <= r.cost_high


def test_where_trials_fail_is_a_cliff_even_of_a_knob_without_effect(seed=3):
    t = table(SPACE, lambda x: np.where(x[:, 2] > 0.75, np.nan, x[:, 0]), 120, seed, noise=0.01)
    r = robustness(t)
    at = [i for i, kind in enumerate(r.cliffs.kind) if kind == "failures"]

    assert [r.cliffs.parameter[i] for i in at] == ["dead"]
    assert r.cliffs.at[at[0]] == pytest.approx(0.75, abs=0.08)
    assert r.cliffs.size[at[0]] > 0.7
    assert r.verdicts["dead"].startswith("matters: trials fail above")
    assert 0.0 <= r.failing <= r.failing_most <= 1.0
    assert r.n_failed > 10


def test_choices_integers_and_conditional_knobs(seed=4):
    space = Space(
        {
            "act": Categorical(["relu", "tanh", "sigmoid"]),
            "layers": Int(1, 5),
            "m": Float(0, 1, when={"act": ["relu", "tanh"]}),
        }
    )
    order = list(space.names)

    def function(x):
        column = dict(zip(order, x.T, strict=True))
        act = np.array([0.0, 0.05, 1.0])[np.floor(3 * column["act"]).astype(int)]
        return act + np.abs(column["layers"] - 0.5) + 0.2 * np.nan_to_num(column["m"])

    r = robustness(table(space, function, 120, seed, noise=0.01), epsilon=0.3)
    switches = {row["choice"]: row for row in r.switches.rows()}

    assert r.best["act"] in ("relu", "tanh")
    assert switches["sigmoid"]["loss"] == pytest.approx(1.0, abs=0.25)
    assert not switches["sigmoid"]["tolerated"]
    assert len(switches) == 2
    k = r.parameters.index("layers")
    assert r.best["layers"] == 3
    assert r.local.tolerance[k] == (2, 4)
    assert r.edge[k] == pytest.approx(0.2, abs=0.08)  # the box reaches the neighbouring levels
    assert r.shape[r.parameters.index("act")] == "-"
    json.dumps(r.to_dict(), allow_nan=False)


def test_repeats_tell_the_seed_noise_without_the_surrogate(seed=5):
    rng = np.random.default_rng(seed)
    x = np.repeat(SPACE.sample(40, rng), 2, axis=0)
    r = robustness(TrialTable.of(SPACE, x, bowl(x) + 0.1 * rng.standard_normal(80)))

    assert r.noise.told_by == "from 40 repeats of 40 configurations"
    assert r.noise.low <= 0.1 <= r.noise.high  # 40 degrees of freedom; one seed in ten would miss
    assert np.isnan(r.noise.here)


def test_constraints_cut_the_box(seed=6):
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b >= 0.5"])
    r = robustness(table(space, lambda x: x[:, 0] + 2 * x[:, 1], 70, seed, noise=0.01))

    for params in r.places.params:
        assert params["a"] + params["b"] >= 0.5 - 1e-6
    assert any("constraints forbid" in note for note in r.notes)


def test_real_evaluations_are_trials_of_the_study(seed=7):
    def objective(trial):
        return 4 * (trial["a"] - 0.4) ** 2 + (trial["b"] - 0.6) ** 2

    study = tt.Study({"a": tt.Float(0, 1), "b": tt.Float(0, 1)}, sampler="random", seed=seed)
    study.optimize(objective, 40, progress=False)
    best = study.best.value  # without noise the best by posterior mean too
    r = robustness(study, objective=objective, n_trials=3, progress=False)

    assert len(study) == 43
    checked = {str(params): word for params, word in zip(r.places.params, r.places.inside, strict=True) if word}
    assert len(checked) == 3
    assert set(checked.values()) <= {"yes", "no"}
    i = r.places.what.index("worst in the box")
    assert r.places.observed[i] == pytest.approx(objective(r.places.params[i]))
    assert r.places.observed[0] == best
    assert "Real evaluations: " in str(r)
    again = robustness(study)
    assert len(study) == 43
    assert again.n_used == 43


def test_a_real_evaluation_that_fails_is_said(seed=8):
    def objective(trial):
        if trial.number >= 30:
            raise RuntimeError("broken")
        return trial["a"] ** 2

    study = tt.Study({"a": tt.Float(0, 1)}, sampler="random", seed=seed)
    study.optimize(objective, 30, progress=False)
    r = robustness(study, objective=objective, n_trials=1, progress=False)

    assert "failed" in r.places.inside
    assert len(study) == 31


@pytest.mark.parametrize(
    ("n", "function", "word"),
    [
        (0, bowl, "too little data"),
        (2, bowl, "too little data"),
        (40, lambda x: np.full(len(x), 2.5), "too little data"),
        (40, lambda x: np.full(len(x), np.nan), "too little data"),
        (40, lambda x: np.random.default_rng(5).standard_normal(len(x)), "cannot be told from a dead knob"),
    ],
    ids=["none", "two", "constant", "only failures", "noise"],
)
def test_nothing_is_invented(n, function, word):
    r = robustness(table(SPACE, function, n, 0))

    assert all(text.startswith(word) for text in r.verdicts.values())
    assert np.isnan(r.edge).all()
    assert r.places.what == ()
    assert r.noise is None
    assert r.robust == r.best
    assert "nan" not in str(r)
    json.dumps(r.to_dict(), allow_nan=False)


def test_many_knobs_one_of_them_constant_and_one_trial_broken(seed=9):
    space = Space({f"x{j}": Float(0, 1) for j in range(40)})
    x = space.sample(70, np.random.default_rng(seed))
    x[:, 7] = 0.25
    y = 5 * x[:, 0]
    y[3] = np.nan
    r = robustness(TrialTable.of(space, x, y))

    assert r.verdicts["x0"].startswith("matters")
    assert r.verdicts["x7"].startswith("too little data")
    assert np.isfinite(r.edge).all()


def test_the_same_call_gives_the_same_numbers_and_the_sign_changes_nothing_else(seed=10):
    t = table(SPACE, bowl, 50, seed, noise=0.02)
    r, turned = robustness(t), robustness(table(SPACE, bowl, 50, seed, noise=0.02, direction="maximize"))

    assert str(robustness(t)) == str(r)
    assert turned.best == r.best
    assert_allclose(turned.edge, r.edge, rtol=0.05, atol=0.002)
    assert_allclose(turned.places.objective, -r.places.objective, rtol=0.05, atol=0.01)
    assert turned.flat == pytest.approx(r.flat, abs=0.05)


def test_the_box_reaches_at_least_the_neighbouring_levels():
    space = Space({"k": Int(1, 4), "c": Categorical(["a", "b"]), "f": Float(0, 1)})
    point = space.encode([{"k": 2, "c": "b", "f": 0.95}])[0]
    box = Box.of(space, point, 0.1)

    assert {params["k"] for params in space.decode(box.corners())} == {1, 2, 3}
    assert {params["c"] for params in space.decode(box.inside(64, 0))} == {"b"}
    assert_allclose([box.low[2], box.high[2]], [0.85, 1.0])


def test_the_quantile_of_a_mixture():
    """Of N(0, 1) and N(100, 1): 3/4 of all lie below the upper one's median."""
    assert _quantile(np.array([0.0, 100.0]), np.ones(2), 0.75) == pytest.approx(100.0, abs=1e-6)
    assert _quantile(np.zeros(3), np.zeros(3), 0.9) == pytest.approx(0.0, abs=1e-6)


def test_bad_arguments_are_named():
    t = table(SPACE, bowl, 20, 0)
    for keywords, said in (
        ({"radius": 0.7}, "radius must lie between"),
        ({"epsilon": -1.0}, "epsilon must be positive"),
        ({"criterion": "best"}, "criterion must be one of upper, expected"),
        ({"n_trials": 3}, "need both objective="),
        ({"objective": bowl}, "need both objective="),
        ({"objective": bowl, "n_trials": 2}, "pass the Study, not TrialTable"),
        ({"confidence": 2.0}, "confidence"),
    ):
        with pytest.raises(InputError, match=said):
            robustness(t, **keywords)

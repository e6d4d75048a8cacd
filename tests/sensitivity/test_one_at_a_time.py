"""One at a time: curves, tornado and tolerances on functions where they are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.errors import InputError, SpaceError
from trimtab.records import TrialTable
from trimtab.sensitivity import one_at_a_time
from trimtab.space import Categorical, Float, Int, Space

SPACE = Space({"lr": Float(1e-4, 1e-1, log=True), "width": Float(0, 10), "dead": Float(0, 1)})
CENTRE = {"lr": 10**-2.5, "width": 5.0, "dead": 0.5}


def bowl(x):
    """Minimum at the centre of lr and width."""
    return 4 * (x[:, 0] - 0.5) ** 2 + (x[:, 1] - 0.5) ** 2


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    """Trials of `function` of the unit cube; its values are the user's, whatever the direction."""
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    v = function(x) + noise * rng.standard_normal(n)
    return TrialTable.of(space, x, -v if direction == "maximize" else v, direction)


@pytest.mark.parametrize("seed", range(3))
def test_tolerance_of_a_bowl_is_where_it_rises_by_epsilon(seed):
    result = one_at_a_time(table(SPACE, bowl, 80, seed, noise=0.01), at=CENTRE, epsilon=0.09)

    assert_allclose(np.log10(result.tolerance[0]), [-2.5 - 0.45, -2.5 + 0.45], atol=0.1)  # sqrt(.09 / 4) of 3 decades
    assert_allclose(result.tolerance[1], [2.0, 8.0], atol=0.6)
    assert result.tolerance_text[2] == "whole range"
    for (low, high), (safe_low, safe_high) in zip(result.tolerance, result.safe, strict=True):
        assert low <= safe_low <= safe_high <= high


def test_curves_and_bands_follow_the_function(seed=4):
    result = one_at_a_time(table(SPACE, bowl, 80, seed, noise=0.02), at=CENTRE)
    curve = result.curves[0]
    truth = 4 * (curve.u - 0.5) ** 2

    assert (curve.name, curve.kind) == ("lr", "continuous")
    assert_allclose(curve.effect, truth, atol=0.08)
    assert np.mean((curve.low - 1e-9 <= truth) & (truth <= curve.high + 1e-9)) >= 0.8
    assert curve.effect[curve.here] == 0.0
    assert_allclose(curve.objective - curve.objective[curve.here], curve.effect, atol=1e-9)
    assert_allclose(curve.values[curve.here], CENTRE["lr"], rtol=1e-6)
    assert_allclose(result.effect, [1.0, 0.25, 0.0], atol=0.08)
    assert np.all((result.effect_low <= result.effect) & (result.effect <= result.effect_high))


def test_tornado_moves_by_its_step(seed=5):
    result = one_at_a_time(table(SPACE, lambda x: 2 * x[:, 0], 60, seed, noise=0.02), at=CENTRE)

    assert result.step == 0.15
    assert_allclose([result.down[0], result.up[0]], [-0.3, 0.3], atol=0.06)
    assert result.down_low[0] <= result.down[0] <= result.down_high[0]


def test_a_maximised_objective_is_worse_where_it_is_smaller(seed=6):
    result = one_at_a_time(
        table(SPACE, lambda x: -bowl(x), 80, seed, noise=0.01, direction="maximize"), at=CENTRE, epsilon=0.09
    )

    assert_allclose(result.tolerance[1], [2.0, 8.0], atol=0.6)
    assert result.curves[0].effect.max() < 0.02
    assert result.up[0] < 0


def test_the_best_trial_is_the_default_place(seed=7):
    t = table(SPACE, bowl, 50, seed, noise=0.05)

    assert dict(one_at_a_time(t).at) == t.params[int(np.argmin(t.y))]


def test_choices_and_integers(seed=8):
    space = Space(
        {"act": Categorical(["relu", "tanh", "sigmoid"]), "layers": Int(1, 5), "batch": Int(16, 1024, log=True)}
    )

    def function(x):
        return np.array([0.0, 0.05, 1.0])[np.floor(3 * x[:, 0]).astype(int)] + np.abs(x[:, 1] - 0.5)

    result = one_at_a_time(
        table(space, function, 100, seed, noise=0.01), at={"act": "relu", "layers": 3, "batch": 64}, epsilon=0.3
    )
    act, layers, batch = result.curves

    assert act.labels == ("relu", "tanh", "sigmoid")
    assert_allclose(act.effect, [0.0, 0.05, 1.0], atol=0.05)
    assert result.tolerance[0] == ("relu", "tanh")
    assert result.tolerance_text[0] == "relu, tanh"
    assert (result.down_to[0], result.up_to[0]) == ("tanh", "sigmoid")
    assert layers.values == (1, 2, 3, 4, 5)
    assert result.tolerance[1] == (2, 4)
    assert len(batch.values) <= 34
    assert (batch.values[0], batch.values[-1]) == (16, 1024)
    assert 64 in batch.values
    rows = result.to_pandas().set_index("parameter")
    assert (rows.loc["layers", "tolerance_low"], rows.loc["layers", "tolerance_high"]) == (2, 4)
    assert rows.loc["act", "tolerance"] == "relu, tanh"
    assert result.verdicts["act"].endswith("; keep one of relu, tanh")
    assert result.verdicts["layers"].endswith("; keep it within 2 ... 4")


def test_inactive_knobs_are_left_out_and_a_parent_switches_them_on(seed=9):
    space = Space({"solver": Categorical(["adam", "sgd"]), "momentum": Float(0, 1, when={"solver": "sgd"})})
    t = table(space, lambda x: 1.0 * (x[:, 0] > 0.5) + 2 * np.nan_to_num(x[:, 1]), 80, seed, noise=0.02)
    result = one_at_a_time(t, at={"solver": "adam"})

    assert result.parameters == ("solver",)
    assert result.verdicts["solver"].endswith("; keep adam")
    assert_allclose(result.curves[0].effect, [0.0, 2.0], atol=0.1)  # 1 and momentum in the middle of its range


def test_effects_on_a_log_scale_and_epsilon_in_objective_units(seed=10):
    t = table(SPACE, lambda x: np.exp(12 * (x[:, 0] - 0.5) ** 2 * 4), 100, seed)
    result = one_at_a_time(t, at=CENTRE, scale="log", epsilon=np.e - 1)

    assert result.scale == "log"
    factor = f"by a factor of {np.exp(result.effect[0]):.3g} [{np.exp(result.effect_low[0]):.3g}, "
    assert factor in result.verdicts["lr"]  # a change of 12 means little to people, one by a factor of 160,000 does
    half = 3 * np.sqrt(1 / 48)  # decades until the logarithm has risen by 1
    assert_allclose(np.log10(result.tolerance[0]), [-2.5 - half, -2.5 + half], atol=0.15)
    assert_allclose(result.curves[0].objective[result.curves[0].here], 1.0, rtol=0.2)


def test_verdicts_and_default_epsilon(seed=11):
    result = one_at_a_time(table(SPACE, bowl, 100, seed, noise=0.1))

    assert result.verdicts["lr"].startswith("matters: from here it can change the objective by")
    assert result.verdicts["dead"].startswith("cannot be told from a dead knob")
    assert result.effect_low[2] == 0.0
    assert 0.05 < result.epsilon < 0.2  # one standard deviation of the seed noise


@pytest.mark.parametrize("n", [0, 4])
def test_too_little_data(n):
    result = one_at_a_time(table(SPACE, bowl, n, 0))

    assert all(text.startswith("too little data") for text in result.verdicts.values())
    assert result.curves == ()
    assert np.isnan(result.effect).all()
    assert len(result.to_pandas()) == 3
    assert "too little data" in str(result)
    assert "nan" not in str(result)
    json.dumps(result.to_dict(), allow_nan=False)


def test_bad_arguments_are_named():
    t = table(SPACE, bowl, 20, 0)

    with pytest.raises(InputError, match="epsilon must be positive"):
        one_at_a_time(t, epsilon=-1.0)
    with pytest.raises(InputError, match="points"):
        one_at_a_time(t, points=2)
    with pytest.raises(SpaceError, match="lr"):
        one_at_a_time(t, at={"lr": 5.0, "width": 5.0, "dead": 0.5})


def test_an_optimisers_crowd_makes_no_heavy_tail():
    """Twenty of thirty trials within 0.01 of the optimum: the far ones are no outliers, and the tolerance is right."""
    space, rng = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}), np.random.default_rng(0)
    x = space.snap(np.concatenate([rng.random((10, 2)), [0.3, 0.6] + 0.01 * rng.standard_normal((20, 2))]))
    result = one_at_a_time(TrialTable.of(space, x, np.sum((x - [0.3, 0.6]) ** 2, axis=1) - 1.0), epsilon=0.01)
    assert result.scale == "raw"
    assert_allclose(result.tolerance, [[0.2, 0.4], [0.5, 0.7]], atol=0.03)


@pytest.mark.parametrize("seed", range(20, 32))
def test_intervals_of_a_dead_knob_hold_no_effect(seed):
    """Where the verdict says "dead", no bar and no band may say that it moves the objective."""
    result = one_at_a_time(table(SPACE, bowl, 40, seed, noise=0.1), at=CENTRE)

    assert result.verdicts["dead"].startswith("cannot be told")

    for name, curve in zip(result.parameters, result.curves, strict=True):
        if result.verdicts[name].startswith("cannot be told"):
            j = result.parameters.index(name)
            assert np.all(curve.low <= 0)
            assert np.all(curve.high >= 0)
            assert result.down_low[j] <= 0 <= result.down_high[j]
            assert result.up_low[j] <= 0 <= result.up_high[j]
            assert result.effect_low[j] == 0

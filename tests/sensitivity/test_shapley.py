"""Shapley values on functions where they are known, and on data that tell nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.errors import InputError, SpaceError
from trimtab.numerics import sobol_points
from trimtab.records import TrialTable
from trimtab.sensitivity import shapley, sobol
from trimtab.sensitivity._games import members, moebius, pairs_of, shapley_pairs, shapley_values
from trimtab.sensitivity._measure import whole
from trimtab.sensitivity._shapley_effects import _alone, _together, effects
from trimtab.sensitivity._shares import closed_form
from trimtab.space import Categorical, Float, Int, Space
from trimtab.surrogates import ProductGP


def cube(d):
    return Space({f"x{j + 1}": Float(0, 1) for j in range(d)})


def table(space, function, n, seed, noise=0.0, direction="minimize"):
    rng = np.random.default_rng(seed)
    x = space.sample(n, rng)
    return TrialTable.of(space, x, function(x) + noise * rng.standard_normal(n), direction)


def by_grid(f, d):
    """Shapley effects and interactions of f by all 2^d closed subset variances on a tensor grid."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    grid = np.stack(np.meshgrid(*[(nodes + 1) / 2] * d, indexing="ij"), axis=-1)
    w = weights / 2
    values = f(grid.reshape(-1, d)).reshape([12] * d)
    v = []
    for inside in members(d):
        part = values
        for j in reversed(range(d)):
            if not inside[j]:
                part = np.tensordot(part, w, axes=(j, 0))
        weight = np.ones(())
        for _ in range(int(inside.sum())):
            weight = np.multiply.outer(weight, w)
        v.append(np.sum(weight * part**2) - np.sum(weight * part) ** 2)
    m = moebius(np.array(v)[:, None])
    return shapley_values(m)[:, 0], shapley_pairs(m)[:, 0]


def test_the_closed_form_is_the_sum_over_all_coalitions(seed=0):
    """No coalition is enumerated, and yet the effects are those of all of them."""
    d, rng = 4, np.random.default_rng(seed)
    x = rng.random((40, d))
    y = np.sin(5 * x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 1] * x[:, 0] + 0.5 * x[:, 3]
    gp = ProductGP(x, y, np.zeros(d, dtype=bool), 1.0, 1e-4, np.full(d, 0.6), np.full(d, 0.8))
    extra = sobol_points(64, d, 1)
    value, pair = effects(gp, whole(cube(d)), extra, np.zeros((64, 1)))
    joined = ProductGP(
        np.concatenate([x, extra]), np.concatenate([y, gp.predict(extra)[0]]), gp.categorical, 1.0, 1e-4, gp.share, gp.length
    )  # fmt: skip
    expected = by_grid(lambda u: joined.predict(u)[0], d)

    assert_allclose(value[:, 0], expected[0], rtol=0.02, atol=0.002)
    assert_allclose(pair[:, 0], expected[1], rtol=0.05, atol=0.002)
    variance = closed_form(gp, whole(cube(d)), extra, np.zeros((64, 1))).variance
    assert_allclose(value.sum(axis=0), variance, rtol=1e-3)


def test_sampled_coalitions_agree_with_the_sum_over_all_of_them():
    """12 (x1 - 1/2) (x2 - 1/2) + x3, with the points and coalitions that conditional spaces get, and more of them for the pairs."""
    measure = whole(cube(3))

    def f(u):
        return (12 * (u[:, :1] - 0.5) * (u[:, 1:2] - 0.5)) + u[:, 2:]

    single = [_alone(f, measure, j, 128)[0] for j in range(3)]
    pairs = [_together(f, measure, u, 4096)[0] for u in zip(*pairs_of(3), strict=True)]

    assert_allclose(single, [0.5, 0.5, 1 / 12], atol=0.1)
    assert_allclose(pairs, [1.0, 0.0, 0.0], atol=0.1)


def test_of_a_linear_function_they_are_the_variances(seed=1):
    s = shapley(table(cube(3), lambda x: 2 * x[:, 0] + x[:, 1], 50, seed, noise=0.01))

    assert_allclose(s.value, [0.8, 0.2, 0.0], atol=0.02)
    assert s.total == 1.0
    assert s.interactions.high.max() < 0.02
    assert [text.split(":")[0] for text in s.verdicts.values()] == [
        "matters",
        "matters",
        "cannot be told from a dead knob",
    ]


def test_a_product_is_shared_evenly_and_is_the_only_interaction(seed=2):
    """12 (x1 - 1/2) (x2 - 1/2) + x3: variances 1 and 1/12."""
    t = table(cube(3), lambda x: 12 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5) + x[:, 2], 70, seed, noise=0.01)
    s = shapley(t)
    pairs = s.interactions
    total = 1 + 1 / 12

    assert_allclose(s.value, np.array([0.5, 0.5, 1 / 12]) / total, atol=0.03)
    assert (pairs.first[0], pairs.second[0]) == ("x1", "x2")
    assert pairs.value[0] == pytest.approx(1 / total, abs=0.05)
    assert pairs.low[0] > 0.5
    assert pairs.high[1:].max() < 0.05


def test_they_lie_between_main_and_total_effects(seed=3):
    t = table(cube(3), lambda x: np.sin(4 * x[:, 0]) * x[:, 1] + 0.3 * x[:, 2], 70, seed, noise=0.02)
    s, shares = shapley(t), sobol(t)

    assert np.all(s.value >= shares.main - 0.02)
    assert np.all(s.value <= shares.total + 0.02)
    assert s.value.sum() == pytest.approx(1.0, abs=1e-6)


def test_tunability_and_ablation_of_a_known_bowl(seed=4):
    """From the middle, x1 + 2 |x2 - 1/4| can be improved by 1/2 and by 1/2; the two do not interact."""
    t = table(cube(3), lambda x: x[:, 0] + 2 * np.abs(x[:, 1] - 0.25), 80, seed, noise=0.01)
    tuned, path = shapley(t, game="tunability"), shapley(t, game="ablation")

    assert dict(tuned.start) == {"x1": 0.5, "x2": 0.5, "x3": 0.5}
    assert_allclose(tuned.value, [0.5, 0.5, 0.0], atol=0.1)
    assert tuned.total == pytest.approx(1.0, abs=0.15)
    assert tuned.target["x1"] < 0.1
    assert tuned.target["x2"] == pytest.approx(0.25, abs=0.1)
    assert path.value.sum() == pytest.approx(path.total, abs=1e-6)
    assert path.total <= tuned.total + 0.05
    assert np.all(np.abs(tuned.interactions.value) < 0.1)


def test_gains_count_up_whatever_the_direction(seed=5):
    def f(x):
        return x[:, 0] + x[:, 1] * x[:, 0]

    space, rng = cube(2), np.random.default_rng(seed)
    x = space.sample(50, rng)
    for game in ("variance", "tunability", "ablation"):
        up = shapley(TrialTable.of(space, x, f(x), "minimize"), game=game)
        down = shapley(TrialTable.of(space, x, f(x), "maximize"), game=game)
        assert_allclose(down.value, up.value, rtol=0.05, atol=0.01)
        assert list(down.verdicts) == list(up.verdicts)
        assert up.value[0] > 0


def test_a_start_of_ones_own_and_constraints(seed=6):
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b >= 0.5"])
    t = table(space, lambda x: x[:, 0] + x[:, 1], 60, seed, noise=0.01)
    s = shapley(t, game="tunability", start={"a": 0.9, "b": 0.9})

    assert s.target["a"] + s.target["b"] >= 0.5
    assert s.total == pytest.approx(1.3, abs=0.15)


def test_conditional_knobs_choices_and_integers(seed=7):
    """The switch moves 1 / 4, momentum only where it is on."""
    space = Space({"solver": Categorical(["adam", "sgd"]), "k": Int(1, 8), "m": Float(0, 1, when={"solver": "sgd"})})
    order = list(space.names)

    def function(x):
        column = dict(zip(order, x.T, strict=True))
        return 1.0 * (column["solver"] > 0.5) + np.nan_to_num(column["m"] - 0.5)

    t = table(space, function, 100, seed, noise=0.01)
    s = shapley(t)
    value = dict(zip(s.parameters, s.value, strict=True))
    # variances: 1 / 4 the switch, 1 / 48 momentum, 1 / 48 both together
    total = 1 / 4 + 1 / 24
    assert value["solver"] == pytest.approx((1 / 4 + 1 / 96) / total, abs=0.05)
    assert value["m"] == pytest.approx((1 / 48 + 1 / 96) / total, abs=0.05)
    assert value["k"] < 0.02
    gains = shapley(t, game="tunability")
    assert gains.target["solver"] == "adam"
    json.dumps(gains.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("n", "function", "word"),
    [
        (2, lambda x: x[:, 0], "too little data"),
        (40, lambda x: np.full(len(x), 2.5), "too little data"),
        (40, lambda x: np.random.default_rng(5).standard_normal(len(x)), "cannot be told from a dead knob"),
    ],
    ids=["two", "constant", "noise"],
)
@pytest.mark.parametrize("game", ["variance", "ablation"])
def test_nothing_is_invented(n, function, word, game):
    s = shapley(table(cube(3), function, n, 0), game=game)

    assert all(text.startswith(word) for text in s.verdicts.values())
    assert np.isnan(s.value).all()
    assert "nan" not in str(s)
    json.dumps(s.to_dict(), allow_nan=False)


def test_bad_arguments_say_what_to_do():
    t = table(cube(13), lambda x: x[:, 0], 20, 0)
    with pytest.raises(InputError, match=r"stop at 12 parameters, this space has 13.*sobol"):
        shapley(t)
    t = table(cube(2), lambda x: x[:, 0], 20, 0)
    with pytest.raises(InputError, match="game must be one of"):
        shapley(t, game="poker")
    with pytest.raises(InputError, match="start must be a configuration"):
        shapley(t, start={"x1": 0.1, "x2": 0.1})
    with pytest.raises(SpaceError, match="x1"):
        shapley(t, game="ablation", start={"x1": 7.0, "x2": 0.1})


def test_the_same_call_gives_the_same_numbers(seed=8):
    t = table(cube(3), lambda x: x[:, 0] * x[:, 1], 40, seed, noise=0.05)

    assert str(shapley(t)) == str(shapley(t))
    assert str(shapley(t, game="tunability")) == str(shapley(t, game="tunability"))

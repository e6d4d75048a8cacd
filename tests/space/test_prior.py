"""Beliefs: what may be said, what they become on the cube, and that they are kept with the space."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import kstest

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Float, Int, Space
from trimtab.space._prior import UNIFORM, choice_belief, guess_belief, interval_belief


def believed():
    return Space(
        {
            "lr": Float(1e-5, 1e-1, log=True, prior=1e-3),
            "batch": Int(16, 256, log=True, prior=(32, 128)),
            "optimiser": Categorical(["adam", "sgd", "rms"], prior="adam"),
            "size": Categorical([(8,), (8, 8)], prior={(8,): 3, "(8, 8)": 1}, when={"optimiser": "sgd"}),
            "dropout": Float(0.0, 1.0),
        }
    )


@pytest.mark.parametrize("belief", [guess_belief(0.1), guess_belief(0.5), interval_belief(0.7, 0.9)])
def test_a_density_integrates_to_one_and_has_a_floor(belief):
    def density(u):
        return float(np.exp(belief.log_density(np.array([u]))[0][0]))

    assert quad(density, 0.0, 1.0, points=[belief.mode])[0] == pytest.approx(1.0, abs=1e-6)
    assert min(density(u) for u in np.linspace(0, 1, 50)) >= UNIFORM


def test_an_interval_holds_the_optimum_with_80_percent():
    belief = interval_belief(0.45, 0.55)
    inside = quad(lambda u: np.exp(belief.log_density(np.array([u]))[0][0]), 0.45, 0.55)[0]

    assert inside == pytest.approx((1 - UNIFORM) * 0.8 + UNIFORM * 0.1, abs=1e-3)


@pytest.mark.parametrize("belief", [guess_belief(0.3), interval_belief(0.0, 0.2)])
def test_slopes_are_those_of_finite_differences(belief):
    u, e = np.linspace(0.05, 0.95, 19), 1e-6
    number = (belief.log_density(u + e)[0] - belief.log_density(u - e)[0]) / (2 * e)

    assert_allclose(belief.log_density(u)[1], number, atol=1e-6)


def test_quantiles_draw_from_the_density(seed=3):
    belief = guess_belief(0.8)
    draws = belief.quantile(np.random.default_rng(seed).random(2_000))

    def cdf(u):
        return np.array([quad(lambda t: np.exp(belief.log_density(np.array([t]))[0][0]), 0, v)[0] for v in u])

    assert kstest(draws[:200], cdf).pvalue > 1e-6  # a right one fails one fresh seed in a million


def test_choices_are_drawn_by_weight_and_none_is_impossible():
    belief = choice_belief([0.75, 0.25, 0.0])
    levels = belief.quantile((np.arange(3_000) + 0.5) / 3_000)
    shares = [np.mean(np.isclose(levels, (k + 0.5) / 3)) for k in range(3)]

    assert_allclose(shares, 0.9 * np.array([0.75, 0.25, 0.0]) + 0.1 / 3, atol=1e-3)
    assert_allclose(np.exp(belief.log_density(np.array([0.1, 0.5, 0.9]))[0]), 3 * np.array(shares), atol=4e-3)


def test_a_guess_is_on_the_scale_of_the_parameter():
    space = believed()
    best = space.decode(space.snap(space.prior.mode))[0]

    assert best == {"lr": 1e-3, "batch": 64, "optimiser": "adam", "dropout": 0.5}


def test_inactive_and_unbelieved_columns_say_nothing():
    space = believed()
    x = space.encode([{"lr": 1e-3, "batch": 64, "optimiser": "adam", "dropout": 0.9}])
    value, slope = space.prior.columns(x)

    assert_array_equal(value[0, [space.names.index("size"), space.names.index("dropout")]], [0.0, 0.0])
    assert np.isfinite(slope).all()
    assert Space({"a": Float(0, 1)}).prior is None


def test_a_prior_is_stored_shown_and_compared():
    space = believed()
    again = Space.from_dict(json.loads(json.dumps(space.to_dict())))

    assert again == space
    assert_array_equal(again.prior.mode, space.prior.mode)
    assert "prior=0.001" in repr(space)
    assert "prior={adam: 0.67" in repr(space)
    assert Float(0, 1, prior=0.2) != Float(0, 1)
    assert Categorical(["a", "b"], prior="a") != Categorical(["a", "b"], prior="b")
    assert hash(Categorical(["a", "b"], prior="a")) == hash(Categorical(["a", "b"], prior="a"))


def test_a_space_without_beliefs_is_stored_as_before():
    assert "prior" not in json.dumps(Space({"a": Float(0, 1), "b": Int(1, 3), "c": ["x", "y"]}).to_dict())


def test_a_list_of_dicts_keeps_its_beliefs():
    space = Space([{"k": Float(0, 1, prior=0.3), "m": ["a", "b"]}, {"m": ["a", "b"]}])

    assert space.prior.mode[space.names.index("k")] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(0, 1, prior=2.0), r"prior=2 must lie in \[0, 1\]"),
        (lambda: Float(0, 1, prior=(0.5, 0.2)), "lower end first"),
        (lambda: Float(0, 1, prior=(0.1, 0.2, 0.3)), "one number or an interval"),
        (lambda: Float(0, 1, prior="0.3"), "must be a number"),
        (lambda: Int(1, 9, prior=(0, 4)), r"inside \[1, 9\]"),
        (lambda: Categorical(["a", "b"], prior="c"), "must be one of the choices a, b"),
        (lambda: Categorical(["a", "b"], prior={"c": 1}), "names 'c'"),
        (lambda: Categorical(["a", "b"], prior={"a": -1}), "weights >= 0"),
        (lambda: Categorical(["a", "b"], prior={"a": 0}), "a weight above 0"),
    ],
)
def test_wrong_priors_are_named(make, message):
    with pytest.raises(SpaceError, match=message):
        make()

"""The dicts of GridSearchCV and RandomizedSearchCV work as they are; other things say what to use instead."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from trimtab.errors import SpaceError
from trimtab.space import Categorical, Constant, Distribution, Float, Int, Parameter, Space


def parameter(value: Any) -> Parameter:
    return Space({"other": [1, 2], "p": value}).parameters["p"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (stats.uniform(2, 3), Float(2.0, 5.0)),
        (stats.uniform(loc=-1, scale=2), Float(-1.0, 1.0)),
        (stats.loguniform(1e-4, 1e-1), Float(1e-4, 1e-1, log=True)),
        (stats.loguniform(a=1e-4, b=1e-1), Float(1e-4, 1e-1, log=True)),
        (stats.loguniform(1, 10, scale=2), Float(2.0, 20.0, log=True)),
        (stats.reciprocal(1, 10), Float(1.0, 10.0, log=True)),
        (stats.randint(1, 5), Int(1, 4)),
        (stats.randint(1, 5, loc=10), Int(11, 14)),
        (stats.randint(1, 2), Constant(1)),
        ([1, 10, 100], Categorical([1, 10, 100], ordered=True)),
        ([3, 2, 1], Categorical([3, 2, 1], ordered=True)),
        ([1, 3, 2], Categorical([1, 3, 2])),
        ([0.1, 0.2], Categorical([0.1, 0.2])),
        ([1, 1, 2], Categorical([1, 2])),
        (["a", "b", "a"], Categorical(["a", "b"])),
        ([True, False], Categorical([True, False])),
        ([(5,), (5, 5)], Categorical([(5,), (5, 5)])),
        ((1, "a", None), Categorical([1, "a", None])),
        (range(3), Categorical([0, 1, 2], ordered=True)),
        ({"b", "a"}, Categorical(["a", "b"])),
        ({10, 9, 1}, Categorical([1, 9, 10], ordered=True)),
        (np.logspace(-2, 0, 3), Categorical([0.01, 0.1, 1.0], ordered=True)),
        (["only"], Constant("only")),
        ("text", Constant("text")),
        (None, Constant(None)),
        (3, Constant(3)),
        (np.float64(0.5), Constant(0.5)),
    ],
)
def test_what_scikit_learn_users_write(value: Any, expected: Parameter) -> None:
    found = parameter(value)

    assert type(found) is type(expected)
    assert found == expected


def test_a_shifted_loguniform_keeps_its_own_distribution() -> None:
    """It is log-uniform in v - loc, not in v."""
    assert isinstance(parameter(stats.loguniform(1, 10, loc=5)), Distribution)


DISTRIBUTIONS = [
    stats.norm(3, 2),
    stats.expon(scale=0.1),
    stats.truncnorm(-1, 2, loc=5, scale=0.5),
    stats.loguniform(1, 10, loc=5),
    stats.beta(2, 3, loc=1, scale=4),
    stats.poisson(4),
    stats.bernoulli(0.3),
    stats.binom(5, 0.5, loc=2),
    stats.geom(0.2),
    stats.norm(np.float64(1), scale=np.array(2.0)),
]


@pytest.mark.parametrize("frozen", DISTRIBUTIONS, ids=lambda f: f.dist.name)
def test_distributions_are_sampled_as_declared(frozen: Any) -> None:
    """A right sampler fails one of these seeds in a million."""
    space = Space({"p": frozen})
    values = [row["p"] for row in space.decode(space.sample(2_000, np.random.default_rng(12)))]

    if hasattr(frozen.dist, "pmf"):
        assert all(type(v) is int for v in values)
        kinds, counts = np.unique(values, return_counts=True)
        expected = frozen.pmf(kinds) * 2_000
        often = expected > 5
        rest = 2_000 - counts[often].sum(), 2_000 - expected[often].sum()
        observed, wanted = counts[often], expected[often]
        if rest[1] > 5:
            observed, wanted = np.append(observed, rest[0]), np.append(wanted, rest[1])
        wanted = wanted * observed.sum() / wanted.sum()
        assert stats.chisquare(observed, wanted).pvalue > 1e-6
    else:
        assert all(type(v) is float for v in values)
        assert stats.kstest(values, frozen.cdf).pvalue > 1e-6


@pytest.mark.parametrize("frozen", DISTRIBUTIONS, ids=lambda f: f.dist.name)
def test_distributions_are_stored_by_name(frozen: Any) -> None:
    space = Space({"p": frozen})
    plain = json.loads(json.dumps(space.to_dict(), allow_nan=False))
    again = Space.from_dict(plain)
    x = space.sample(20, np.random.default_rng(0))

    assert again == space
    assert again.names == ("p",)
    assert_allclose(again.restore(space.store(x)), x, atol=1e-9)
    assert_array_equal(space.snap(space.snap(x)), x)
    space.check_stored(space.store(x))


def test_small_discrete_distributions_have_levels() -> None:
    space = Space({"p": stats.bernoulli(0.3), "q": stats.poisson(4)})

    assert space.kinds == ("discrete", "continuous")
    assert_allclose(space.levels(0), [0.35, 0.85])
    assert_allclose(space.snap(np.array([[0.69, 0.5], [0.71, 0.5]]))[:, 0], [0.35, 0.85])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (stats.uniform(0, 0), r"uniform\(0, 0\) is no valid distribution: .* \(is scale > 0\?\)\. Correct them"),
        (stats.randint(5, 5), r"randint\(5, 5\) is no valid distribution"),
        (stats.norm(0, -1), r"norm\(0, -1\) is no valid distribution"),
        (stats.norm([0, 1], 1), r"The distribution norm has arrays for arguments\. Give one number each"),
        (stats.uniform, r"Parameter 'p': .* can draw values \(rvs\) but is no frozen scipy.stats distribution"),
        (
            stats.rv_histogram((np.array([1.0, 2.0]), np.array([0.0, 1.0, 2.0])))(),
            r"cannot be stored: scipy.stats has none of this name",
        ),
    ],
)
def test_other_distributions_are_refused(value: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        parameter(value)


def test_objects_that_only_draw_are_refused() -> None:
    class Draws:
        def rvs(self, size: int = 1, random_state: Any = None) -> float:
            return 0.5

    with pytest.raises(
        SpaceError, match=r"Parameter 'p': .* can draw values \(rvs\) but is no frozen scipy.stats distribution"
    ):
        parameter(Draws())
    with pytest.raises(SpaceError, match=r"has no quantile function \(ppf\)"):
        Distribution(Draws())


def test_values_of_a_distribution_are_checked() -> None:
    space = Space({"e": stats.expon(), "p": stats.poisson(4)})

    with pytest.raises(SpaceError, match=r"'e' must lie in the support \[0, inf\] of expon\(\), got -1"):
        space.encode([{"e": -1, "p": 3}])
    with pytest.raises(SpaceError, match=r"'p' must be a whole number in the support .* of poisson\(4\), got 3\.5"):
        space.encode([{"e": 1, "p": 3.5}])

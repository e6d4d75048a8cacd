"""Values, coordinates and stored JSON are three views of one thing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.space.strategies import spaces

from trimtab.space import Categorical, Constant, Distribution, Float, Int, Space

SEEDS = st.integers(0, 2**32 - 1)
LIGHT = settings(max_examples=60, deadline=None, derandomize=True)


def points(space: Space, seed: int, n: int = 8) -> Any:
    """Anything in and around the cube."""
    rng = np.random.default_rng(seed)
    u = rng.random((n, space.d))
    edge = rng.random((n, space.d)) < 0.1
    u[edge] = rng.choice([0.0, 1.0, -0.5, 1.5, np.nan], edge.sum())
    return u


def same(a: Any, b: Any) -> bool:
    """Equal, or the same NaN."""
    return a is b or a == b


@LIGHT
@given(spaces(), SEEDS)
def test_snapping_twice_is_snapping_once(space: Space, seed: int) -> None:
    x = space.snap(points(space, seed))

    assert_array_equal(space.snap(x), x)
    assert_array_equal(np.isnan(x), ~space.active(x))
    assert np.nanmin(x) >= 0
    assert np.nanmax(x) <= 1


@LIGHT
@given(spaces(lists=False), SEEDS)
def test_encoding_undoes_decoding(space: Space, seed: int) -> None:
    """Continuous values are rounded to 12 digits, hence the tolerance; levels are exact."""
    x = space.snap(points(space, seed))
    params = space.decode(x)
    back = space.encode(params)

    assert_allclose(back, x, atol=1e-6, rtol=0)
    levels = space.n_levels > 0
    assert_allclose(back[:, levels], x[:, levels], atol=1e-15, rtol=0)
    for row, again in zip(params, space.decode(back), strict=True):
        assert list(row) == list(again)
        for name, value in row.items():
            if isinstance(space.parameters[name], Distribution):
                assert_allclose(again[name], value, rtol=1e-5)  # the tail of a quantile function
            else:
                assert same(again[name], value)


@LIGHT
@given(spaces(), SEEDS)
def test_storing_is_exact_from_the_first_time_on(space: Space, seed: int) -> None:
    x = space.snap(points(space, seed))
    stored = json.loads(json.dumps(space.store(x)))
    x1 = space.restore(stored)

    assert_allclose(x1, x, atol=1e-6, rtol=0)
    assert_array_equal(space.restore(stored), x1)
    for a, b in zip(space.load(stored), space.decode(x), strict=True):
        assert list(a) == list(b)
        assert all(same(a[name], b[name]) for name in a)
    exact = [j for j, n in enumerate(space.names) if not isinstance(space.parameters[n], Distribution)]
    again = space.restore(space.store(x1))
    assert_array_equal(again[:, exact], x1[:, exact])
    space.check_stored(stored)


@LIGHT
@given(spaces(), SEEDS)
def test_rows_do_not_depend_on_their_neighbours(space: Space, seed: int) -> None:
    """What is restored one by one while a study runs is what is restored at once when it resumes."""
    x = space.snap(points(space, seed))
    stored = space.store(x)

    assert_array_equal(np.concatenate([space.restore([row]) for row in stored]), space.restore(stored))
    assert_array_equal(np.concatenate([space.snap(row) for row in x]), x)
    for row, together in zip(x, space.decode(x), strict=True):
        alone = space.decode(row)[0]
        assert all(same(alone[name], together[name]) for name in together)


@LIGHT
@given(spaces())
def test_a_stored_space_comes_back(space: Space) -> None:
    plain = json.loads(json.dumps(space.to_dict(), allow_nan=False))
    again = Space.from_dict(plain)

    assert again.to_dict() == plain
    assert again == space
    assert again.names == space.names
    assert again.kinds == space.kinds
    x = space.sample(4, np.random.default_rng(0))
    assert again.store(x) == space.store(x)
    assert_array_equal(again.snap(x), x)


@LIGHT
@given(spaces(), SEEDS, st.integers(0, 20))
def test_samples_are_snapped_and_feasible(space: Space, seed: int, n: int) -> None:
    x = space.sample(n, np.random.default_rng(seed))

    assert x.shape == (n, space.d)
    assert_array_equal(x, space.snap(x)) if n else None
    assert space.feasible(x).all()
    assert_array_equal(x, space.sample(n, np.random.default_rng(seed)))


@LIGHT
@given(spaces(lists=False), SEEDS)
def test_values_are_of_pythons_own_types(space: Space, seed: int) -> None:
    for params in space.decode(space.snap(points(space, seed))):
        for name, value in params.items():
            match space.parameters[name]:
                case Float() as p:
                    assert type(value) is float
                    assert p.low <= value <= p.high
                case Int() as p:
                    assert type(value) is int
                    assert p.low <= value <= p.high
                case Categorical() as p:
                    assert any(value is c for c in p.choices)
                case Constant() as p:
                    assert value is p.value
                case Distribution() as p:
                    assert type(value) is (int if p.discrete else float)


@LIGHT
@given(spaces(lists=False), SEEDS)
def test_inactive_parameters_are_nan_and_left_out(space: Space, seed: int) -> None:
    x = space.snap(points(space, seed))
    active = space.active(x)
    for row, params, stored in zip(active, space.decode(x), space.store(x), strict=True):
        here = {name for name, a in zip(space.names, row, strict=True) if a}
        assert here == set(stored) == set(params) - {n for n, p in space.parameters.items() if p.kind == "constant"}
        assert all(type(v) in (int, float, str) for v in stored.values())

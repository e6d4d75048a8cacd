"""Shapley values and interactions of games whose answer is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from trimtab.sensitivity._games import members, moebius, pairs_of, shapley_pairs, shapley_values


def by_orders(v, d):
    """Shapley values by their definition: what each player adds, over all orders."""
    value = np.zeros(d)
    for order in permutations(range(d)):
        coalition = 0
        for j in order:
            value[j] += v[coalition | 1 << j] - v[coalition]
            coalition |= 1 << j
    return value / len(list(permutations(range(d))))


def test_the_glove_game():
    """One left glove (player 0), two right ones: a pair is worth 1. Shapley 1953: 2/3, 1/6, 1/6."""
    v = np.array([[0.0], [0.0], [0.0], [1.0], [0.0], [1.0], [0.0], [1.0]])

    assert_allclose(shapley_values(moebius(v))[:, 0], [2 / 3, 1 / 6, 1 / 6])


@pytest.mark.parametrize("d", [1, 3, 5])
def test_values_are_those_of_all_orders_and_add_up(d, seed=1):
    v = np.random.default_rng(seed).standard_normal((2**d, 2))
    v[0] = 0.0
    value = shapley_values(moebius(v))

    assert_allclose(value[:, 0], by_orders(v[:, 0], d))
    assert_allclose(value.sum(axis=0), v[-1])


def test_an_interaction_of_two_is_their_pair_and_no_other(seed=2):
    """v(S) = 3 if both 0 and 2 are in S, plus what each brings alone."""
    inside = members(4)
    v = 3.0 * (inside[:, 0] & inside[:, 2]) + inside @ np.arange(4.0)
    first, second = pairs_of(4)

    assert_allclose(shapley_pairs(moebius(v[:, None]))[:, 0], 3.0 * ((first == 0) & (second == 2)), atol=1e-12)


def test_an_interaction_of_three_is_shared_by_its_pairs():
    """Grabisch and Roubens 1999: m(T) / (|T| - 1)."""
    v = (members(3).all(axis=1)).astype(float)[:, None]

    assert_allclose(shapley_pairs(moebius(v))[:, 0], [0.5, 0.5, 0.5])


@given(st.integers(1, 7), st.integers(0, 2**16))
def test_moebius_sums_give_the_game_back(d, seed):
    v = np.random.default_rng(seed).standard_normal((2**d, 1))
    inside = members(d)
    m = moebius(v)
    within = ~(inside[None, :, :] & ~inside[:, None, :]).any(axis=2)  # T within S

    assert_allclose(within @ m, v, atol=1e-9)


def test_one_player_has_no_pairs():
    v = np.array([[0.0], [2.0]])

    assert_allclose(shapley_values(moebius(v)), [[2.0]])
    assert shapley_pairs(moebius(v)).shape == (0, 1)

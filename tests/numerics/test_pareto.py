"""Dominance, ranks, hypervolume and boxes against definitions, known values and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.numerics._pareto import crowding_distance, free_boxes, hypervolume, non_dominated, non_dominated_ranks

FRONT = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0]])


def dominates(a, b):
    return bool(np.all(a <= b) and np.any(a < b))


@st.composite
def points(draw, most=25):
    """Few levels, so that ties and copies occur."""
    m, n = draw(st.integers(1, 4)), draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(0, draw(st.sampled_from([3, 8, 1000])), (n, m)).astype(float)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(points())
def test_the_front_is_what_nothing_dominates(y):
    expected = [not any(dominates(other, p) for other in y) for p in y]
    assert_array_equal(non_dominated(y), expected)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(points())
def test_ranks_are_fronts_peeled_off(y):
    rank, left, k = non_dominated_ranks(y), np.arange(len(y)), 0
    while len(left):
        front = non_dominated(y[left])
        assert set(left[front]) == set(np.flatnonzero(rank == k))
        left, k = left[~front], k + 1
    early = non_dominated_ranks(y, enough=3)
    known = early < early.max(initial=0)
    assert_array_equal(early[known], rank[known])


def test_hypervolume_of_known_fronts():
    """By hand: rectangles of 5 x 1, 4 x 2 and 2 x 2 below (6, 6); a box less the union of two."""
    assert hypervolume(FRONT, np.array([6.0, 6.0])) == pytest.approx(5 * 1 + 4 * 2 + 2 * 2)
    assert hypervolume(np.array([[1.0, 2.0, 2.0], [2.0, 1.0, 1.0]]), np.full(3, 3.0)) == pytest.approx(2 + 4 - 1)
    assert hypervolume(np.array([[0.5, 9.0]]), np.array([6.0, 6.0])) == 0.0
    assert hypervolume(np.empty((0, 2)), np.array([6.0, 6.0])) == 0.0
    assert hypervolume(np.array([[2.0], [3.0]]), np.array([6.0])) == 4.0


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_against_monte_carlo(m):
    """200,000 points: sd at most 0.0011; 6 sd fail once in 5e8 runs, and the seed is fixed."""
    rng = np.random.default_rng(m)
    y = rng.random((20, m))
    u = rng.random((200_000, m))
    dominated = np.zeros(len(u), dtype=bool)
    for p in y:
        dominated |= (u >= p).all(axis=1)
    assert hypervolume(y, np.ones(m)) == pytest.approx(dominated.mean(), abs=0.0067)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(points(most=12), st.integers(0, 2**32 - 1))
def test_boxes_give_what_a_new_point_adds(y, seed):
    """For any new point: the sum over boxes is the difference of two hypervolumes."""
    reference = np.full(y.shape[1], max(y.max(initial=1.0), 1.0) * 1.1)
    low, high = free_boxes(y, reference)
    new = np.random.default_rng(seed).uniform(-1.0, reference, y.shape[1])
    added = np.prod(np.maximum(high - np.maximum(new, low), 0.0), axis=1).sum()
    expected = hypervolume(np.vstack([y, new]), reference) - hypervolume(y, reference)
    assert_allclose(added, expected, rtol=1e-9, atol=1e-9 * np.prod(reference))


def test_boxes_of_three_objectives_are_few():
    """At most 2 n + 1 boxes for n points on a front."""
    y = np.random.default_rng(0).random((60, 3))
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    assert len(free_boxes(y, np.full(3, 1.1))[0]) <= 2 * non_dominated(y).sum() + 1


def test_crowding_distance_of_a_front():
    """Deb et al. 2002: ends are infinitely lonely; inside, the gap between the neighbours over the width, summed over objectives."""
    assert_allclose(crowding_distance(FRONT), [np.inf, 3 / 3 + 4 / 4, np.inf])
    assert crowding_distance(np.empty((0, 2))).shape == (0,)

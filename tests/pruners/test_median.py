"""The median stopping rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.pruners.curves import constant, curve, many_curves

from trimtab.errors import InputError
from trimtab.pruners import Median
from trimtab.records import Curve

RULE = Median(warmup=0, keep=0)
FIVE = [constant(i, i, 10) for i in range(1, 6)]  # at each step the values 1 to 5: their median is 3


@pytest.mark.parametrize(("value", "stops"), [(2.9, False), (3.0, False), (3.1, True)])
def test_stops_what_is_worse_than_the_median_and_not_what_equals_it(value, stops):
    assert RULE.should_stop(constant(0, value, 4), FIVE, 0) is stops


def test_the_best_values_so_far_are_compared():
    """A trial that was good once is judged by that; and so are the others."""
    assert not RULE.should_stop(curve(0, [2.0, 9.0, 9.0]), FIVE, 0)
    assert RULE.should_stop(curve(0, [3.5, 3.5]), [curve(i, [i, 99, 99]) for i in range(1, 6)], 0)


def test_what_others_did_later_does_not_count():
    late = [curve(i, [5.0, 5.0, 0.0, 0.0]) for i in range(1, 6)]

    assert not RULE.should_stop(curve(0, [4.0, 4.0]), late, 0)
    assert RULE.should_stop(curve(0, [4.0, 4.0, 4.0]), late, 0)


def test_needs_enough_others_that_came_as_far():
    shorter = [*FIVE[:4], constant(5, 5, 3)]

    assert RULE.should_stop(constant(0, 9, 3), shorter, 0)
    assert not RULE.should_stop(constant(0, 9, 4), shorter, 0)
    assert Median(warmup=0, least=4, keep=0).should_stop(constant(0, 9, 4), shorter, 0)


def test_an_even_number_of_others_has_the_middle_between_two():
    rule = Median(warmup=0, least=2, keep=0)

    assert not rule.should_stop(constant(0, 1.5, 4), FIVE[:2], 0)
    assert rule.should_stop(constant(0, 1.6, 4), FIVE[:2], 0)


def test_begins_at_the_warm_up():
    rule = Median(warmup=3, keep=0)

    assert [rule.should_stop(constant(0, 9, k), FIVE, 0) for k in range(1, 6)] == [False, False, True, True, True]


def test_between_two_checks_the_last_one_counts():
    """interval=4 from warmup=2: judged at 2 and 6. A trial that got better at step 4 is spared by it from step 6 on."""
    rule = Median(warmup=2, interval=4, keep=0)
    rising = curve(0, [9, 9, 9, 1, 1, 1, 1])
    falling = curve(0, [1, 9, 9, 9, 9, 9, 9])

    assert [rule.should_stop(_first(rising, k), FIVE, 0) for k in range(1, 8)] == [False, *[True] * 4, False, False]
    assert not any(rule.should_stop(_first(falling, k), FIVE, 0) for k in range(1, 8))


def test_steps_may_begin_at_zero_and_be_far_apart():
    epochs = [Curve(i, 2, np.array([0.0, 100.0, 200.0]), np.full(3, float(i))) for i in range(1, 6)]

    assert Median(keep=0).should_stop(Curve(0, 1, np.array([0.0, 100.0]), np.array([9.0, 9.0])), epochs, 0)
    assert not Median(keep=0).should_stop(Curve(0, 1, np.array([0.0]), np.array([9.0])), epochs, 0)


@given(many_curves())
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_trial_that_is_worse_than_a_stopped_one_at_every_step_stops_too(curves):
    first, *others = curves
    rule = Median(warmup=0, least=1, keep=0)
    worse = Curve(0, first.state, first.steps, first.values + 1.0)

    assert rule.should_stop(worse, others, 0) >= rule.should_stop(first, others, 0)


@given(many_curves())
@settings(max_examples=100, derandomize=True, deadline=None)
def test_the_best_at_every_step_goes_on_and_order_and_scale_do_not_matter(curves):
    first, *others = curves
    rule = Median(warmup=0, least=1, keep=0)
    answer = rule.should_stop(first, others, 0)

    assert rule.should_stop(first, others[::-1], 0) is answer
    stretched = [Curve(c.number, c.state, c.steps, 3.0 * c.values - 7.0) for c in curves]
    assert rule.should_stop(stretched[0], stretched[1:], 0) is answer
    assert not rule.should_stop(constant(0, -1, len(first)), others, 0)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"least": 0}, "least must be a whole number >= 1, got 0"),
        ({"least": 2.0}, "least must be"),
        ({"interval": 0}, "interval must be a number of steps > 0 or None, got 0"),
        ({"warmup": float("inf")}, "warmup must be a step or None"),
        ({"warmup": "5"}, "warmup must be a step or None, got '5'"),
    ],
)
def test_wrong_settings_are_named(settings_, message):
    with pytest.raises(InputError, match=message):
        Median(**settings_)


def _first(c, k):
    return Curve(c.number, c.state, c.steps[:k], c.values[:k])

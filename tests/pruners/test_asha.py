"""Asynchronous successive halving."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.pruners.curves import constant, curve, many_curves

from trimtab.errors import InputError
from trimtab.pruners import ASHA
from trimtab.records import RUNNING, Curve

RULE = ASHA(min_step=1, reduction=3, keep=0)
NINE = [constant(i, i, 20, RUNNING) for i in range(1, 9)]  # with the trial itself nine: the best three go on


@pytest.mark.parametrize(("value", "stops"), [(0.5, False), (2.5, False), (3.0, False), (3.5, True), (9.0, True)])
def test_a_third_goes_on_and_ties_do(value, stops):
    assert RULE.should_stop(constant(0, value, 1, RUNNING), NINE, 0) is stops


def test_before_the_first_rung_nothing_stops():
    rule = ASHA(min_step=4, keep=0)

    assert [rule.should_stop(constant(0, 9, k, RUNNING), NINE, 0) for k in range(1, 6)] == [False] * 3 + [True] * 2


def test_a_trial_is_judged_at_the_newest_rung_by_those_that_came_there():
    """Rungs 1, 3, 9. The trial is bad at 1, good at 3 and 9; only three others came to 9."""
    others = [constant(i, i, 20 if i > 5 else 5, RUNNING) for i in range(1, 9)]
    late = [8.5, 8.5, *[2.5] * 5, 2.5, 6.5]

    assert [RULE.should_stop(curve(0, late[:k]), others, 0) for k in (1, 2, 3, 8)] == [True, True, False, False]
    assert RULE.should_stop(curve(0, late), others, 0)  # of four (6, 7, 8 and itself) one goes on
    assert not RULE.should_stop(curve(0, [*late[:8], 5.5]), others, 0)


def test_between_rungs_the_value_at_the_rung_counts():
    """Rungs 1, 3, 9: a trial that gets better at step 5 is spared by it at 9."""
    assert RULE.should_stop(curve(0, [9, 9, 9, 9, 0, 0]), NINE, 0)
    assert not RULE.should_stop(curve(0, [9, 9, 9, 9, 0, 0, 0, 0, 0]), NINE, 0)


def test_the_first_ones_go_on_while_they_are_best_and_stop_when_others_prove_better():
    first = constant(0, 5, 2, RUNNING)

    assert not RULE.should_stop(first, [constant(1, 9, 1, RUNNING)], 0)
    assert RULE.should_stop(first, [constant(1, 4, 1, RUNNING)], 0)


def test_a_rung_between_two_reports_takes_the_first_after_it():
    rule = ASHA(min_step=5, reduction=2, keep=0)
    others = [Curve(i, RUNNING, np.array([3.0, 6.0]), np.array([9.0, float(i)])) for i in range(1, 6)]

    assert rule.should_stop(Curve(0, RUNNING, np.array([4.0, 8.0]), np.array([0.0, 3.5])), others, 0)
    assert not rule.should_stop(Curve(0, RUNNING, np.array([4.0, 8.0]), np.array([9.0, 2.5])), others, 0)


def test_any_share_of_survivors_is_kept_in_a_race_of_many():
    """All in step: of n trials the best max(1, floor(n / eta)) survive the rung, whatever eta is."""
    for n, reduction in [(27, 3), (10, 4), (5, 8), (12, 1.5)]:
        rule = ASHA(min_step=1, reduction=reduction, keep=0)
        race = [constant(i, i, 1, RUNNING) for i in range(n)]
        alive = [c.number for c in race if not rule.should_stop(c, [o for o in race if o is not c], 0)]

        assert alive == list(range(max(1, int(n / reduction))))


@given(many_curves())
@settings(max_examples=100, derandomize=True, deadline=None)
def test_the_best_goes_on_order_does_not_matter_and_worse_is_never_better(curves):
    first, *others = curves
    answer = RULE.should_stop(first, others, 0)

    assert RULE.should_stop(first, others[::-1], 0) is answer
    assert RULE.should_stop(Curve(0, first.state, first.steps, first.values + 1.0), others, 0) >= answer
    assert not RULE.should_stop(constant(0, -1, len(first)), others, 0)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"min_step": 0}, "min_step must be a step > 0 or None, got 0"),
        ({"reduction": 1}, "reduction must be a number > 1, got 1"),
        ({"reduction": float("nan")}, "reduction must be"),
    ],
)
def test_wrong_settings_are_named(settings_, message):
    with pytest.raises(InputError, match=message):
        ASHA(**settings_)

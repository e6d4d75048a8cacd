"""What is clear before curves are compared: divergence, the share that is kept, the end."""

from __future__ import annotations

import numpy as np
import pytest
from tests.pruners.curves import constant, curve

from trimtab.errors import InputError
from trimtab.pruners import ASHA, Median
from trimtab.pruners._safeguards import is_kept
from trimtab.records import FAILED, PRUNED

RULES = [Median(warmup=1, least=1, keep=0), ASHA(min_step=1, keep=0)]


@pytest.mark.parametrize("rule", [*RULES, Median(), ASHA(), Median(keep=1), ASHA(keep=1, min_step=100)], ids=repr)
def test_a_trial_that_diverged_stops_at_once_even_alone_or_kept(rule):
    assert rule.should_stop(curve(0, [0.1, np.nan]), [], 0)
    assert rule.should_stop(curve(0, [np.nan]), [constant(1, 5, 9)], 0)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_divergence_that_passed_is_no_reason(rule):
    assert not rule.should_stop(curve(0, [np.nan, 0.1]), [], 0)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_diverged_trial_counts_as_worse_than_any_other(rule):
    others = [curve(i, [np.nan], FAILED) for i in range(1, 7)]

    assert not rule.should_stop(curve(0, [1e300]), others, 0)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_trial_at_its_end_goes_on_and_so_becomes_a_finished_one(rule):
    others = [constant(i, 1, 9) for i in range(1, 7)]

    assert rule.should_stop(constant(0, 5, 8), others, 0)
    assert not rule.should_stop(constant(0, 5, 9), others, 0)


@pytest.mark.parametrize("rule", [Median(keep=0), ASHA(keep=0)], ids=repr)
def test_by_default_nothing_is_judged_before_a_tenth_of_a_finished_trial(rule):
    pruned = [constant(i, 1, 50, PRUNED) for i in range(1, 7)]
    finished = constant(7, 1, 50)

    assert not rule.should_stop(constant(0, 5, 20), pruned, 0)
    assert not rule.should_stop(constant(0, 5, 4), [*pruned, finished], 0)
    assert rule.should_stop(constant(0, 5, 5), [*pruned, finished], 0)


@pytest.mark.parametrize("make", [lambda keep: Median(warmup=1, least=1, keep=keep), lambda keep: ASHA(keep=keep)])
def test_kept_trials_go_on_however_bad_they_are(make):
    others = [constant(i, 1, 50) for i in range(1_000, 1_007)]
    bad = [constant(i, 9, 20) for i in range(200)]

    stopped = {c.number for c in bad if make(0.3).should_stop(c, others, seed=5)}

    assert stopped == {i for i in range(200) if not is_kept(0.3, 5, i)}
    assert all(make(0).should_stop(c, others, 5) for c in bad)
    assert not any(make(1).should_stop(c, others, 5) for c in bad)


@pytest.mark.parametrize("keep", [0.1, 0.5])
def test_the_share_that_is_kept_is_right(keep):
    """Of n = 4,000 trials n keep +- 5 standard deviations are kept: a right rule fails one seed in 1.7 million."""
    n = 4_000
    kept = sum(is_kept(keep, seed=3, number=i) for i in range(n))

    assert abs(kept - n * keep) < 5 * np.sqrt(n * keep * (1 - keep))


def test_what_is_kept_says_nothing_of_where_the_trial_is():
    """The generator that proposes trial i is default_rng([seed, i]): its first draw must not be the one that keeps.

    The mean of m uniform draws has the standard deviation sqrt(1 / 12 m): 5 of them fail one seed in 1.7 million.
    """
    first = np.array([np.random.default_rng([3, i]).random() for i in range(4_000) if is_kept(0.1, 3, i)])

    assert abs(first.mean() - 0.5) < 5 * np.sqrt(1 / (12 * len(first)))


def test_other_seeds_keep_other_trials():
    kept = [{i for i in range(200) if is_kept(0.2, seed, i)} for seed in (0, 1)]

    assert kept[0] != kept[1]


@pytest.mark.parametrize("rule", [Median, ASHA])
@pytest.mark.parametrize("wrong", [-0.1, 1.5, True, "a tenth", float("nan")])
def test_a_share_outside_0_to_1_is_refused(rule, wrong):
    with pytest.raises(InputError, match="keep must be a share of the trials from 0 to 1"):
        rule(keep=wrong)

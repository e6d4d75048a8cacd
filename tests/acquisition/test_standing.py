"""How configurations stand: the posterior mean beats the lucky draw, and its promises hold where its model does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from trimtab.acquisition import standing
from trimtab.surrogates import Columns

TWO = Columns.continuous(2)


def bowl(n, noise, seed):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    truth = ((x - 0.4) ** 2).sum(1)
    return x, truth, truth + noise * rng.standard_normal(n)


def test_without_noise_the_best_observed_is_recommended_with_certainty():
    x, truth, y = bowl(40, 0.0, 2)
    found = standing(TWO, x, y)
    assert found.first[0] == np.argmin(truth)
    assert found.probability[0] > 0.9
    assert found.sd[0] < 0.02
    assert_allclose(found.warp.inverse(found.mean[:1]), truth.min(), atol=2e-3)


def test_with_noise_it_is_better_than_the_best_observed():
    """Mean true value over 40 studies. The difference is about 5 standard errors: fails once in 1e6."""
    gain, kept, sure = [], [], []
    for seed in range(40):
        x, truth, y = bowl(40, 0.1, seed)
        found = standing(TWO, x, y)
        gain.append(truth[np.argmin(y)] - truth[found.first[0]])
        low, high = (found.warp.inverse(found.mean[:1] + side * 1.645 * found.sd[:1]) for side in (-1, 1))
        kept.append(low[0] <= truth[found.first[0]] <= high[0])
        sure.append(found.probability[0] - (truth[found.first[0]] == truth.min()))
    assert np.mean(gain) > 0.005
    assert np.mean(kept) >= 0.7  # 90 % intervals; 0.9 - 4 standard errors
    assert np.mean(sure) < 0.25  # says about as often "best" as it is


def test_repeats_are_one_configuration():
    x, _, y = bowl(20, 0.05, 1)
    x, y = np.concatenate([x, x[:3], x[:3]]), np.concatenate([y, y[:3] + 0.01, y[:3] - 0.01])
    found = standing(TWO, x, y)
    assert len(set(found.first)) == found.q == 20
    assert_allclose(found.count[np.isin(found.first, [0, 1, 2])], 3)
    assert_allclose(np.sort(found.first), np.arange(20))
    assert_allclose(found.which[20:], [0, 1, 2, 0, 1, 2])
    assert_allclose(found.probability.sum(), 1.0)


def test_a_configuration_repeated_often_is_known_well():
    x, _, y = bowl(20, 0.05, 2)
    best = int(np.argmin(y))
    rng = np.random.default_rng(0)
    again = 0.05 * rng.standard_normal(20) + y[best]
    once, often = standing(TWO, x, y), standing(TWO, np.vstack([x, *[x[best]] * 20]), np.concatenate([y, again]))
    width = [s.sd[list(s.first).index(best)] for s in (once, often)]
    assert width[1] < width[0]
    assert_allclose(often.warp.inverse(often.mean)[list(often.first).index(best)], again.mean(), atol=0.03)


def test_only_eligible_trials_contend():
    x, _, y = bowl(15, 0.0, 3)
    eligible = y > np.sort(y)[3]
    found = standing(TWO, x, y, eligible)
    assert found.first[0] == np.argsort(y)[4]
    assert eligible[found.first].all()


def test_same_trials_same_answer():
    x, _, y = bowl(25, 0.1, 4)
    a, b = standing(TWO, x, y), standing(TWO, x.copy(), y.copy())
    for name in ("first", "mean", "sd", "probability", "noise", "regret"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=0)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("value", [0.0, 1.0, -1e300])
def test_few_or_equal_trials_give_no_nan(n, value):
    x = np.random.default_rng(0).random((n, 2))
    for y in (np.full(n, value), value + np.arange(n)):
        found = standing(TWO, x, y)
        assert found.first[0] == 0
        for name in ("mean", "sd", "probability"):
            assert np.isfinite(getattr(found, name)).all()
        assert np.isfinite([found.noise, found.regret]).all()


def test_one_configuration_only():
    found = standing(TWO, np.full((5, 2), 0.5), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert found.q == 1
    assert found.count[0] == 5
    assert_allclose(found.probability, [1.0])
    assert_allclose(found.warp.inverse(found.mean), [3.0], atol=0.5)
    assert found.sd[0] > 0


def test_more_trials_than_the_model_holds():
    x, truth, y = bowl(1500, 0.02, 5)
    found = standing(TWO, x, y)
    assert truth[found.first[0]] < 0.01

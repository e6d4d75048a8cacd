"""Smoothed gradients: straight lines, curves, waves and chaos with known averages, intervals, seeds, ends."""

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr, ndtri

from trimtab.errors import InputError
from trimtab.sensitivity import Trained, hypergradient, smoothed_gradient

AT = {"lr": 0.1, "momentum": 0.9}


def of(function):
    """A training whose result is a function of its parameters."""
    return lambda params, seed, wrt: Trained(function(params))


def test_a_straight_line_is_told_without_error():
    r = smoothed_gradient(of(lambda p: 3 * math.log(p["lr"]) - 2 * p["shift"] + 1), {"lr": 0.1, "shift": -4.0})

    assert_allclose(r.gradient, [30, -2], rtol=1e-9)
    assert_allclose(r.log_gradient, [3, np.nan], rtol=1e-9)
    assert_allclose(r.high - r.low, 0, atol=1e-9)
    assert list(r.verdicts.values()) == [
        "matters: larger values raise the result on the whole", "matters: larger values lower the result on the whole",
    ]  # fmt: skip
    assert r.trainings == 2 * r.pairs == 2 * 16


def test_even_curvature_drops_out_of_the_pairs():
    r = smoothed_gradient(of(lambda p: (p["shift"] + 2) ** 2), {"shift": -1.0}, sigma=0.5)

    assert_allclose(r.gradient, 2, rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.3])
def test_a_wave_is_damped_as_its_average_is(sigma):
    """The average of sin(w t) over a normal t of standard deviation s is exp(-w^2 s^2 / 2) sin(w t); 95 % and its cut-off allowed for."""
    w = 5.0
    r = smoothed_gradient(of(lambda p: math.sin(w * p["t"])), {"t": 1.0}, log=[], sigma=sigma, pairs=4000)

    exact = w * math.cos(w) * math.exp(-((w * sigma) ** 2) / 2)
    assert r.gradient[0] == pytest.approx(exact, rel=0.05)
    assert r.value == pytest.approx(math.sin(w) * math.exp(-((w * sigma) ** 2) / 2), abs=0.03)


def test_the_slope_under_a_rough_surface():
    """Its own slope is 1,000 to either side; on the whole it is 1."""
    r = smoothed_gradient(
        of(lambda p: math.log(p["lr"]) + 0.05 * math.sin(2e4 * math.log(p["lr"]))), {"lr": 0.1}, pairs=60
    )

    assert abs(r.log_gradient[0] - 1) < 0.2  # 4 standard errors
    assert 0.05 < r.log_high[0] - r.log_low[0] < 0.3
    assert r.verdicts["lr"].startswith("matters")


def mean_of_map(r, x):
    """Mean of 200 steps of the logistic map from x, and its derivative for r."""
    z, total, slope, norms = 0.0 * x, 0.0 * x, 0.0 * x, []
    for _ in range(200):
        x, z = r * x * (1 - x), x * (1 - x) + r * (1 - 2 * x) * z
        total, slope = total + x / 200, slope + z / 200
        norms.append(abs(z))
    return total, slope, norms


def test_where_a_hypergradient_is_chaotic():
    """The derivative is 1e36; that of the average over 4,000 normal places and 10 starts is about -0.7."""

    def train(params, seed, wrt):
        total, slope, norms = mean_of_map(params["r"], 0.1 + 0.004 * seed)
        return Trained(total, {"r": slope}, {"r": np.array(norms)})

    exact = hypergradient(train, {"r": 3.8})
    smooth = smoothed_gradient(train, {"r": 3.8}, sigma=0.01, pairs=40, seeds=range(10))
    t = 0.01 * ndtri(ndtr(-3) + (np.arange(4000) + 0.5) / 4000 * (ndtr(3) - ndtr(-3)))[:, None]
    places = mean_of_map(3.8 * np.exp(t), np.tile(0.1 + 0.004 * np.arange(10), (4000, 1)))[0]
    average = np.sum(t * places) / np.sum(t**2 * np.ones(10))

    assert abs(exact.gradient[0]) > 1e20
    assert not exact.trusted
    assert "smoothed_gradient" in " ".join(exact.notes)
    assert abs(smooth.log_gradient[0] - average) < 1.2  # 3 standard errors
    assert smooth.verdicts["r"].startswith("matters: larger values lower")
    assert smooth.log_high[0] - smooth.log_low[0] < 2


def test_intervals_cover_the_slope():
    """90 % intervals; of 300, fewer than 84 % do by chance with less than 0.1 %."""
    covered = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        r = smoothed_gradient(
            of(lambda p, rng=rng: p["a"] + 0.2 * p["a"] ** 3 - p["b"] + 0.3 * rng.standard_normal()),
            {"a": 1.0, "b": 1.0}, log=[], sigma=0.2, pairs=12,
        )  # fmt: skip
        covered += [r.low[0] <= 1 + 0.6 * (1 + 0.04) <= r.high[0], r.low[1] <= -1 <= r.high[1]]
    assert np.mean(covered) > 0.84
    assert np.mean(covered) < 0.97


def test_noise_wins_where_there_is_no_slope():
    rng = np.random.default_rng(2)
    r = smoothed_gradient(of(lambda p: rng.standard_normal()), AT)

    assert all(v.startswith("noise wins: the interval holds 0 after 16 pairs") for v in r.verdicts.values())


def test_pairs_lie_opposite_and_share_their_seed():
    seen = []

    def train(params, seed, wrt):
        assert wrt == ()
        seen.append((params, seed))
        return Trained(params["lr"] + 100.0 * seed)

    r = smoothed_gradient(train, {"lr": 0.1, "layers": 3}, seeds=(4, 7), pairs=6)

    assert [seed for _, seed in seen] == [4, 4, 7, 7] * 3
    assert all(params["layers"] == 3 for params, _ in seen)
    for (above, _), (below, _) in zip(seen[::2], seen[1::2], strict=True):
        assert above["lr"] * below["lr"] == pytest.approx(0.01)
    assert r.verdicts["lr"].startswith("matters")


@pytest.mark.parametrize("log", [None, []])
@pytest.mark.parametrize("sigma", [0.1, 1.0])
def test_what_is_below_1_stays_there(sigma, log):
    seen = []

    def train(params, seed, wrt):
        seen.extend(params.values())
        return Trained(params["beta"])

    for beta in (0.51, 0.9, 0.999, 0.999999):
        smoothed_gradient(train, {"beta": beta}, sigma=sigma, log=log, pairs=200)
    assert 0 <= min(seen) <= max(seen) < 1


def test_an_objective_of_a_trial():
    def objective(trial):
        trial.report(1.0, step=0)
        trial.report_gradient({"a": 2.0})
        assert not trial.should_stop()
        return 2 * trial["a"] + trial.seed

    r = smoothed_gradient(objective, {"a": 1.0}, seeds=(1, 5))

    assert_allclose(r.gradient, 2, rtol=0.01)


def test_diverging_trainings_are_left_out_and_said():
    def value(p):
        return math.nan if p["lr"] > 0.11 else p["lr"]

    r = smoothed_gradient(of(value), {"lr": 0.1}, pairs=40)
    none = smoothed_gradient(of(lambda p: math.inf), {"lr": 0.1})

    assert 0 < r.n_failed < 40
    assert r.pairs == 40 - r.n_failed
    assert "left out" in " ".join(r.notes)
    assert r.gradient[0] == pytest.approx(1, rel=0.01)
    assert none.verdicts["lr"] == "too little data: 12 of 12 pairs have a training without a finite result"


def test_the_result_is_of_the_family():
    r = smoothed_gradient(of(lambda p: p["lr"] + p["momentum"]), AT)
    again = smoothed_gradient(of(lambda p: p["lr"] + p["momentum"]), AT)

    assert list(r.to_pandas().columns) == ["parameter", "value", "gradient", "low", "high", "log_gradient", "verdict"]
    assert json.loads(json.dumps(r.to_dict())) == again.to_dict()
    assert "momentum" in str(r)
    assert "<table>" in r._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"at": {"lr": 0.0}}, "'lr' is 0, an end"),
        ({"sigma": 0}, "sigma must be a number from above 0 to 1"),
        ({"pairs": 3}, "pairs must be a whole number >= 4"),
        ({"wrt": ["alpha"]}, "'alpha', which is no hyperparameter"),
        ({"seeds": 1}, "seeds must be a sequence"),
        ({"confidence": 90}, "confidence must lie"),
        ({"train": 3}, "train must be a function"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    given = {"train": of(lambda p: 0.0), "at": AT, **arguments}
    with pytest.raises(InputError, match=message):
        smoothed_gradient(given.pop("train"), given.pop("at"), **given)

"""Hypergradients and their checks: exact forward-mode gradients of a training in NumPy, wrong ones, chaos, noise, and rounding."""

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from trimtab.errors import InputError
from trimtab.sensitivity import Trained, hypergradient
from trimtab.sensitivity._trust import growth

AT = {"lr": 0.1, "momentum": 0.9, "l2": 1e-4}


class Logistic:
    """Logistic regression by gradient descent with momentum, and its exact forward-mode hypergradients."""

    def __init__(self, steps=100, dtype=np.float64, wrong=None, by=1.5):
        rng = np.random.default_rng(0)
        w = rng.normal(size=5)
        x, self.valid = rng.normal(size=(60, 5)), rng.normal(size=(40, 5))
        x *= np.where(x @ w + rng.normal(size=60) > 0, 1, -1)[:, None]
        self.valid *= np.where(self.valid @ w > 0, 1, -1)[:, None]
        self.x, self.valid = x.astype(dtype), self.valid.astype(dtype)
        self.steps, self.dtype, self.wrong, self.by, self.calls = steps, dtype, wrong, by, []

    def __call__(self, params, seed, wrt):
        self.calls.append((params, seed, wrt))
        x, n = self.x, len(self.x)
        lr, momentum, l2 = (self.dtype(params[name]) for name in AT)
        w = (0.1 * np.random.default_rng(seed).normal(size=5)).astype(self.dtype)
        v = np.zeros(5, self.dtype)
        z, u, norms = ({k: np.zeros(5) for k in wrt}, {k: np.zeros(5) for k in wrt}, {k: [] for k in wrt})
        for _ in range(self.steps):
            s = 1 / (1 + np.exp(x @ w))
            g = -(x.T @ s) / n + l2 * w
            hessian = (x.T * (s * (1 - s))) @ x / n + l2 * np.eye(5)
            own = {"lr": -g, "momentum": v, "l2": -lr * w}
            for k in wrt:
                u[k] = momentum * u[k] - lr * (hessian @ z[k]) + own[k]
                z[k] = z[k] + u[k]
                norms[k].append(np.linalg.norm(z[k]))
            v = momentum * v - lr * g
            w = w + v
        margin = self.valid @ w
        slope = -(self.valid.T @ (1 / (1 + np.exp(margin)))) / len(margin)
        gradient = {k: float(slope @ z[k]) * (self.by if k == self.wrong else 1.0) for k in wrt}
        value = float(np.mean(np.logaddexp(0, -margin)))
        return Trained(value, gradient, {k: np.array(norms[k]) for k in wrt})


def logistic_map(params, seed, wrt):
    """60 steps of x <- r x (1 - x): the textbook's road to chaos, at r = 3.57."""
    r, x, z, norms = params["r"], 0.3 + 0.01 * seed, 0.0, []
    for _ in range(60):
        x, z = r * x * (1 - x), x * (1 - x) + r * (1 - 2 * x) * z
        norms.append(abs(z))
    return Trained(x, {"r": z}, {"r": np.array(norms)})


def network(params, seed, wrt):
    """A tanh network of one hidden layer that learns noisy labels by gradient descent, with the learning rate's gradient."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    y = np.where(x[:, :1] * x[:, 1:] + 0.5 * rng.normal(size=(60, 1)) > 0, 1.0, -1.0)
    w = [rng.normal(size=(2, 16)), np.zeros(16), rng.normal(size=(16, 1)) / 4]
    z, lr, norms = [np.zeros_like(a) for a in w], params["lr"], []
    for _ in range(300):
        h = np.tanh(x @ w[0] + w[1])
        dh = (1 - h**2) * (x @ z[0] + z[1])
        p = 1 / (1 + np.exp(np.minimum(y * (h @ w[2]), 500.0)))
        r, dr = -y * p, p * (1 - p) * (dh @ w[2] + h @ z[2])
        b = r @ w[2].T * (1 - h**2)
        db = (dr @ w[2].T + r @ z[2].T) * (1 - h**2) - 2 * (r @ w[2].T) * h * dh
        g = [x.T @ b / 60, b.mean(axis=0), h.T @ r / 60]
        dg = [x.T @ db / 60, db.mean(axis=0), (dh.T @ r + h.T @ dr) / 60]
        z = [a - lr * c - d for a, c, d in zip(z, dg, g, strict=True)]
        w = [a - lr * d for a, d in zip(w, g, strict=True)]
        norms.append(math.sqrt(sum(np.sum(a**2) for a in z)))
    h = np.tanh(x @ w[0] + w[1])
    f, df = h @ w[2], (1 - h**2) * (x @ z[0] + z[1]) @ w[2] + h @ z[2]
    slope = float(np.mean(-y * df / (1 + np.exp(np.minimum(y * f, 500.0)))))
    return Trained(float(np.mean(np.logaddexp(0, -y * f))), {"lr": slope}, {"lr": np.array(norms)})


def doubted(result, *words):
    return all(
        v.startswith("do not trust this gradient: ") and any(w in v for w in words) for v in result.verdicts.values()
    )


@pytest.mark.parametrize("check", ["cheap", "complete"])
@pytest.mark.parametrize("steps", [10, 100, 1000])
def test_a_right_gradient_in_double_precision_has_an_error_far_below_1e_5(steps, check):
    h = hypergradient(Logistic(steps), AT, check=check)

    assert h.relative_error.max() < 1e-6
    assert h.trusted
    assert set(h.verdicts.values()) == {"trust"}


@pytest.mark.parametrize(
    "at", [{"momentum": 0.0, "l2": 0.0}, {"momentum": 0.999}, {"momentum": 0.0}, {"l2": 1e-8}, {"lr": 1e-5}]
)
@pytest.mark.parametrize("check", ["cheap", "complete"])
def test_ends_and_small_values(at, check):
    """At 0 the difference goes one way; near 1 the steps are small; effects of 1e-8 are still seen."""
    h = hypergradient(Logistic(), {**AT, **at}, check=check)

    assert h.relative_error.max() < 1e-5
    assert h.trusted


@pytest.mark.parametrize("check", ["cheap", "complete"])
def test_trainings_at_an_end_do_not_cross_it(check):
    train = Logistic(10)
    hypergradient(train, {**AT, "momentum": 0.0, "l2": 0.0}, check=check)
    hypergradient(train, {**AT, "momentum": 0.9999}, check=check, step=0.1)

    assert all(0 <= params["momentum"] < 1 and params["l2"] >= 0 for params, _, _ in train.calls)


@pytest.mark.parametrize("check", ["cheap", "complete"])
@pytest.mark.parametrize("steps", [10, 100])
def test_single_precision_gets_a_step_that_fits_its_rounding(steps, check):
    h = hypergradient(Logistic(steps, np.float32), AT, check=check)

    assert h.relative_error.max() < 0.02
    assert h.trusted
    assert h.steps.min() >= 0.01


def test_zeros_of_single_precision_are_lost_in_its_rounding():
    h = hypergradient(Logistic(1000, np.float32), AT, check="complete")

    assert h.verdicts["lr"].startswith("not checked: the effect")
    assert h.verdicts["l2"] == "trust"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("wrong", AT)
@pytest.mark.parametrize("by", [0.0, -1.0, 1.5, 2.0])
def test_a_wrong_gradient_is_found(wrong, by, dtype):
    """Also in the smallest component, by the mix as by itself; the complete check says which one it is."""
    cheap = hypergradient(Logistic(100, dtype, wrong, by), AT)
    complete = hypergradient(Logistic(100, dtype, wrong, by), AT, check="complete")

    if (
        dtype is np.float64
    ):  # single precision cannot see the weight decay's share beside the others', which are 1,000 times as large
        assert doubted(cheap, "along a mix of equal steps", "along the random mix")
    assert [name for name, verdict in complete.verdicts.items() if verdict != "trust"] == [wrong]
    assert "finite difference is" in complete.verdicts[wrong]


def test_the_same_numbers_as_by_hand():
    """value = sum of squares of (a, b): gradients 2 a and 2 b, and 2 a^2 on the log scale."""

    def train(params, seed, wrt):
        return Trained(params["a"] ** 2 + params["b"] ** 2 + seed, {name: 2 * params[name] for name in wrt})

    h = hypergradient(train, {"a": 3.0, "b": -2.0, "layers": 4}, check="complete", seeds=(0, 2))

    assert h.parameters == ("a", "b")
    assert h.value == 14
    assert_allclose(h.gradient, [6, -4])
    assert_allclose(h.log_gradient, [18, np.nan])
    assert_allclose(h.finite_difference, [6, -4], rtol=1e-8)
    assert_array_equal(h.values, [13, 15])
    assert_array_equal(h.seed_gradients, [[6, -4], [6, -4]])
    assert h.trainings == 2 + 4 * 2 * 2


def test_cost_of_the_checks():
    for check, trainings in (("none", 0), ("cheap", 4), ("complete", 12)):
        train = Logistic(10)
        h = hypergradient(train, AT, check=check)
        assert [wrt for _, _, wrt in train.calls] == [tuple(AT)] + trainings * [()]
        assert h.trainings == 1 + trainings


def test_one_hyperparameter_is_compared_by_itself_in_the_cheap_check():
    h = hypergradient(Logistic(10), AT, wrt=["l2"])

    assert_allclose(h.finite_difference, h.gradient, rtol=1e-6)
    assert "mix" not in " ".join(h.notes)


def test_only_the_linear_scale():
    h = hypergradient(Logistic(100), AT, log=["lr"], check="complete")

    assert_array_equal(np.isnan(h.log_gradient), [False, True, True])
    assert h.relative_error.max() < 1e-7


def test_without_a_check_nothing_is_claimed():
    h = hypergradient(Logistic(10), AT, check="none")

    assert set(h.verdicts.values()) == {"not checked"}
    assert not h.trusted


@pytest.mark.parametrize("r", [2.5, 2.9, 3.2, 3.5])
def test_order_is_trusted(r):
    h = hypergradient(logistic_map, {"r": r})

    assert h.trusted
    assert h.relative_error[0] < 1e-5
    assert h.lyapunov[0] < 0.01


@pytest.mark.parametrize("r", [3.62, 3.7, 3.8, 3.9, 3.99])
@pytest.mark.parametrize("check", ["none", "cheap"])
def test_chaos_is_told_by_the_tangent(r, check):
    h = hypergradient(logistic_map, {"r": r}, check=check)

    assert doubted(h, "Lyapunov exponent")


def test_the_exponent_of_the_logistic_map_at_4_is_log_2():
    h = hypergradient(logistic_map, {"r": 4.0}, check="none", seeds=range(20))

    assert h.lyapunov[0] == pytest.approx(math.log(2), abs=0.2)


def test_chaos_without_a_tangent_is_told_by_the_differences():
    h = hypergradient(lambda *args: Trained(*_bare(logistic_map(*args))), {"r": 3.9})

    assert doubted(h, "two step sizes disagree", "the finite difference is")


def _bare(run):
    return run.value, run.gradient


@pytest.mark.parametrize(
    ("lr", "trust"), [(0.1, True), (1.0, True), (3.0, True), (10.0, False), (20.0, False), (30.0, False)]
)
def test_a_learning_rate_past_the_edge_of_stability(lr, trust):
    """The loss is bounded in its slope, so past the edge (about 5) it does not overflow, it jumps about."""
    h = hypergradient(network, {"lr": lr})

    assert h.trusted == trust
    assert trust or doubted(h, "Lyapunov", "disagree", "finite difference")


def test_the_cheap_check_moves_every_hyperparameter_by_a_real_step():
    """Its share is 10,000 times the other one: a mix that evens that out hardly moves it, and does not see that it is rough."""

    def train(params, seed, wrt):
        u = math.log(params["lr"] / 0.1)
        return Trained(2.0 + 1e-3 * math.sin(1e5 * u) + 0.01 * params["b"], {"lr": 1e-3 * 1e5 / 0.1, "b": 0.01})

    assert doubted(hypergradient(train, {"lr": 0.1, "b": 1.0}), "along a mix of equal steps")


def test_a_diverging_training_is_not_trusted():
    def train(params, seed, wrt):
        with np.errstate(over="ignore", invalid="ignore"):  # the diverging one
            w, z = np.float64(1.0), np.float64(0.0)
            for _ in range(2000):
                w, z = w - params["lr"] * w, z - params["lr"] * z - w
            return Trained(float(w * w), {"lr": float(2 * w * z)})

    assert hypergradient(train, {"lr": 0.5}).trusted
    assert doubted(hypergradient(train, {"lr": 3.0}), "not finite")


def test_one_gradient_that_is_not_finite_leaves_the_others():
    def train(params, seed, wrt):
        return Trained(params["a"] * params["b"], {"a": params["b"], "b": math.nan})

    h = hypergradient(train, {"a": 2.0, "b": 3.0}, wrt=["a", "b"], check="complete")

    assert h.verdicts == {"a": "trust", "b": "do not trust this gradient: it is not finite"}


def test_a_training_that_diverges_a_step_away():
    def train(params, seed, wrt):
        return Trained(math.sqrt(params["a"]) if params["a"] <= 1 else math.inf, {"a": 0.5 * params["a"] ** -0.5})

    assert doubted(hypergradient(train, {"a": 1.0}), "no finite result")


def test_randomness_outside_the_seed_is_told():
    rng = np.random.default_rng(3)

    def train(params, seed, wrt):
        return Trained(params["a"] ** 2 + 0.01 * rng.normal(), {"a": 2 * params["a"]})

    assert doubted(hypergradient(train, {"a": 2.0}), "all its randomness from the seed")


@pytest.mark.parametrize(
    ("signs", "trust"), [((1, 1), True), ((1, -1), False), ((1, 1, -1), False), ((1, 1, 1, 1, -1), True)]
)
def test_seeds_must_agree_in_the_sign(signs, trust):
    def train(params, seed, wrt):
        slope = signs[seed] * (1 + 0.1 * seed)
        return Trained(slope * params["a"], {"a": slope})

    h = hypergradient(train, {"a": 2.0}, seeds=range(len(signs)), check="complete")

    assert h.trusted == trust
    assert trust or doubted(h, "seed noise is larger")
    assert h.sign_agreement[0] == pytest.approx(max(np.mean(np.array(signs) == s) for s in (1, -1)), abs=0.51)


def test_what_rounding_hides_is_not_checked():
    """In single precision an effect of 1e-6 per factor of e is lost at any step: nothing is said, for a right and for a wrong gradient."""

    def train(params, seed, wrt):
        return Trained(float(np.float32(1 / 3 + 1e-7 * params["a"])), {"a": 3e-7})

    h = hypergradient(train, {"a": 1.0})

    assert h.verdicts["a"].startswith("not checked: the effect")
    assert not h.trusted


def test_a_gradient_of_zero_at_convergence_is_trusted():
    """After 1,000 steps the learning rate does nothing any more: gradient and difference are both rounding."""
    h = hypergradient(Logistic(1000), AT, check="complete")

    assert np.abs(h.log_gradient[0]) < 1e-12
    assert h.trusted


def test_a_hyperparameter_without_effect_is_trusted_to_have_none():
    h = hypergradient(lambda params, seed, wrt: Trained(1.0 / 3.0, {"a": 0.0}), {"a": 1.0})

    assert h.verdicts["a"] == "trust"
    assert h.relative_error[0] == 0


def test_a_single_precision_value_added_up_in_double_needs_its_step():
    single = Logistic(100, np.float32)

    def train(params, seed, wrt):
        run = single(params, seed, wrt)
        return Trained(run.value / 3.0, {name: g / 3.0 for name, g in run.gradient.items()})

    assert not hypergradient(train, AT, wrt=["l2"]).trusted
    assert hypergradient(train, AT, wrt=["l2"], step=0.1).trusted


@pytest.mark.parametrize(
    ("z", "grown"),
    [
        (np.ones(100), 1),
        (np.arange(1.0, 101), 2),
        (np.arange(1.0, 101) ** 3, 8.5),
        (np.exp(0.2 * np.arange(100)), math.exp(0.2 * 50)),
        (np.exp(-0.2 * np.arange(100)), math.exp(-0.2 * 50)),
        (np.where(np.arange(100) > 55, np.arange(100) - 55.0, 0.0), 9),
        (np.zeros(100), 1),
    ],
)
def test_growth_of_a_tangent(z, grown):
    """Powers of the step are not chaos; neither is a hyperparameter that begins to act late."""
    exponent, factor = growth(z)

    assert factor == pytest.approx(grown, rel=0.3)
    assert exponent == pytest.approx(math.log(factor) / 50)


def test_growth_is_not_told_from_few_steps():
    assert math.isnan(growth(np.ones(7))[1])
    assert growth(np.array([*np.ones(20), np.nan]))[1] == math.inf


def test_the_result_is_of_the_family():
    h = hypergradient(Logistic(10), AT)
    again = hypergradient(Logistic(10), AT)

    assert list(h.to_pandas().columns) == [
        "parameter", "value", "gradient", "log_gradient", "finite_difference", "relative_error", "verdict",
    ]  # fmt: skip
    assert json.loads(json.dumps(h.to_dict())) == again.to_dict()
    assert "momentum" in str(h)
    assert "<table>" in h._repr_html_()
    assert_array_equal(h.log_gradient, h.at * h.gradient)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wrt": ["layers"]}, "'layers' is 3, a int.*Write 3.0"),
        ({"wrt": ["activation"]}, "'activation' is 'relu', a str, and only floats have a gradient"),
        ({"wrt": ["lr", "alpha"]}, "'alpha', which is no hyperparameter of at"),
        ({"wrt": "lr"}, r"Write wrt=\['lr'\]"),
        ({"wrt": []}, "at least one float"),
        ({"at": {"lr": 1}}, "at has no float to differentiate for.*write 1.0 for a 1"),
        ({"wrt": ["lr", "lr"]}, "each once"),
        ({"log": ["alpha"]}, "'alpha', which is no hyperparameter"),
        ({"log": ["shift"]}, "'shift' is -1.0 and can be on a log scale only if"),
        ({"log": "lr"}, "Write log"),
        ({"check": "quick"}, "'none', 'cheap', 'complete', got 'quick'"),
        ({"seeds": 3}, "sequence of different whole numbers"),
        ({"seeds": ()}, "sequence of different whole numbers"),
        ({"seeds": (1, 1)}, "sequence of different whole numbers"),
        ({"step": 0.0}, "step must be"),
        ({"tolerance": 5.0}, "tolerance must be"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    at = {"lr": 0.1, "shift": -1.0, "layers": 3, "activation": "relu"}
    with pytest.raises(InputError, match=message):
        hypergradient(lambda *_: Trained(1.0, {"lr": 0.0, "shift": 0.0}), **{"at": at, **arguments})


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (1.0, "Trained, got float"),
        (Trained(1.0), r"none of \['lr'\]"),
        (Trained("low", {"lr": 1.0}), "a number as value, got 'low'"),
        (Trained(1.0, {"lr": None}), "gradient of 'lr'.*None"),
    ],
)
def test_what_train_returns_is_checked(returned, message):
    with pytest.raises(InputError, match=message):
        hypergradient(lambda *_: returned, {"lr": 0.1})


def test_an_error_of_a_training_of_the_check_says_where():
    def train(params, seed, wrt):
        if not wrt:
            raise RuntimeError("no")
        return Trained(1.0, {"lr": 1.0})

    with pytest.raises(RuntimeError) as caught:
        hypergradient(train, {"lr": 0.1})
    assert "one of the neighbours" in caught.value.__notes__[0]

"""The step-by-step training is scikit-learn's own: the same weights and losses to 1e-10, the same last epoch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from trimtab.integrations._sklearn_mlp_problem import Problem
from trimtab.integrations._sklearn_mlp_training import fit

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
TRAININGS = {
    "adam": {"solver": "adam"},
    "adam, early stopping": {"solver": "adam", "early_stopping": True, "learning_rate_init": 0.02},
    "adam, other betas": {"solver": "adam", "beta_1": 0.6, "beta_2": 0.9, "epsilon": 1e-4, "batch_size": 50},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "sgd, early stopping": {
        "solver": "sgd", "learning_rate_init": 0.02, "early_stopping": True, "n_iter_no_change": 3, "tol": 1e-2,
        "validation_fraction": 0.2,
    },
    "sgd, adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.02, "n_iter_no_change": 2, "tol": 2e-2,
    },
    "sgd, invscaling, plain momentum": {
        "solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2, "learning_rate_init": 0.05,
        "nesterovs_momentum": False, "momentum": 0.7, "early_stopping": True,
    },
    "sgd, in order, no momentum": {
        "solver": "sgd", "shuffle": False, "batch_size": 33, "momentum": 0.0, "learning_rate_init": 0.01,
    },
}  # fmt: skip


def data(name: str, n: int = 350) -> tuple[np.ndarray, np.ndarray]:
    """n samples, standardised."""
    load = {"digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}[name]
    x, y = load(return_X_y=True)
    x, y = x[:n], y[:n]
    return scale(x), scale(y.astype(float)) if name == "diabetes" else y


def estimator(name: str, **settings: object) -> MLPClassifier | MLPRegressor:
    kind = MLPRegressor if name == "diabetes" else MLPClassifier
    return kind(**{"hidden_layer_sizes": (12, 8), "max_iter": 10, "random_state": 3, **settings})


def assert_same_training(model: MLPClassifier | MLPRegressor, x: np.ndarray, y: np.ndarray) -> None:
    problem = Problem.of(model, x, y, x, y, None)
    ours = fit(problem.network, problem.x, problem.y, problem.settings, model.random_state)
    with warnings.catch_warnings(action="ignore"):  # it says that 10 epochs are few, and that large batches are clipped
        model.fit(x, y)

    assert len(ours.loss_curve) == model.n_iter_
    assert_allclose(ours.loss_curve, model.loss_curve_, rtol=0, atol=1e-10)
    layers = ours.layers()
    for mine, theirs in zip([*layers.w, *layers.b], [*model.coefs_, *model.intercepts_], strict=True):
        assert_allclose(mine, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", ["digits", "cancer", "diabetes"])
def test_weights_and_losses_are_scikit_learns(name, activation, training):
    assert_same_training(estimator(name, activation=activation, **TRAININGS[training]), *data(name))


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_until_it_stops_by_itself(solver, early_stopping):
    model = estimator(
        "cancer", solver=solver, early_stopping=early_stopping, learning_rate_init=0.05, max_iter=300, tol=1e-3
    )
    assert_same_training(model, *data("cancer"))

    assert 11 < model.n_iter_ < 300
    if early_stopping:
        assert model.validation_scores_.index(model.best_validation_score_) < model.n_iter_ - 10


def test_a_rate_that_falls_until_it_ends():
    """The adaptive rate is divided by 5 until it is 1e-6."""
    model = estimator("digits", **TRAININGS["sgd, adaptive"] | {"max_iter": 200, "tol": 0.1})
    assert_same_training(model, *data("digits"))

    assert model._optimizer.learning_rate <= 1e-6
    assert model.n_iter_ < 200


@pytest.mark.parametrize("batch_size", [1, 7, 349, 350, 10_000, "auto"])
def test_batches(batch_size):
    assert_same_training(estimator("digits", batch_size=batch_size, max_iter=2), *data("digits"))


@pytest.mark.parametrize("hidden", [(), 5, (4,), (6, 5, 4), np.array([4, 3])])
def test_layers(hidden):
    assert_same_training(estimator("cancer", hidden_layer_sizes=hidden), *data("cancer"))


def test_labels_of_any_kind_and_in_a_column():
    x, y = data("digits")
    names = np.array([f"digit {k}" for k in y])

    assert_same_training(estimator("digits", early_stopping=True), x, names)
    assert_same_training(estimator("digits", early_stopping=True), x, y[:, None])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_several_labels_and_several_targets(early_stopping):
    x, y = make_multilabel_classification(200, random_state=0)
    assert_same_training(estimator("labels", early_stopping=early_stopping), scale(x), y)

    x, y = data("diabetes")
    assert_same_training(estimator("diabetes", early_stopping=early_stopping), x, np.column_stack([y, y**2]))


def test_a_training_that_diverges_ends_where_its_weights_do():
    x, y = data("diabetes")
    model = estimator("diabetes", solver="sgd", learning_rate_init=50.0, activation="relu", batch_size=20)
    problem = Problem.of(model, x, y, x, y, None)

    ours = fit(problem.network, problem.x, problem.y, problem.settings, 3)

    assert not np.isfinite(ours.weights).all()
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"), pytest.raises(ValueError, match="finite"):
        model.fit(x, y)

"""Hypergradients of scikit-learn's MLPs against finite differences: of the training itself, and of scikit-learn's own fits."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from trimtab.errors import InputError, StudyError
from trimtab.integrations.sklearn import hypergradient

SMOOTH = ["identity", "logistic", "tanh"]
ADAM = {"solver": "adam", "learning_rate_init": 0.005, "epsilon": 1e-5, "alpha": 0.1}
SGD = {"solver": "sgd", "learning_rate_init": 0.05, "alpha": 0.1}
SOLVERS = {
    "adam": ADAM,
    "adam, other betas": {**ADAM, "beta_1": 0.5, "beta_2": 0.9},
    "sgd": SGD,
    "sgd, plain momentum": {**SGD, "nesterovs_momentum": False, "momentum": 0.5},
    "sgd, invscaling": {**SGD, "learning_rate": "invscaling", "power_t": 0.2},
    "sgd, adaptive": {**SGD, "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
}


def data(name: str, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """X_train, y_train, X_valid, y_valid of n samples, standardised."""
    load = {"digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}[name]
    x, y = load(return_X_y=True)
    x, y = scale(x[:n]), scale(y[:n].astype(float)) if name == "diabetes" else y[:n]
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, random_state=0, train_size=n // 2)
    return x_train, y_train, x_valid, y_valid


def estimator(name: str, **settings: object) -> MLPClassifier | MLPRegressor:
    """Five steps an epoch with half of 200 samples; it does not stop early."""
    kind = MLPRegressor if name == "diabetes" else MLPClassifier
    basis = {"hidden_layer_sizes": (7, 5), "batch_size": 20, "random_state": 0, "n_iter_no_change": math.inf}
    return kind(**{**basis, "activation": "tanh", "max_iter": 4, **settings})


# -- against finite differences of the training --------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [2, 20])  # 10 and 100 steps
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("name", "activation"), [("digits", "tanh"), ("cancer", "logistic"), ("diabetes", "identity")])
def test_smooth_networks(name, activation, solver, epochs):
    model = estimator(name, activation=activation, max_iter=epochs, **SOLVERS[solver])

    result = hypergradient(model, *data(name), check="complete", step=1e-4)

    assert set(result.verdicts.values()) == {"trust"}
    assert_allclose(result.finite_difference, result.gradient, rtol=1e-5)
    assert result.relative_error.max() < 1e-5


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_thousand_steps(solver):
    model = estimator("diabetes", max_iter=100, batch_size=10, hidden_layer_sizes=(4,), **SOLVERS[solver])

    result = hypergradient(model, *data("diabetes"), check="complete")

    assert result.notes[-1].startswith("Trained for 100 epochs (1000 steps)")
    assert result.relative_error.max() < 1e-5
    assert set(result.verdicts.values()) == {"trust"}


def test_the_best_epoch_of_early_stopping():
    model = estimator("cancer", early_stopping=True, max_iter=30, n_iter_no_change=5, validation_fraction=0.3, **ADAM)

    result = hypergradient(model, *data("cancer"), check="complete")

    assert "of which the best one, " in result.notes[-1]
    assert result.relative_error.max() < 1e-5


def test_epochs_of_a_training_that_stops_by_itself():
    model = estimator("cancer", max_iter=400, tol=1e-2, n_iter_no_change=4, **ADAM)

    result = hypergradient(model, *data("cancer"), check="complete")

    assert int(result.notes[-1].split()[2]) < 400
    assert result.relative_error.max() < 1e-5


@pytest.mark.parametrize("metric", ["log_loss", "squared_error"])
@pytest.mark.parametrize("name", ["digits", "cancer", "labels"])
def test_metrics_of_classifiers(name, metric):
    if name == "labels":
        x, y = make_multilabel_classification(100, random_state=0)
        parts = x[:50], y[:50], x[50:], y[50:]
    else:
        parts = data(name)

    result = hypergradient(estimator(name, **SGD), *parts, metric=metric, check="complete")

    assert result.relative_error.max() < 1e-5


def test_several_targets():
    x, y, x_valid, y_valid = data("diabetes")

    result = hypergradient(
        estimator("diabetes", **SGD),
        x,
        np.column_stack([y, y**2]),
        x_valid,
        np.column_stack([y_valid, y_valid**2]),
        check="complete",
    )

    assert result.relative_error.max() < 1e-5


def test_values_at_the_end_of_their_range():
    """alpha 0 and momentum 0 have a derivative from one side; a beta of 0 too."""
    at_zero = hypergradient(estimator("digits", **SGD | {"alpha": 0.0, "momentum": 0.0}), *data("digits"))
    beta = hypergradient(estimator("digits", **ADAM | {"beta_1": 0.0}), *data("digits"), wrt=["beta_1"])

    for result in (at_zero, beta):
        assert set(result.verdicts.values()) == {"trust"}
        assert result.relative_error.max() < 1e-5


def test_weights_that_never_had_a_gradient():
    """Pixels that are always 0, without an L2 term: Adam divides by their root of 0."""
    x, y, x_valid, y_valid = data("digits")
    x[:, :5] = x_valid[:, :5] = 0.0

    model = estimator("digits", **ADAM | {"alpha": 0.0})
    result = hypergradient(model, x, y, x_valid, y_valid, ["learning_rate_init", "beta_2"], check="complete")

    assert result.relative_error.max() < 1e-5


# -- against scikit-learn's own fits -------------------------------------------------------------------------------------------------


def own_loss(model: MLPClassifier | MLPRegressor, name: str, n: int, **changed: float) -> float:
    """Validation loss of scikit-learn's fit."""
    x, y, x_valid, y_valid = data(name, n)
    with warnings.catch_warnings(action="ignore"):
        fitted = type(model)(**{**model.get_params(), **changed}).fit(x, y)
    if name == "diabetes":
        return mean_squared_error(y_valid, fitted.predict(x_valid)) / 2
    return log_loss(y_valid, fitted.predict_proba(x_valid), labels=fitted.classes_)


@pytest.mark.parametrize(("name", "settings"), [("digits", ADAM), ("cancer", SGD), ("diabetes", ADAM)])
def test_scikit_learns_fits_move_as_the_gradient_says(name, settings):
    model = estimator(name, **settings)

    result = hypergradient(model, *data(name, 200))

    assert_allclose(result.value, own_loss(model, name, 200), rtol=1e-10)
    for parameter, value, gradient in zip(result.parameters, result.at, result.gradient, strict=True):
        h = 1e-4 * value * (0.1 if parameter == "beta_2" else 1.0)
        up, down = (own_loss(model, name, 200, **{parameter: value + sign * h}) for sign in (1, -1))
        assert_allclose((up - down) / (2 * h), gradient, rtol=1e-3)


@pytest.mark.parametrize(("solver", "rate"), [("adam", 0.001), ("sgd", 0.02)])
def test_relu_on_digits(solver, rate):
    """What is trusted is within 5 % of scikit-learn's fits 20 % apart, and the learning rate is."""
    model = MLPClassifier((30,), solver=solver, max_iter=10, random_state=0, learning_rate_init=rate)

    result = hypergradient(model, *data("digits", 1797), check="complete")

    assert result.verdicts["learning_rate_init"] == "trust"
    assert (
        not result.trusted or solver == "sgd"
    )  # Adam divides the L2 term's tiny steps by their size: kinks outweigh them
    for parameter, value, gradient in zip(result.parameters, result.at, result.log_gradient, strict=True):
        if result.verdicts[parameter] == "trust" and parameter != "beta_2":  # 0.999 * exp(0.1) is above 1
            h = 0.1 if value < 0.9 else 0.01
            up, down = (own_loss(model, "digits", 1797, **{parameter: value * math.exp(s * h)}) for s in (1, -1))
            assert_allclose((up - down) / (2 * h), gradient, rtol=0.05)


def test_the_replica_is_compared_with_the_real_fit():
    class Louder(MLPClassifier):
        def fit(self, x, y):
            return super().fit(1.001 * x, y)

    parts = data("digits")
    settings = {"max_iter": 5, "random_state": 0, "activation": "tanh"}

    assert hypergradient(MLPClassifier(**settings), *parts, ["alpha"], check="complete").trusted
    with pytest.raises(StudyError, match=r"Louder with weights that differ by .* where 1e-08 is allowed"):
        hypergradient(Louder(**settings), *parts, ["alpha"], check="complete")


# -- verdicts ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["cheap", "complete"])
@pytest.mark.parametrize(("activation", "rate"), [("tanh", 10.0), ("logistic", 30.0), ("relu", 0.7)])
def test_too_high_a_learning_rate_is_flagged(activation, rate, check):
    """Past the edge of stability: the losses no longer fall."""
    model = MLPClassifier((20,), activation=activation, solver="sgd", learning_rate_init=rate, max_iter=15)

    result = hypergradient(model.set_params(random_state=0), *data("digits", 600), ["learning_rate_init"], check=check)

    assert result.verdicts["learning_rate_init"].startswith("do not trust this gradient: ")


def test_a_training_that_diverges_is_flagged():
    model = estimator("diabetes", activation="identity", solver="sgd", learning_rate_init=100.0, max_iter=100)

    result = hypergradient(model, *data("diabetes"))

    assert set(result.verdicts.values()) == {"do not trust this gradient: the result of the training is not finite"}


# -- lbfgs ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "alpha"), [("cancer", 1.0), ("diabetes", 10.0)])
@pytest.mark.parametrize("activation", SMOOTH)
def test_lbfgs_at_its_minimum(name, activation, alpha):
    model = estimator(name, activation=activation, solver="lbfgs", alpha=alpha, max_iter=200, hidden_layer_sizes=(4,))

    result = hypergradient(model, *data(name), check="complete")

    assert result.parameters == ("alpha",)
    assert result.verdicts == {"alpha": "trust"}
    assert result.relative_error[0] < 1e-5
    assert "scikit-learn stopped where the gradient of the training loss has norm" in result.notes[-1]


def test_lbfgs_of_a_network_without_hidden_layers_is_logistic_regression():
    x, y, x_valid, y_valid = data("cancer")

    def loss(alpha: float) -> float:
        """LogisticRegression minimises C times the sum of the losses and half the squares."""
        fitted = LogisticRegression(C=1 / alpha, tol=1e-12, max_iter=10_000).fit(x, y)
        return log_loss(y_valid, fitted.predict_proba(x_valid))

    model = estimator("cancer", hidden_layer_sizes=(), solver="lbfgs", alpha=2.0, max_iter=500)
    result = hypergradient(model, x, y, x_valid, y_valid)

    assert_allclose(result.value, loss(2.0), rtol=1e-6)
    assert_allclose((loss(2.02) - loss(1.98)) / 0.04, result.gradient[0], rtol=1e-3)


# -- what may be asked for -----------------------------------------------------------------------------------------------------------


def test_names_that_have_a_gradient():
    parts = data("cancer")

    def names(**settings: object) -> tuple[str, ...]:
        return hypergradient(estimator("cancer", **settings), *parts, check="none").parameters

    assert names(solver="adam") == ("alpha", "learning_rate_init", "beta_1", "beta_2", "epsilon")
    assert names(solver="sgd") == ("alpha", "learning_rate_init", "momentum")
    assert names(solver="sgd", learning_rate="invscaling")[-1] == "power_t"
    assert names(solver="lbfgs", alpha=1.0) == ("alpha",)
    assert names(solver="adam", alpha=1)[0] == "alpha"  # a whole number is a number too


def test_the_order_of_wrt_is_kept_and_columns_do_not_touch():
    model, parts = estimator("cancer", **ADAM), data("cancer")
    every = hypergradient(model, *parts, check="none")
    gradients = dict(zip(every.parameters, every.gradient, strict=True))

    for wrt in (["beta_2", "alpha"], ["epsilon"], ["learning_rate_init", "beta_1"]):
        some = hypergradient(model, *parts, wrt, check="none")
        assert some.parameters == tuple(wrt)
        assert_allclose(some.gradient, [gradients[name] for name in wrt], rtol=1e-12)


def test_seeds_are_random_states():
    parts = data("cancer")
    model = estimator("cancer", random_state=None, **ADAM)

    both = hypergradient(model, *parts, seeds=(3, 4), check="none")
    alone = [hypergradient(estimator("cancer", **ADAM | {"random_state": k}), *parts, check="none") for k in (3, 4)]

    assert both.seeds == (3, 4)
    assert_allclose(both.values, [one.value for one in alone])
    assert_allclose(both.seed_gradients, [one.gradient for one in alone])


def test_the_estimator_is_left_alone_and_the_same_call_gives_the_same():
    model, parts = estimator("cancer", **ADAM), data("cancer")
    before = str(model.get_params())

    first, second = hypergradient(model, *parts), hypergradient(model, *parts)

    assert str(first) == str(second)
    assert not hasattr(model, "coefs_")
    assert str(model.get_params()) == before


def test_single_precision_is_trained_in_double():
    x, y, x_valid, y_valid = data("cancer")
    short, short_valid = x.astype(np.float32), x_valid.astype(np.float32)

    single = hypergradient(estimator("cancer", **ADAM), short, y, short_valid, y_valid)
    double = hypergradient(estimator("cancer", **ADAM), short.astype(float), y, short_valid.astype(float), y_valid)

    assert str(single) == str(double)
    assert single.relative_error.max() < 1e-5


def test_pandas_goes_in_and_out():
    pandas = pytest.importorskip("pandas")
    x, y, x_valid, y_valid = data("cancer")

    result = hypergradient(
        estimator("cancer", **ADAM), pandas.DataFrame(x), pandas.Series(y), pandas.DataFrame(x_valid), y_valid
    )

    table = result.to_pandas()
    assert list(table) == [
        "parameter", "value", "gradient", "log_gradient", "finite_difference", "relative_error", "verdict",
    ]  # fmt: skip
    assert_allclose(table["log_gradient"], table["value"] * table["gradient"])


# -- refusals ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "name", "message"),
    [
        ({}, "hidden_layer_sizes", r"'hidden_layer_sizes', which is \(7, 5\) here and not continuous.*finite_difference"),
        ({}, "batch_size", "'batch_size', which is 20 here and not continuous.*finite_difference for numbers, and one_at"),
        ({}, "activation", "'activation', which is 'tanh' here and not continuous"),
        ({}, "solver", "'solver', which is 'adam' here and not continuous"),
        ({}, "max_iter", "'max_iter', which is 4 here and not continuous"),
        ({}, "learning_rate", "'learning_rate', which names a schedule. Its number is 'learning_rate_init'"),
        ({}, "tol", "'tol', which only decides when training stops.*finite_difference"),
        ({}, "validation_fraction", "'validation_fraction', which only decides when training stops"),
        ({}, "momentum", "'momentum', which solver='adam' does not use.*can have alpha, learning_rate_init, beta_1"),
        ({"solver": "sgd"}, "beta_1", "'beta_1', which solver='sgd' does not use"),
        ({"solver": "sgd"}, "power_t", "'power_t', which is used only with solver='sgd' and learning_rate='invscaling'"),
        ({"solver": "lbfgs"}, "learning_rate_init", "solver='lbfgs' does not use: the minimum does not depend on the way"),
        ({"solver": "lbfgs"}, "beta_2", "'beta_2', which solver='lbfgs' does not use.*can have alpha"),
        ({}, "sample_weight", "'sample_weight', and trainings with sample weights are not differentiated"),
        ({}, "dropout", "'dropout', which is no hyperparameter"),
    ],
)  # fmt: skip
def test_names_without_a_gradient_are_refused(settings, name, message):
    with pytest.raises(InputError, match=message):
        hypergradient(estimator("cancer", **settings), *data("cancer"), wrt=["alpha", name])


def test_estimators_and_data_that_are_refused():
    x, y, x_valid, y_valid = data("cancer")

    def refused(message: str, model: object = None, x=x, y=y, x_valid=x_valid, y_valid=y_valid, **keywords: object):
        with pytest.raises(InputError, match=message):
            hypergradient(estimator("cancer") if model is None else model, x, y, x_valid, y_valid, **keywords)

    refused("MLPClassifier or MLPRegressor, got LogisticRegression.*finite_difference", LogisticRegression())
    refused("got Pipeline. Give the last step by itself", make_pipeline(StandardScaler(), MLPClassifier()))
    refused("warm_start=True is not differentiated.*warm_start=False", estimator("cancer", warm_start=True))
    refused("random_state must be a whole number.*got None", estimator("cancer", random_state=None))
    refused("random_state must be a whole", estimator("cancer", random_state=np.random.RandomState(0)))
    few = estimator("diabetes", early_stopping=True, validation_fraction=0.01)
    refused(r"validation_fraction=0.01 of 100 samples leaves 1 to score on", few)
    refused("X_train is sparse.*X_train.toarray", x=csr_matrix(x))
    refused("X_valid is sparse", x_valid=csr_matrix(x_valid))
    refused("the 30 columns of X_train, got 29", x_valid=x_valid[:, 1:])
    refused("y_valid has classes that y_train has not", y_valid=y_valid + 1)
    refused("metric of a classifier must be one of 'log_loss', 'squared_error', got 'accuracy'", metric="accuracy")
    refused("metric of a regressor must be one of 'squared_error'", estimator("diabetes"), metric="log_loss")
    refused(r"Write wrt=\['alpha'\]", wrt="alpha")
    refused("check must be one of", check="some")
    with pytest.raises(ValueError, match="'alpha' parameter of MLPClassifier"):
        hypergradient(estimator("cancer", alpha=-1.0), x, y, x_valid, y_valid)


def test_the_poisson_loss_is_refused():
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no loss='poisson'")
    x, y, x_valid, y_valid = data("diabetes")

    with pytest.raises(InputError, match=r"loss='poisson' is not differentiated. Use loss='squared_error'"):
        hypergradient(estimator("diabetes", loss="poisson"), x, y - y.min(), x_valid, y_valid - y_valid.min())

"""What a hypergradient of scikit-learn's MLPs starts from: the estimator and the data, checked once, and how a training is judged.

value: validation loss of the network with some weights, from z of the last layer, so that no probability is clipped
    log_loss        mean over the samples of -log(probability of the true class); over several labels the sum of theirs
    squared_error   half the mean over samples and outputs of (y - output)^2, as scikit-learn's own loss; for classifiers the output
                    is the probabilities, and y is 0 and 1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.integrations._sklearn_mlp_network import Network, Passes
from trimtab.numerics import FloatArray

__all__ = ["Problem"]

FORMS = {"binary": "logistic", "multilabel-indicator": "logistic", "multiclass": "softmax"}


@dataclass(frozen=True, eq=False)
class Problem:
    """Everything that is the same in all trainings.

    settings           the estimator's parameters
    x, y               to train on: (n, inputs) and (n, outputs), bool for a classifier; labels: y as the user gave it
    x_valid, y_valid   to judge on, y_valid as float
    """

    estimator: Any
    settings: Mapping[str, Any]
    network: Network
    x: FloatArray
    y: Any
    labels: Any
    x_valid: FloatArray
    y_valid: FloatArray
    metric: str

    @classmethod
    def of(cls, estimator: Any, x: Any, y: Any, x_valid: Any, y_valid: Any, metric: str | None) -> Problem:
        """Raises InputError for what cannot be differentiated, scikit-learn's own errors for data that it does not take."""
        from sklearn.base import clone

        classifies = _checked_estimator(estimator)
        x, labels = _arrays("train", x, y, classifies)
        x_valid, labels_valid = _arrays("valid", x_valid, y_valid, classifies)
        if x.shape[1] != x_valid.shape[1]:
            raise InputError(
                f"X_valid must have the {x.shape[1]} columns of X_train, got {x_valid.shape[1]}. Prepare both alike."
            )
        if classifies:
            y, targets_valid, output = _indicators(labels, labels_valid)
        else:
            y, targets_valid, output = _column(labels), _column(labels_valid), "identity"
        if y.shape[1] != targets_valid.shape[1]:
            raise InputError(f"y_valid must have the {y.shape[1]} columns of y_train, got {targets_valid.shape[1]}.")
        hidden = np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, dtype=int)).tolist()
        network = Network((x.shape[1], *hidden, y.shape[1]), estimator.activation, output)
        settings = estimator.get_params(deep=False)
        fresh = clone(estimator)
        return cls(fresh, settings, network, x, y, labels, x_valid, targets_valid, _metric(metric, classifies))

    def judge(self, weights: FloatArray) -> tuple[float, FloatArray]:
        """Validation loss and its gradient (m,) at some weights (m,)."""
        passes = Passes(self.network, weights)
        with np.errstate(over="ignore", invalid="ignore"):
            z = passes.logits(self.x_valid)
            value, slope = self._log_loss(z) if self.metric == "log_loss" else self._squared_error(z)
            return value, passes.output_gradient(self.x_valid, slope)

    def real_fit(self, params: Mapping[str, float], seed: int) -> Any:
        """scikit-learn's own fit with these parameters and random_state=seed."""
        import warnings

        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        estimator = clone(self.estimator).set_params(**params, random_state=seed, verbose=False)
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is what is differentiated
            warnings.filterwarnings("ignore", "Got `batch_size`")
            return estimator.fit(self.x, self.labels)

    def _log_loss(self, z: FloatArray) -> tuple[float, FloatArray]:
        from scipy.special import expit, log_softmax

        y, n = self.y_valid, len(z)
        if self.network.output == "softmax":
            logs = log_softmax(z, axis=1)
            return float(-np.sum(y * logs) / n), (np.exp(logs) - y) / n
        return float(np.sum(np.logaddexp(0, (1 - 2 * y) * z)) / n), (expit(z) - y) / n

    def _squared_error(self, z: FloatArray) -> tuple[float, FloatArray]:
        from scipy.special import expit, softmax

        output = self.network.output
        out = z if output == "identity" else softmax(z, axis=1) if output == "softmax" else expit(z)
        rest = out - self.y_valid
        slope = rest / rest.size
        if output == "logistic":
            slope = slope * out * (1 - out)
        elif output == "softmax":
            slope = out * (slope - np.sum(out * slope, axis=1, keepdims=True))
        return float(0.5 * np.mean(rest**2)), slope


def _checked_estimator(estimator: Any) -> bool:
    """Whether it is a classifier. Raises InputError for what is no MLP or trains in a way that is not reproduced."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        kind = type(estimator).__name__
        advice = (
            "For other models use trimtab.sensitivity.finite_difference; for a training loop of your own "
            "trimtab.sensitivity.hypergradient."
        )
        if hasattr(estimator, "steps"):
            advice = (
                "Give the last step by itself, and the data as the steps before it make them: "
                "pipeline[:-1].fit_transform(X_train)."
            )
        raise InputError(f"estimator must be an MLPClassifier or MLPRegressor, got {kind}. {advice}")
    if estimator.warm_start:
        raise InputError(
            "warm_start=True is not differentiated: the weights that training starts from would depend on earlier fits. "
            "Use warm_start=False; max_iter says how long it trains."
        )
    if getattr(estimator, "loss", "squared_error") == "poisson":
        raise InputError(
            "loss='poisson' is not differentiated. Use loss='squared_error', or trimtab.sensitivity.finite_difference."
        )
    estimator._validate_params()
    return isinstance(estimator, MLPClassifier)


def _arrays(part: str, x: Any, y: Any, classifies: bool) -> tuple[FloatArray, Any]:
    from scipy.sparse import issparse
    from sklearn.utils import check_X_y, column_or_1d

    if issparse(x) or issparse(y):
        name = f"X_{part}" if issparse(x) else f"y_{part}"
        raise InputError(f"{name} is sparse, and only dense data is differentiated. Give {name}.toarray().")
    x, y = check_X_y(x, y, dtype=np.float64, multi_output=True, y_numeric=not classifies)
    return x, column_or_1d(y) if y.ndim == 2 and y.shape[1] == 1 else y


def _column(y: Any) -> FloatArray:
    y = np.asarray(y, dtype=np.float64)
    return np.asarray(y.reshape(-1, 1) if y.ndim == 1 else y)


def _indicators(labels: Any, labels_valid: Any) -> tuple[Any, FloatArray, str]:
    """y (bool) and y_valid (float) as 0 and 1 for each class, and the last layer that belongs to them."""
    from sklearn.preprocessing import LabelBinarizer

    binarizer = LabelBinarizer().fit(labels)
    new = () if labels_valid.ndim == 2 else np.setdiff1d(labels_valid, binarizer.classes_)
    if len(new):
        raise InputError(
            f"y_valid has classes that y_train has not: {list(new)[:5]}. Split so that every class is in y_train."
        )
    y = binarizer.transform(labels).astype(bool)
    return y, binarizer.transform(labels_valid).astype(np.float64), FORMS[binarizer.y_type_]


def _metric(metric: str | None, classifies: bool) -> str:
    known = ("log_loss", "squared_error") if classifies else ("squared_error",)
    if metric is None:
        return known[0]
    if metric not in known:
        kind = "classifier" if classifies else "regressor"
        raise InputError(
            f"metric of a {kind} must be one of {', '.join(map(repr, known))}, got {metric!r}. Accuracy and other "
            "scores that jump have no derivative: use trimtab.sensitivity.finite_difference for them."
        )
    return metric

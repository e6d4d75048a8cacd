"""What `trimtab demo` tunes: scikit-learn's MLPClassifier on a data set that scikit-learn ships.

A quarter of the rows is held out and touched once, at the very end. On the others the objective is the classification
error
(share of wrong answers) in 3-fold cross-validation, on folds that are the same for every trial.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from trimtab.records import Trial
from trimtab.space import Categorical, Float, Int, Space

__all__ = ["DATA_SETS", "Comparison", "DemoObjective", "compare", "demo_space"]

DATA_SETS = ("digits", "breast_cancer", "wine", "iris")
MAX_ITER = 50  # passes over the data in each training of the search; the default configuration gets its own 200
_FOLDS = 3


def demo_space() -> Space:
    """Seven hyperparameters of MLPClassifier, one of them conditional."""
    return Space(
        {
            "hidden_layer_sizes": Categorical([(32,), (64,), (128,), (64, 64)]),
            "activation": Categorical(["relu", "tanh"]),
            "solver": Categorical(["adam", "sgd"]),
            "learning_rate_init": Float(1e-4, 1e-1, log=True),
            "alpha": Float(1e-6, 1.0, log=True),
            "batch_size": Int(16, 256, log=True),
            "momentum": Float(0.5, 0.99, when={"solver": "sgd"}),
        }
    )


@dataclass(frozen=True)
class DemoObjective:
    """Cross-validated classification error of one configuration.

    seed: of the initial weights and the order of the rows.
    """

    data: str
    seed: int

    def __call__(self, trial: Trial) -> float:
        from sklearn.model_selection import StratifiedKFold, cross_val_score

        x, _, y, _ = _split(self.data)
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
        model = _pipeline(trial, self.seed)
        with _quiet():
            scores = cross_val_score(model, x, y, cv=folds, error_score="raise")
        return float(1.0 - scores.mean())


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same held-out rows.

    accuracy, default_accuracy: shares of right answers. only_tuned, only_default: rows that only one of them gets
    right.
    p_value: of the exact sign test on those rows (McNemar): how often chance alone would split them at least as
    unevenly.
    """

    n_test: int
    accuracy: float
    default_accuracy: float
    only_tuned: int
    only_default: int
    p_value: float


def compare(data: str, seed: int, params: Mapping[str, Any]) -> Comparison:
    """The tuned configuration against scikit-learn's default one:

    trained on the same rows with the same scaling, judged on the held-out ones.
    """
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, x_test, y, y_test = _split(data)
    default = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
    with _quiet():
        tuned_right = _pipeline(params, seed).fit(x, y).predict(x_test) == y_test
        default_right = default.fit(x, y).predict(x_test) == y_test
    only_tuned, only_default = int((tuned_right & ~default_right).sum()), int((default_right & ~tuned_right).sum())
    return Comparison(
        len(y_test),
        float(tuned_right.mean()),
        float(default_right.mean()),
        only_tuned,
        only_default,
        _sign_test(only_tuned, only_default),
    )


def _sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial test of wins = losses."""
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1))
    return min(1.0, float(2 * tail / 2**n))


def _pipeline(params: Mapping[str, Any], seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), MLPClassifier(**params, max_iter=MAX_ITER, random_state=seed))


@lru_cache(maxsize=1)
def _split(data: str) -> tuple[Any, Any, Any, Any]:
    """x, x_test, y, y_test: always the same rows."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    return tuple(train_test_split(x, y, test_size=0.25, random_state=0, stratify=y))


@contextmanager
def _quiet() -> Iterator[None]:
    """One thread of linear algebra (these matrices are small), and no warnings: fifty passes are the plan."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # a learning rate that diverges overflows
        warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger than sample size")
        warnings.filterwarnings("ignore", message="Training interrupted by user")  # the executor hands the trial back
        yield

"""scikit-learn's training of a multilayer perceptron by Adam or SGD, and the derivatives of the weights that it ends with.

The weights' derivatives with respect to p hyperparameters are carried along from batch to batch (forward mode), so they are exact at
any time of stopping and their memory does not grow with the number of steps. Random numbers, batches, stopping and the choice of the
best epoch are scikit-learn's own. Their derivative is 0: when training stops, and which epoch was the best, does not
change with a small enough step of a hyperparameter.

Sources: Franceschi et al. 2017 (arXiv:1703.01785), algorithm 2 (forward-HG).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimtab.errors import InputError
from trimtab.integrations._sklearn_mlp_network import Layout, Network, Passes
from trimtab.integrations._sklearn_mlp_optimisers import SGD, Adam, Optimiser
from trimtab.numerics import FloatArray, IntArray

__all__ = ["Fit", "fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """What training ended with.

    weights      (m,) and weights_dot (p, m), their derivatives with respect to the names of wrt, in order
    loss_curve   training loss after each epoch
    kept         the epoch after which the weights were so: the last one, or with early_stopping the best one
    growth       (s, p) norms of weights_dot after each of the s batches up to there; (0, 0) where wrt is ()
    """

    network: Network
    weights: FloatArray
    weights_dot: FloatArray
    loss_curve: list[float] = field(repr=False)
    kept: int
    growth: FloatArray = field(repr=False)

    def layers(self) -> Layout:
        """The weights as scikit-learn's coefs_ (w) and intercepts_ (b)."""
        return Layout(self.network, self.weights)


def fit(
    network: Network,
    x: FloatArray,
    y: FloatArray,
    settings: Mapping[str, Any],
    seed: int,
    wrt: Sequence[str] = (),
) -> Fit:
    """Train as MLPClassifier or MLPRegressor with `settings`, their own parameters, and random_state=seed would.

    x (n, inputs) and y (n, outputs), where y is bool for a classifier, as there. Training ends early where the
    weights are no longer finite: scikit-learn goes on to max_iter, and then raises an error.
    """
    from sklearn.utils import check_random_state, gen_batches

    random_state = check_random_state(seed)
    weights = network.initial(random_state)
    weights_dot = np.zeros((len(wrt), network.m))
    passes = Passes(network, weights, weights_dot)
    optimiser = _optimiser(settings, network.m, wrt)
    x, y, watch = _watch(x, y, settings, random_state, weights, len(wrt))
    n, alpha = len(x), float(settings["alpha"])
    targets = y.astype(np.float64)
    size = min(200, n) if settings["batch_size"] == "auto" else int(np.clip(settings["batch_size"], 1, n))
    d_alpha = np.array([float(name == "alpha") for name in wrt])
    batches, order = list(gen_batches(n, size)), np.arange(n)
    loss_curve, growth = [], []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for _ in range(settings["max_iter"]):
            if settings["shuffle"]:
                order = order[_shuffled(n, random_state)]
            total = 0.0
            for batch in batches:
                rows = order[batch] if settings["shuffle"] else batch
                total += passes.loss(x[rows], targets[rows], alpha) * (batch.stop - batch.start)
                if wrt:
                    passes.along(alpha, d_alpha)
                optimiser.step(weights, passes.gradient)
                if wrt:
                    optimiser.step_dot(weights_dot, passes.gradient, passes.gradient_dot)
                    growth.append(np.einsum("pm,pm->p", weights_dot, weights_dot))
            loss_curve.append(total / n)
            tired = watch.tired(loss_curve[-1], passes)
            optimiser.epoch_ends(len(loss_curve) * n)
            if not np.isfinite(weights).all() or (tired and optimiser.gives_up()):
                break
            if tired:
                watch.rest()
    weights, weights_dot, kept = watch.chosen(passes)
    growth = growth[: kept * len(batches)]
    norms = np.sqrt(np.array(growth).reshape(len(growth), len(wrt)))
    return Fit(network, weights, weights_dot, loss_curve, kept, norms)


def _shuffled(n: int, random_state: Any) -> IntArray:
    """As sklearn.utils.shuffle does it, without its checks in every epoch."""
    order = np.arange(n)
    random_state.shuffle(order)
    return order


def _optimiser(settings: Mapping[str, Any], m: int, wrt: Sequence[str]) -> Optimiser:
    return Adam(settings, m, wrt) if settings["solver"] == "adam" else SGD(settings, m, wrt)


class _TrainingLoss:
    """Watches the training loss: tired when it did not fall by tol for more than n_iter_no_change epochs."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._tol, self._patience = settings["tol"], settings["n_iter_no_change"]
        self._best, self._idle, self._epoch = np.inf, 0, 0

    def tired(self, loss: float, passes: Passes) -> bool:
        """Whether to stop, or to go on more slowly. Called after each epoch."""
        self._epoch += 1
        self._idle = self._idle + 1 if loss > self._best - self._tol else 0
        self._best = min(self._best, loss)
        return bool(self._idle > self._patience)

    def rest(self) -> None:
        """Count from 0 again."""
        self._idle = 0

    def chosen(self, passes: Passes) -> tuple[FloatArray, FloatArray, int]:
        """The weights that training gives back, their derivatives, and the epoch that they are of."""
        return passes.weights, passes.weights_dot, self._epoch


class _HeldOut(_TrainingLoss):
    """Watches the score on a part of the training data (early_stopping=True), and keeps the weights of the best epoch."""

    def __init__(self, settings: Mapping[str, Any], x: FloatArray, y: Any, start: FloatArray, p: int) -> None:
        super().__init__(settings)
        self._x, self._y, self._classes = x, y, y.dtype == bool
        self._best = -np.inf
        self._kept = start.copy(), np.zeros((p, len(start))), 0

    def tired(self, loss: float, passes: Passes) -> bool:
        self._epoch += 1
        score = self._score(passes)
        self._idle = self._idle + 1 if score < self._best + self._tol else 0
        if score > self._best:
            self._best = score
            self._kept = passes.weights.copy(), passes.weights_dot.copy(), self._epoch
        return bool(self._idle > self._patience)

    def chosen(self, passes: Passes) -> tuple[FloatArray, FloatArray, int]:
        return self._kept

    def _score(self, passes: Passes) -> float:
        """Share of right predictions, or R squared."""
        out = passes.predict(self._x)
        if not self._classes:
            from sklearn.metrics import r2_score

            return float(r2_score(self._y, out)) if np.isfinite(out).all() else float("nan")
        if passes.network.output == "softmax":
            return float(np.mean(out.argmax(axis=1) == self._y.argmax(axis=1)))
        return float(np.mean(((out > 0.5) == self._y).all(axis=1)))


def _watch(
    x: FloatArray, y: Any, settings: Mapping[str, Any], random_state: Any, start: FloatArray, p: int
) -> tuple[FloatArray, Any, _TrainingLoss]:
    """The data to train on, and who says when to stop."""
    if not settings["early_stopping"]:
        return x, y, _TrainingLoss(settings)
    from sklearn.model_selection import train_test_split

    binary = y.dtype == bool and y.shape[1] == 1
    x, x_held, y, y_held = train_test_split(
        x,
        y,
        random_state=random_state,
        test_size=settings["validation_fraction"],
        stratify=y if binary else None,
    )
    if len(x_held) < 2:
        raise InputError(
            f"validation_fraction={settings['validation_fraction']!r} of {len(x) + len(x_held)} samples leaves {len(x_held)} to "
            "score on, and scikit-learn wants at least 2. Increase it, or use early_stopping=False."
        )
    return x, y, _HeldOut(settings, x_held, y_held, start, p)

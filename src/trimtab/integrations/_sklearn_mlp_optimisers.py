"""scikit-learn's Adam and SGD on one vector of weights, with the derivatives of their steps.

An optimiser steps twice for each batch: `step` changes the weights and keeps what `step_dot` needs, `step_dot` changes the weights'
derivatives (see `_sklearn_mlp_network` for the notation). The derivatives follow from the chain rule line by line. `direct` in
a comment marks what comes from the optimiser's own hyperparameters, for their own columns only.

Sources: Kingma and Ba 2015 (arXiv:1412.6980), Nesterov's momentum as Sutskever et al. 2013; rounding and order as scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["SGD", "Adam", "Optimiser"]


class Optimiser(Protocol):
    """What the training loop asks of an optimiser."""

    def step(self, weights: FloatArray, gradient: FloatArray) -> None:
        """Change the weights (m,) by a batch's gradient (m,)."""
        ...

    def step_dot(self, weights_dot: FloatArray, gradient: FloatArray, gradient_dot: FloatArray) -> None:
        """Change the derivatives (p, m) of the weights as that `step` did the weights."""
        ...

    def epoch_ends(self, seen: int) -> None:
        """After an epoch. seen: samples since the beginning, with repetition."""
        ...

    def gives_up(self) -> bool:
        """Whether training ends when the loss no longer falls."""
        ...


class Adam:
    """settings: learning_rate_init, beta_1, beta_2, epsilon. wrt: names of the columns of the derivatives."""

    def __init__(self, settings: Mapping[str, Any], m: int, wrt: Sequence[str] = ()) -> None:
        self._rate = float(settings["learning_rate_init"])
        self._beta_1, self._beta_2 = float(settings["beta_1"]), float(settings["beta_2"])
        self._epsilon = float(settings["epsilon"])
        self._column = {name: k for k, name in enumerate(wrt)}
        self._t = 0
        self._first, self._second = np.zeros(m), np.zeros(m)
        self._first_dot, self._second_dot, self._product = (np.zeros((len(wrt), m)) for _ in range(3))
        self._before = self._first, self._second

    def step(self, weights: FloatArray, gradient: FloatArray) -> None:
        self._t += 1
        b1, b2 = self._beta_1, self._beta_2
        self._before = self._first, self._second
        self._first = b1 * self._first + (1 - b1) * gradient
        self._second = b2 * self._second + (1 - b2) * gradient**2
        self._scale = self._rate * math.sqrt(1 - b2**self._t) / (1 - b1**self._t)
        self._root = np.sqrt(self._second)
        self._below = self._root + self._epsilon
        weights += -self._scale * self._first / self._below

    def step_dot(self, weights_dot: FloatArray, gradient: FloatArray, gradient_dot: FloatArray) -> None:
        t, b1, b2, column = self._t, self._beta_1, self._beta_2, self._column
        first_dot, second_dot, product = self._first_dot, self._second_dot, self._product
        first_dot *= b1  # it is kept without its factor of 1 - b1
        first_dot += gradient_dot
        second_dot *= b2
        second_dot += np.multiply(gradient_dot, 2 * (1 - b2) * gradient, out=product)
        if "beta_1" in column:  # direct
            first_dot[column["beta_1"]] += (self._before[0] - gradient) / (1 - b1)
        if "beta_2" in column:  # direct
            second_dot[column["beta_2"]] += self._before[1] - gradient**2
        below, scale = self._below, self._scale
        ratio = self._first / below
        bend = (0.5 * scale) * ratio / (below * self._root)
        bend[self._root == 0] = 0.0  # every gradient so far was 0, where |gradient| has no slope: 0 lies in the middle
        weights_dot -= np.multiply(first_dot, scale * (1 - b1) / below, out=product)
        weights_dot += np.multiply(second_dot, bend, out=product)
        own = {  # direct: d step / d name, in the weights' own sign
            "learning_rate_init": -scale / self._rate,
            "beta_1": -scale * t * b1 ** (t - 1) / (1 - b1**t),
            "beta_2": 0.5 * scale * t * b2 ** (t - 1) / (1 - b2**t),
        }
        for name, factor in own.items():
            if name in column:
                weights_dot[column[name]] += factor * ratio
        if "epsilon" in column:
            weights_dot[column["epsilon"]] += scale * ratio / below

    def epoch_ends(self, seen: int) -> None:
        pass

    def gives_up(self) -> bool:
        return True


class SGD:
    """settings: learning_rate_init, learning_rate (the schedule), momentum, nesterovs_momentum, power_t. wrt: as for Adam."""

    def __init__(self, settings: Mapping[str, Any], m: int, wrt: Sequence[str] = ()) -> None:
        self._initial = self._rate = float(settings["learning_rate_init"])
        self._schedule, self._power = settings["learning_rate"], float(settings["power_t"])
        self._momentum, self._nesterov = float(settings["momentum"]), bool(settings["nesterovs_momentum"])
        self._column = {name: k for k, name in enumerate(wrt)}
        self._rate_dot = {"learning_rate_init": 1.0, "power_t": 0.0}  # derivatives of the present rate
        self._velocity, self._before = np.zeros(m), np.zeros(m)
        self._velocity_dot, self._fall_dot, self._product = (np.zeros((len(wrt), m)) for _ in range(3))

    def step(self, weights: FloatArray, gradient: FloatArray) -> None:
        self._before = self._velocity
        fall = self._rate * gradient
        self._velocity = self._momentum * self._velocity - fall
        weights += self._momentum * self._velocity - fall if self._nesterov else self._velocity

    def step_dot(self, weights_dot: FloatArray, gradient: FloatArray, gradient_dot: FloatArray) -> None:
        fall_dot = np.multiply(gradient_dot, self._rate, out=self._fall_dot)
        for name, rate_dot in self._rate_dot.items():
            if name in self._column and rate_dot:
                fall_dot[self._column[name]] += rate_dot * gradient  # direct
        velocity_dot = self._velocity_dot
        velocity_dot *= self._momentum
        velocity_dot -= fall_dot
        own = self._column.get("momentum")
        if own is not None:
            velocity_dot[own] += self._before  # direct
        if not self._nesterov:
            weights_dot += velocity_dot
            return
        weights_dot += np.multiply(velocity_dot, self._momentum, out=self._product)
        weights_dot -= fall_dot
        if own is not None:
            weights_dot[own] += self._velocity  # direct

    def epoch_ends(self, seen: int) -> None:
        if self._schedule == "invscaling":
            shrink = (seen + 1) ** self._power
            self._rate = self._initial / shrink
            self._rate_dot = {"learning_rate_init": 1 / shrink, "power_t": -self._rate * math.log(seen + 1)}

    def gives_up(self) -> bool:
        if self._schedule != "adaptive" or self._rate <= 1e-6:
            return True
        self._rate /= 5.0
        self._rate_dot = {name: rate_dot / 5.0 for name, rate_dot in self._rate_dot.items()}
        return False

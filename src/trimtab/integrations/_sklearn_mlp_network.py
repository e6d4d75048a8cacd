"""The network of scikit-learn's MLPClassifier and MLPRegressor: loss, gradient, and the gradient's derivative along directions.

The order of the operations is scikit-learn's, so that losses and gradients are its own to the last bit wherever the same BLAS runs.
The derivative of a gradient along a direction (forward over backward) costs about as much as the gradient: where the direction is
that of the weights alone it is a product with the Hessian, with `d_alpha` it is one step of forward-mode differentiation.

Notation
    layers 0 .. l: a_0 = x is the batch (n, inputs), z_i = a_{i-1} w_i + b_i, a_i = f(z_i); the last one has its own f
    delta_i   d (n loss) / d z_i, shape of z_i; for the last layer it is a_l - y, since loss and output belong together
    weights   all w_i, then all b_i, in one vector (m,)
    dots      a dot before a name is its derivative along each of p directions: leading axis p

Sources: Pearlmutter 1994 (doi:10.1162/neco.1994.6.1.147) for the product with the Hessian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.numerics import FloatArray

__all__ = ["Layout", "Network", "Passes"]


@dataclass(frozen=True)
class Network:
    """Sizes of all layers, f of the hidden ones ("identity", "logistic", "tanh", "relu") and of the last one ("identity" with
    the squared loss, "softmax" and "logistic" with the log loss)."""

    sizes: tuple[int, ...]
    activation: str
    output: str

    @property
    def m(self) -> int:
        """Number of weights."""
        return sum((i + 1) * o for i, o in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def initial(self, random_state: Any) -> FloatArray:
        """The weights that training starts from, drawn in scikit-learn's order."""
        weights = np.empty(self.m)
        layout = Layout(self, weights)
        factor = 2.0 if self.activation == "logistic" else 6.0
        for w, b in zip(layout.w, layout.b, strict=True):
            bound = np.sqrt(factor / sum(w.shape))
            w[:] = random_state.uniform(-bound, bound, w.shape)
            b[:] = random_state.uniform(-bound, bound, b.shape)
        return weights


class Layout:
    """The layers of a vector of weights (..., m), as views: they follow when the vector changes in place."""

    def __init__(self, network: Network, weights: FloatArray) -> None:
        self.w: list[FloatArray] = []
        self.b: list[FloatArray] = []
        lead, start, pairs = weights.shape[:-1], 0, list(zip(network.sizes[:-1], network.sizes[1:], strict=True))
        for i, o in pairs:
            self.w.append(weights[..., start : start + i * o].reshape(*lead, i, o))
            start += i * o
        self.decayed = slice(0, start)  # the weights that alpha holds down: no intercepts
        for _, o in pairs:
            self.b.append(weights[..., start : start + o])
            start += o


class Passes:
    """Passes through the network at `weights` (m,), which may change in place between them.

    `loss` fills gradient (m,). `along` fills gradient_dot (p, m): the derivative of that gradient along weights_dot (p, m).
    """

    def __init__(self, network: Network, weights: FloatArray, weights_dot: FloatArray | None = None) -> None:
        self.network = network
        self.weights = weights
        self.gradient = np.zeros_like(weights)
        self._at = Layout(network, weights)
        self._grad = Layout(network, self.gradient)
        self.weights_dot = np.zeros((0, network.m)) if weights_dot is None else weights_dot
        self.gradient_dot = np.zeros_like(self.weights_dot)
        self._at_dot = Layout(network, self.weights_dot)
        self._grad_dot = Layout(network, self.gradient_dot)
        self._a: list[FloatArray] = []
        self._delta: list[FloatArray] = []
        self._spaces: dict[tuple[str, tuple[int, ...]], FloatArray] = {}
        self._back: list[FloatArray] = []  # of layer i: delta_{i+1} w_{i+1}^T, before f' is multiplied

    def predict(self, x: FloatArray) -> FloatArray:
        """Output (n, outputs): probabilities or predictions."""
        return self._forward(x)[-1]

    def logits(self, x: FloatArray) -> FloatArray:
        """z of the last layer (n, outputs)."""
        return self._forward(x, until_last=True)[-1]

    def loss(self, x: FloatArray, y: FloatArray, alpha: float) -> float:
        """Loss of a batch with its L2 term, and `gradient` at it. y (n, outputs): targets, or 0 and 1 for classes."""
        n, at, grad = len(x), self._at, self._grad
        self._a = a = self._forward(x)
        value = self._data_loss(y, a[-1])
        squares = 0.0
        for w in at.w:
            flat = w.ravel()
            squares += float(np.dot(flat, flat))
        value += (0.5 * alpha) * squares / n
        last = len(at.w)
        self._delta, self._back = [a[-1]] * (last + 1), [a[-1]] * last
        self._delta[last] = a[-1] - y
        for i in range(last, 0, -1):
            delta = self._delta[i]
            np.matmul(a[i - 1].T, delta, out=grad.w[i - 1])
            np.divide(np.sum(delta, axis=0), n, out=grad.b[i - 1])
            if i > 1:
                self._back[i - 1] = back = delta @ at.w[i - 1].T
                self._delta[i - 1] = _times_slope(self.network.activation, back, a[i - 1])
        decayed = self.gradient[at.decayed]
        decayed += alpha * self.weights[at.decayed]
        decayed /= n
        return value

    def output_gradient(self, x: FloatArray, output_delta: FloatArray) -> FloatArray:
        """d value / d weights (m,) of a value of the output, given d value / d z of the last layer (n, outputs)."""
        a, at, delta = self._forward(x), self._at, output_delta
        gradient = np.empty_like(self.weights)
        layout = Layout(self.network, gradient)
        for i in range(len(at.w), 0, -1):
            np.matmul(a[i - 1].T, delta, out=layout.w[i - 1])
            np.sum(delta, axis=0, out=layout.b[i - 1])
            if i > 1:
                delta = _times_slope(self.network.activation, delta @ at.w[i - 1].T, a[i - 1])
        return gradient

    def along(self, alpha: float, d_alpha: FloatArray | None = None) -> None:
        """Fill `gradient_dot` for the batch of the last call of `loss`. d_alpha (p,): derivative of alpha along each direction."""
        n, p, last, f = len(self._a[0]), len(self.weights_dot), len(self._at.w), self.network.activation
        slopes = [_slope(f, a) for a in self._a[1:last]]
        a_dot, out_dot = self._forward_dot(slopes)
        a, at, at_dot, grad_dot = self._a, self._at, self._at_dot, self._grad_dot
        delta_dot = out_dot / n  # all that follows is for the mean, not for the sum: the gradients need no division
        for i in range(last, 0, -1):
            delta, grad = self._delta[i] / n, grad_dot.w[i - 1]
            np.matmul(a[i - 1].T, delta_dot, out=grad)
            np.sum(delta_dot, axis=1, out=grad_dot.b[i - 1])
            if i == 1:
                break
            before, (inputs, outputs) = a_dot[i - 2], at.w[i - 1].shape
            product = self._space("product", p, inputs, outputs)
            grad += np.matmul(before.transpose(0, 2, 1), delta, out=product)
            back_dot = self._space(f"back {i}", p, n, inputs)
            np.matmul(delta_dot.reshape(p * n, outputs), at.w[i - 1].T, out=back_dot.reshape(p * n, inputs))
            product = self._space("product", p, n, inputs)
            back_dot += np.matmul(delta, at_dot.w[i - 1].transpose(0, 2, 1), out=product)
            _times(back_dot, slopes[i - 2])
            bend = _bend(f, a[i - 1])
            if bend is not None:
                bend *= self._back[i - 1] / n
                back_dot += np.multiply(before, bend, out=product)
            delta_dot = back_dot
        decayed = self.gradient_dot[:, at.decayed]
        decayed += np.multiply(self.weights_dot[:, at.decayed], alpha / n, out=self._space("product", *decayed.shape))
        for k in range(p if d_alpha is not None else 0):
            if d_alpha is not None and d_alpha[k]:
                decayed[k] += (d_alpha[k] / n) * self.weights[at.decayed]

    def _forward_dot(self, slopes: list[FloatArray | None]) -> tuple[list[FloatArray], FloatArray]:
        """a_dot of the hidden layers, and of the last one: that is its delta_dot too."""
        a, at, at_dot = self._a, self._at, self._at_dot
        n, p, last = len(a[0]), len(self.weights_dot), len(at.w)
        a_dot: list[FloatArray] = []  # a_0 is the data: it has none
        for i in range(last):
            inputs, outputs = at.w[i].shape
            z_dot = np.matmul(a[i], at_dot.w[i], out=self._space(f"z {i}", p, n, outputs))
            if i:
                product = self._space("product", p, n, outputs)
                np.matmul(a_dot[-1].reshape(p * n, inputs), at.w[i], out=product.reshape(p * n, outputs))
                z_dot += product
            z_dot += at_dot.b[i][:, None, :]
            if i < last - 1:
                a_dot.append(_times(z_dot, slopes[i]))
        return a_dot, _output_dot(self.network.output, a[-1], z_dot)

    def _space(self, name: str, *shape: int) -> FloatArray:
        """An array to write in, the same memory each time: new memory in every step costs more than the arithmetic."""
        space = self._spaces.get((name, shape))
        if space is None:
            space = self._spaces[name, shape] = np.empty(shape)
        return space

    def _forward(self, x: FloatArray, until_last: bool = False) -> list[FloatArray]:
        a, last = [x], len(self._at.w) - 1
        for i, (w, b) in enumerate(zip(self._at.w, self._at.b, strict=True)):
            z = a[-1] @ w
            z += b
            if i < last:
                _activate(self.network.activation, z)
            elif not until_last:
                _activate(self.network.output, z)
            a.append(z)
        return a

    def _data_loss(self, y: FloatArray, out: FloatArray) -> float:
        from scipy.special import xlogy

        if self.network.output == "identity":
            return float(0.5 * (np.sum((y - out) ** 2, axis=0) / len(y)).mean())
        eps = np.finfo(out.dtype).eps
        out = np.clip(out, eps, 1 - eps)
        terms = xlogy(y, out)
        if self.network.output == "logistic":
            terms = terms + xlogy(1 - y, 1 - out)
        return float(-(np.sum(terms, axis=0) / len(y)).sum())


def _activate(f: str, z: FloatArray) -> None:
    """a = f(z), in place."""
    if f == "logistic":
        from scipy.special import expit

        expit(z, out=z)
    elif f == "tanh":
        np.tanh(z, out=z)
    elif f == "relu":
        np.maximum(z, 0, out=z)
    elif f == "softmax":
        np.exp(z - z.max(axis=1)[:, None], out=z)
        z /= z.sum(axis=1)[:, None]


def _slope(f: str, a: FloatArray) -> FloatArray | None:
    """f' in terms of a = f(z); None where it is 1."""
    if f == "logistic":
        return a * (1 - a)
    if f == "tanh":
        return np.asarray(1 - a**2)
    return (a != 0).astype(float) if f == "relu" else None


def _bend(f: str, a: FloatArray) -> FloatArray | None:
    """d f' / d a; None where it is 0."""
    if f == "logistic":
        return 1 - 2 * a
    return -2 * a if f == "tanh" else None


def _times_slope(f: str, back: FloatArray, a: FloatArray) -> FloatArray:
    """back * f', in scikit-learn's order of rounding."""
    if f == "logistic":
        delta = back * a
        delta *= 1 - a
        return delta
    if f == "tanh":
        return np.asarray(back * (1 - a**2))
    if f == "relu":
        delta = back.copy()
        delta[a == 0] = 0
        return delta
    return back


def _output_dot(f: str, a: FloatArray, z_dot: FloatArray) -> FloatArray:
    """Derivative of the last layer's a, and so of its delta."""
    if f == "identity":
        return z_dot
    if f == "softmax":
        z_dot = z_dot - np.sum(a * z_dot, axis=-1, keepdims=True)
        return np.asarray(a * z_dot)
    return np.asarray((a * (1 - a)) * z_dot)


def _times(dots: FloatArray, slope: FloatArray | None) -> FloatArray:
    """dots * f', in place; f' None is 1."""
    if slope is not None:
        dots *= slope
    return dots

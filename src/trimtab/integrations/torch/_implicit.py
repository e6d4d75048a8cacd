"""Implicit differentiation: the derivative of a minimum of the training loss, whatever way led there.

Notation
    L(w, h)     training loss, the mean over one epoch's batches, with weight decay as 1/2 weight_decay |w|^2
    V(w)        validation loss

Where d L / d w = 0, d V / d h = - (d V / d w) H^-1 d^2 L / (d w d h) with H = d^2 L / d w^2. One linear system serves all hyperparameters,
and nothing of the training is kept. It is right only at a minimum, and only for what the training loss has: not for a learning rate.

Source: Bengio 2000; Lorraine, Vicol and Duvenaud 2020 (arXiv:1911.02590).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.func import vjp

from trimtab.errors import InputError
from trimtab.integrations.torch._batches import Form, epoch
from trimtab.integrations.torch._conjugate_gradients import ConjugateGradients
from trimtab.integrations.torch._graph import Traced
from trimtab.integrations.torch._neumann import Neumann
from trimtab.integrations.torch._nystrom import Nystrom
from trimtab.integrations.torch._refusals import random_layers
from trimtab.integrations.torch._run import Run
from trimtab.sensitivity import Trained

__all__ = ["Solver", "implicit"]

Solver = ConjugateGradients | Neumann | Nystrom
CONVERGED = 1e-3  # the training loss's gradient, as a share of that at the start

Batch = tuple[list[torch.Tensor], Form]


def implicit(run: Run, solver: Solver) -> Trained:
    """Value and gradients. Warns where the training has not converged."""
    _check_layers(run)
    gradient = Traced(run.gradient, run.steps)
    w, last = run.network.start, -1
    slots = run.optimizer.init(w)
    for t, (tensors, form) in enumerate(run.parts()):
        if t == 0 and any(run.network.find_moving(run.vector, tensors, form)):
            raise InputError(
                "Implicit differentiation cannot follow running statistics such as batch norm's: they belong to the way, not to the "
                "minimum. Use method='forward' or 'reverse'."
            )
        g, _, _ = gradient(form, w, run.vector, *tensors)
        w, slots = run.optimizer.step(w, slots, g, run.at(t)[0], float(t == 0), t + 1)
        last = t
    _check_settings(run, last)
    value, dv, _ = run.network.validate(run.validation, w, (), ())
    data = [run.part(batch) for batch in epoch(run.source)]
    _check_converged(run, gradient, data, w, last)
    x = solver.solve(_Hessian(run, data, w, last), dv)
    return Trained(value, dict(zip(run.wrt, (-_mixed(run, data, w, x, last)).tolist(), strict=True)))


class _Hessian:
    """Products of the training loss's Hessian with a vector."""

    def __init__(self, run: Run, data: list[Batch], w: torch.Tensor, last: int) -> None:
        self._run, self._data, self._w = run, data, w
        self._decay = _decay(run, last)
        self._columns = Traced(run.columns, None)
        self._still = torch.zeros_like(run.vector)[None, :]

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(v)
        for tensors, form in self._data:
            _, _, _, product, _ = self._columns(form, self._w, self._run.vector, v[None, :], self._still, *tensors)
            total += product[0]
        return total / len(self._data) + self._decay * v


def _mixed(run: Run, data: list[Batch], w: torch.Tensor, x: torch.Tensor, last: int) -> torch.Tensor:
    """x . d^2 L / (d w d h), (p,)."""
    total = torch.zeros(len(run.layout.names), dtype=torch.float64)
    for tensors, form in data:
        done: Any = vjp(
            lambda h, tensors=tensors, form=form: run.network.gradient(w, (), (), h, tensors, form)[0], run.vector
        )
        total += done[1](x)[0].double().cpu()
    mixed = (total / len(data))[list(run.settings.wrt)]
    for j, slope in run.at(last)[1].get("weight_decay", ()):
        mixed[j] += float((x * w * slope).double().sum())
    return mixed


def _decay(run: Run, last: int) -> float | torch.Tensor:
    return run.at(last)[0]["weight_decay"]


def _check_layers(run: Run) -> None:
    if random := random_layers(run.model):
        raise InputError(
            f"Implicit differentiation needs a training loss with a minimum; with {random[0]} it is random. "
            "Use method='forward' or 'reverse'."
        )


def _check_settings(run: Run, last: int) -> None:
    """InputError for hyperparameters that are no part of the training loss, by name."""
    values, slopes = run.at(last)
    name = type(run.optimizer).__name__
    for setting, columns in slopes.items():
        if columns and setting not in run.optimizer.in_loss:
            raise InputError(
                f"{run.wrt[columns[0][0]]!r} sets {name}'s {setting}, which is no part of the training loss, so implicit differentiation "
                "has no gradient for it. Use method='forward', or 'reverse' for many hyperparameters."
            )
    decay = values["weight_decay"]
    if "weight_decay" not in run.optimizer.in_loss and (isinstance(decay, torch.Tensor) or decay != 0):
        raise InputError(
            f"{name}'s weight_decay={decay!r} is no part of the training loss, so its training ends at no minimum of it. Set it to 0 and "
            "add a penalty to the loss, or use Adam, or method='forward'."
        )


def _check_converged(run: Run, gradient: Traced, data: list[Batch], w: torch.Tensor, last: int) -> None:
    def size(w: torch.Tensor) -> float:
        total = sum(gradient(form, w, run.vector, *tensors)[0] for tensors, form in data)
        return float((total / len(data) + _decay(run, last) * w).norm())

    end, start = size(w), size(run.network.start)
    if not end <= CONVERGED * start:
        warnings.warn(
            f"implicit differentiation: the training has not converged: the training loss's gradient is {end:.3g}, "
            f"{100 * end / start if start else float('inf'):.2g} % of that at the start. The hypergradient is that of a minimum which was "
            "not reached; train longer or use method='forward'.",
            UserWarning,
            stacklevel=2,
        )
